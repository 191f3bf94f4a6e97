"""Lesson 7: measuring honestly."""

import numpy as np

from tinymm import formulas, metrics
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(7, "Measuring honestly", minutes=40, question="How good is a model, really?")


def _labels_given(rng):
    """True and predicted classes, mostly right, more often wrong in one direction than in the other."""
    classes = int(rng.integers(3, 5))
    true = np.concatenate([np.arange(classes), rng.integers(0, classes, size=int(rng.integers(12, 30)))])
    said = np.where(rng.random(len(true)) < 0.4, np.maximum(true - rng.integers(0, 3, size=len(true)), 0), true)
    said[:classes] = true[:classes]  # every class is found at least once
    return true, said, classes


# --- 07.1 ------------------------------------------------------------------------------------------------


def _scores_given(rng):
    true, said, classes = _labels_given(rng)
    return true, said, int(rng.integers(0, classes))


def _counted(true, said, positive):
    """Sample by sample, as on paper."""
    pairs = list(zip(true, said, strict=True))
    tp = sum(t == positive and s == positive for t, s in pairs)
    fp = sum(t != positive and s == positive for t, s in pairs)
    fn = sum(t == positive and s != positive for t, s in pairs)
    return formulas.precision(tp, fp), formulas.recall(tp, fn), formulas.f1(tp, fp, fn)


@exercise(
    "07.1",
    given=_scores_given,
    truth=_counted,
    returns=("precision", "recall", "F1"),
    hints=(
        "said == positive and true == positive are arrays of True and False; & joins them, np.sum counts the True.",
        "TP: both are positive. FP: said is, true is not. FN: true is, said is not.",
        "P = TP / (TP + FP), R = TP / (TP + FN), F1 = 2 P R / (P + R).",
    ),
)
def class_scores(true, said, positive):
    """Return (precision, recall, F1) for the class `positive`; true and said are classes (N,)."""
    TP = np.sum((said == positive) & (true == positive))
    precision = TP / np.sum(said == positive)
    recall = TP / np.sum(true == positive)
    return precision, recall, 2 * precision * recall / (precision + recall)


def _from_counts(formula):
    def scored(true, said, positive):
        tp = np.sum((said == positive) & (true == positive))
        fp, fn = np.sum(said == positive) - tp, np.sum(true == positive) - tp
        p, r = tp / (tp + fp), tp / (tp + fn)
        return formula(tp, fp, fn, p, r, len(true))

    return scored


class_scores.mistake(
    "Precision and recall are exchanged: precision looks at what was said, recall at what is true.",
    _from_counts(lambda tp, fp, fn, p, r, n: (r, p, 2 * p * r / (p + r))),
)
class_scores.mistake(
    "F1 is not the plain mean of both: it must be near the smaller one, 2 P R / (P + R).",
    _from_counts(lambda tp, fp, fn, p, r, n: (p, r, (p + r) / 2)),
)
class_scores.mistake(
    "The 2 is missing in F1: with P = R = 1 it must be 1.",
    _from_counts(lambda tp, fp, fn, p, r, n: (p, r, p * r / (p + r))),
)
class_scores.mistake(
    "Divide by what was said or what is true, not by all N samples.",
    _from_counts(lambda tp, fp, fn, p, r, n: (tp / n, tp / n, tp / n)),
)
class_scores.mistake(
    "The accuracy counts all classes; here only one class is asked for.",
    lambda true, said, positive: (np.mean(true == said),) * 3,
)


# --- 07.2 ------------------------------------------------------------------------------------------------


@exercise(
    "07.2",
    given=_labels_given,
    truth=lambda true, said, K: metrics.confusion_matrix(true, said, labels=np.arange(K)),
    returns=("confusion matrix",),
    hints=(
        "Begin with np.zeros((K, K)). Then go through the samples, and add 1 in the right place for each.",
        "The place of a sample is C[t, s], with t its true class and s the class that was said.",
    ),
)
def confusion(true, said, K):
    """Return C (K, K): C[i, j] samples of class i were taken for class j; true, said are (N,)."""
    C = np.zeros((K, K))
    for t, s in zip(true, said, strict=True):
        C[t, s] += 1
    return C


def _placed(place, grow=lambda old: old + 1):
    def count(true, said, K):
        C = np.zeros((K, K))
        for t, s in zip(true, said, strict=True):
            C[place(t, s)] = grow(C[place(t, s)])
        return C

    return count


confusion.mistake("The row is the truth, the column what was said: C[t, s].", _placed(lambda t, s: (s, t)))
confusion.mistake(
    "Each place must be counted up: add 1 in a loop. (Also C[true, said] += 1 with whole arrays adds only once.)",
    _placed(lambda t, s: (t, s), lambda old: 1),
)
confusion.mistake(
    "This counts only the right ones, on the diagonal; the errors are what we want to see.",
    _placed(lambda t, s: (t, t)),
)
confusion.mistake("These are the predictions alone, whatever the truth is.", _placed(lambda t, s: (s, s)))
confusion.mistake(
    "These are shares; the matrix holds counts, so do not divide.",
    lambda true, said, K: _placed(lambda t, s: (t, s))(true, said, K) / len(true),
)


# --- 07.3 ------------------------------------------------------------------------------------------------


def _deal(n, k, i):
    hands = [[] for _ in range(k)]
    for sample in range(n):
        hands[sample % k].append(sample)
    test = hands.pop(i)
    return np.sort(np.concatenate(hands)), np.array(test)


def _deal_given(rng):
    k = int(rng.integers(3, 6))
    return k * int(rng.integers(2, 5)) + int(rng.integers(1, k)), k, int(rng.integers(0, k - 1))


@exercise(
    "07.3",
    given=_deal_given,
    truth=_deal,
    returns=("training samples", "test samples"),
    hints=(
        "The fold of a sample is the rest of its number divided by k: in Python, sample % k.",
        "With samples = np.arange(n), the condition samples % k == i picks the test, and != the training samples.",
    ),
)
def fold(n, k, i):
    """Return (training, test): the samples that train and that test in fold i, both rising.

    Samples and folds count from 0: sample 0 tests in fold 0, 1 in fold 1, and k in fold 0 again.
    """
    samples = np.arange(n)
    return samples[samples % k != i], samples[samples % k == i]


fold.mistake("Training and test are exchanged: the small part is the test.", lambda n, k, i: _deal(n, k, i)[::-1])
fold.mistake(
    "The leak itself: the test samples are among the training samples.",
    lambda n, k, i: (np.arange(n), _deal(n, k, i)[1]),
)
fold.mistake("Folds count from 0: sample 0 is tested in fold 0.", lambda n, k, i: _deal(n, k, (i - 1) % k))
fold.mistake(
    "Off by one: sample 0 belongs to fold 0, so there is nothing to add.", lambda n, k, i: _deal(n, k, (i + 1) % k)
)
fold.mistake(
    "These are blocks of neighbours. Deal one by one, like cards.",
    lambda n, k, i: (np.setdiff1d(np.arange(n), b := np.array_split(np.arange(n), k)[i]), b),
)
fold.mistake(
    "Blocks of n // k neighbours, and the last samples are in no test at all. Deal one by one.",
    lambda n, k, i: (np.delete(np.arange(n), b := np.arange(i * (n // k), (i + 1) * (n // k))), b),
)


# --- 07.4 ------------------------------------------------------------------------------------------------


def _leak_given(rng):
    y = np.arange(12) % 2
    X = rng.normal(size=(12, 8)) + 0.3 * y[:, None]
    test = np.sort(np.concatenate([rng.choice(6, size=2, replace=False) * 2 + c for c in (0, 1)]))  # two of each class
    return X, y, np.setdiff1d(np.arange(12), test), test


def _means_of(X, y, learned, asked):
    means = np.array([X[learned][y[learned] == c].mean(axis=0) for c in (0, 1)])
    return ((X[asked][:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def _leaky(X, y, train, test):
    """Return the classes (M,) that the nearest mean gives to the samples X[test].

    X (N, D), y (N,) classes 0 and 1; train and test hold the numbers of the samples of each part.
    """
    means = np.array([X[y == c].mean(axis=0) for c in (0, 1)])
    distance = ((X[test][:, None] - means) ** 2).sum(axis=2)
    return distance.argmin(axis=1)


@exercise(
    "07.4",
    given=_leak_given,
    returns=("predictions",),
    starter=_leaky,
    hints=(
        "Which samples may the model learn from? Which does it learn the means from?",
        "Take the training part first: X[train] and y[train]. Compute the means from these only.",
    ),
)
def nearest_mean_fold(X, y, train, test):
    """Return the classes (M,) that the nearest mean gives to the samples X[test].

    X (N, D), y (N,) classes 0 and 1; train and test hold the numbers of the samples of each part.
    """
    means = np.array([X[train][y[train] == c].mean(axis=0) for c in (0, 1)])
    distance = ((X[test][:, None] - means) ** 2).sum(axis=2)
    return distance.argmin(axis=1)


nearest_mean_fold.mistake(
    "The means still know the test samples: compute them from X[train] only.",
    lambda X, y, train, test: _leaky(X, y, train, test),
)
nearest_mean_fold.mistake(
    "This learns from the test samples, of all things.",
    lambda X, y, train, test: _means_of(X, y, test, test),
)
nearest_mean_fold.mistake(
    "These are the predictions for the training samples; the exam is about X[test].",
    lambda X, y, train, test: _means_of(X, y, train, train),
)
nearest_mean_fold.mistake(
    "The farthest mean wins here: take the smallest distance, argmin.",
    lambda X, y, train, test: 1 - _means_of(X, y, train, test),
)


# --- 07.5 ------------------------------------------------------------------------------------------------


def _in_a_crowd(found, alarms, ill):
    """Count heads among a million people."""
    crowd = 1e6
    tp, fp = crowd * ill * found, crowd * (1 - ill) * alarms
    return tp / (tp + fp)


@exercise(
    "07.5",
    given=lambda rng: (rng.uniform(0.6, 0.99), rng.uniform(0.01, 0.3), rng.uniform(0.001, 0.3)),
    truth=_in_a_crowd,
    returns=("precision",),
    hints=(
        "Think of 100,000 people. How many are ill, and how many of these does the test find?",
        "And how many are healthy, and how many of these get a false alarm?",
        "Precision is TP / (TP + FP), with TP = ill · found and FP = (1 − ill) · alarms, as shares of all people.",
    ),
)
def precision_of_test(found, alarms, ill):
    """Predict the precision of a test: of those with a positive result, which share is ill?

    All are shares from 0 to 1: `found` of the ill have a positive result, `alarms` of the healthy
    have one, and `ill` of all people are ill.
    """
    return ill * found / (ill * found + (1 - ill) * alarms)


precision_of_test.mistake(
    "This forgets how rare the illness is: weigh both groups with how many people they are.",
    lambda f, a, i: f / (f + a),
)
precision_of_test.mistake(
    "This is the recall: of the ill, how many have a positive result. Asked is the other way round.", lambda f, a, i: f
)
precision_of_test.mistake("The healthy are 1 − ill of all people.", lambda f, a, i: i * f / (i * f + a))
precision_of_test.mistake(
    "This is the share of all people that are found; divide by all who have a positive result.", lambda f, a, i: i * f
)
precision_of_test.mistake(
    "1 − alarms of the healthy are let go. Those with a false alarm are `alarms` of them.",
    lambda f, a, i: i * f / (i * f + (1 - i) * (1 - a)),
)
precision_of_test.mistake(
    "This is the accuracy, which also counts the healthy that were let go.", lambda f, a, i: i * f + (1 - i) * (1 - a)
)
