"""The matrix product C = A B + bias, in register tiles and on all threads.

B is cut into panels as wide as a tile and A into blocks of rows; a thread takes a block and some panels at a time.
Small products go to NumPy, whose library stays on one thread for them and is quicker to get going.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinymm.kernels import threads
from tinymm.kernels.jit import kernel
from tinymm.kernels.tile import multiply_panel, pack_panel, width

SMALL = 262_144  # multiply-adds; from here on NumPy's library would wake threads of its own
ROW_BLOCK = 64  # rows of A at a time
DEPTH_BLOCK = 256  # rows of a panel at a time: they stay in the first-level cache
FEW_ROWS = 128  # up to here the panels are read where they are: to copy them would take longer
FAR = 1024  # bytes
SHARD = 500_000  # multiply-adds worth handing to a thread


@kernel
def _pack(start, stop, b, shape, strides, panels):
    """Copy the columns of b, given by its numbers, shape and strides, to panels from `start` to `stop`."""
    matrix = as_strided(b, shape, strides)
    for p in range(start, stop):
        pack_panel(matrix, p * panels.shape[2], panels[p])


@kernel
def _multiply(start, stop, a, a_shape, a_strides, b, b_shape, b_strides, out, accumulate):
    """out (+)= a b for a (M, K), b (panels, K, WIDTH), each given by its numbers, shape and strides.

    `start` and `stop` count the blocks of out, panel by panel and then down the rows.
    """
    matrix, all_panels = as_strided(a, a_shape, a_strides), as_strided(b, b_shape, b_strides)
    panels, depth, columns = b_shape
    turned = a_strides[1] > FAR  # a is the transpose of something: copy it, or each step is on another page
    copy = np.empty((DEPTH_BLOCK, ROW_BLOCK) if turned else (0, 0), a.dtype)
    block = start
    while block < stop:
        i, first = block // panels * ROW_BLOCK, block % panels
        last = min(panels, first + stop - block)
        for k in range(0, depth, DEPTH_BLOCK):
            a_block = matrix[i : i + ROW_BLOCK, k : k + DEPTH_BLOCK]
            if turned:
                rows, steps = a_block.shape
                for j in range(steps):
                    for r in range(rows):
                        copy[j, r] = a_block[r, j]
                a_block = copy.T[:rows, :steps]
            for p in range(first, last):
                c = out[i : i + ROW_BLOCK, p * columns : (p + 1) * columns]
                multiply_panel(a_block, all_panels[p, k : k + DEPTH_BLOCK], c, accumulate or k > 0)
        block += last - first


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
    columns, size = width(a.dtype), a.itemsize
    panels = (-(-n // columns), depth, columns)
    numbers, shape, strides = _numbers(b)
    if m <= FEW_ROWS and n % columns == 0 and strides[1] == size:
        strides = (columns * size, strides[0], size)
    else:
        packed = np.empty(panels, a.dtype)
        grain = max(1, SHARD // (16 * depth * columns))
        threads.run(_pack, panels[0], numbers, shape, strides, packed, grain=grain)
        numbers, strides = packed.reshape(-1), packed.strides
    out = np.empty((m, n), a.dtype)
    if bias is not None:
        out[:] = bias
    blocks = -(-m // ROW_BLOCK) * panels[0]
    grain = max(1, SHARD // (min(m, ROW_BLOCK) * columns * depth))
    threads.run(_multiply, blocks, *_numbers(a), numbers, panels, strides, out, bias is not None, grain=grain)
    return out


def _numbers(matrix: np.ndarray) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """The matrix's numbers as they lie in memory (a copy if they have gaps), its shape and its strides."""
    if not (matrix.flags.c_contiguous or matrix.flags.f_contiguous) or not matrix.flags.writeable:
        matrix = np.array(matrix, order="C")
    return matrix.ravel(order="K"), matrix.shape, matrix.strides
