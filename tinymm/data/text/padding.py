"""Sequences of different lengths in one batch: padding, masks, and batches of about equal length."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def pad_sequences(
    sequences: Sequence[ArrayLike], length: int | None = None, value: float = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Write sequences below each other, filled up at the end.

    Args:
        sequences: N arrays (T₁, ...), (T₂, ...), of one dtype and equal but for the first axis: word numbers (T,),
            or frames (T, D). Any T may be 0.
        length: T of the result; longer sequences are cut. By default the longest sequence's.
        value: what fills up.

    Returns:
        the batch (N, T, ...) and the lengths (N,) int64, at most T.

    Raises:
        ValueError: no sequence at all, shapes that do not fit, or a negative length.

    >>> pad_sequences([[5, 6, 7], [8]])
    (array([[5, 6, 7],
           [8, 0, 0]]), array([3, 1]))
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("pad_sequences: got no sequence, expected at least one")
    filled = [array for array in arrays if array.size] or arrays  # an empty list has no dtype of its own
    tail = filled[0].shape[1:]
    for i, array in enumerate(arrays):
        if array.ndim == 0 or (array.size and array.shape[1:] != tail):
            raise ValueError(
                f"pad_sequences: sequence {i} is {array.shape}, the first (T, {', '.join(map(str, tail))}): "
                "all must be equal but for the first axis"
            )
    if length is not None and length < 0:
        raise ValueError(f"pad_sequences: length {length} must be at least 0")
    steps = max(map(len, arrays)) if length is None else length
    lengths = np.array([min(len(array), steps) for array in arrays], np.int64)
    batch = np.full((len(arrays), steps, *tail), value, np.result_type(*filled))
    for row, array, n in zip(batch, arrays, lengths, strict=True):
        row[:n] = array[:n].reshape(n, *tail)
    return batch, lengths


def padding_mask(lengths: ArrayLike, steps: int | None = None) -> np.ndarray:
    """True where a sequence is, False where it is filled up: (N, T) for lengths (N,); T is the longest by default.

    ValueError for lengths that are negative or longer than `steps`; TypeError if they are not whole numbers.

    >>> padding_mask([2, 0, 1])
    array([[ True,  True],
           [False, False],
           [ True, False]])
    """
    found = _lengths(lengths, "padding_mask")
    longest = int(found.max(initial=0))
    if steps is not None and steps < longest:
        raise ValueError(f"padding_mask: a length is {longest}, but there are only {steps} steps")
    return np.arange(longest if steps is None else steps) < found[:, None]


def batches_by_length(
    lengths: ArrayLike, batch_size: int, generator: np.random.Generator | None = None
) -> list[np.ndarray]:
    """The indices of batches whose sequences are about equally long, so that little is filled up.

    The samples are sorted by length and cut into batches. With a generator, equally long ones are mixed and the batches
    come in random order: a new call is a new epoch. Without one, the shortest come first.

    Returns:
        index arrays of `batch_size` samples, one of them maybe shorter; every sample once.

    Raises:
        ValueError: `batch_size` < 1. TypeError: lengths are not whole numbers.

    >>> batches_by_length([9, 1, 8, 2], batch_size=2)
    [array([1, 3]), array([2, 0])]
    """
    found = _lengths(lengths, "batches_by_length")
    if batch_size < 1:
        raise ValueError(f"batches_by_length: batch_size {batch_size} must be at least 1")
    mixed = np.arange(len(found)) if generator is None else generator.permutation(len(found))
    order = mixed[np.argsort(found[mixed], kind="stable")]
    starts = np.arange(0, len(order), batch_size)
    if generator is not None:
        starts = generator.permutation(starts)
    return [order[start : start + batch_size] for start in starts]


def _lengths(lengths: ArrayLike, where: str) -> np.ndarray:
    found = np.asarray(lengths)
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(f"{where}: lengths are {found.dtype}, expected whole numbers")
    if found.ndim != 1 or found.min(initial=0) < 0:
        raise ValueError(f"{where}: lengths {found.shape} must be one number of at least 0 per sequence")
    return found
