"""The matrix product C = A B + bias, in register tiles and on all threads.

B is copied into panels as wide as a tile, once; then each thread takes a panel and a block of rows of A at a time.
Small products go to NumPy, whose library stays on one thread for them and is quicker to get going.
"""

import numpy as np
from numba import njit

from tinymm.kernels import threads
from tinymm.kernels.tile import multiply_panel, pack_panel, width

SMALL = 262_144  # multiply-adds; from here on NumPy's library would wake threads of its own
ROW_BLOCK = 64  # rows of A for each panel: they stay in the second-level cache
DEPTH_BLOCK = 256  # rows of a panel at a time: they stay in the first-level cache
SHARD = 500_000  # multiply-adds worth handing to a thread


@njit(nogil=True, cache=True)
def _pack(start, stop, b, panels):
    for p in range(start, stop):
        pack_panel(b, p * panels.shape[2], panels[p])


@njit(nogil=True, cache=True)
def _multiply(start, stop, a, panels, out, accumulate):
    """out (+)= a b for the blocks of out from `start` to `stop`, counted down the rows and then panel by panel."""
    columns = panels.shape[2]
    row_blocks = -(-out.shape[0] // ROW_BLOCK)
    for block in range(start, stop):
        p, i = block // row_blocks, block % row_blocks * ROW_BLOCK
        c = out[i : i + ROW_BLOCK, p * columns : (p + 1) * columns]
        for k in range(0, a.shape[1], DEPTH_BLOCK):
            multiply_panel(
                a[i : i + ROW_BLOCK, k : k + DEPTH_BLOCK], panels[p, k : k + DEPTH_BLOCK], c, accumulate or k > 0
            )


def matmul(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """C = A B + bias for a (M, K), b (K, N) and bias (N,), all of one dtype, float32 or float64.

    `a` and `b` may be transposed views, as in `matmul(x, weight.T, bias)`.
    """
    (m, depth), n = a.shape, b.shape[1]
    if m * n * depth <= SMALL:
        product = np.matmul(a, b)
        if bias is not None:
            product += bias
        return product
    columns = width(a.dtype)
    panels = np.empty((-(-n // columns), depth, columns), a.dtype)
    threads.run(_pack, len(panels), _plain(b), panels, grain=max(1, SHARD // (16 * depth * columns)))
    out = np.empty((m, n), a.dtype)
    if bias is not None:
        out[:] = bias
    blocks = -(-m // ROW_BLOCK) * len(panels)
    grain = max(1, SHARD // (min(m, ROW_BLOCK) * columns * depth))
    threads.run(_multiply, blocks, _plain(a), panels, out, bias is not None, grain=grain)
    return out


def _plain(matrix: np.ndarray) -> np.ndarray:
    """The matrix itself if its rows or its columns lie one after another in memory, or else a copy."""
    return matrix if matrix.flags.c_contiguous or matrix.flags.f_contiguous else np.ascontiguousarray(matrix)
