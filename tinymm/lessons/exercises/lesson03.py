"""Lesson 3: derivatives by machine."""

import numpy as np

from tinymm.formulas import numerical_gradient
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(3, "Derivatives by machine", minutes=35, question="Who works out a thousand derivatives?")


# --- 03.1 ------------------------------------------------------------------------------------------------


def _curved_loss(w, x, b, y):
    return (np.tanh(w * x + b) - y) ** 2


@exercise(
    "03.1",
    given=lambda rng: tuple(rng.uniform(0.3, 1.2, size=4) * rng.choice([-1, 1], size=4)),
    truth=lambda w, x, b, y: (
        numerical_gradient(lambda w: _curved_loss(w, x, b, y), np.asarray(w)),
        numerical_gradient(lambda b: _curved_loss(w, x, b, y), np.asarray(b)),
    ),
    returns=("derivative by w", "derivative by b"),
    rtol=1e-4,
    atol=1e-7,
    hints=(
        "Go back from the end, one factor for each step: the square gives 2 (h - y).",
        "The derivative of tanh(z) is 1 - tanh(z)², and h is tanh(z): so the second factor is 1 - h**2.",
        "The last factor is the derivative of w x + b: it is x for w, and 1 for b.",
    ),
)
def chain(w, x, b, y):
    """Return (dL/dw, dL/db) of L = (h - y)² with h = tanh(w x + b), all single numbers."""
    h = np.tanh(w * x + b)
    slope = 2 * (h - y) * (1 - h**2)
    return slope * x, slope


def _chain(w, x, b, y, *, outer=lambda h, y: 2 * (h - y), inner=lambda h: 1 - h**2, last=lambda x: x):
    h = np.tanh(w * x + b)
    return outer(h, y) * inner(h) * last(x), outer(h, y) * inner(h)


chain.mistake(
    "One factor is missing: the derivative of tanh, which is 1 - h².",
    lambda w, x, b, y: _chain(w, x, b, y, inner=lambda h: 1),
)
chain.mistake(
    "The last factor is missing: w acts through x, so dL/dw has a factor x.",
    lambda w, x, b, y: _chain(w, x, b, y, last=lambda x: 1),
)
chain.mistake("The 2 of the square is missing.", lambda w, x, b, y: _chain(w, x, b, y, outer=lambda h, y: h - y))
chain.mistake(
    "The sign: it is 2 (h - y), what came out minus what is right.",
    lambda w, x, b, y: _chain(w, x, b, y, outer=lambda h, y: 2 * (y - h)),
)
chain.mistake(
    "The derivative of tanh(z) is 1 - tanh(z)²: the square is missing.",
    lambda w, x, b, y: _chain(w, x, b, y, inner=lambda h: 1 - h),
)


# --- 03.2 ------------------------------------------------------------------------------------------------


def _backward_given(rng):
    leaves, steps = int(rng.integers(2, 4)), int(rng.integers(3, 7))
    tape = [[] for _ in range(leaves)]
    for i in range(leaves, leaves + steps):
        tape.append([(int(rng.integers(i)), rng.uniform(0.5, 2)), (i - 1, rng.uniform(0.5, 2))])
    return (tape,)


def _all_paths(tape):
    """The sum over all paths from each value to the last, of the product of the slopes on the path."""

    def paths(j, i):
        return float(i == j) + sum(slope * paths(j, k) for k, slope in tape[i])

    return np.array([paths(j, len(tape) - 1) for j in range(len(tape))])


@exercise(
    "03.2",
    given=_backward_given,
    truth=_all_paths,
    returns=("list of gradients",),
    hints=(
        "Begin with a gradient of 0 for every value, and 1 for the last: it changes itself one to one.",
        "Go through the values from the last to the first: `for i in reversed(range(len(tape)))`.",
        "At value i, each of its inputs j gets slope * gradient[i] more: use +=, others may add to it too.",
    ),
)
def backward(tape):
    """Return the gradient (len(tape),) of the last value with respect to every value.

    tape[i] lists what value i was made of: pairs (j, slope), with j < i and slope the derivative
    of value i by value j. A leaf has an empty list. The same j may come twice.
    """
    gradient = np.zeros(len(tape))
    gradient[-1] = 1
    for i in reversed(range(len(tape))):
        for j, slope in tape[i]:
            gradient[j] += slope * gradient[i]
    return gradient


def _overwrites(tape):
    gradient = np.zeros(len(tape))
    gradient[-1] = 1
    for i in reversed(range(len(tape))):
        for j, slope in tape[i]:
            gradient[j] = slope * gradient[i]
    return gradient


def _forwards(tape):
    gradient = np.zeros(len(tape))
    gradient[-1] = 1
    for i in range(len(tape)):
        for j, slope in tape[i]:
            gradient[j] += slope * gradient[i]
    return gradient


def _adds(tape):
    gradient = np.zeros(len(tape))
    gradient[-1] = 1
    for i in reversed(range(len(tape))):
        for j, slope in tape[i]:
            gradient[j] += slope + gradient[i]
    return gradient


backward.mistake("A value that is used twice gets gradients from both sides: add with +=, not =.", _overwrites)
backward.mistake(
    "Walk from the last value to the first: what arrives at a value must be complete before it is passed on.",
    _forwards,
)
backward.mistake("Along a path the slopes are multiplied, not added.", _adds)
backward.mistake("Nothing arrives: begin with gradient[-1] = 1 for the last value.", lambda tape: np.zeros(len(tape)))


# --- 03.3 ------------------------------------------------------------------------------------------------


def _layer_given(rng):
    n, d, k = (int(size) for size in rng.permutation([2, 3, 4, 5, 6])[:3])
    return rng.normal(size=(n, k)), rng.normal(size=(n, d)), rng.normal(size=(k, d))


def _layer_truth(G, X, W):
    b = np.zeros(len(W))

    def total(X, W, b):  # its gradients are the wanted ones: f counts by G
        return np.sum(G * (X @ W.T + b))

    return (
        numerical_gradient(lambda X: total(X, W, b), X),
        numerical_gradient(lambda W: total(X, W, b), W),
        numerical_gradient(lambda b: total(X, W, b), b),
    )


@exercise(
    "03.3",
    given=_layer_given,
    truth=_layer_truth,
    returns=("gradient for X", "gradient for W", "gradient for b"),
    rtol=1e-4,
    atol=1e-7,
    hints=(
        "A gradient has the shape of what it belongs to: (N, D), (K, D) and (K,). Only one product of G fits each.",
        "Sample n reaches X[n] through W: G @ W is (N, K) times (K, D).",
        "W is shared by all samples: G.T @ X adds up over them. So is b: np.sum(G, axis=0).",
    ),
)
def layer_backward(G, X, W):
    """Return the gradients of L for X, W and b, where f = X @ W.T + b and G (N, K) is ∂L/∂f.

    X (N, D), W (K, D), b (K,).
    """
    return G @ W, G.T @ X, np.sum(G, axis=0)


layer_backward.mistake("Sum over the batch: every sample pulls at the same b.", lambda G, X, W: (G @ W, G.T @ X, G))
layer_backward.mistake(
    "W has one row per neuron, and so has its gradient: exchange the axes, G.T @ X.",
    lambda G, X, W: (G @ W, X.T @ G, np.sum(G, axis=0)),
)
layer_backward.mistake(
    "On the way back W is not transposed: f = X @ W.T, but the gradient for X is G @ W.",
    lambda G, X, W: (G @ W.T, G.T @ X, np.sum(G, axis=0)),
)
layer_backward.mistake(
    "Add up over the samples, do not average: the 1/N, if there is one, is already in G.",
    lambda G, X, W: (G @ W, G.T @ X / len(X), np.mean(G, axis=0)),
)
layer_backward.mistake(
    "This is summed over the neurons; b has one number for each neuron, so sum over the samples, axis 0.",
    lambda G, X, W: (G @ W, G.T @ X, np.sum(G, axis=1)),
)


# --- 03.4 ------------------------------------------------------------------------------------------------


def _stretched_given(rng):
    n, k = (int(size) for size in rng.permutation([2, 3, 4, 5])[:2])
    return rng.normal(size=(n, k)), ((k,), (n, 1), (1, k))[rng.integers(3)]


@exercise(
    "03.4",
    given=_stretched_given,
    truth=lambda G, shape: numerical_gradient(lambda a: np.sum(G * (np.zeros(G.shape) + a)), np.zeros(shape)),
    returns=("gradient",),
    rtol=1e-5,
    atol=1e-7,
    hints=(
        "A number that was copied to several places collects the gradients of all its copies: add them up.",
        "For (K,) and (1, K) the copies lie along axis 0, for (N, 1) along axis 1.",
        "keepdims=True keeps the axis with length 1. In the end, .reshape(shape) makes (1, K) and (K,) alike.",
    ),
)
def unstretch(G, shape):
    """Return the gradient of a, with a's shape: (K,), (1, K) or (N, 1).

    a was added to an array (N, K), so that NumPy stretched it; G (N, K) is the gradient of the sum.
    """
    if shape == (len(G), 1):
        return np.sum(G, axis=1, keepdims=True)
    return np.sum(G, axis=0).reshape(shape)


unstretch.mistake(
    "The copies' gradients are added up, not averaged.",
    lambda G, shape: np.mean(G, axis=int(shape == (len(G), 1)), keepdims=True).reshape(shape),
)
unstretch.mistake("Nothing is added up yet: the gradient must have the shape of a.", lambda G, shape: G)
unstretch.mistake(
    "Sum over axis 1 where a is (N, 1): there each number was copied along its row.",
    lambda G, shape: np.sum(G, axis=0).reshape(shape),
)
unstretch.mistake(
    "The axis of length 1 is lost: keep it, with keepdims=True or .reshape(shape).",
    lambda G, shape: np.sum(G, axis=int(shape == (len(G), 1))),
)
unstretch.mistake(
    "Everything is added up into one number; only the copies of the same number belong together.",
    lambda G, shape: np.full(shape, np.sum(G)),
)
