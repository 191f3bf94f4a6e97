"""Lesson 12: hearing, or speech to text."""

import itertools

import numpy as np

from tinymm import decoding
from tinymm.data.audio import frames
from tinymm.lessons.exercise import Lesson, exercise
from tinymm.metrics import count_edits

LESSON = Lesson(12, "Hearing", minutes=40, question="How is speech written down when nobody says where a word begins?")


# --- 12.1 ------------------------------------------------------------------------------------------------


def _frames_given(rng):
    hop = int(rng.integers(5, 60))
    return int(rng.integers(500, 2000)), hop + int(rng.integers(1, 200)), hop


@exercise(
    "12.1",
    given=_frames_given,
    truth=lambda samples, length, hop: len(frames(np.zeros(samples), length, hop, center=False)),
    returns=("number of frames",),
    hints=(
        "Frame 0 covers the samples 0 to length - 1. How far can its beginning move to the right?",
        "By samples - length. Each step moves it by hop: // divides and rounds down. And do not forget frame 0 itself.",
    ),
)
def count_frames(samples, length, hop):
    """Return T, how many whole frames fit into a sound.

    Each frame has `length` samples; frame t begins at sample t · hop. samples ≥ length.
    """
    return 1 + (samples - length) // hop


count_frames.mistake(
    "Frame 0 is missing: it is there before the first hop.", lambda samples, length, hop: (samples - length) // hop
)
count_frames.mistake(
    "The last frames would stick out at the end: only whole ones count, so subtract the length first.",
    lambda samples, length, hop: 1 + samples // hop,
)
count_frames.mistake(
    "The frames overlap: the next one begins after hop samples, not after a whole frame.",
    lambda samples, length, hop: 1 + (samples - length) // length,
)
count_frames.mistake(
    "A piece of a frame is no frame: round down with //.", lambda samples, length, hop: 1 + (samples - length) / hop
)


# --- 12.2 ------------------------------------------------------------------------------------------------


def _path_given(rng):
    labels = rng.choice([0, 0, 1, 2, 3], size=int(rng.integers(3, 7)))
    path = np.repeat(labels, rng.integers(1, 3, size=len(labels)))
    return ([int(label) for label in (*path, 1, 0, 1)],)  # at least one label that really comes twice


def _merged(path):
    return [label for t, label in enumerate(path) if t == 0 or label != path[t - 1]]


@exercise(
    "12.2",
    given=_path_given,
    truth=lambda path: decoding.greedy(np.eye(4)[path][None])[0],
    returns=("list of labels",),
    hints=(
        "Go through the path, and remember the label of the step before.",
        "A label is written down if it is not the blank, and if it differs from the step before.",
    ),
)
def collapse(path):
    """Return the labels that an alignment reads: merge repeats, then drop the blanks (0).

    path is a list of whole numbers, one for each step; the result is a list, too.
    """
    labels, before = [], 0
    for label in path:
        if label not in (0, before):
            labels.append(label)
        before = label
    return labels


collapse.mistake(
    "First merge, then drop the blanks. The other way round, 1 ∅ 1 becomes a single 1; but the blank parts the two.",
    lambda path: _merged([label for label in path if label]),
)
collapse.mistake("The blanks are still there: drop all zeros.", _merged)
collapse.mistake(
    "Repeats are not merged: 1 1 is one label, held for two steps.", lambda path: [label for label in path if label]
)
collapse.mistake(
    "A label may come again later. Merge only neighbours.",
    lambda path: list(dict.fromkeys(label for label in path if label)),
)


# --- 12.3 ------------------------------------------------------------------------------------------------


def _forward_given(rng):
    steps = int(rng.integers(3, 6))
    p = rng.uniform(0.1, 1, size=(steps, 3))
    labels = [[1, 1], [1, 2], [2, 1], [2, 2], [2]][int(rng.integers(5))]
    return p / p.sum(axis=1, keepdims=True), labels


def _brute_force(p, labels):
    """The sum over all alignments, one by one."""
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        if [label for label in _merged(path) if label] == labels:
            total += np.prod(p[np.arange(len(p)), list(path)])
    return total


def _forward(p, labels, *, starts=2, stay=True, jump=lambda now, before: now not in (0, before), ends=2):
    states = [0]
    for label in labels:
        states += [label, 0]
    alpha = np.zeros(len(states))
    alpha[:starts] = p[0, states[:starts]]
    for t in range(1, len(p)):
        new = alpha.copy() if stay else np.zeros(len(states))
        new[1:] += alpha[:-1]
        for s in range(2, len(states)):
            if jump(states[s], states[s - 2]):
                new[s] += alpha[s - 2]
        alpha = new * p[t, states]
    return np.sum(alpha[-ends:])


@exercise(
    "12.3",
    given=_forward_given,
    truth=_brute_force,
    trials=12,
    returns=("probability",),
    hints=(
        "alpha holds one number for each state: how likely it is to be there after step t. At the first step only the "
        "first two states are possible: alpha[0] = p[0, 0] and alpha[1] = p[0, labels[0]].",
        "At each later step: stay (alpha itself), or come from one below: new[1:] += alpha[:-1]. "
        "Then multiply by p[t, states].",
        "The jump from s - 2 to s is allowed where states[s] is no blank and differs from states[s - 2].",
        "It may end in the last label or in the blank behind it: alpha[-1] + alpha[-2].",
    ),
)
def forward(p, labels):
    """Return the probability of the labels: the sum over all alignments that read them.

    p (T, C) are probabilities, class 0 is the blank; labels is a list of at least one label.
    """
    states = [0]
    for label in labels:
        states += [label, 0]
    alpha = np.zeros(len(states))
    alpha[:2] = p[0, states[:2]]
    for t in range(1, len(p)):
        new = alpha.copy()
        new[1:] += alpha[:-1]
        for s in range(2, len(states)):
            if states[s] not in (0, states[s - 2]):
                new[s] += alpha[s - 2]
        alpha = new * p[t, states]
    return alpha[-1] + alpha[-2]


forward.mistake(
    "An alignment may begin with the first label, too: at step 0 both of the first two states are possible.",
    lambda p, labels: _forward(p, labels, starts=1),
)
forward.mistake(
    "An alignment may end in the last label, without a blank behind it: add the last two states.",
    lambda p, labels: _forward(p, labels, ends=1),
)
forward.mistake(
    "Staying is missing: a label or a blank may be held for several steps.",
    lambda p, labels: _forward(p, labels, stay=False),
)
forward.mistake(
    "The jump over a blank, from one label to the next, is missing.",
    lambda p, labels: _forward(p, labels, jump=lambda now, before: False),
)
forward.mistake(
    "Between two equal labels the blank must not be jumped over: they would be merged into one.",
    lambda p, labels: _forward(p, labels, jump=lambda now, before: now != 0),
)


# --- 12.4 ------------------------------------------------------------------------------------------------


def _words_given(rng):
    said = [str(word) for word in rng.choice(["one", "two", "three"], size=int(rng.integers(3, 7)))]
    heard = [*said, str(rng.choice(["one", "two"]))]
    heard.pop(int(rng.integers(len(said))))
    heard[0] = str(rng.choice(["one", "two", "three"]))
    return said, heard[: int(rng.integers(len(heard) - 1, len(heard) + 1))]


def _edits(said, heard):
    edits = count_edits(said, heard)
    return edits.substitutions + edits.insertions + edits.deletions


def _distance(said, heard, replace=1, missing=1):
    d = np.zeros((len(said) + 1, len(heard) + 1))
    d[:, 0], d[0] = missing * np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i in range(len(said)):
        for j in range(len(heard)):
            same = d[i, j] + (replace if said[i] != heard[j] else 0)
            d[i + 1, j + 1] = min(same, d[i, j + 1] + missing, d[i + 1, j] + 1)
    return int(d[-1, -1])


@exercise(
    "12.4",
    given=_words_given,
    truth=_edits,
    returns=("number of edits",),
    hints=(
        "Make a table d, where d[i, j] is the answer for the first i words said and the first j words heard. "
        "Its first column is 0, 1, 2, … (all deleted), its first row too (all inserted).",
        "d[i + 1, j + 1] is the smallest of three: d[i, j] (plus 1 if the two words differ), d[i, j + 1] + 1 and "
        "d[i + 1, j] + 1. The answer is in the last corner.",
    ),
)
def count_word_errors(said, heard):
    """Return the least number of words to replace, leave out or insert to make `heard` of `said`.

    said and heard are lists of words.
    """
    d = np.zeros((len(said) + 1, len(heard) + 1), int)
    d[:, 0], d[0] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i in range(len(said)):
        for j in range(len(heard)):
            replaced = d[i, j] + (said[i] != heard[j])
            d[i + 1, j + 1] = min(replaced, d[i, j + 1] + 1, d[i + 1, j] + 1)
    return d[-1, -1]


count_word_errors.mistake(
    "Here the words are compared place by place. One missing word shifts all the others, and must count once.",
    lambda said, heard: sum(a != b for a, b in zip(said, heard, strict=False)) + abs(len(said) - len(heard)),
)
count_word_errors.mistake(
    "This is only the difference of the lengths: words that were misheard count, too.",
    lambda said, heard: abs(len(said) - len(heard)),
)
count_word_errors.mistake(
    "Replacing a word is one edit, not two.", lambda said, heard: _distance(said, heard, replace=2)
)
count_word_errors.mistake(
    "Words that are missing count, too: each is one edit.", lambda said, heard: _distance(said, heard, missing=0)
)
