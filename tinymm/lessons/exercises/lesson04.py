"""Lesson 4: trust, but check."""

import numpy as np

from tinymm.formulas import numerical_gradient
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(4, "Trust, but check", minutes=30, question="How do you know that a derivative is right?")


# --- 04.1 ------------------------------------------------------------------------------------------------


def _curve_given(rng):
    a, b, c = rng.uniform(0.5, 2, size=3)
    return (lambda x: a * np.exp(b * x) + c * x**3), rng.normal(), 10 ** rng.uniform(-3, -1)


@exercise(
    "04.1",
    given=_curve_given,
    hints=(
        "Two points, one step to the right and one to the left: f(x + eps) and f(x - eps).",
        "The rise is the difference of the two. How far apart are they? Not eps.",
    ),
)
def central(f, x, eps):
    """Return the slope of f at the number x, measured to both sides: the central difference."""
    return (f(x + eps) - f(x - eps)) / (2 * eps)


central.mistake(
    "This goes to the right only. To both sides, the largest part of the error cancels.",
    lambda f, x, eps: (f(x + eps) - f(x)) / eps,
)
central.mistake("The two points are 2 eps apart: divide by 2 * eps.", lambda f, x, eps: (f(x + eps) - f(x - eps)) / eps)
central.mistake(
    "Brackets: a / 2 * eps is (a / 2) * eps; write a / (2 * eps).",
    lambda f, x, eps: (f(x + eps) - f(x - eps)) / 2 * eps,
)
central.mistake(
    "The sign: the right point minus the left one.", lambda f, x, eps: (f(x - eps) - f(x + eps)) / (2 * eps)
)
central.mistake(
    "This goes to the left only. To both sides, the largest part of the error cancels.",
    lambda f, x, eps: (f(x) - f(x - eps)) / eps,
)


# --- 04.2 ------------------------------------------------------------------------------------------------


def _field_given(rng):
    shape = (int(rng.integers(2, 4)), int(rng.integers(2, 4)))
    weight, mixed = rng.normal(size=shape), rng.uniform(0.5, 1, size=shape)

    def f(x):
        return np.sum(np.sin(weight * x)) + np.sum(mixed * x) ** 2

    return f, rng.normal(size=shape), 1e-5


@exercise(
    "04.2",
    given=_field_given,
    truth=numerical_gradient,
    rtol=1e-5,
    atol=1e-7,
    hints=(
        "np.ndindex(x.shape) gives every index of an array of any shape: for i in np.ndindex(x.shape).",
        "Make an array of zeros, put eps at the one index i, and add it to x, or take it away.",
        "Divide by 2 * eps, put the result at gradient[i], and go to the next i with a new array of zeros.",
    ),
)
def measured_gradient(f, x, eps):
    """Return the measured gradient of f at the array x, with x's shape; f(x) is a number."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        gradient[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient


def _all_at_once(f, x, eps):
    return np.full(x.shape, (f(x + eps) - f(x - eps)) / (2 * eps))


def _never_put_back(f, x, eps):
    gradient, step = np.zeros(x.shape), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step[i] = eps
        gradient[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient


def _to_the_right(f, x, eps):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        gradient[i] = (f(x + step) - f(x)) / eps
    return gradient


measured_gradient.mistake(
    "Here all elements move at once. One slope for each needs one element at a time.", _all_at_once
)
measured_gradient.mistake("Put the element back before you move the next one: begin with new zeros.", _never_put_back)
measured_gradient.mistake("Measure to both sides, f(x + step) - f(x - step): it is far more exact.", _to_the_right)
measured_gradient.mistake(
    "The two points are 2 eps apart: divide by 2 * eps.", lambda f, x, eps: 2 * numerical_gradient(f, x, eps)
)
measured_gradient.mistake(
    "The shape is lost: the gradient of an array has that array's shape.",
    lambda f, x, eps: numerical_gradient(f, x, eps).ravel(),
)


# --- 04.3 ------------------------------------------------------------------------------------------------
# Right and wrong derivatives of many kinds, in every trial all of them: each careless test misses one.


def _planted_given(rng):
    a, c = rng.uniform(0.5, 2), rng.uniform(1, 2)
    wave = (lambda x: np.sin(a * x), lambda x: a * np.cos(a * x))
    large = (lambda x: 1e6 * np.exp(c * x), lambda x: 1e6 * c * np.exp(c * x))
    small = (lambda x: 1e-4 * x**2, lambda x: 2e-4 * x)
    pairs = [
        wave,
        large,
        small,
        (wave[0], lambda x: np.cos(a * x)),  # the inner derivative is missing
        (lambda x: np.cos(a * x), lambda x: a * np.sin(a * x)),  # the sign
        (large[0], lambda x: 1.02 * large[1](x)),  # a little off
        (small[0], lambda x: 1e-4 * x),  # the 2 is missing, and all numbers are tiny
        (lambda x: np.exp(c * x), lambda x: np.where(np.arange(len(x)) == 0, c, 2 * c) * np.exp(c * x)),
    ]
    return [pairs[i] for i in rng.permutation(len(pairs))], rng.uniform(0.5, 1.5, size=4)


def _planted_wrong(
    pairs, x, off=lambda measured, df: np.max(np.abs(measured - df) / (np.abs(measured) + 1e-12)) > 1e-4
):
    return [i for i, (f, df) in enumerate(pairs) if off((f(x + 1e-5) - f(x - 1e-5)) / 2e-5, df(x))]


@exercise(
    "04.3",
    given=_planted_given,
    truth=lambda pairs, x: _planted_wrong(pairs, x),
    returns=("list of wrong ones",),
    hints=(
        "Measure: (f(x + eps) - f(x - eps)) / (2 * eps), with eps = 1e-5. Compare with df(x).",
        "How different is too different? Some of these slopes are huge and some tiny: compare the difference with the "
        "slope itself, |measured - df| / |measured|.",
        "Call it wrong if that is more than 1e-4 for any element of x.",
    ),
)
def find_wrong(pairs, x):
    """Return the list of all i, rising, with pairs[i] = (f, df) where df is not f's derivative.

    f and df take the array x and work on each of its elements alone.
    """
    wrong = []
    for i, (f, df) in enumerate(pairs):
        measured = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
        if np.any(np.abs(measured - df(x)) > 1e-4 * np.abs(measured)):
            wrong.append(i)
    return wrong


find_wrong.mistake(
    "Measured and exact slopes are never equal to the last digit: allow a small difference.",
    lambda pairs, x: _planted_wrong(pairs, x, lambda measured, df: bool(np.any(measured != df))),
)
find_wrong.mistake(
    "A difference of 1e-4 is much for a tiny slope, and nothing for a huge one: divide by the slope.",
    lambda pairs, x: _planted_wrong(pairs, x, lambda measured, df: np.max(np.abs(measured - df)) > 1e-4),
)
find_wrong.mistake(
    "Too generous: one of these derivatives is wrong by only 2 %.",
    lambda pairs, x: _planted_wrong(pairs, x, lambda measured, df: np.max(np.abs(measured / df - 1)) > 0.05),
)
find_wrong.mistake(
    "Look at every element of x: one of these derivatives is right at the first, and wrong at others.",
    lambda pairs, x: _planted_wrong(pairs, x, lambda measured, df: abs(measured[0] / df[0] - 1) > 1e-4),
)
find_wrong.mistake(
    "These are the right ones; the wrong ones are asked for.",
    lambda pairs, x: [i for i in range(len(pairs)) if i not in _planted_wrong(pairs, x)],
)


# --- 04.4 ------------------------------------------------------------------------------------------------


@exercise(
    "04.4",
    given=lambda rng: (10 ** rng.uniform(-16, -7), rng.uniform(0.5, 3), rng.uniform(0.5, 3)),
    hints=(
        "At the bottom of E its own slope is 0. Its slope is -u |f| / eps² + eps |f3| / 3.",
        "Set it to 0 and multiply by eps²: eps³ = 3 u |f| / |f3|.",
    ),
)
def best_eps(u, f, f3):
    """Return the eps > 0 at which E(eps) = u f / eps + eps² f3 / 6 is smallest (u, f, f3 > 0)."""
    return (3 * u * f / f3) ** (1 / 3)


best_eps.mistake(
    "The last step is missing: this is eps³; take the third root, ** (1 / 3).", lambda u, f, f3: 3 * u * f / f3
)
best_eps.mistake(
    "A square root belongs to the one-sided difference; here eps³ is left.", lambda u, f, f3: (3 * u * f / f3) ** 0.5
)
best_eps.mistake("The 3 is missing: the slope of eps² f3 / 6 is eps f3 / 3.", lambda u, f, f3: (u * f / f3) ** (1 / 3))
best_eps.mistake(
    "Upside down: the more curved the function (large f3), the smaller the step.",
    lambda u, f, f3: (3 * u * f3 / f) ** (1 / 3),
)
best_eps.mistake(
    "The slope of eps² is 2 eps, so that of eps² f3 / 6 is eps f3 / 3, not / 6.",
    lambda u, f, f3: (6 * u * f / f3) ** (1 / 3),
)
