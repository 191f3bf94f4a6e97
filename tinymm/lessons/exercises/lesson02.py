"""Lesson 2: going downhill."""

import numpy as np

from tinymm.formulas import numerical_gradient
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(2, "Going downhill", minutes=30, question="How does a machine find its weights by itself?")


# --- 02.1 ------------------------------------------------------------------------------------------------


def _gradients_given(rng):
    n, d = int(rng.integers(4, 9)), int(rng.integers(2, 4))
    return rng.normal(size=d), rng.normal(), rng.normal(size=(n, d)), rng.normal(size=n)


def _loss(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


@exercise(
    "02.1",
    given=_gradients_given,
    truth=lambda w, b, X, y: (
        numerical_gradient(lambda w: _loss(w, b, X, y), w),
        numerical_gradient(lambda b: _loss(w, b, X, y), np.asarray(b)),
    ),
    returns=("gradient for w", "gradient for b"),
    rtol=1e-4,
    atol=1e-7,
    hints=(
        "First the errors: e = X @ w + b - y, one number for each sample.",
        "The derivative of e² is 2 e times the derivative of e. For b that last one is 1, for wᵢ it is xᵢ.",
        "For w: each error times its own row of X, added up over the samples: X.T @ e. Then 2 / N in front.",
    ),
)
def gradients(w, b, X, y):
    """Return (∂L/∂w, ∂L/∂b) of L = 1/N Σₙ (w·xₙ + b − yₙ)².

    w (D,), a number b, X (N, D), y (N,); the result has the shapes (D,) and ().
    """
    e = X @ w + b - y
    return 2 / len(y) * X.T @ e, 2 / len(y) * np.sum(e)


gradients.mistake(
    "The mean is missing: divide by N, the number of samples.",
    lambda w, b, X, y: (2 * X.T @ (X @ w + b - y), 2 * np.sum(X @ w + b - y)),
)
gradients.mistake(
    "The 2 is missing: the derivative of e² is 2 e.",
    lambda w, b, X, y: (X.T @ (X @ w + b - y) / len(y), np.mean(X @ w + b - y)),
)
gradients.mistake(
    "The sign: the error is what the model says minus what is right, not the other way round.",
    lambda w, b, X, y: (2 / len(y) * X.T @ (y - X @ w - b), 2 / len(y) * np.sum(y - X @ w - b)),
)
gradients.mistake(
    "The sum is missing in the gradient for b: every sample pulls at the same b, so add up over the samples.",
    lambda w, b, X, y: (2 / len(y) * X.T @ (X @ w + b - y), 2 / len(y) * (X @ w + b - y)),
)
gradients.mistake(
    "The bias is missing in the error: it is X @ w + b - y.",
    lambda w, b, X, y: (2 / len(y) * X.T @ (X @ w - y), 2 / len(y) * np.sum(X @ w - y)),
)
gradients.mistake(
    "The inputs are missing: wᵢ acts through xᵢ, so each error counts times its own row of X.",
    lambda w, b, X, y: (2 / len(y) * np.sum(X @ w + b - y) * np.ones(len(w)), 2 / len(y) * np.sum(X @ w + b - y)),
)


# --- 02.2 ------------------------------------------------------------------------------------------------


def _descend_given(rng):
    curvature, centre = rng.uniform(0.5, 2, size=2), rng.normal(size=2)
    return (
        lambda theta: curvature * (theta - centre),
        3 * rng.normal(size=2),
        rng.uniform(0.1, 0.5),
        int(rng.integers(3, 9)),
    )


@exercise(
    "02.2",
    given=_descend_given,
    hints=(
        "A loop of `steps` rounds; in each, take lr times the gradient away from theta.",
        "Call gradient(theta) inside the loop: at each new place the slope is another.",
    ),
)
def descend(gradient, theta, lr, steps):
    """Return θ (D,) after so many steps of gradient descent; gradient(theta) gives ∇L (D,)."""
    for _ in range(steps):
        theta = theta - lr * gradient(theta)
    return theta


def _uphill(gradient, theta, lr, steps):
    for _ in range(steps):
        theta = theta + lr * gradient(theta)
    return theta


def _one_slope(gradient, theta, lr, steps):
    slope = gradient(theta)
    for _ in range(steps):
        theta = theta - lr * slope
    return theta


def _without_rate(gradient, theta, lr, steps):
    for _ in range(steps):
        theta = theta - gradient(theta)
    return theta


descend.mistake("This climbs: the gradient points uphill, so go against it, with a minus.", _uphill)
descend.mistake("Ask for the gradient again in every step: the slope changes as you move.", _one_slope)
descend.mistake("The learning rate is missing: take lr * gradient(theta) away.", _without_rate)
descend.mistake(
    "One step too few: range(steps) already counts steps rounds, from 0 to steps - 1.",
    lambda gradient, theta, lr, steps: descend.solution(gradient, theta, lr, steps - 1),
)
descend.mistake(
    "One step too many: range(steps + 1) counts from 0 to steps, which is steps + 1 rounds.",
    lambda gradient, theta, lr, steps: descend.solution(gradient, theta, lr, steps + 1),
)
descend.mistake(
    "This is a single step: repeat it, and return after the loop, not inside.",
    lambda gradient, theta, lr, steps: descend.solution(gradient, theta, lr, 1),
)


# --- 02.3 ------------------------------------------------------------------------------------------------


@exercise(
    "02.3",
    given=lambda rng: (rng.uniform(0.2, 20),),
    hints=(
        "The gradient of ½ c θ² is c θ. Write down one step: θ becomes θ − η c θ = (1 − η c) θ.",
        "θ shrinks as long as the factor 1 − η c lies between −1 and 1. For which η is it exactly −1?",
    ),
)
def largest_rate(c):
    """Return the learning rate above which gradient descent on L(θ) = ½ c θ² diverges (c > 0)."""
    return 2 / c


largest_rate.mistake(
    "At 1/c one single step reaches the bottom. A larger step jumps over it, and may still come nearer.",
    lambda c: 1 / c,
)
largest_rate.mistake("The other way round: the steeper the valley, the smaller the steps must be.", lambda c: c / 2)
largest_rate.mistake("The gradient of ½ c θ² is c θ: the ½ goes away with the 2 of the square.", lambda c: 4 / c)
largest_rate.mistake("A steep valley (large c) needs small steps: c belongs below the line.", lambda c: 2 * c)


# --- 02.4 ------------------------------------------------------------------------------------------------


@exercise(
    "02.4",
    given=lambda rng: (rng.uniform(0.5, 2), rng.uniform(1, 3), rng.uniform(0.05, 0.3), int(rng.integers(2, 7))),
    hints=(
        "After one step θ is (1 − η c) θ₀. After two? After n?",
        "θₙ = (1 − η c)ⁿ θ₀. The loss is ½ c θₙ²: square it.",
    ),
)
def loss_after(c, theta0, lr, steps):
    """Predict L = ½ c θ² after so many steps from θ₀, without a loop. In Python, aⁿ is a**n."""
    theta = (1 - lr * c) ** steps * theta0
    return c * theta**2 / 2


loss_after.mistake("This is θ after the steps; the loss is ½ c θ².", lambda c, t, lr, n: (1 - lr * c) ** n * t)
loss_after.mistake(
    "One step too few: n steps multiply n times.", lambda c, t, lr, n: c / 2 * ((1 - lr * c) ** (n - 1) * t) ** 2
)
loss_after.mistake(
    "The square must cover the factor too: L is ½ c θ², with all of θ.",
    lambda c, t, lr, n: c / 2 * (1 - lr * c) ** n * t**2,
)
loss_after.mistake(
    "Each step multiplies by 1 − η c; n steps give a power, not n times as much.",
    lambda c, t, lr, n: c / 2 * ((1 - n * lr * c) * t) ** 2,
)
loss_after.mistake(
    "The gradient of ½ c θ² is c θ: here c is missing in the step.",
    lambda c, t, lr, n: c / 2 * ((1 - lr) ** n * t) ** 2,
)
