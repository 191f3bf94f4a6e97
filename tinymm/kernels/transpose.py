"""Turn rows into columns, block by block in the CPU's registers.

A loop that reads along the rows writes far apart, one number at a time. Eight rows of eight numbers fit into registers, where
they are turned by zipping: to zip row i with row i + 4, for all i, three times over, makes the rows columns. Rows come in
pairs, so that even and odd ones can lie apart: `interleave` and `deinterleave` do the same for two matrices at once.
"""

import math

import numpy as np
from llvmlite import ir

from tinymm.kernels.jit import instructions, kernel
from tinymm.kernels.memory import numbers

BLOCK = 8


def _turn_block(source, source_start, source_pair, source_odd, target, target_start, target_pair, target_odd):
    """target[row j, i] = source[row i, j] for i, j below 8; row i of an array is at start + i // 2 * pair + i % 2 * odd."""
    shape = BLOCK // 2, 2, BLOCK
    rows = numbers(source, source_start, shape, (source_pair, source_odd, 1)).reshape(BLOCK, BLOCK)
    numbers(target, target_start, shape, (target_pair, target_odd, 1))[:] = rows.T.reshape(shape)


@instructions(_turn_block)
def _(context, builder, signature, arguments):
    number = context.get_value_type(signature.args[0].dtype)
    vector, align = ir.VectorType(number, BLOCK), signature.args[0].dtype.bitwidth // 8
    index = arguments[1].type

    def row(array, i):
        data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
        start, pair, odd = arguments[array + 1 : array + 4]
        moved = builder.add(start, builder.mul(pair, ir.Constant(index, i // 2)))
        moved = builder.add(moved, odd) if i % 2 else moved
        return builder.bitcast(builder.gep(data, [moved]), vector.as_pointer())

    def zipped(a, b, start):
        order = [side * BLOCK + start + k for k in range(BLOCK // 2) for side in (0, 1)]
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), order))

    rows = [builder.load(row(0, i), align=align) for i in range(BLOCK)]
    for _ in range(int(math.log2(BLOCK))):
        pairs = zip(rows[: BLOCK // 2], rows[BLOCK // 2 :], strict=True)
        rows = [zipped(a, b, start) for a, b in pairs for start in (0, BLOCK // 2)]
    for i, turned in enumerate(rows):
        builder.store(turned, row(4, i), align=align)


@kernel(borrows=True)
def _row(array):
    """Numbers from one row to the next."""
    return array.strides[0] // array.itemsize


@kernel(borrows=True)
def transpose(source, target):
    """target (C, R) = source (R, C) turned. Here and below, neighbours in a row are neighbours in memory."""
    rows, columns = source.shape
    s, t = _row(source), _row(target)
    whole_rows, whole_columns = rows - rows % BLOCK, columns - columns % BLOCK
    for i in range(0, whole_rows, BLOCK):
        for j in range(0, whole_columns, BLOCK):
            _turn_block(source, i * s + j, 2 * s, s, target, j * t + i, 2 * t, t)
        for j in range(whole_columns, columns):
            for k in range(i, i + BLOCK):
                target[j, k] = source[k, j]
    for i in range(whole_rows, rows):
        for j in range(columns):
            target[j, i] = source[i, j]


def turned(matrix: np.ndarray) -> np.ndarray:
    """A copy with rows as columns; NumPy's own way to make it takes ten times as long."""
    target = np.empty(matrix.shape[::-1], matrix.dtype)
    transpose(matrix, target)
    return target


@kernel(borrows=True)
def _apart(even, odd):
    """Numbers from the first matrix to the second."""
    return (np.int64(odd.ctypes.data) - np.int64(even.ctypes.data)) // even.itemsize


@kernel(borrows=True)
def interleave(even, odd, target):
    """target[c, 2 r] = even[r, c] and target[c, 2 r + 1] = odd[r, c], as far as the target goes."""
    columns, length = even.shape[1], target.shape[1]
    s, t, apart = _row(even), _row(target), _apart(even, odd)
    whole, whole_columns = length - length % BLOCK, columns - columns % BLOCK
    for q in range(0, whole, BLOCK):
        for j in range(0, whole_columns, BLOCK):
            _turn_block(even, q // 2 * s + j, s, apart, target, j * t + q, 2 * t, t)
    for q in range(length):
        row = odd[q // 2] if q % 2 else even[q // 2]
        for j in range(whole_columns if q < whole else 0, columns):
            target[j, q] = row[j]


@kernel(borrows=True)
def deinterleave(source, even, odd):
    """even[r, c] = source[c, 2 r] and odd[r, c] = source[c, 2 r + 1], as far as the source goes."""
    (columns, length) = source.shape
    s, t, apart = _row(source), _row(even), _apart(even, odd)
    whole, whole_columns = length - length % BLOCK, columns - columns % BLOCK
    for q in range(0, whole, BLOCK):
        for j in range(0, whole_columns, BLOCK):
            _turn_block(source, j * s + q, 2 * s, s, even, q // 2 * t + j, t, apart)
    for q in range(length):
        row = odd[q // 2] if q % 2 else even[q // 2]
        for j in range(whole_columns if q < whole else 0, columns):
            row[j] = source[j, q]
