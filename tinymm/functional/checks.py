"""Checks that several operations make of their arguments."""

from __future__ import annotations

import numpy as np


def operand(x):
    """x itself if it is a Tensor or an array, an array if it is a number or a list; Python floats become float32."""
    if hasattr(x, "dtype"):
        return x
    array = np.asarray(x)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def constant(name, **arrays):
    """Refuse a Tensor that wants a gradient where none can be given."""
    for key, array in arrays.items():
        if getattr(array, "requires_grad", False):
            raise TypeError(
                f"{name}: has no derivative with respect to {key}, which wants a gradient: pass its .detach()"
            )


def pair(operation_name, option, value, least):
    """One number for both axes, or two: (rows, columns)."""
    both = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(both) != 2 or any(not isinstance(v, int | np.integer) or v < least for v in both):
        raise ValueError(
            f"{operation_name}: {option} is {value!r}, but it must be one or two integers of at least {least}"
        )
    return int(both[0]), int(both[1])


PRECISIONS = {np.dtype(np.float32)}, {np.dtype(np.float64)}


def same_dtype(name, **arrays):
    """Kernels are compiled for one precision at a time, and would read a read-only array of swapped bytes wrongly."""
    if {a.dtype for a in arrays.values() if a is not None} not in PRECISIONS:
        given = ", ".join(f"{key} is {a.dtype}" for key, a in arrays.items() if a is not None)
        raise TypeError(f"{name}: {given}: all must be float32 or all float64; convert with .astype(np.float32)")


def checked_lengths(name, option, lengths, most):
    """lengths (N,) as int64, each from 0 to its `most` (N,); None is all of them."""
    if lengths is None:
        return most
    lengths = np.asarray(lengths)
    if lengths.shape != most.shape or (lengths.size and lengths.dtype.kind not in "iu"):
        raise ValueError(
            f"{name}: {option} is {lengths.dtype} {lengths.shape}, but it must hold one integer per sample: {most.shape}"
        )
    wrong = np.flatnonzero((lengths < 0) | (lengths > most))
    if wrong.size:
        n = wrong[0]
        raise ValueError(f"{name}: {option}[{n}] is {lengths[n]}, but sample {n} has 0 to {most[n]}")
    return lengths.astype(np.int64)
