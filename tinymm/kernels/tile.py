"""The register tile: the small matrix product that all the heavy kernels are made of.

A product C = A B is cut into tiles of ROWS rows and WIDTH = VECTORS x (lanes of a vector) columns of C, so many
that they just fit into the CPU's registers. For one k after another the tile loads WIDTH neighbouring numbers of row
k of B, and for each of its rows one number of A, and adds their products:

    C[i, :] += A[i, k] B[k, :]        for the rows i of the tile

ROWS + VECTORS loads feed ROWS x VECTORS multiply-adds, which is what lets the CPU reach its full rate (Goto and van
de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008). Numba has no vector types, so the tile is
emitted as LLVM instructions on vectors; LLVM turns them into whatever the CPU has.

The tile does not ask how matrices lie in memory. `tile_by_tables` is told where rows begin: A[i, k] is
`a[a_row[i] + a_step[k]]` and B[k, j] is `b[b_step[k] + j]`. A convolution is such a product straight from the image.
`tile_by_strides` is the same for matrices with constant strides. Rows past the last one repeat the last, columns past the
last one may be anything that can be read: neither touches the others, so nothing leaks from padding into results.
"""

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinymm.kernels.jit import kernel
from tinymm.kernels.memory import aligned, scratch


def _vector_shape() -> tuple[int, int, int]:
    """Bytes in a vector, rows and vectors in a tile: as much as the registers of this CPU hold."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):  # 32 registers
        return 64, 8, 2
    if features.get("avx2"):  # 16 registers
        return 32, 6, 2
    if llvm.get_default_triple().startswith(("aarch64", "arm64")):  # 32 registers
        return 16, 8, 2
    return 16, 4, 2


VECTOR_BYTES, ROWS, VECTORS = _vector_shape()
TILE_BYTES = VECTORS * VECTOR_BYTES  # in a row of a tile
FLAT_ROWS, FLAT_VECTORS = ROWS // 2, VECTORS * 2  # of a flat tile, for C of few rows
ROW_VECTORS = 2 * FLAT_VECTORS  # of a tile of one row, for C of so many columns
THIN = 2  # panels at a time for a single row
FEW_ROWS = 2  # of A would leave a tile almost empty


def width(dtype: np.dtype) -> int:
    """Columns of a tile of this dtype."""
    return TILE_BYTES // np.dtype(dtype).itemsize


def flat_width(dtype: np.dtype) -> int:
    """Columns of a flat tile."""
    return FLAT_VECTORS * VECTOR_BYTES // np.dtype(dtype).itemsize


def _emit(context, builder, number, shape, place_a, place_b, depth, place_c, accumulate):
    """Emit a tile. place_a(i, k) gives a pointer to a number, place_b(k, j) and place_c(i, j) to vector j of a row."""
    rows, vectors = shape
    kind = context.get_value_type(number)
    lanes = VECTOR_BYTES * 8 // number.bitwidth
    vector = ir.VectorType(kind, lanes)
    index = depth.type
    multiply_add = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lanes}f{number.bitwidth}"
    )
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    nothing = ir.Constant(vector, ir.Undefined)
    align = number.bitwidth // 8

    def at(pointer):
        return builder.bitcast(pointer, vector.as_pointer())

    before = builder.block
    head, body, end = (builder.append_basic_block(f"tile.{name}") for name in ("head", "body", "end"))
    builder.branch(head)

    builder.position_at_end(head)
    k = builder.phi(index)
    k.add_incoming(ir.Constant(index, 0), before)
    sums = [builder.phi(vector) for _ in range(rows * vectors)]
    for total in sums:
        total.add_incoming(ir.Constant(vector, [0.0] * lanes), before)
    builder.cbranch(builder.icmp_signed("<", k, depth), body, end)

    builder.position_at_end(body)
    columns = [builder.load(at(place_b(k, j)), align=align) for j in range(vectors)]
    for i in range(rows):
        value = builder.load(place_a(i, k), align=align)
        first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        value = builder.shuffle_vector(first, nothing, everywhere)
        for j in range(vectors):
            total = sums[i * vectors + j]
            total.add_incoming(builder.call(multiply_add, [value, columns[j], total]), body)
    k.add_incoming(builder.add(k, ir.Constant(index, 1)), body)
    builder.branch(head)

    builder.position_at_end(end)
    for i in range(rows):
        for j in range(vectors):
            place = at(place_c(i, j))
            total = sums[i * vectors + j]
            added = builder.fadd(builder.load(place, align=align), total)
            builder.store(builder.select(accumulate, added, total), place, align=align)


class _Emitter:
    """What all tiles share: pointers into arrays, vectors of a row, and numbers of rows, which stop at the last row."""

    def __init__(self, context, builder, signature, arguments):
        self.context, self.builder = context, builder
        self.signature, self.arguments = signature, arguments
        self.lanes = VECTOR_BYTES * 8 // signature.args[0].dtype.bitwidth

    def vector(self, row, j):
        return self.builder.gep(row, [ir.Constant(ir.IntType(64), j * self.lanes)])

    def pointer(self, argument, start):
        array = self.context.make_array(self.signature.args[argument])
        data = array(self.context, self.builder, self.arguments[argument]).data
        return self.builder.gep(data, [start])

    def row(self, i, rows):
        here = ir.Constant(rows.type, i)
        last = self.builder.sub(rows, ir.Constant(rows.type, 1))
        return self.builder.select(self.builder.icmp_signed("<", here, rows), here, last)


def _tile_by_tables(shape):
    def tile(
        typing, a, a_start, a_row, row_start, rows, a_step, b, b_start, b_step, depth, c, c_start, c_stride,
        accumulate,
    ):  # fmt: skip
        """C[i, :] (+)= the sum over k of A[i, k] B[k, :], with A and B given by tables. Whatever `rows`, C is a whole tile.

        A[i, k] = a[a_start + a_row[row_start + i] + a_step[k]] for i < rows and k < depth,
        B[k, :] = b[b_start + b_step[k] :], C[i, :] = c[c_start + i * c_stride :].
        """

        def emit(context, builder, signature, arguments):
            emitter = _Emitter(context, builder, signature, arguments)
            _, a_start, _, row_start, rows, _, _, b_start, _, depth, _, c_start, c_stride, accumulate = arguments
            zero = ir.Constant(depth.type, 0)
            a_data, a_row, a_step = (
                emitter.pointer(0, a_start),
                emitter.pointer(2, row_start),
                emitter.pointer(5, zero),
            )
            b_data, b_step, c_data = (
                emitter.pointer(6, b_start),
                emitter.pointer(8, zero),
                emitter.pointer(10, c_start),
            )
            row_numbers = [emitter.row(i, rows) for i in range(shape[0])]
            rows_of_a = [builder.gep(a_data, [builder.load(builder.gep(a_row, [i]))]) for i in row_numbers]
            _emit(
                context, builder, signature.args[0].dtype, shape,
                lambda i, k: builder.gep(rows_of_a[i], [builder.load(builder.gep(a_step, [k]))]),
                lambda k, j: emitter.vector(builder.gep(b_data, [builder.load(builder.gep(b_step, [k]))]), j),
                depth,
                lambda i, j: emitter.vector(builder.gep(c_data, [builder.mul(c_stride, c_stride.type(i))]), j),
                accumulate,
            )  # fmt: skip
            return context.get_dummy_value()

        n = types.intp
        return types.void(a, n, a_row, n, n, a_step, b, n, b_step, n, c, n, n, types.boolean), emit

    return intrinsic(tile)


tile_by_tables = _tile_by_tables((ROWS, VECTORS))
flat_tile_by_tables = _tile_by_tables((FLAT_ROWS, FLAT_VECTORS))
row_by_tables = _tile_by_tables((1, ROW_VECTORS))


@intrinsic
def tile_by_strides(
    typing, a, a_start, a_row, a_step, rows, b, b_start, b_step, depth, c, c_start, c_stride, accumulate
):
    """C[i, :] (+)= the sum over k of A[i, k] B[k, :] for matrices with constant strides. C is a whole tile.

    A[i, k] = a[a_start + i * a_row + k * a_step] for i < rows and k < depth,
    B[k, :] = b[b_start + k * b_step :], C[i, :] = c[c_start + i * c_stride :].
    """

    def emit(context, builder, signature, arguments):
        emitter = _Emitter(context, builder, signature, arguments)
        _, a_start, a_row, a_step, rows, _, b_start, b_step, depth, _, c_start, c_stride, accumulate = arguments
        a_data, b_data = emitter.pointer(0, a_start), emitter.pointer(5, b_start)
        c_data = emitter.pointer(9, c_start)
        rows_of_a = [builder.gep(a_data, [builder.mul(a_row, emitter.row(i, rows))]) for i in range(ROWS)]
        _emit(
            context, builder, signature.args[0].dtype, (ROWS, VECTORS),
            lambda i, k: builder.gep(rows_of_a[i], [builder.mul(k, a_step)]),
            lambda k, j: emitter.vector(builder.gep(b_data, [builder.mul(k, b_step)]), j),
            depth,
            lambda i, j: emitter.vector(builder.gep(c_data, [builder.mul(c_stride, c_stride.type(i))]), j),
            accumulate,
        )  # fmt: skip
        return context.get_dummy_value()

    n = types.intp
    return types.void(a, n, n, n, n, b, n, n, n, c, n, n, types.boolean), emit


@intrinsic
def _row_by_panels(typing, a, a_start, b, b_start, panel_size, depth, c, c_start):
    """c[c_start :] = a row of A times THIN panels of B: a tile of one row, wide enough to keep the CPU busy."""

    def emit(context, builder, signature, arguments):
        emitter = _Emitter(context, builder, signature, arguments)
        _, a_start, _, b_start, panel_size, depth, _, c_start = arguments
        a_data, b_data, c_data = emitter.pointer(0, a_start), emitter.pointer(2, b_start), emitter.pointer(6, c_start)
        columns = depth.type(VECTORS * emitter.lanes)

        def vector_of_b(k, j):
            panel = builder.gep(b_data, [builder.mul(panel_size, depth.type(j // VECTORS))])
            return emitter.vector(builder.gep(panel, [builder.mul(k, columns)]), j % VECTORS)

        _emit(
            context, builder, signature.args[0].dtype, (1, THIN * VECTORS),
            lambda i, k: builder.gep(a_data, [k]), vector_of_b, depth,
            lambda i, j: emitter.vector(c_data, j), ir.IntType(1)(0),
        )  # fmt: skip
        return context.get_dummy_value()

    n = types.intp
    return types.void(a, n, b, n, n, n, c, n), emit


@kernel
def pack_panel(b, start, panel):
    """Copy WIDTH columns of b (K, N) from `start` on to a panel (K, WIDTH), with zeros after the last column."""
    columns = min(b.shape[1] - start, panel.shape[1])
    for k in range(b.shape[0]):
        for j in range(columns):
            panel[k, j] = b[k, start + j]
        for j in range(columns, panel.shape[1]):
            panel[k, j] = 0


def pack_b(b: np.ndarray) -> np.ndarray:
    """The columns of b (K, N) in panels (ceil(N / WIDTH), K, WIDTH), filled up with zeros, for `multiply_packed`."""
    columns = width(b.dtype)
    panels = aligned((-(-b.shape[1] // columns), b.shape[0], columns), b.dtype)
    for p in range(panels.shape[0]):
        pack_panel(b, p * columns, panels[p])
    return panels


@kernel
def multiply_packed(a, panels, out, accumulate):
    """out = a b, or out += a b, on the calling thread, for a (M, K), out (M, N) and `panels = pack_b(b)`.

    `a` may have any strides, neighbours in a row of `out` must be neighbours in memory. For use inside other kernels.
    """
    count, depth, columns = panels.shape
    whole = count - count % THIN if len(a) <= FEW_ROWS else 0
    if whole:
        row, line = np.empty(depth, panels.dtype), scratch(THIN, columns, panels).reshape(-1)
        for i in range(len(a)):
            for k in range(depth):
                row[k] = a[i, k]
            for p in range(0, whole, THIN):
                _row_by_panels(row, 0, panels, p * depth * columns, depth * columns, depth, line, 0)
                part = out[i, p * columns : (p + THIN) * columns]
                for j in range(part.size):
                    part[j] = part[j] + line[j] if accumulate else line[j]
    for p in range(whole, count):
        multiply_panel(a, panels[p], out[:, p * columns : (p + 1) * columns], accumulate)


@kernel
def multiply_panel(a, panel, out, accumulate):
    """The same for one panel (K, WIDTH) and the columns of out, at most WIDTH, that belong to it."""
    size = a.itemsize
    a_row, a_step = a.strides[0] // size, a.strides[1] // size
    b_step, c_stride = panel.strides[0] // size, out.strides[0] // size
    depth, columns = panel.shape
    for i in range(0, out.shape[0], ROWS):
        rows = min(out.shape[0] - i, ROWS)
        if rows == ROWS and out.shape[1] == columns:
            tile_by_strides(
                a,
                i * a_row,
                a_row,
                a_step,
                ROWS,
                panel,
                0,
                b_step,
                depth,
                out,
                i * c_stride,
                c_stride,
                accumulate,
            )
        else:
            edge = scratch(ROWS, columns, panel)
            tile_by_strides(a, i * a_row, a_row, a_step, rows, panel, 0, b_step, depth, edge, 0, columns, False)
            for r in range(rows):
                for j in range(out.shape[1]):
                    out[i + r, j] = out[i + r, j] + edge[r, j] if accumulate else edge[r, j]
