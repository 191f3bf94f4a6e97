"""Products of matrices and tensors, the linear layer and the embedding."""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.checks import operand, same_dtype
from tinymm.functional.shape import scatter
from tinymm.tape import Variable, operation, plain_operation

# From this many multiplications on, our threaded kernel takes over. Below it NumPy's BLAS uses one thread, so that
# its pool never wakes up beside ours.
_FOR_KERNEL = 64**3


def _product(a, b):
    """a @ b: of arrays straight away, large plain matrices in the kernel; of Tensors, in a derivative, recorded."""
    if isinstance(a, Variable) or isinstance(b, Variable):
        return _matmul(a, b)
    if a.ndim != 2 or b.ndim != 2:
        return np.matmul(a, b)
    if a.size * b.shape[1] > _FOR_KERNEL and a.dtype == b.dtype and a.dtype in (np.float32, np.float64):
        return kernels.matmul.matmul(a, b)
    return a.dot(b)  # np.matmul, but sooner there


@operation()
def _matmul(a, b):
    """y[…, i, j] = Σₖ a[…, i, k] · b[…, k, j], with the leading axes broadcast."""
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape} do not fit: the last axis of the first ({a.shape[-1]}) must be as "
            f"long as the last but one of the second ({b.shape[-2]}): is one of them transposed?"
        )
    return _product(a, b)


_matmul.gradient(
    a=lambda g, b: _product(g, np.swapaxes(b, -1, -2)),
    b=lambda g, a: _product(np.swapaxes(a, -1, -2), g),
)


@plain_operation(np.matmul)
def matmul(a, b):
    """y[…, i, j] = Σₖ a[…, i, k] b[…, k, j]: a (…, M, K) and b (…, K, N) give (…, M, N), leading axes broadcast.

    A vector counts as a row on the left and as a column on the right. ValueError where shapes do not fit.
    """
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape}: a number is no matrix: multiply with * instead")
    if a.ndim == 1:
        return matmul(a[None, :], b)[..., 0, :] if b.ndim > 1 else matmul(a[None, :], b)[0]
    if b.ndim == 1:
        return _matmul(a, b[:, None])[..., 0]
    return _matmul(a, b)


@plain_operation(np.dot)
def dot(a, b):
    """Inner product of vectors (K,), matrix product of matrices; a number multiplies. ValueError for b of 3 axes or more."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(b) > 2:
        raise ValueError(f"dot: the second shape {np.shape(b)} has more than two axes: use matmul or einsum")
    return matmul(a, b)


@plain_operation(np.outer)
def outer(a, b):
    """y[i, j] = aᵢ bⱼ, for a of M and b of N elements: (M, N)."""
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@operation()
def linear(x, weight, bias=None):
    """y = x Wᵀ + b, the neuron's Σ wᵢxᵢ + b for every output and every row.

    x (..., in), weight (out, in), bias (out,) or None; returns (..., out). ValueError where shapes do not fit,
    TypeError where precisions differ.
    """
    if x.ndim == 0 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: weight {weight.shape} needs {weight.shape[-1]} features, but x is {x.shape}: the features come last"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias {bias.shape} must have one number per output: ({weight.shape[0]},)")
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != weight.dtype):
        same_dtype("linear", x=x, weight=weight, bias=bias)
    y = _each_row(x, weight.T)
    if bias is not None:
        y += bias
    return y


linear.gradient(
    x=lambda g, weight: _each_row(g, weight),
    weight=lambda g, x: _product(_rows(g).T, _rows(x)),
    bias=lambda g: _rows(g).sum(0),
)


def _each_row(x, matrix):
    """x @ matrix in one product, whatever the leading axes."""
    return _product(x, matrix) if x.ndim == 2 else _product(_rows(x), matrix).reshape(*x.shape[:-1], matrix.shape[1])


def _rows(x):
    """All leading axes laid out as one."""
    return x if x.ndim == 2 else x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])


@operation()
def _einsum(subscripts, *operands):
    """The sum of products that `subscripts` spells."""
    return np.einsum(subscripts, *operands, optimize=len(operands) > 2)


@_einsum.gradients
def _(g, subscripts, operands, wanted):
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    gradients = [None]
    for i, term in enumerate(terms):
        if not wanted[i + 1]:
            gradients.append(None)
            continue
        others = [(t, x) for j, (t, x) in enumerate(zip(terms, operands, strict=True)) if j != i]
        known = set(result).union(*(t for t, _ in others)) if others else set(result)
        target, constants = "", []
        spare = iter(sorted(set(_LETTERS) - set(subscripts)))
        for letter, length in zip(term, operands[i].shape, strict=True):
            if letter in target:  # a diagonal: only equal indices have a gradient
                new = next(spare)
                constants.append((letter + new, np.eye(length, dtype=g.dtype)))
                target += new
            else:
                if letter not in known:  # an index summed over in this operand alone
                    constants.append((letter, np.ones(length, dtype=g.dtype)))
                target += letter
        parts = [(result, g), *others, *constants]
        gradients.append(_einsum(",".join(t for t, _ in parts) + "->" + target, *(x for _, x in parts)))
    return gradients


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@plain_operation(np.einsum)
def einsum(subscripts, *operands):
    """Einstein's summation, e.g. "nij,njk->nik": letters name axes, those absent from the result are summed.

    The arrow may be left out and "..." stands for leading axes, as in `np.einsum`. ValueError where letters and
    shapes do not fit.
    Source: Einstein 1916.
    """
    if not isinstance(subscripts, str):
        raise TypeError('einsum: begin with the subscripts as a string, e.g. "ij,jk->ik"')
    operands = tuple(operand(x) for x in operands)
    text = subscripts.replace(" ", "")
    inputs, arrow, result = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f'einsum: "{subscripts}" names {len(terms)} operands, but {len(operands)} were given')
    if not arrow:  # NumPy's rule: letters that occur once, in alphabetical order
        letters = inputs.replace(",", "").replace(".", "")
        once = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        result = ("..." if "..." in inputs else "") + once
    dots = [np.ndim(x) - len(t.replace("...", "")) if "..." in t else 0 for t, x in zip(terms, operands, strict=True)]
    spare = "".join(c for c in reversed(_LETTERS) if c not in text)[: max(dots, default=0)]
    terms = [t.replace("...", spare[len(spare) - n :]) for t, n in zip(terms, dots, strict=True)]
    for term, x in zip(terms, operands, strict=True):
        if len(term) != np.ndim(x):
            raise ValueError(f'einsum: "{term}" names {len(term)} axes, but the operand has shape {np.shape(x)}')
    return _einsum(",".join(terms) + "->" + result.replace("...", spare), *operands)


@operation()
def _embedding(indices, weight):
    """y = weight[indices]"""
    return weight[indices]


_embedding.gradient(weight=lambda g, indices, weight_shape: scatter(g, indices, weight_shape))


def embedding(indices, weight):
    """A row of `weight` (words, size) for each integer of `indices` (...): returns (..., size).

    TypeError for indices that are not integers, IndexError for those outside 0 … words − 1. Source: Bengio et al. 2003.
    """
    indices = np.array(indices)  # a copy, which nobody can change before the way back
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, but they are {indices.dtype}")
    if indices.size and (indices.min() < 0 or indices.max() >= np.shape(weight)[0]):
        raise IndexError(
            f"embedding: indices run from {indices.min()} to {indices.max()}, but the table has rows 0 to "
            f"{np.shape(weight)[0] - 1}"
        )
    return _embedding(indices, weight)
