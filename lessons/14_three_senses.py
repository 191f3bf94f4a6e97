# %% [markdown]
# # 14 · Three senses, one model
#
# *40 minutes. You need [lesson 11](11_reading.ipynb) and [lesson 12](12_hearing.ipynb).*
#
# ## The question
#
# On the telephone the line crackles, and you hear "five" or "nine". If the number also stands on a crumpled note, you know at once.
# Each sense is sometimes wrong, but seldom two of them in the same way.
#
# **How do seeing, hearing and reading help each other?**

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinymm as tm
from tinymm.data.audio import LogMel
from tinymm.data.degradation import Degradation
from tinymm.data.text import CountVectorizer, NGrams
from tinymm.desk import Dialogue, Understood, find_number, threshold_at_risk
from tinymm.lessons import check, explore, hint, progress, solution

# %% [markdown]
# ## The idea in a picture
#
# Here is the same digit drawn by hand, spoken and typed. The typed ones are in several languages and partly mistyped, as people type. Spoil all three with the slider:
# noise in the picture, noise in the sound, typing errors in the text. When do *you* no longer know the digit?

# %%
train, test = tm.datasets.load_multimodal_digits()
train_x, test_x = train.together().x, test.together().x  # samples with an image, a sound and a text
log_mel = LogMel(train.rate, n_bands=20, hop=0.02)
levels = {
    0: Degradation(),
    1: Degradation(noise=0.25, snr=10, errors=1),
    2: Degradation(noise=0.5, snr=0, errors=2),
    3: Degradation(noise=0.75, snr=-5, errors=3),
    4: Degradation(noise=1.0, snr=-10, errors=4),
}


few = [i for i in range(40) if test.text[i].isascii()][2:5]


def draw_sample(noise):
    spoiled = levels[noise](test_x[few], np.random.default_rng(0))
    _, axes = plt.subplots(2, 3, figsize=(8.5, 4.2), layout="constrained")
    for (above, below), sample in zip(axes.T, spoiled, strict=True):
        above.imshow(sample.image[0], cmap="gray_r", vmin=0, vmax=1)
        above.set_title(f'typed: "{sample.text}"', fontsize=11)
        below.imshow(log_mel(sample.audio).T, origin="lower", aspect="auto", cmap="magma")
        below.set_title("spoken", fontsize=9)
        above.axis("off")
        below.axis("off")
    plt.show()


explore(draw_sample, noise=(0, 4, 1))

# %% [markdown]
# ## The formula
#
# Each sense $m$ has a model of its own, which gives scores $z_m$, one for each class, as in lesson 5. To put them together, **add the scores**:
#
# $$z = \sum_{m} (W_m x_m + b_m) \qquad\qquad p = \mathrm{softmax}(z)$$
#
# | symbol | what it is | in code |
# |---|---|---|
# | $m$ | the sense: 0 image, 1 audio, 2 text; there are $M = 3$ | |
# | $x_m$ | what sense $m$ has found (its *features*), $D_m$ numbers | shape `(N, D)` for each |
# | $W_m$, $b_m$ | the weights and biases of this sense | `(K, D)` and `(K,)` |
# | $z$ | the scores of all senses together | `z`, shape `(N, K)` |
# | $p$ | the probabilities of the $K$ classes | `p`, shape `(N, K)` |
#
# This is called **late fusion**: each sense decides by itself, and they meet at the end. Why add? Softmax makes $e^z$ of the scores, and $e^{a+b} = e^a e^b$. So
# **adding scores multiplies probabilities**. Who is sure says 0.98 and 0.01, and that decides. Who is unsure says 0.5 and 0.5, and that changes nothing.
#
# ## The formula in ten lines


# %%
def fuse_by_hand(probabilities):
    p = np.ones(len(probabilities[0]))
    for said in probabilities:
        p = p * said  # multiply what the senses say
    return p / p.sum()  # and make it add up to 1


seen = np.array([0.50, 0.49, 0.01])  # it looks like a 4 or a 9
heard = np.array([0.02, 0.49, 0.49])  # it sounds like a 9 or a 5
unsure = np.array([1 / 3, 1 / 3, 1 / 3])
print("probability of                     4    9    5")
for name, said in (
    ("seen", [seen]),
    ("heard", [heard]),
    ("both", [seen, heard]),
    ("both, and one that knows nothing", [seen, heard, unsure]),
):
    print(f"{name:33}", *(f"{p:.2f}" for p in fuse_by_hand(said)))

# %% [markdown]
# Neither sense knew, but together they do.
#
# ## Check it
#
# Is it really the same as adding scores? The scores of `seen` are the logarithms of its probabilities:

# %%
z = np.log(seen) + np.log(heard)
print("added scores:            ", tm.formulas.softmax(z).round(6))
print("multiplied probabilities:", fuse_by_hand([seen, heard]).round(6))

# %% [markdown]
# ## The package's version is the same number
#
# `LateFusion` holds a $W_m$ and $b_m$ for each sense. It also takes `present`, which says for each sample which senses are there. A missing
# sense has no part in the sum.

# %%
tm.manual_seed(0)
fusion = tm.models.fusion.LateFusion([4, 4], 3)  # two senses of 4 features, 3 classes
rng = np.random.default_rng(0)
x = [rng.normal(size=(1, 4)).astype(np.float32) for _ in range(2)]
W = [c.weight.numpy() for c in fusion.classifiers]
b = [c.bias.numpy() for c in fusion.classifiers]
z = [x[m] @ W[m].T + b[m] for m in range(2)]
print("by hand, both:      ", (z[0] + z[1]).round(5))
print("package, both:      ", fusion(x, np.array([[True, True]])).numpy().round(5))
print("by hand, the first: ", z[0].round(5))
print("package, the first: ", fusion(x, np.array([[True, False]])).numpy().round(5))

# %% [markdown]
# ## On real data
#
# 1,438 digits to learn from, and 359 others for the test. They share no picture, no voice and no way to type a digit with the training set.
#
# The features: 64 pixels; a spectrogram of 31 frames (lesson 12); counts of characters, pairs and triples of characters (lesson 11).
# Each training sample comes three times: as it is, and twice spoiled at random, so that the model learns what noise is.

# %%
letters = CountVectorizer(NGrams(words=None, characters=(1, 3)), min_df=2).fit(list(train.text))


def features(samples):
    image = np.stack([sample.image.ravel() for sample in samples])
    sound = np.zeros((len(samples), 4800), np.float32)  # 0.6 seconds
    for row, sample in zip(sound, samples, strict=True):
        n = min(4800, len(sample.audio))
        row[:n] = sample.audio[:n]
    heard = log_mel(sound).reshape(len(samples), -1)
    heard = (heard - heard.mean(axis=1, keepdims=True)) / heard.std(axis=1, keepdims=True)
    text = letters.transform([sample.text for sample in samples]).toarray()
    return [image, heard, text.astype(np.float32)]


rng = np.random.default_rng(0)
copies = [features(train_x)]
for _ in range(2):
    spoiled = [levels[int(rng.integers(5))](train_x[i : i + 1], rng)[0] for i in range(len(train))]
    copies.append(features(spoiled))
x_train = [np.concatenate(parts) for parts in zip(*copies, strict=True)]
y_train = np.tile(train.y, 3)
print([x.shape for x in x_train])

# %% [markdown]
# The model: each sense has one layer of 64 neurons of its own; then `LateFusion`.
#
# In training we also take senses away at random, each with probability 0.5 (but never all of them). This is called **modality dropout**. So every sense must learn to
# manage alone, and none may rely on the others.


# %%
class ThreeSenses(tm.nn.Module):
    def __init__(self):
        self.encoders = [
            tm.nn.Sequential(tm.nn.Linear(x.shape[1], 64), tm.nn.ReLU(), tm.nn.Dropout(0.3))
            for x in x_train
        ]
        self.fusion = tm.models.fusion.LateFusion([64, 64, 64], 10)

    def forward(self, senses, present):
        found = [encoder(x) for encoder, x in zip(self.encoders, senses, strict=True)]
        return self.fusion(found, present)


def learn(taken_away, epochs=8):
    tm.manual_seed(0)
    model = ThreeSenses()
    optimizer = tm.optim.Adam(model.parameters(), lr=0.002, weight_decay=1e-4)
    rng = np.random.default_rng(0)
    for epoch in range(epochs):
        for i, y in tm.data.DataLoader(np.arange(len(y_train)), y_train, batch_size=64, seed=epoch):
            present = rng.random((len(i), 3)) >= taken_away
            present[np.arange(len(i)), rng.integers(3, size=len(i))] = True  # never none
            optimizer.zero_grad()
            scores = model([x[i] for x in x_train], present)
            tm.functional.cross_entropy(scores, y).backward()
            optimizer.step()
    return model.eval()


model = learn(taken_away=0.5)

# %% [markdown]
# The test. At each level of noise we let the model use one sense, or all three:

# %%
senses = {
    "image": [True, False, False],
    "audio": [False, True, False],
    "text": [False, False, True],
    "all three": [True, True, True],
}


@tm.no_grad()
def accuracy(model, x, used):
    said = model(x, np.tile(used, (len(test), 1))).numpy().argmax(axis=1)
    return tm.metrics.accuracy_score(test.y, said)


spoiled = [features(level(test_x, np.random.default_rng(1))) for level in levels.values()]
all_noisy = {
    name: [accuracy(model, x, used) for x in spoiled] for name, used in senses.items()
}
for name, values in all_noisy.items():
    print(f"{name:10}", *(f"{value:6.1%}" for value in values))
names = [str(level) for level in levels]
tm.plots.accuracy_against_noise(
    names, all_noisy, xlabel="level of noise, in all senses", fused=["all three"]
);
# %% [markdown]
# All three together are better than the best of them, at every level. And when only *one* sense is disturbed, the others carry it. Here is noise in the picture alone:

# %%
amounts = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5]
spoiled = [
    features(Degradation(noise=sigma)(test_x, np.random.default_rng(1))) for sigma in amounts
]
image_noisy = {
    name: [accuracy(model, x, used) for x in spoiled] for name, used in senses.items()
}
tm.plots.accuracy_against_noise(
    amounts, image_noisy, xlabel="noise in the picture (σ)", fused=["all three"]
);

# %% [markdown]
# (The package's own model, `MMBigModel`, has a convolution for pictures and recurrent networks for sounds and texts. `tinymm train multimodal` trains it.)
#
# ## The customer desk
#
# Now a machine that talks to people. Three more things are needed: to know what is wanted, to know **when it does not know**, and rules for what to say.
#
# What is wanted: the bag of words of lesson 11, with parts of words. When to answer: a fifth of the requests are kept aside to find the **threshold**. If the
# probability is above it, at most one answer in ten is wrong. Below it, the desk asks again. Another fifth is the test:

# %%
requests = tm.datasets.load_desk_requests("en")
learned, others = tm.validation.train_test_split(
    np.arange(len(requests)), stratify=requests.intents, test_size=0.4, random_state=0
)
for_threshold, for_test = others[::2], others[1::2]
terms = CountVectorizer(NGrams(words=(1, 2), characters=(2, 4)))
X = terms.fit_transform(list(requests.texts[learned]))
tm.manual_seed(0)
intents = tm.models.BagOfTerms(X.shape[1], len(requests.intent_names))
optimizer = tm.optim.Adam(intents.parameters(), lr=0.05, weight_decay=0.001)
for _ in range(60):
    optimizer.zero_grad()
    tm.functional.cross_entropy(intents(X), requests.intents[learned]).backward()
    optimizer.step()


def probabilities(texts):
    return tm.formulas.softmax(intents(terms.transform(list(texts))).numpy())


p = probabilities(requests.texts[for_threshold])
right = p.argmax(axis=1) == requests.intents[for_threshold]
sure_from = threshold_at_risk(p.max(axis=1), right, risk=0.1)

p = probabilities(requests.texts[for_test])
right, sure = p.argmax(axis=1) == requests.intents[for_test], p.max(axis=1) >= sure_from
print(f"sure from {sure_from:.2f} on")
print(f"of {len(p)} new requests {right.mean():.0%} are understood")
print(f"{sure.mean():.0%} are answered at once, and {right[sure].mean():.0%} of these rightly")

# %% [markdown]
# The rules are in the package: `Dialogue` answers what is sure, asks when it is not, and hands over to a person when it has asked in vain. A number may be
# typed, drawn or spoken. Our model with three senses reads its digits. If it is unsure of one of them, the desk asks whether it has understood the number.


# %%
def read_text(text):
    p = probabilities([text])[0]
    ranked = [(requests.intent_names[k], float(p[k])) for k in p.argsort()[::-1]]
    return Understood(text, intents=tuple(ranked), threshold=sure_from, number=find_number(text))


@tm.no_grad()
def read_number(samples, used):
    scores = model(features(samples), np.tile(senses[used], (len(samples), 1))).numpy()
    number = "".join(str(k) for k in scores.argmax(axis=1))
    sure = tm.formulas.softmax(scores).max(axis=1).min() > 0.8  # the least sure digit counts
    text = f"(a number, by {used}; the desk reads {number})"
    intents = (("order_number", 1.0),)
    return Understood(text, intents=intents, threshold=0.5, number=number, number_sure=bool(sure))


def talk(*turns):
    dialogue = Dialogue()
    for turn in turns:
        understood = read_text(turn) if isinstance(turn, str) else read_number(*turn)
        print("customer:", understood.text)
        print("    desk:", dialogue(understood).text)

# %% [markdown]
# An order's number of four digits. For the third we take the one of which our model is least sure among those that it misreads with its eyes alone:

# %%
with tm.no_grad():
    x = features(test_x)
    p = {
        name: tm.formulas.softmax(model(x, np.tile(used, (len(test), 1))).numpy())
        for name, used in senses.items()
    }
misread = (p["image"].argmax(axis=1) != test.y) & (p["all three"].argmax(axis=1) == test.y)
hard = np.flatnonzero(misread)[p["image"][misread].max(axis=1).argmin()]
chosen = [9, 20, hard, 41]
number = test_x[chosen]
_, axes = plt.subplots(1, 4, figsize=(5, 1.5), layout="constrained")
for ax, sample in zip(axes, number, strict=True):
    ax.imshow(sample.image[0], cmap="gray_r")
    ax.axis("off")
print("the number is", *test.y[chosen])

# %% [markdown]
# The customer draws it. When the desk asks back, the customer says no, and then draws, says and types it, all at once:

# %%
talk("Hello!", "Where is my parcel?", (number, "image"), "no", (number, "all three"), "Thank you!")

# %% [markdown]
# And when it does not understand?

# %%
talk("My washing machine sings at night", "It sings, I said!", "Hello?")

# %% [markdown]
# It does not pretend. `tinymm desk` is the same with better models, and it hears.
#
# ## Exercises
#
# ### 14.1 Together
#
# Late fusion for a batch, in which each sample has other senses.

# %%
# exercise 14.1

# %% [markdown]
# ### 14.2 Never none
#
# Modality dropout takes senses away at random. Some samples lose all of them. Mend these, and only these.

# %%
# exercise 14.2

# %% [markdown]
# ### 14.3 Exactly so much noise
#
# How strong noise is against a sound is measured in decibels (dB): at 0 dB both have the same power, 10 dB more means ten times less noise.

# %%
# exercise 14.3

# %% [markdown]
# ### 14.4 To answer or to ask?
#
# Find the threshold of the desk. (The package's `threshold_at_risk` is more careful still: it also thinks of chance.)

# %%
# exercise 14.4

# %%
progress();

# %% [markdown]
# ## What you now know
#
# - Late fusion adds the scores of the senses, and so multiplies their probabilities. The sure decide; who knows nothing changes nothing.
# - Together the senses are better than the best of them, most of all when each is a little disturbed.
# - Modality dropout lets each sense learn to manage alone.
# - A machine for people must know when it does not know: a threshold, found on data kept aside.
#
# ### What breaks if you forget it
#
# Forget the modality dropout, and the senses learn to lean on each other. All is well while all are there. Take two away, and:

# %%
leaning = learn(taken_away=0.0)
x = features(test_x)
print("                     ", *(f"{name:>10}" for name in senses))
for name, trained in (("with modality dropout", model), ("without", leaning)):
    print(f"{name:21}", *(f"{accuracy(trained, x, used):10.1%}" for used in senses.values()))

# %% [markdown]
# You have come from $f(x) = \sum_i w_i x_i + b$ to a model that sees, reads and hears. You have seen every step of it in a few lines, and written many yourself.
# What will you build?
