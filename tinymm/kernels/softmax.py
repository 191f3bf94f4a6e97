"""Softmax of the rows of a matrix, alone, as logarithm, or together with the cross-entropy loss.

Every row goes through the same three steps while it is in the cache: its largest value m, then exp(z − m) and
their sum, then the division. Subtracting m keeps exp from overflowing (Goodfellow et al. 2016, section 4.1).
A NaN or +∞ in a row makes the whole row NaN, as the formula does in NumPy.
"""

import math

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.elementary import exp
from tinymm.kernels.jit import REASSOCIATE, kernel

GRAIN = 8192  # elements worth a thread


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(xₖ) / Σⱼ exp(xⱼ) for each row of x (N, K)."""
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    threads.run(_softmax, len(x), x, out, grain=_rows(x))
    return out


def log_softmax(x: np.ndarray) -> np.ndarray:
    """xₖ − m − log Σⱼ exp(xⱼ − m) for each row of x (N, K)."""
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    threads.run(_log_softmax, len(x), x, out, grain=_rows(x))
    return out


def softmax_cross_entropy(logits: np.ndarray, targets: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The losses −share · log softmax(z)_y (N,) and the probabilities softmax(z) (N, K) in one pass.

    Shapes: logits z (N, K), targets y (N,) integers in 0 … K − 1 (not checked here), shares (N,); a row with no share
    loses nothing, whatever is in it. The gradient of a loss is (probabilities − one-hot(y)) · share.
    """
    logits = np.ascontiguousarray(logits)
    losses, probabilities = np.empty(len(logits), logits.dtype), np.empty_like(logits)
    threads.run(
        _softmax_cross_entropy, len(logits), logits, targets, shares, losses, probabilities, grain=_rows(logits)
    )
    return losses, probabilities


def label_range(targets: np.ndarray, ignored: int) -> tuple[int, int, int]:
    """The lowest and the highest of the targets (N,) int64 that are not the ignored number, and how many these are."""
    return _label_range(targets, ignored)


def softmax_cross_entropy_gradient(probabilities: np.ndarray, targets: np.ndarray, g: np.ndarray) -> np.ndarray:
    """(probabilities − one-hot(y)) · g for each row, g (N,); 0 where g is 0, whatever the row."""
    dz = np.empty_like(probabilities)
    threads.run(
        _softmax_cross_entropy_gradient,
        len(dz),
        probabilities,
        targets,
        np.ascontiguousarray(g, dz.dtype),
        dz,
        grain=_rows(dz),
    )
    return dz


def _rows(x: np.ndarray) -> int:
    return GRAIN // max(x.shape[1], 1) + 1


@kernel(fastmath=REASSOCIATE, borrows=True)
def _exponentials(z, e):
    """Write exp(z − m) to e; return m and the sum."""
    m0 = m1 = m2 = m3 = z.dtype.type(-np.inf)  # four, because each comparison waits for the one before
    for k in range(0, z.size - 3, 4):
        m0 = z[k] if z[k] > m0 else m0
        m1 = z[k + 1] if z[k + 1] > m1 else m1
        m2 = z[k + 2] if z[k + 2] > m2 else m2
        m3 = z[k + 3] if z[k + 3] > m3 else m3
    for k in range(z.size - z.size % 4, z.size):
        m0 = z[k] if z[k] > m0 else m0
    m = max(max(m0, m1), max(m2, m3))
    total = z.dtype.type(0)
    for k in range(z.size):
        e[k] = exp(z[k] - m)
        total += e[k]
    return m, total


@kernel(fastmath=REASSOCIATE)
def _softmax(start, stop, x, out):
    for n in range(start, stop):
        _, total = _exponentials(x[n], out[n])
        for k in range(x.shape[1]):
            out[n, k] /= total


@kernel(fastmath=REASSOCIATE)
def _log_softmax(start, stop, x, out):
    for n in range(start, stop):
        m, total = _exponentials(x[n], out[n])
        log_total = math.log(total)
        for k in range(x.shape[1]):
            out[n, k] = (x[n, k] - m) - log_total


@kernel(fastmath=REASSOCIATE)
def _softmax_cross_entropy(start, stop, logits, targets, shares, losses, probabilities):
    for n in range(start, stop):
        m, total = _exponentials(logits[n], probabilities[n])
        losses[n] = 0
        if shares[n] != 0:
            losses[n] = (math.log(total) - (logits[n, targets[n]] - m)) * shares[n]
        for k in range(logits.shape[1]):
            probabilities[n, k] /= total


@kernel(fastmath=REASSOCIATE)
def _softmax_cross_entropy_gradient(start, stop, probabilities, targets, g, dz):
    for n in range(start, stop):
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
