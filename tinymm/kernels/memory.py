"""Where arrays lie in memory, and when they come from there: it changes nothing but time.

Memory moves in lines of 64 bytes. A vector that lies across two of them costs two loads, so what the tile reads again
and again begins at the beginning of a line. And where the CPU cannot guess what is needed next, it can be told.
"""

import ctypes
import math

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinymm.kernels.jit import instructions, kernel

LINE = 64  # bytes
READ, WRITE = 0, 1
LEVEL_2 = 2  # of the caches


def plain(array: np.ndarray) -> np.ndarray:
    """The array, or a copy, as the kernels are compiled for: contiguous and writeable."""
    flags = array.flags
    return array if flags.c_contiguous and flags.writeable else np.array(array, order="C")


def address(array: np.ndarray) -> int:
    """Where an array begins, in bytes."""
    try:
        # four times as quick as what NumPy offers
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # read-only or empty
        return array.ctypes.data


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Like np.empty, from the beginning of a line on."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -address(memory) % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


@kernel
def scratch(rows, columns, like):
    """An array (rows, columns) of the dtype of `like`, for use inside kernels, from the beginning of a line on."""
    memory = np.empty(rows * columns + LINE // like.itemsize, like.dtype)
    start = -np.int64(memory.ctypes.data) % LINE // like.itemsize
    return memory[start : start + rows * columns].reshape((rows, columns))


class _Place:
    """Where NumPy finds an array that begins `start` numbers after the first of another, which it keeps alive."""

    def __init__(self, array, start, shape, strides):
        size = array.itemsize
        self.array = array
        self.__array_interface__ = {
            "version": 3,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data + int(start) * size, False),
            "shape": tuple(int(n) for n in shape),
            "strides": tuple(int(n) * size for n in strides),
        }


def numbers(array, start, shape, strides):
    """The numbers of an array as they lie in memory, from place `start` on: [i, j] is at start + i strides[0] + j strides[1].

    For what functions mean that are given places instead of arrays, as vectors of the CPU are. Nothing is checked.
    """
    return np.asarray(_Place(array, start, shape, strides))


def _prefetch(purpose):
    def prefetch(array, index):
        """Nothing that Python could see."""

    @instructions(prefetch)
    def _(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(function, [place, number(purpose), number(LEVEL_2), number(1)])

    return prefetch


_for_reading, _for_writing = _prefetch(READ), _prefetch(WRITE)


@kernel(borrows=True)
def will_read(row):
    """Fetch a row of neighbouring numbers."""
    for j in range(0, row.size, LINE // row.itemsize):
        _for_reading(row, j)


@kernel(borrows=True)
def will_write(row):
    """Fetch the place of a row of neighbouring numbers, all of which will be replaced."""
    for j in range(0, row.size, LINE // row.itemsize):
        _for_writing(row, j)
