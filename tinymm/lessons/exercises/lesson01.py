"""Lesson 1: a neuron."""

import numpy as np

from tinymm import formulas
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(1, "A neuron", minutes=25, question="How can many numbers be weighed up into one?")


# --- 01.1 ------------------------------------------------------------------------------------------------


@exercise(
    "01.1",
    given=lambda rng: (rng.normal(size=(n := int(rng.integers(2, 7)))), rng.normal(size=n), rng.normal()),
    truth=formulas.neuron,
    hints=(
        "Multiply each input by its own weight: x and w are arrays, so w * x does all of it.",
        "np.sum adds up what is in an array. The bias comes last, once.",
    ),
)
def neuron(x, w, b):
    """Return the number f(x) = Σᵢ wᵢ xᵢ + b for inputs x (D,), weights w (D,) and a bias b."""
    return np.sum(w * x) + b


neuron.mistake("The bias is missing: add b at the end.", lambda x, w, b: np.sum(w * x))
neuron.mistake("Here b is added to every product: add it once, after the sum.", lambda x, w, b: np.sum(w * x + b))
neuron.mistake("The sum is missing: w * x is still one number for each input.", lambda x, w, b: w * x + b)
neuron.mistake("The weights are missing: each input must be multiplied by its own.", lambda x, w, b: np.sum(x) + b)
neuron.mistake("The bias is taken away here; it is added.", lambda x, w, b: np.sum(w * x) - b)


# --- 01.2 ------------------------------------------------------------------------------------------------


def _layer_given(rng):
    n, d, k = rng.permutation([2, 3, 4, 5, 6])[:3]
    return rng.normal(size=(n, d)), rng.normal(size=(k, d)), rng.normal(size=k)


@exercise(
    "01.2",
    given=_layer_given,
    hints=(
        "Row n of X holds the inputs of sample n, row k of W the weights of neuron k. "
        "You want every row of X against every row of W.",
        "X @ W.T multiplies (N, D) by (D, K).",
    ),
)
def layer(X, W, b):
    """Return (N, K): K neurons on N samples. X (N, D), W (K, D): one row per neuron, b (K,)."""
    return X @ W.T + b


layer.mistake("The biases are missing: every neuron adds its own, b[k].", lambda X, W, b: X @ W.T)
layer.mistake("W has one row per neuron. For the product its rows must become columns: W.T.", lambda X, W, b: X @ W + b)
layer.mistake("This is one column per sample, not one row: exchange the axes.", lambda X, W, b: (X @ W.T + b).T)
layer.mistake(
    "Every neuron has a bias of its own; here all of them get the sum of all biases.",
    lambda X, W, b: X @ W.T + np.sum(b),
)


# --- 01.3 ------------------------------------------------------------------------------------------------


@exercise(
    "01.3",
    given=lambda rng: (rng.normal(size=int(rng.integers(2, 5))),),
    returns=("direction", "slope"),
    hints=(
        "One step along w₁ raises f by w₁. The steepest way up goes most where the weights are largest.",
        "The way up is w itself, made one step long: divide it by its length.",
        "The length of w is √(Σ wᵢ²): np.sqrt(np.sum(w**2)). It is also how much f rises in one step.",
    ),
)
def lean(w):
    """Return (direction, slope) of the steepest way up f(x) = Σᵢ wᵢ xᵢ + b.

    direction is an array (D,) of length 1, slope how much f rises in one step of length 1.
    """
    length = np.sqrt(np.sum(w**2))
    return w / length, length


lean.mistake("The direction must have length 1: divide w by its length.", lambda w: (w, np.sqrt(np.sum(w**2))))
lean.mistake("This is the way down; up goes along +w.", lambda w: (-w / np.linalg.norm(w), np.linalg.norm(w)))
lean.mistake("The root is missing: the length of w is √(Σ wᵢ²).", lambda w: (w / np.sum(w**2), np.sum(w**2)))
lean.mistake(
    "The weights' squares must be added up, not the weights themselves: some of those cancel.",
    lambda w: (w / np.sum(w), np.sum(w)),
)


# --- 01.4 ------------------------------------------------------------------------------------------------


def _border_given(rng):
    return rng.normal(), rng.uniform(0.5, 2, size=2) * rng.choice([-1, 1], size=2), rng.normal()


@exercise(
    "01.4",
    given=_border_given,
    hints=(
        "On the border f is 0. Write that down: w₁ x₁ + w₂ x₂ + b = 0.",
        "Bring everything without x₂ to the other side, then divide by w₂.",
    ),
)
def border(x1, w, b):
    """Return the x₂ at which w₁ x₁ + w₂ x₂ + b is 0, given x₁, w (2,), b. w₁ is w[0]."""
    return -(w[0] * x1 + b) / w[1]


border.mistake("The sign: what moves to the other side of = changes its sign.", lambda x1, w, b: (w[0] * x1 + b) / w[1])
border.mistake(
    "Only w₁ x₁ has changed its sign; b moves to the other side too.", lambda x1, w, b: (b - w[0] * x1) / w[1]
)
border.mistake(
    "The bias is missing: without it the border would always go through 0.", lambda x1, w, b: -w[0] * x1 / w[1]
)
border.mistake("Divide by w₂, the weight of the unknown x₂: that is w[1].", lambda x1, w, b: -(w[1] * x1 + b) / w[0])
border.mistake("Not divided yet: this is w₂ x₂, and x₂ is asked for.", lambda x1, w, b: -(w[0] * x1 + b))
