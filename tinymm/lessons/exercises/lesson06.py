"""Lesson 6: the descent family."""

import numpy as np

from tinymm import formulas
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(6, "The descent family", minutes=40, question="How does one get down faster, and with many workers?")


# --- 06.1 ------------------------------------------------------------------------------------------------


def _count(samples, batch_size, epochs):
    """The steps, taken one by one."""
    steps = 0
    for _ in range(epochs):
        left = samples
        while left > 0:
            left, steps = left - batch_size, steps + 1
    return steps


def _steps_given(rng):
    batch_size = int(rng.integers(7, 65))
    samples = int(rng.integers(2, 12)) * batch_size + int(rng.integers(1, batch_size))
    return samples, batch_size, int(rng.integers(2, 9))


@exercise(
    "06.1",
    given=_steps_given,
    truth=_count,
    returns=("number of steps",),
    hints=(
        "First one epoch: how often must you take batch_size samples until none is left? The last batch may be smaller.",
        "Divide, and round up: np.ceil. Then every epoch has as many steps.",
    ),
)
def steps_taken(samples, batch_size, epochs):
    """Predict how many steps mini-batch SGD takes: one for each batch, the last short one too."""
    return int(np.ceil(samples / batch_size)) * epochs


steps_taken.mistake(
    "The last, shorter batch of each epoch is a step too: round up, not down.", lambda n, size, e: n // size * e
)
steps_taken.mistake("A step is taken once for each batch, not once for each sample.", lambda n, size, e: n * e)
steps_taken.mistake("This is one epoch: each further epoch takes as many steps.", lambda n, size, e: -(-n // size))
steps_taken.mistake(
    "There are no parts of a step: round the batches of an epoch up to a whole number.", lambda n, size, e: n / size * e
)
steps_taken.mistake(
    "One batch too many: when no sample is left, the epoch ends.", lambda n, size, e: (-(-n // size) + 1) * e
)


# --- 06.2 ------------------------------------------------------------------------------------------------


def _momentum_given(rng):
    theta, g, v = rng.normal(size=(3, int(rng.integers(2, 5))))
    return theta, g, v, rng.uniform(0.05, 0.5), rng.uniform(0.5, 0.95)


@exercise(
    "06.2",
    given=_momentum_given,
    truth=formulas.momentum,
    returns=("new θ", "velocity"),
    hints=(
        "First the velocity: a share μ of the old one stays, and the gradient is added.",
        "Then θ moves by η times the new velocity, downhill.",
    ),
)
def momentum_step(theta, g, v, lr, mu):
    """Return (new θ, new velocity): v ← μ v + g, then θ ← θ − η v. All arrays (D,)."""
    v = mu * v + g
    return theta - lr * v, v


momentum_step.mistake(
    "θ must move with the new velocity: first v, then θ.", lambda t, g, v, lr, mu: (t - lr * v, mu * v + g)
)
momentum_step.mistake(
    "This moves by the gradient alone: the ball rolls with its velocity.",
    lambda t, g, v, lr, mu: (t - lr * g, mu * v + g),
)
momentum_step.mistake(
    "The ball rolls uphill: take η v away.", lambda t, g, v, lr, mu: (t + lr * (mu * v + g), mu * v + g)
)
momentum_step.mistake(
    "Here the gradient counts 1 − μ. That is a running mean, as in Adam; in momentum it counts in full.",
    lambda t, g, v, lr, mu: (t - lr * (mu * v + (1 - mu) * g), mu * v + (1 - mu) * g),
)
momentum_step.mistake(
    "This is Nesterov's step, g + μ v. Momentum moves by v.",
    lambda t, g, v, lr, mu: (t - lr * (g + mu * (mu * v + g)), mu * v + g),
)
momentum_step.mistake(
    "The rate has got into the velocity: v ← μ v + g, and η comes in when θ moves.",
    lambda t, g, v, lr, mu: (t - (mu * v + lr * g), mu * v + lr * g),
)
momentum_step.mistake(
    "A velocity without memory: a share μ of the old v must stay.", lambda t, g, v, lr, mu: (t - lr * mu * g, mu * g)
)


# --- 06.3 ------------------------------------------------------------------------------------------------


def _rmsprop_given(rng):
    theta, g = rng.normal(size=(2, int(rng.integers(2, 5))))
    return theta, g, rng.uniform(0.1, 2, size=len(theta)), rng.uniform(0.05, 0.5), rng.uniform(0.6, 0.95)


def _buggy_rmsprop(theta, g, s, lr, alpha):
    """Return (new θ, new s): s ← α s + (1 − α) g², then θ ← θ − η g / (√s + ε). All arrays (D,)."""
    s = alpha * s + (1 - alpha) * np.abs(g)
    return theta - lr * g / (np.sqrt(s) + 1e-8), s


@exercise(
    "06.3",
    given=_rmsprop_given,
    truth=lambda theta, g, s, lr, alpha: formulas.rmsprop(theta, g, s, 0 * g, 0 * g, lr, alpha)[:2],
    returns=("new θ", "memory s"),
    starter=_buggy_rmsprop,
    hints=(
        "Read the docstring and the code side by side, symbol by symbol.",
        "What does s remember: how large the slopes have been, or how large their squares?",
    ),
)
def rmsprop_step(theta, g, s, lr, alpha):
    """Return (new θ, new s): s ← α s + (1 − α) g², then θ ← θ − η g / (√s + ε). All arrays (D,)."""
    s = alpha * s + (1 - alpha) * g**2
    return theta - lr * g / (np.sqrt(s) + 1e-8), s


def _with_memory(remember, divide=lambda s: np.sqrt(s) + 1e-8):
    def step(theta, g, s, lr, alpha):
        s = remember(s, g, alpha)
        return theta - lr * g / divide(s), s

    return step


rmsprop_step.mistake(
    "The square is still missing: the memory holds |g|, but a root is taken of it.",
    lambda theta, g, s, lr, alpha: _buggy_rmsprop(theta, g, s, lr, alpha),
)
rmsprop_step.mistake(
    "Slopes have both signs and cancel out; their squares do not.", _with_memory(lambda s, g, a: a * s + (1 - a) * g)
)
rmsprop_step.mistake(
    "The shares are the wrong way round: α stays of the old, 1 − α is new.",
    _with_memory(lambda s, g, a: (1 - a) * s + a * g**2),
)
rmsprop_step.mistake(
    "This is Adagrad, which forgets nothing: weigh with α and 1 − α.", _with_memory(lambda s, g, a: s + g**2)
)
rmsprop_step.mistake(
    "The root is missing: s holds squares, and θ must be divided by something like a slope.",
    _with_memory(lambda s, g, a: a * s + (1 - a) * g**2, lambda s: s + 1e-8),
)


# --- 06.4 ------------------------------------------------------------------------------------------------


def _adam_given(rng):
    theta, g, m = rng.normal(size=(3, int(rng.integers(2, 5))))
    s = rng.uniform(0.1, 2, size=len(theta))
    return (
        theta,
        g,
        m,
        s,
        int(rng.integers(2, 9)),
        rng.uniform(0.01, 0.5),
        rng.uniform(0.7, 0.9),
        rng.uniform(0.9, 0.99),
    )


@exercise(
    "06.4",
    given=_adam_given,
    truth=lambda theta, g, m, s, t, lr, beta1, beta2: formulas.adam(theta, g, m, s, t, lr, beta1, beta2),
    returns=("new θ", "memory m", "memory s"),
    hints=(
        "Two running means first: m of the slopes, with β₁, and s of their squares, with β₂.",
        "The hats are new numbers: m_hat = m / (1 − β₁ᵗ). Leave m and s as they are, they live on.",
        "The step: η m_hat divided by (√s_hat + 1e-8).",
    ),
)
def adam_step(theta, g, m, s, t, lr, beta1, beta2):
    """Return (new θ, new m, new s) after step t = 1, 2, … of Adam, with ε = 1e-8. All arrays (D,).

    m ← β₁ m + (1 − β₁) g and s ← β₂ s + (1 − β₂) g²; θ moves by the m and s with hats.
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(s_hat) + 1e-8), m, s


def _adam(hats=lambda m, s, t, b1, b2: (m / (1 - b1**t), s / (1 - b2**t)), divide=lambda s: np.sqrt(s) + 1e-8, sign=-1):
    def step(theta, g, m, s, t, lr, beta1, beta2):
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g**2
        m_hat, s_hat = hats(m, s, t, beta1, beta2)
        return theta + sign * lr * m_hat / divide(s_hat), m, s

    return step


def _hats_kept(theta, g, m, s, t, lr, beta1, beta2):
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    s = (beta2 * s + (1 - beta2) * g**2) / (1 - beta2**t)
    return theta - lr * m / (np.sqrt(s) + 1e-8), m, s


def _square_of_mean(theta, g, m, s, t, lr, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * m**2
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(s / (1 - beta2**t)) + 1e-8), m, s


adam_step.mistake("The hats are missing: divide by 1 − β₁ᵗ and 1 − β₂ᵗ.", _adam(lambda m, s, t, b1, b2: (m, s)))
adam_step.mistake("s needs its hat as well.", _adam(lambda m, s, t, b1, b2: (m / (1 - b1**t), s)))
adam_step.mistake(
    "The power t is missing in the hats: 1 − β₁ᵗ, which goes to 1 with time.",
    _adam(lambda m, s, t, b1, b2: (m / (1 - b1), s / (1 - b2))),
)
adam_step.mistake(
    "t already counts from 1: the power is t, not t + 1.",
    _adam(lambda m, s, t, b1, b2: (m / (1 - b1 ** (t + 1)), s / (1 - b2 ** (t + 1)))),
)
adam_step.mistake("The root is missing: divide by √s_hat + ε.", _adam(divide=lambda s: s + 1e-8))
adam_step.mistake("This climbs: take the step away from θ.", _adam(sign=1))
adam_step.mistake(
    "Return m and s without their hats: the hats are for this step only, the memories live on as they are.", _hats_kept
)
adam_step.mistake("s is the mean of g², the square of the gradient, not of m².", _square_of_mean)


# --- 06.5 ------------------------------------------------------------------------------------------------


def _async_given(rng):
    curvature, centre = rng.uniform(0.5, 2, size=2), rng.normal(size=2)
    staleness = [int(rng.integers(0, k + 1)) if k > 1 else k for k in range(int(rng.integers(4, 8)))]
    return lambda theta: curvature * (theta - centre), 3 * rng.normal(size=2), rng.uniform(0.1, 0.5), staleness


@exercise(
    "06.5",
    given=_async_given,
    truth=lambda gradient, theta, lr, staleness: formulas.asynchronous_sgd(theta, gradient, lr, staleness)[-1],
    returns=("θ",),
    hints=(
        "Keep all θ in a list, thetas = [theta]; then θ from τ updates ago is thetas[k - tau].",
        "Update k changes the newest, thetas[k], by the slope at thetas[k - tau], and appends the result.",
    ),
)
def async_descend(gradient, theta, lr, staleness):
    """Return θ (D,) after the updates k = 0, 1, …: θₖ₊₁ = θₖ − η ∇L(θₖ₋τ) with τ = staleness[k].

    gradient(theta) gives ∇L (D,); staleness is a list of whole numbers, staleness[k] ≤ k.
    """
    thetas = [theta]
    for k, tau in enumerate(staleness):
        thetas.append(thetas[k] - lr * gradient(thetas[k - tau]))
    return thetas[-1]


def _updates(old, changed=lambda thetas, k, tau: thetas[k], rate=lambda lr, tau: lr):
    def descend(gradient, theta, lr, staleness):
        thetas = [theta]
        for k, tau in enumerate(staleness):
            thetas.append(changed(thetas, k, tau) - rate(lr, tau) * gradient(old(thetas, k, tau)))
        return thetas[-1]

    return descend


def _stale(thetas, k, tau):
    return thetas[k - tau]


async_descend.mistake(
    "Every gradient here is fresh: ask for the slope at the θ of τ updates ago.",
    _updates(lambda thetas, k, tau: thetas[k]),
)
async_descend.mistake(
    "This changes the old θ, and throws away what the others have done. Change the newest one.",
    _updates(_stale, _stale),
)
async_descend.mistake(
    "The staleness counts back from the end, not from the beginning: thetas[k - tau].",
    _updates(lambda thetas, k, tau: thetas[tau]),
)
async_descend.mistake(
    "One too old: τ = 0 means the newest, thetas[k].", _updates(lambda thetas, k, tau: thetas[max(0, k - tau - 1)])
)
async_descend.mistake(
    "Here the rate is divided by τ. That is the staleness-aware rate; the task has the plain one.",
    _updates(_stale, rate=lambda lr, tau: lr / max(1, tau)),
)
async_descend.mistake("This climbs: go against the gradient.", _updates(_stale, rate=lambda lr, tau: -lr))
async_descend.mistake(
    "All slopes are asked at the very first θ: which one counts changes with k.",
    _updates(lambda thetas, k, tau: thetas[0]),
)
