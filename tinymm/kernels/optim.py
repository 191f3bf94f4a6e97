"""One step of an optimiser for one array of parameters: in place, in one pass over memory.

θ is the parameter array, g = ∇L(θ) its gradient, the arrays after them the optimiser's state, all of one shape and
dtype. The update rules are those of `tinymm.formulas`; a loop body below reads like the rule.

Numbers such as the learning rate reach a kernel as an array of the dtype of θ, so that float32 stays float32.
Each kernel slices its part first: from 0 on no index can be negative, and the loop becomes vector code.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import CONTRACT, kernel

GRAIN = 32768  # parameters worth a thread


def sgd(
    theta: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """θ ← θ − η g; with a velocity v: v ← μ v + g, θ ← θ − η v or, after Nesterov, θ ← θ − η (g + μ v)."""
    if velocity is None:
        _update(_sgd, gradient, [theta], [lr, weight_decay])
    else:
        kernel = _nesterov if nesterov else _momentum
        _update(kernel, gradient, [theta, velocity], [lr, momentum, weight_decay])


def adagrad(
    theta: np.ndarray,
    gradient: np.ndarray,
    total: np.ndarray,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
) -> None:
    """s ← s + g²; θ ← θ − η g / (√s + ε)."""
    _update(_adagrad, gradient, [theta, total], [lr, eps, weight_decay])


def rmsprop(
    theta: np.ndarray,
    gradient: np.ndarray,
    square: np.ndarray,
    velocity: np.ndarray | None,
    mean: np.ndarray | None,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """s ← α s + (1 − α) g²; θ ← θ − η g / (√s + ε), through a velocity if there is one.

    With an array for the mean m ← α m + (1 − α) g the rule is centred: √(s − m²) takes the place of √s.
    """
    none = np.empty(0, theta.dtype)
    arrays = [theta, square, none if velocity is None else velocity, none if mean is None else mean]
    _update(_rmsprop, gradient, arrays, [lr, alpha, 1 - alpha, eps, momentum, weight_decay])


def adam(
    theta: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> None:
    """m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; θ ← θ − η m̂ / (√v̂ + ε); the step counts from 1."""
    _adam_update(theta, gradient, m, v, step, lr, beta1, beta2, eps, decay=weight_decay, keep=1.0)


def adamw(
    theta: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """θ ← (1 − η λ) θ, then Adam's step with the gradient as it came."""
    _adam_update(theta, gradient, m, v, step, lr, beta1, beta2, eps, decay=0.0, keep=1 - lr * weight_decay)


def _adam_update(theta, gradient, m, v, step, lr, beta1, beta2, eps, decay, keep) -> None:
    rate = lr / (1 - beta1**step)  # η m̂ = rate · m
    root = math.sqrt(1 - beta2**step)  # √v̂ = √v / root
    _update(_adam, gradient, [theta, m, v], [rate, root, beta1, 1 - beta1, beta2, 1 - beta2, eps, decay, keep])


def _update(
    kernel: Callable[..., Any], gradient: np.ndarray, arrays: Sequence[np.ndarray], numbers: list[float]
) -> None:
    """Run the kernel over flat views of θ and its state; an array that has none is copied back."""
    theta = arrays[0]
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    g = np.ascontiguousarray(gradient, theta.dtype).reshape(-1)
    threads.run(kernel, theta.size, g, *flat, np.array(numbers, theta.dtype), grain=GRAIN)
    for array, changed in zip(arrays, flat, strict=True):
        if not array.flags.c_contiguous:
            array[...] = changed.reshape(array.shape)


@kernel(fastmath=CONTRACT)
def _sgd(start, stop, gradient, theta, numbers):
    part = slice(start, stop)
    gradient, theta = gradient[part], theta[part]
    lr, decay = numbers[0], numbers[1]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        theta[i] -= lr * g


@kernel(fastmath=CONTRACT)
def _momentum(start, stop, gradient, theta, velocity, numbers):
    part = slice(start, stop)
    gradient, theta, velocity = gradient[part], theta[part], velocity[part]
    lr, mu, decay = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        v = mu * velocity[i] + g
        velocity[i] = v
        theta[i] -= lr * v


@kernel(fastmath=CONTRACT)
def _nesterov(start, stop, gradient, theta, velocity, numbers):
    part = slice(start, stop)
    gradient, theta, velocity = gradient[part], theta[part], velocity[part]
    lr, mu, decay = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        v = mu * velocity[i] + g
        velocity[i] = v
        theta[i] -= lr * (g + mu * v)


@kernel(fastmath=CONTRACT)
def _adagrad(start, stop, gradient, theta, total, numbers):
    part = slice(start, stop)
    gradient, theta, total = gradient[part], theta[part], total[part]
    lr, eps, decay = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        s = total[i] + g * g
        total[i] = s
        theta[i] -= lr * g / (math.sqrt(s) + eps)


@kernel(fastmath=CONTRACT)
def _rmsprop(start, stop, gradient, theta, square, velocity, mean, numbers):
    part = slice(start, stop)
    gradient, theta, square, velocity, mean = (
        gradient[part],
        theta[part],
        square[part],
        velocity[part],
        mean[part],
    )
    lr, alpha, one_minus_alpha, eps = numbers[0], numbers[1], numbers[2], numbers[3]
    mu, decay = numbers[4], numbers[5]
    centered, with_momentum = mean.size > 0, velocity.size > 0
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        s = alpha * square[i] + one_minus_alpha * g * g
        square[i] = s
        if centered:
            m = alpha * mean[i] + one_minus_alpha * g
            mean[i] = m
            s -= m * m
        v = g / (math.sqrt(s) + eps)
        if with_momentum:
            v += mu * velocity[i]
            velocity[i] = v
        theta[i] -= lr * v


@kernel(fastmath=CONTRACT)
def _adam(start, stop, gradient, theta, first, second, numbers):
    part = slice(start, stop)
    gradient, theta, first, second = gradient[part], theta[part], first[part], second[part]
    rate, root, beta1, one_minus_beta1, beta2, one_minus_beta2, eps, decay, keep = (
        numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8],
    )  # fmt: skip
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        m = beta1 * first[i] + one_minus_beta1 * g
        v = beta2 * second[i] + one_minus_beta2 * g * g
        first[i] = m
        second[i] = v
        theta[i] = keep * theta[i] - rate * m / (math.sqrt(v) / root + eps)
