"""The linear layer of a sparse matrix, as logistic regression on a bag of words needs it."""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.checks import same_dtype
from tinymm.sparse import CSRMatrix
from tinymm.tape import operation


@operation()
def sparse_linear(x, weight, bias=None):
    """y = X Wᵀ + b, where most of X is zero and only the rest is stored and multiplied.

    x CSRMatrix (N, in), which has no gradient, weight (out, in), bias (out,) or None; returns (N, out). ValueError where
    shapes do not fit, TypeError where x is no CSRMatrix or precisions differ.
    """
    _check("sparse_linear", x)
    if weight.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(f"sparse_linear: weight {weight.shape} does not fit x {x.shape}: it needs (out, {x.shape[1]})")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"sparse_linear: bias {bias.shape} must have one number per output: ({weight.shape[0]},)")
    same_dtype("sparse_linear", x=x, weight=weight, bias=bias)
    y = kernels.sparse.multiply(*x.arrays, weight)
    if bias is not None:
        y += bias
    return y


@operation()
def sparse_outer(x, g):
    """Gᵀ X for x CSRMatrix (N, in) and g (N, out): (out, in), the gradient of the weight of `sparse_linear`."""
    _check("sparse_outer", x)
    if g.ndim != 2 or len(g) != len(x):
        raise ValueError(f"sparse_outer: g {g.shape} does not fit x {x.shape}: it needs ({len(x)}, out)")
    same_dtype("sparse_outer", x=x, g=g)
    return kernels.sparse.multiply_transposed(*x.arrays, g.T, x.shape[1])


sparse_linear.gradient(
    weight=lambda g, x: sparse_outer(x, g),
    bias=lambda g: np.sum(g, axis=0),
)
sparse_outer.gradient(g=lambda gg, x: sparse_linear(x, gg))


def _check(name, x):
    if not isinstance(x, CSRMatrix):
        raise TypeError(f"{name}: x is {type(x).__name__}, expected a CSRMatrix: for an array, use linear")
