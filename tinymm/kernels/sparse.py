"""Products with a sparse matrix X (N, D) in compressed rows: X Wᵀ and its transpose Gᵀ X.

Both go through X once per row of W or G, which is short enough to stay in the second-level cache. These rows are what
the threads share out: each writes its own part of the result, in the same order whatever their number.
"""

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import kernel

GRAIN = 20_000  # multiply-adds worth a thread


@kernel
def _multiply(start, stop, indptr, indices, values, weight, out):
    for k in range(start, stop):
        row = weight[k]
        for i in range(out.shape[1]):
            total = row.dtype.type(0)
            for place in range(indptr[i], indptr[i + 1]):
                total += values[place] * row[indices[place]]
            out[k, i] = total


@kernel
def _multiply_transposed(start, stop, indptr, indices, values, g, out):
    for k in range(start, stop):
        row = out[k]
        row[:] = 0
        for i in range(g.shape[1]):
            factor = g[k, i]
            for place in range(indptr[i], indptr[i + 1]):
                row[indices[place]] += factor * values[place]


def multiply(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """X Wᵀ (N, K) for weight W (K, D) of the dtype of X."""
    weight = np.ascontiguousarray(weight)
    out = np.empty((len(weight), len(indptr) - 1), values.dtype)
    grain = GRAIN // (len(values) + 1) + 1
    threads.run(_multiply, len(weight), indptr, indices, values, weight, out, grain=grain)
    return np.ascontiguousarray(out.T)


def multiply_transposed(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, g: np.ndarray, features: int
) -> np.ndarray:
    """G X (K, D) for g (K, N) of the dtype of X, D being `features`."""
    g = np.ascontiguousarray(g)
    out = np.empty((len(g), features), values.dtype)
    grain = GRAIN // (len(values) + features + 1) + 1
    threads.run(_multiply_transposed, len(g), indptr, indices, values, g, out, grain=grain)
    return out
