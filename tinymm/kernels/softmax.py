"""Softmax of the rows of a matrix, alone, as logarithm, or together with the cross-entropy loss.

A block of rows goes through the same three steps while it is in the cache: z − m with the largest value m of each row, then
exp of them all, in one loop because rows are often shorter than a vector of the CPU, then the sum of each row and the
division. Subtracting m keeps exp from overflowing (Goodfellow et al. 2016, section 4.1).
A NaN or +∞ in a row makes the whole row NaN, as the formula does in NumPy.
"""

import math

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.elementary import exp
from tinymm.kernels.jit import REASSOCIATE, kernel

BLOCK = 8192  # elements at a time: they stay in the cache, and are worth a thread


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(xₖ) / Σⱼ exp(xⱼ) for each row of x (N, K)."""
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    threads.run(_softmax, *_blocks(x), x, out)
    return out


def log_softmax(x: np.ndarray) -> np.ndarray:
    """xₖ − m − log Σⱼ exp(xⱼ − m) for each row of x (N, K)."""
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    threads.run(_log_softmax, *_blocks(x), x, out)
    return out


def softmax_cross_entropy(logits: np.ndarray, targets: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The losses −share · log softmax(z)_y (N,) and the probabilities softmax(z) (N, K) in one pass.

    Shapes: logits z (N, K), targets y (N,) integers in 0 … K − 1 (not checked here), shares (N,); a row with no share
    loses nothing, whatever is in it. The gradient of a loss is (probabilities − one-hot(y)) · share.
    """
    logits = np.ascontiguousarray(logits)
    losses, probabilities = np.empty(len(logits), logits.dtype), np.empty_like(logits)
    threads.run(_softmax_cross_entropy, *_blocks(logits), logits, targets, shares, losses, probabilities)
    return losses, probabilities


def label_range(targets: np.ndarray, ignored: int) -> tuple[int, int, int]:
    """The lowest and the highest of the targets (N,) int64 that are not the ignored number, and how many these are."""
    return _label_range(targets, ignored)


def softmax_cross_entropy_gradient(probabilities: np.ndarray, targets: np.ndarray, g: np.ndarray) -> np.ndarray:
    """(probabilities − one-hot(y)) · g for each row, g (N,); 0 where g is 0, whatever the row."""
    dz = np.empty_like(probabilities)
    g = np.ascontiguousarray(g, dz.dtype)
    threads.run(_softmax_cross_entropy_gradient, *_blocks(dz), probabilities, targets, g, dz)
    return dz


def _blocks(x: np.ndarray) -> tuple[int, int]:
    """How many blocks, and of how many rows."""
    rows = BLOCK // max(x.shape[1], 1) + 1
    return -(-len(x) // rows), rows


@kernel(fastmath=REASSOCIATE, borrows=True)
def _below_the_largest(z, out):
    """out = z − m for the largest number m of each row."""
    columns = z.shape[1]
    for n in range(len(z)):
        row, m0 = z[n], z.dtype.type(-np.inf)
        m1 = m2 = m3 = m0  # four, because each comparison waits for the one before
        for k in range(0, columns - 3, 4):
            m0 = row[k] if row[k] > m0 else m0
            m1 = row[k + 1] if row[k + 1] > m1 else m1
            m2 = row[k + 2] if row[k + 2] > m2 else m2
            m3 = row[k + 3] if row[k + 3] > m3 else m3
        for k in range(columns - columns % 4, columns):
            m0 = row[k] if row[k] > m0 else m0
        m = max(max(m0, m1), max(m2, m3))
        for k in range(columns):
            out[n, k] = row[k] - m


@kernel(fastmath=REASSOCIATE, borrows=True)
def _exponentiate(values):
    for k in range(values.size):
        values[k] = exp(values[k])


@kernel(fastmath=REASSOCIATE, borrows=True)
def _total(row):
    total = row.dtype.type(0)
    for k in range(row.size):
        total += row[k]
    return total


@kernel(fastmath=REASSOCIATE)
def _softmax(start, stop, rows, x, out):
    for first in range(start * rows, stop * rows, rows):
        block = out[first : first + rows]
        _below_the_largest(x[first : first + rows], block)
        _exponentiate(block.reshape(-1))
        for n in range(len(block)):
            total = _total(block[n])
            for k in range(x.shape[1]):
                block[n, k] /= total


@kernel(fastmath=REASSOCIATE)
def _log_softmax(start, stop, rows, x, out):
    for first in range(start * rows, stop * rows, rows):
        block = out[first : first + rows]
        _below_the_largest(x[first : first + rows], block)
        for n in range(len(block)):
            total = x.dtype.type(0)
            for k in range(x.shape[1]):
                total += exp(block[n, k])
            log_total = math.log(total)
            for k in range(x.shape[1]):
                block[n, k] -= log_total


@kernel(fastmath=REASSOCIATE)
def _softmax_cross_entropy(start, stop, rows, logits, targets, shares, losses, probabilities):
    for first in range(start * rows, stop * rows, rows):
        block, last = probabilities[first : first + rows], min(first + rows, len(logits))
        _below_the_largest(logits[first:last], block)
        for n in range(first, last):
            losses[n] = probabilities[n, targets[n]] if shares[n] != 0 else 0
        _exponentiate(block.reshape(-1))
        for n in range(first, last):
            total = _total(probabilities[n])
            if shares[n] != 0:
                losses[n] = (math.log(total) - losses[n]) * shares[n]
            for k in range(logits.shape[1]):
                probabilities[n, k] /= total


@kernel  # without contraction: p g − g in one rounding, or in two, would depend on whether the arrays are neighbours
def _softmax_cross_entropy_gradient(start, stop, rows, probabilities, targets, g, dz):
    for n in range(start * rows, min(stop * rows, len(dz))):
        if g[n] == 0:
            dz[n] = 0
            continue
        for k in range(dz.shape[1]):
            dz[n, k] = probabilities[n, k] * g[n]
        dz[n, targets[n]] -= g[n]


@kernel
def _label_range(targets, ignored):
    lowest, highest, counted = np.iinfo(np.int64).max, np.iinfo(np.int64).min, 0
    for target in targets:
        if target != ignored:
            lowest, highest, counted = min(lowest, target), max(highest, target), counted + 1
    return lowest, highest, counted
