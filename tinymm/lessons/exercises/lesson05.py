"""Lesson 5: logistic regression."""

import numpy as np

import tinymm as tm
from tinymm import formulas
from tinymm.formulas import numerical_gradient
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(5, "Logistic regression", minutes=35, question="How sure is the machine?")


# --- 05.1 ------------------------------------------------------------------------------------------------


def _sigmoid_given(rng):
    z = 3 * rng.normal(size=6)
    return (np.append(z, rng.permutation([-1000.0, 1000.0])),)


@exercise(
    "05.1",
    given=_sigmoid_given,
    truth=formulas.sigmoid,
    hints=(
        "In NumPy, e to the power z is np.exp(z), for each element of an array.",
        "The formula has e⁻ᶻ, with a minus. np.exp(1000) is infinite, and infinite / infinite is not a number: "
        "1 / (1 + …) avoids that.",
    ),
)
def sigmoid(z):
    """Return σ(z) = 1 / (1 + e⁻ᶻ) for each element of z; also for z = 1000 and z = -1000."""
    return 1 / (1 + np.exp(-z))


sigmoid.mistake("The sign in the power is missing: this falls from 1 to 0; σ rises.", lambda z: 1 / (1 + np.exp(z)))
sigmoid.mistake(
    "Right in school, but for z = 1000 it is infinite / infinite. Write it as 1 / (1 + e⁻ᶻ).",
    lambda z: np.exp(z) / (1 + np.exp(z)),
)
sigmoid.mistake("This goes from -1 to 1; a probability goes from 0 to 1.", lambda z: np.tanh(z))
sigmoid.mistake("Brackets: 1 / 1 + e⁻ᶻ is 1 + e⁻ᶻ. All of 1 + e⁻ᶻ goes below the line.", lambda z: 1 / 1 + np.exp(-z))
sigmoid.mistake("The 1 + is missing below the line.", lambda z: 1 / np.exp(-z))


# --- 05.2 ------------------------------------------------------------------------------------------------


def _logits_given(rng):
    n, k = (int(size) for size in rng.permutation([3, 4, 5, 6])[:2])
    z = 2 * rng.normal(size=(n, k))
    z[0] += 1000  # the same for all classes: the probabilities stay
    return (z,)


@exercise(
    "05.2",
    given=_logits_given,
    truth=formulas.softmax,
    hints=(
        "e to the power of each z, divided by the sum of its own row.",
        "np.sum(e, axis=1, keepdims=True) adds up each row and keeps the shape (N, 1), so that rows are divided by rows.",
        "np.exp(1000) is infinite. Taking the same number away from a whole row changes nothing: take its maximum.",
    ),
)
def softmax(Z):
    """Return the probabilities (N, K) of scores Z (N, K): each row adds up to 1.

    Some scores are near 1000.
    """
    e = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


softmax.mistake(
    "np.exp(1000) is infinite: take the largest number of each row away first.",
    lambda Z: np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True),
)
softmax.mistake(
    "The columns add up to 1 here. The classes lie along axis 1: each row must.",
    lambda Z: (e := np.exp(Z - np.max(Z, axis=1, keepdims=True))) / np.sum(e, axis=0, keepdims=True),
)
softmax.mistake(
    "This divides by the sum of everything: every sample has its own row.",
    lambda Z: (e := np.exp(Z - np.max(Z, axis=1, keepdims=True))) / np.sum(e),
)
softmax.mistake(
    "Without keepdims=True the sums are (N,), and NumPy lays them along the wrong axis.",
    lambda Z: (e := np.exp(Z - np.max(Z, axis=1, keepdims=True))) / np.sum(e, axis=1),
)
softmax.mistake(
    "One maximum for everything: the other rows are then so far below that all their powers are 0.",
    lambda Z: (e := np.exp(Z - np.max(Z))) / np.sum(e, axis=1, keepdims=True),
)


# --- 05.3 ------------------------------------------------------------------------------------------------


def _probabilities_given(rng):
    n, k = (int(size) for size in rng.permutation([3, 4, 5, 6])[:2])
    return formulas.softmax(rng.normal(size=(n, k))), rng.integers(k, size=n)


@exercise(
    "05.3",
    given=_probabilities_given,
    truth=lambda P, y: np.mean(formulas.cross_entropy(np.log(P), y)),
    hints=(
        "Of each row of P only one number counts: the probability of the right class.",
        "P[np.arange(len(y)), y] picks from row 0 the column y[0], from row 1 the column y[1], and so on.",
        "Take -np.log of these, and their mean.",
    ),
)
def cross_entropy(P, y):
    """Return the mean of -log P[n, y[n]]: P (N, K) the probabilities, y (N,) the right classes."""
    return -np.mean(np.log(P[np.arange(len(y)), y]))


cross_entropy.mistake(
    "Take the mean over the samples, not the sum.", lambda P, y: -np.sum(np.log(P[np.arange(len(y)), y]))
)
cross_entropy.mistake(
    "The sign: log of a number below 1 is negative, and a loss should be positive.",
    lambda P, y: np.mean(np.log(P[np.arange(len(y)), y])),
)
cross_entropy.mistake("The logarithm is missing.", lambda P, y: -np.mean(P[np.arange(len(y)), y]))
cross_entropy.mistake(
    "P[:, y] takes all columns y for every row. Each row n needs its own y[n]: P[np.arange(len(y)), y].",
    lambda P, y: -np.mean(np.log(P[:, y])),
)
cross_entropy.mistake(
    "Only the probability of the right class counts, not all of them.", lambda P, y: -np.mean(np.log(P))
)
cross_entropy.mistake(
    "First the logarithm, then the mean: otherwise one sample that is certain and wrong hardly counts.",
    lambda P, y: -np.log(np.mean(P[np.arange(len(y)), y])),
)


# --- 05.4 ------------------------------------------------------------------------------------------------


def _regression_given(rng):
    n, d, k = (int(size) for size in rng.permutation([3, 4, 5, 6])[:3])
    return rng.normal(size=(k, d)), rng.normal(size=k), rng.normal(size=(n, d)), rng.integers(k, size=n)


def _regression_loss(W, b, X, y):
    return np.mean(formulas.cross_entropy(X @ W.T + b, y))


def _regression_gradients(W, b, X, y, error=lambda P, Y: (P - Y) / len(P)):
    E = error(formulas.softmax(X @ W.T + b), np.eye(len(b))[y])
    return E.T @ X, np.sum(E, axis=0)


@exercise(
    "05.4",
    given=_regression_given,
    truth=lambda W, b, X, y: (
        numerical_gradient(lambda W: _regression_loss(W, b, X, y), W),
        numerical_gradient(lambda b: _regression_loss(W, b, X, y), b),
    ),
    returns=("gradient for W", "gradient for b"),
    rtol=1e-4,
    atol=1e-7,
    hints=(
        "The gradient for the scores Z is G = (P - Y) / N, with Y (N, K): 1 in the column of the right class.",
        "np.eye(K)[y] makes Y. P is tm.formulas.softmax(X @ W.T + b).",
        "From G to W and b it goes as in exercise 03.3: G.T @ X, and G summed over the samples.",
    ),
)
def gradients(W, b, X, y):
    """Return (∂L/∂W, ∂L/∂b) of the mean cross-entropy L of softmax(X W^T + b).

    W (K, D), b (K,), X (N, D), y (N,) the right classes.
    """
    P = tm.formulas.softmax(X @ W.T + b)
    G = (P - np.eye(len(b))[y]) / len(y)
    return G.T @ X, np.sum(G, axis=0)


gradients.mistake(
    "The mean is missing: divide by N, the number of samples.",
    lambda W, b, X, y: _regression_gradients(W, b, X, y, error=lambda P, Y: P - Y),
)
gradients.mistake(
    "The sign: it is what the model says minus what is right, P - Y.",
    lambda W, b, X, y: _regression_gradients(W, b, X, y, error=lambda P, Y: (Y - P) / len(P)),
)
gradients.mistake(
    "Take the right answers away: the error is P - Y, not P.",
    lambda W, b, X, y: _regression_gradients(W, b, X, y, error=lambda P, Y: P / len(P)),
)
gradients.mistake(
    "W has one row per class, and so has its gradient: G.T @ X.",
    lambda W, b, X, y: ((g := _regression_gradients(W, b, X, y))[0].T, g[1]),
)
gradients.mistake(
    "Sum over the batch: every sample pulls at the same b.",
    lambda W, b, X, y: (
        _regression_gradients(W, b, X, y)[0],
        (formulas.softmax(X @ W.T + b) - np.eye(len(b))[y]) / len(y),
    ),
)
gradients.mistake(
    "The bias is missing in the scores: Z = X @ W.T + b.",
    lambda W, b, X, y: _regression_gradients(W, 0 * b, X, y),
)
