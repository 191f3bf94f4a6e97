# %% [markdown]
# # 12 · Hearing
#
# *40 minutes. You need [lesson 10](10_remembering.ipynb).*
#
# ## The question
#
# Someone says "three five". The microphone gives 8,000 numbers a second. In a book of training examples stands only what was said: 3 5.
# Nobody has marked where the 3 ends and the 5 begins, and everyone speaks at their own speed.
#
# **How is speech written down when nobody says where a word begins?**

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.data.audio import LogMel
from tinymm.data.text import pad_sequences
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# First make the sound readable. Cut it into short overlapping pieces, **frames**. For each frame measure how loud the low, the middle and the
# high tones are. Put these columns side by side: a **spectrogram**, a picture of sound, with time from left to right. Here is a voice that says
# "three" (it was made by a computer, like all voices here). Add noise with the slider.

# %%
digits = tm.datasets.load_spoken_digits()
log_mel = LogMel(digits.rate, n_bands=40)  # mel: a scale of tones as the ear hears them
three = digits.x[np.flatnonzero((digits.y == 3) & (digits.groups == "en-GB"))[0]]


def draw_sound(noise):
    sound = three + noise * np.random.default_rng(0).normal(size=len(three))
    _, (above, below) = plt.subplots(2, 1, figsize=(6, 4.6), layout="constrained")
    above.plot(np.arange(len(sound)) / digits.rate, sound, linewidth=0.5, color="#0072B2")
    above.set(ylim=(-1, 1), ylabel="the sound", title="three")
    tm.plots.spectrogram(sound, log_mel, ax=below)
    plt.show()


explore(draw_sound, noise=(0.0, 0.3, 0.0))

# %% [markdown]
# The hiss of the "th" is high and faint, the "ee" has bright bands. That is something a network can learn, frame by frame.
#
# But a second has 100 frames, and "three five" only two words. Which frame belongs to which word? Here is the trick. At every step the network
# says one label, or **the blank** ∅, which means "nothing new". Then we read what it said by a fixed rule:
#
# 1. **Merge** repeats: what is said several steps in a row is said once.
# 2. **Drop** the blanks.
#
# | what it said, step by step | is read as |
# |---|---|
# | ∅ 3 3 3 ∅ ∅ 5 5 ∅ | 3 5 |
# | 3 ∅ ∅ ∅ ∅ ∅ ∅ 5 5 | 3 5 |
# | ∅ 3 3 3 3 3 3 ∅ ∅ | 3 |
# | ∅ 3 3 ∅ ∅ 3 3 ∅ ∅ | 3 3 |
#
# Look at the last two: the blank parts two equal labels. Each line on the left is called an **alignment** $\pi$. Many alignments read as "3 5",
# slow and fast ones, early and late ones. We need not know which is right: **we add up all of them**.
#
# ## The formula
#
# $$P = \sum_{\pi \text{ reads as } l} \; \prod_{t=1}^{T} p_{t, \pi_t} \qquad\qquad L = -\ln P$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $T$ | the number of steps | `len(p)` |
# | $p_{t,k}$ | the probability that the network gives to label $k$ at step $t$; label 0 is the blank | `p`, shape `(T, C)` |
# | $l$ | what was really said, such as 3 5 | `labels`, a list |
# | $\pi$ | an alignment: one label for each step, $\pi_1 … \pi_T$ | `path` |
# | $\prod_t$ | multiply over all steps: the probability of this alignment | `np.prod` |
# | $P$ | the probability of what was said | |
# | $L$ | the loss: small if $P$ is large, as in lesson 5 | |
#
# It is called **CTC**, *connectionist temporal classification*.
#
# ## The formula in ten lines
#
# Literally: try all alignments. (You will write the rule itself, `collapse`, in exercise 12.2. Here the package's does it.)


# %%
def read(path, classes):
    return tm.decoding.greedy(np.eye(classes)[list(path)][None])[0]  # merge, then drop the blanks


def probability_by_hand(p, labels):
    T, C = p.shape
    total = 0.0
    for path in itertools.product(range(C), repeat=T):  # all C^T alignments
        if read(path, C) == labels:
            total += np.prod([p[t, path[t]] for t in range(T)])
    return total


p = tm.formulas.softmax(np.random.default_rng(0).normal(size=(4, 3)))  # T = 4, labels 1 and 2
print("P of 1 2:", probability_by_hand(p, [1, 2]))
print("its alignments:", end=" ")
for path in itertools.product(range(3), repeat=4):
    if read(path, 3) == [1, 2]:
        print("".join("∅12"[k] for k in path), end=" ")

# %% [markdown]
# ## Check it
#
# Every alignment reads as something. So if we add up $P$ over everything that can be read, we must get 1:

# %%
everything = {tuple(read(path, 3)) for path in itertools.product(range(3), repeat=4)}
total = sum(probability_by_hand(p, list(labels)) for labels in everything)
print(len(everything), "different readings; their probabilities add up to", total.round(12))

# %% [markdown]
# ## The package's version is the same number
#
# `tm.functional.ctc_loss` takes logarithms of probabilities, as `log_softmax` makes them, for a batch $(N, T, C)$:

# %%
loss = tm.functional.ctc_loss(np.log(p)[None], [[1, 2]], reduction="sum")
print("-ln P by hand:", -np.log(probability_by_hand(p, [1, 2])), "  package:", np.asarray(loss))

# %% [markdown]
# But with 50 steps and 11 labels there are $11^{50}$ alignments, more than there are atoms on Earth. How can it add them up?
#
# ### Adding up without counting
#
# Put blanks around the labels: to read 3 5, an alignment walks through the **states** ∅ 3 ∅ 5 ∅, from left to right. At each step it may do one of
# three things: **stay**, **go on** by one, or **jump** over a blank, but only between two *different* labels. All alignments are the ways through this
# picture:

# %%
labels, T = [3, 5], 6
states = [0]
for label in labels:
    states += [label, 0]
before = set()
plt.figure(figsize=(6.5, 3.2))
for t in range(T):
    reached = {0, 1} if t == 0 else set()
    for s in range(len(states)):
        jump = s >= 2 and states[s] not in (0, states[s - 2])
        for source in (s, s - 1, s - 2) if jump else (s, s - 1):
            if source in before:
                plt.plot([t - 1, t], [source, s], color="#909090", linewidth=1, zorder=1)
                reached.add(s)
    plt.scatter([t] * len(reached), list(reached), s=80, color="#0072B2", zorder=2)
    before = reached
plt.yticks(range(len(states)), [str(k) if k else "∅" for k in states])
plt.xlabel("step t")
plt.ylabel("state s")
plt.title("all ways to say 3 5 in six steps; they end in one of the upper two");

# %% [markdown]
# All ways that meet in a dot can be added up there, once and for all. Call the sum $\alpha_{t,s}$: the probability of all ways that are in state $s$
# after step $t$. The dots of the next column need only these:
#
# $$\alpha_{t,s} = (\alpha_{t-1,s} + \alpha_{t-1,s-1} + [\text{jump allowed}] \, \alpha_{t-1,s-2}) \; p_{t, l_s}$$
#
# where $l_s$ is the label of state $s$. Five states and 50 steps are 250 small sums, not $11^{50}$. You will write it in exercise 12.3, and the judge will try all alignments.
#
# ## On real data
#
# Spoken digits that come with the package, by two of the engines that spoke them. We join one to four of them with short pauses, as one reads out a
# number. What is given to the network is the spectrogram and the digits, and nothing about *when*.

# %%
engines = tm.datasets.spoken_digits_origins()["engine"]
chosen = np.flatnonzero(np.isin(engines, ["flite", "pico"]))
log_mel = LogMel(digits.rate, n_bands=20, hop=0.02)  # 50 frames a second will do
features = [log_mel(sound) for sound in digits.x[chosen]]
everything = np.concatenate(features)
mean, deviation = everything.mean(axis=0), everything.std(axis=0)
features = [((x - mean) / deviation).astype(np.float32) for x in features]
label_of = digits.y[chosen] + 1  # 0 is the blank, so the digit 0 is label 1
names = "0123456789"
train, test = tm.validation.train_test_split(
    np.arange(len(chosen)), stratify=label_of, test_size=0.2, random_state=0
)


def strings(recordings, n, rng):
    sounds, texts = [], []
    for _ in range(n):
        words = rng.choice(recordings, rng.integers(1, 5))
        parts = []
        for i in words:
            parts += [features[i], np.full((rng.integers(1, 8), 20), -2, np.float32)]  # a pause
        sounds.append(np.concatenate(parts))
        texts.append(label_of[words])
    return *pad_sequences(sounds), *pad_sequences(texts)  # with their lengths


x, steps, texts, _ = strings(train, 3, np.random.default_rng(0))
print("features", x.shape, " steps that count", steps, " labels", texts.tolist())

# %% [markdown]
# The model is the LSTM of lesson 10, in both directions, and a softmax over 11 labels at *every* step:


# %%
class Listener(tm.nn.Module):
    def __init__(self):
        self.lstm = tm.nn.LSTM(20, 48, bidirectional=True)
        self.classifier = tm.nn.Linear(2 * 48, 11)

    def forward(self, x, steps):
        states, _ = self.lstm(x, lengths=steps)
        return tm.functional.log_softmax(self.classifier(states), axis=2)


tm.manual_seed(0)
listener = Listener()
optimizer = tm.optim.Adam(listener.parameters(), lr=0.01)
rng = np.random.default_rng(0)
losses = []
for _ in range(300):
    x, steps, texts, lengths = strings(train, 32, rng)
    optimizer.zero_grad()
    loss = tm.functional.ctc_loss(listener(x, steps), texts, steps, lengths)
    loss.backward()
    tm.optim.clip_grad_norm(listener.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
plt.figure(figsize=(5, 2.6))
plt.plot(losses, color="#0072B2")
plt.xlabel("step")
plt.yscale("log")
plt.ylabel("CTC loss");

# %% [markdown]
# Now it hears recordings that it has never learned from (but by the same voices). The simplest way to read it: the likeliest label at each step, then merge and
# drop. This is called **greedy decoding**.

# %%
x, steps, texts, lengths = strings(test, 100, np.random.default_rng(1))
with tm.no_grad():
    log_p = listener(x, steps).numpy()
heard = [" ".join(names[k - 1] for k in row) for row in tm.decoding.greedy(log_p, steps)]
said = [
    " ".join(names[k - 1] for k in row[:length]) for row, length in zip(texts, lengths, strict=True)
]
for i in range(5):
    print(f"said {said[i]:8} heard {heard[i]}")
right = np.mean([a == b for a, b in zip(said, heard, strict=True)])
print(f"whole strings right: {right:.0%}")
print(f"word error rate: {tm.metrics.word_error_rate(said, heard):.1%}")

# %% [markdown]
# The **word error rate** counts the words that must be replaced, left out or inserted, for each 100 words that were said (exercise 12.4).
#
# And when does it say what? Below the spectrogram are the probabilities over time. Nobody has told the network *where* the words are. It has found
# them:

# %%
i = int(np.argmax(lengths * [a == b for a, b in zip(said, heard, strict=True)]))
T = steps[i]
title = f"said: {said[i]}   heard: {heard[i]}"
tm.plots.alignment(x[i, :T], log_p[i, :T], names, hop=0.02, title=title);
# %% [markdown]
# The peaks are narrow, with much ∅ between: "nothing new" is right most of the time.
#
# ### Is the likeliest path the likeliest text?
#
# Not always. Two steps; each says ∅ with 0.6 and "1" with 0.4. The greedy path is ∅∅, and reads as nothing. But three other paths read
# as 1:

# %%
p = np.array([[0.6, 0.4], [0.6, 0.4]])
print("greedy:", tm.decoding.greedy(np.log(p)[None])[0])
for labels in ([], [1]):
    print("P of", labels, "=", probability_by_hand(p, labels).round(2))
best = tm.decoding.prefix_beam_search(np.log(p)[None])[0]
print("beam search:", [(list(labels), round(float(np.exp(score)), 2)) for labels, score in best])

# %% [markdown]
# **Beam search** goes through the steps and keeps the best few texts so far, with all their paths added up.
#
# The package's own recipe does the same with more of everything: `tinymm train speech-to-text --data spoken-digits`. Its
# `Transcriber` writes along while the sound arrives.
#
# ## Exercises
#
# ### 12.1 How many frames?
#
# Predict the width of a spectrogram.

# %%
# exercise 12.1

# %% [markdown]
# ### 12.2 Merge, then drop
#
# The rule that reads an alignment.

# %%
# exercise 12.2

# %% [markdown]
# ### 12.3 Adding up without counting
#
# The heart of CTC. Walk through the columns of the picture, from left to right.

# %%
# exercise 12.3

# %% [markdown]
# ### 12.4 How many words are wrong?
#
# Said: one two three. Heard: two three three. Place by place, two words differ. But leave out "one" and insert one "three", and it fits, too.
# Find the least number of edits.

# %%
# exercise 12.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - A spectrogram shows how loud which tones are, frame by frame.
# - CTC lets a network say a label or a blank at each step. Merge, then drop the blanks.
# - Its loss adds up all alignments that read as what was said. Nobody needs to mark where a word begins.
# - The sum goes through few states, step by step. Greedy decoding reads the one best path; beam search looks for the best text.
#
# ### What breaks if you forget it
#
# Forget the blank, and "3 3" can never be said: all repeats merge. Strike out every path with a blank, and see what is left of the probability of
# each text, in four steps:

# %%
p = np.full((4, 3), 1 / 3)
for labels in ([1], [1, 2], [1, 1], [1, 2, 1]):
    paths = [path for path in itertools.product(range(3), repeat=4) if read(path, 3) == labels]
    without = [path for path in paths if 0 not in path]
    print(f"{labels!s:10} paths: {len(paths):2}   without a blank: {len(without)}")

# %% [markdown]
# **Next:** all this takes millions of multiplications. [Lesson 13](13_fast.ipynb) makes them fast.
