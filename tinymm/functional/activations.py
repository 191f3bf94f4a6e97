"""Activation functions, softmax and dropout."""

from __future__ import annotations

import numpy as np

from tinymm import random
from tinymm.functional.checks import operand
from tinymm.functional.reductions import logsumexp
from tinymm.tape import operation, plain_operation


@operation()
def relu(x):
    """y = max(x, 0). The derivative at 0 is taken as 0. Source: Nair & Hinton 2010."""
    return np.maximum(x, 0)


relu.gradient(x=lambda g, y: np.where(y > 0, g, 0))


@operation()
def leaky_relu(x, slope=0.01):
    """y = x where x > 0, else slope · x. Source: Maas, Hannun & Ng 2013."""
    return np.where(x > 0, x, slope * x)


leaky_relu.gradient(x=lambda g, x, slope: np.where(x > 0, g, slope * g))


@operation(np.tanh)
def tanh(x):
    """y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)

    Elementwise. Source: Goodfellow, Bengio & Courville (2016), section 6.3.2.
    """
    return np.tanh(x)


tanh.gradient(x=lambda g, y: g * (1 - y * y))


@operation()
def sigmoid(x):
    """y = 1 / (1 + e⁻ˣ)

    Elementwise; for negative x as eˣ / (eˣ + 1), so that nothing overflows and small values stay exact.
    Source: Goodfellow, Bengio & Courville (2016), equation 3.30.
    """
    e = np.exp(-np.absolute(x))
    return np.where(x >= 0, 1, e) / (1 + e)


sigmoid.gradient(x=lambda g, y: g * (y * (1 - y)))


@operation(np.logaddexp)
def logaddexp(a, b):
    """y = ln(eᵃ + eᵇ) without overflow; logaddexp(x, 0) is the softplus ln(1 + eˣ)."""
    return np.logaddexp(a, b)


logaddexp.gradient(a=lambda g, y, a: g * np.exp(a - y), b=lambda g, y, b: g * np.exp(b - y))


@operation()
def softmax(x, axis=-1):
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) along `axis`; the largest x is subtracted first, so that nothing overflows.

    The shape stays. Source: Bridle 1990; Goodfellow, Bengio & Courville (2016), section 4.1.
    """
    e = np.exp(_shifted(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def _shifted(x, axis):
    if x.dtype.kind != "f":
        x = x * 1.0  # whole numbers have no −∞
    return x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)


softmax.gradient(x=lambda g, y, axis: y * (g - np.sum(g * y, axis=axis, keepdims=True)))


@operation()
def log_softmax(x, axis=-1):
    """yᵢ = xᵢ − ln Σⱼ exp(xⱼ) along `axis`; the largest x is subtracted first, so that no digits are lost."""
    z = _shifted(x, axis)
    return z - logsumexp(z, axis=axis, keepdims=True)


log_softmax.gradient(x=lambda g, y, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True))


@plain_operation()
def dropout(x, p=0.5, training=True, generator=None):
    """Sets each element to 0 with probability p and divides the others by 1 − p; does nothing unless training.

    `generator` is a `numpy.random.Generator`; without one, tinymm's own (`tm.manual_seed`).
    ValueError unless 0 ≤ p ≤ 1. Source: Srivastava et al. 2014.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}, but a probability lies between 0 and 1")
    x = operand(x)
    if x.dtype.kind != "f":
        raise TypeError(f"dropout: x is {x.dtype}, but it must be floating-point: use .astype(np.float32)")
    if not training or p == 0:
        return x
    if p == 1:
        return x * np.zeros(np.shape(x), x.dtype)
    kept = (generator or random.generator()).random(np.shape(x), dtype=np.float32) >= p
    return x * np.where(kept, 1 / (1 - p), 0).astype(x.dtype)
