"""Reductions over axes: sums, means, extremes, products. `axis` is None (all), an integer or a tuple, as in NumPy."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinymm.functional.shape import flip
from tinymm.tape import operation, plain_operation


def _spread(g, shape, axis, keepdims):
    """g, repeated along the axes that were reduced."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)


def _count(shape, axis):
    """How many elements each reduction joins."""
    return math.prod(shape if axis is None else (shape[a] for a in normalize_axis_tuple(axis, len(shape))))


@operation(np.sum)
def sum(x, axis=None, keepdims=False):
    """y = Σ xᵢ"""
    return np.sum(x, axis=axis, keepdims=keepdims)


sum.gradient(x=lambda g, x_shape, axis, keepdims: _spread(g, x_shape, axis, keepdims))


@operation(np.mean)
def mean(x, axis=None, keepdims=False):
    """y = (1/n) Σ xᵢ"""
    return np.mean(x, axis=axis, keepdims=keepdims)


mean.gradient(x=lambda g, x_shape, axis, keepdims: _spread(g / _count(x_shape, axis), x_shape, axis, keepdims))


@operation(np.var)
def var(x, axis=None, ddof=0, keepdims=False):
    """y = Σ (xᵢ − x̄)² / (n − ddof); ddof=1 is the unbiased estimate. ValueError unless n is above ddof."""
    if _count(x.shape, axis) <= ddof:
        raise ValueError(f"var: needs more than {ddof} values for ddof={ddof}, but x is {x.shape} with axis {axis}")
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


var.gradient(
    x=lambda g, x, x_shape, axis, ddof, keepdims: (
        _spread(g, x_shape, axis, keepdims)
        * (x - np.mean(x, axis=axis, keepdims=True))
        * (2 / (_count(x_shape, axis) - ddof))
    )
)


@plain_operation(np.std)
def std(x, axis=None, ddof=0, keepdims=False):
    """y = √var(x)"""
    return np.sqrt(np.var(x, axis=axis, ddof=ddof, keepdims=keepdims))


@operation(np.max)
def max(x, axis=None, keepdims=False):
    """y = the largest xᵢ; NaN wins. Elements that tie for it share the gradient equally."""
    return np.max(x, axis=axis, keepdims=keepdims)


@operation(np.min)
def min(x, axis=None, keepdims=False):
    """y = the smallest xᵢ; NaN wins. Elements that tie for it share the gradient equally."""
    return np.min(x, axis=axis, keepdims=keepdims)


def _to_extremes(g, y, x, x_shape, axis, keepdims):
    chosen = (x == _spread(y, x_shape, axis, keepdims)).astype(g.dtype)
    return _spread(g, x_shape, axis, keepdims) * chosen / np.sum(chosen, axis=axis, keepdims=True)


max.gradient(x=_to_extremes)
min.gradient(x=_to_extremes)


@operation(np.prod)
def prod(x, axis=None, keepdims=False):
    """y = Π xᵢ"""
    return np.prod(x, axis=axis, keepdims=keepdims)


def _prod_of_others(g, y, x, x_shape, axis, keepdims):
    """∂y/∂xᵢ = Π_{j≠i} xⱼ: y / xᵢ, or where a zero forbids that, the products themselves at n² cost."""
    g = _spread(g, x_shape, axis, keepdims)
    if np.all(np.isfinite(y)) and np.all(y != 0):
        return g * _spread(y, x_shape, axis, keepdims) / x
    axes = tuple(range(len(x_shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = tuple(range(len(x_shape) - len(axes), len(x_shape)))
    rows = np.moveaxis(x, axes, last)
    kept = rows.shape[: len(x_shape) - len(axes)]
    n = math.prod(x_shape[a] for a in axes)
    square = np.where(np.eye(n, dtype=bool), 1, np.reshape(rows, (*kept, 1, n)))
    return g * np.moveaxis(np.reshape(np.prod(square, axis=-1), rows.shape), last, axes)


prod.gradient(x=_prod_of_others)


@operation()
def _cumsum(x, axis):
    """yₖ = Σ_{i≤k} xᵢ"""
    return np.cumsum(x, axis=axis)


_cumsum.gradient(x=lambda g, axis: flip(_cumsum(flip(g, axis), axis), axis))


@plain_operation(np.cumsum)
def cumsum(x, axis=None):
    """yₖ = Σ_{i≤k} xᵢ along `axis`; of the flattened array if None."""
    return _cumsum(np.ravel(x), 0) if axis is None else _cumsum(x, axis)


@operation()
def logsumexp(x, axis=None, keepdims=False):
    """y = ln Σ exp(xᵢ), computed as m + ln Σ exp(xᵢ − m) with m = max xᵢ, so that nothing overflows.

    The derivative is NaN where all xᵢ are −∞. Source: Goodfellow, Bengio & Courville (2016), section 4.1.
    """
    x = np.asarray(x, np.result_type(x, np.float32))  # integers too
    m = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    m = np.where(np.isfinite(m), m, 0).astype(m.dtype)
    with np.errstate(divide="ignore"):  # the sum of nothing, or of exp(−∞) alone, is 0
        y = m + np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True))
    return y if keepdims else np.squeeze(y, axis=axis)


logsumexp.gradient(
    x=lambda g, y, x, x_shape, axis, keepdims: (
        _spread(g, x_shape, axis, keepdims) * np.exp(x - _spread(y, x_shape, axis, keepdims))
    )
)
