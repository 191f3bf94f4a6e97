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

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import as_dtype

from tinymm.kernels.jit import instructions, kernel
from tinymm.kernels.memory import LINE, aligned, numbers
from tinymm.kernels.rows import copy_row
from tinymm.kernels.transpose import transpose
from tinymm.kernels.vectors import (
    REGISTERS,
    VECTOR_BYTES,
    first_lanes,
    keep_rolled,
    load_vector,
    multiply_add,
    splat,
    store_vector,
)

ROWS, VECTORS = (8, 2) if REGISTERS == 32 else (6, 2)  # a tile: as much as the registers hold
TILE_BYTES = VECTORS * VECTOR_BYTES  # in a row of a tile
FLAT_ROWS, FLAT_VECTORS = ROWS // 2, VECTORS * 2  # of a flat tile, for C of few rows
ROW_VECTORS = 2 * FLAT_VECTORS  # of a tile of one row, for C of so many columns
PICTURE_ROWS = ROW_VECTORS // VECTORS  # of a tile for one filter
DOT_TAPS = 3  # columns of a tile of dot products: 3 x 3 filters have a multiple of them
DOT_ROWS = 8 if REGISTERS == 32 else 4
ROW_TAPS = 9  # of one row of dot products
THIN = 2  # panels at a time for a single row
FEW_ROWS = 2  # of A would leave a tile almost empty


def width(dtype: np.dtype) -> int:
    """Columns of a tile of this dtype."""
    return TILE_BYTES // np.dtype(dtype).itemsize


def flat_width(dtype: np.dtype) -> int:
    """Columns of a flat tile."""
    return FLAT_VECTORS * VECTOR_BYTES // np.dtype(dtype).itemsize


def _emit(context, builder, number, shape, place_a, place_b, depth, place_c, accumulate=None, begin=None):
    """Emit a tile. place_a(i, k) gives a pointer to a number, place_b(k, j) and place_c(i, j) to vector j of a row.

    C is replaced, or added to where `accumulate` is true. begin(i) gives the number that the sums of row i begin with, 0
    without it.
    """
    rows, vectors = shape
    kind = context.get_value_type(number)
    lanes = VECTOR_BYTES * 8 // number.bitwidth
    vector = ir.VectorType(kind, lanes)
    index = depth.type
    zero = ir.Constant(vector, [0.0] * lanes)
    first = [splat(builder, begin(i), lanes) if begin else zero for i in range(rows)]
    before = builder.block
    head, body, end = (builder.append_basic_block(f"tile.{name}") for name in ("head", "body", "end"))
    builder.branch(head)

    builder.position_at_end(head)
    k = builder.phi(index)
    k.add_incoming(ir.Constant(index, 0), before)
    sums = [builder.phi(vector) for _ in range(rows * vectors)]
    for i, total in enumerate(sums):
        total.add_incoming(first[i // vectors], before)
    builder.cbranch(builder.icmp_signed("<", k, depth), body, end)

    builder.position_at_end(body)
    columns = [load_vector(builder, place_b(k, j), vector) for j in range(vectors)]
    for i in range(rows):
        value = splat(builder, builder.load(place_a(i, k)), lanes)
        for j in range(vectors):
            total = sums[i * vectors + j]
            total.add_incoming(multiply_add(builder, value, columns[j], total), body)
    k.add_incoming(builder.add(k, ir.Constant(index, 1)), body)
    keep_rolled(builder, builder.branch(head))

    builder.position_at_end(end)
    for i in range(rows):
        for j in range(vectors):
            place, total = place_c(i, j), sums[i * vectors + j]
            if accumulate is not None:
                added = builder.fadd(load_vector(builder, place, vector), total)
                total = builder.select(accumulate, added, total)
            store_vector(builder, total, place)


class _Emitter:
    """What all tiles share: pointers into arrays, vectors of a row, and numbers of rows, which stop at the last row."""

    def __init__(self, context, builder, signature, arguments):
        self.context, self.builder = context, builder
        self.signature, self.arguments = signature, arguments
        self.lanes = VECTOR_BYTES * 8 // signature.args[0].dtype.bitwidth
        self.number = context.get_value_type(signature.args[0].dtype)

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


def _stop_at_last(places, rows):
    """0, 1, 2 … for the rows of a tile, as far as there are rows."""
    return np.minimum(np.arange(places), rows - 1)


def _by_table(array, start, rows, columns):
    """The matrix [i, k] = array[start + rows[i] + columns[k]]."""
    table = rows[:, None] + columns
    return numbers(array, start, (table.max(initial=-1) + 1,), (1,))[table]


def _tile_by_tables(shape):
    def tile(
        a, a_start, a_row, row_start, rows, a_step, b, b_start, b_step, depth, c, c_start, c_stride,
        accumulate,
    ):  # fmt: skip
        """C[i, :] (+)= the sum over k of A[i, k] B[k, :], with A and B given by tables. Whatever `rows`, C is a whole tile.

        A[i, k] = a[a_start + a_row[row_start + i] + a_step[k]] for i < rows and k < depth,
        B[k, :] = b[b_start + b_step[k] :], C[i, :] = c[c_start + i * c_stride :].
        """
        places, columns = shape[0], shape[1] * VECTOR_BYTES // a.itemsize
        a_matrix = _by_table(a, a_start, a_row[row_start + _stop_at_last(places, rows)], a_step[:depth])
        b_matrix = _by_table(b, b_start, b_step[:depth], np.arange(columns))
        c_matrix = numbers(c, c_start, (places, columns), (c_stride, 1))
        c_matrix[:] = a_matrix @ b_matrix + (c_matrix if accumulate else 0)

    @instructions(tile)
    def _(context, builder, signature, arguments):
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

    return tile


tile_by_tables = _tile_by_tables((ROWS, VECTORS))
flat_tile_by_tables = _tile_by_tables((FLAT_ROWS, FLAT_VECTORS))
row_by_tables = _tile_by_tables((1, ROW_VECTORS))


def tile_by_strides(a, a_start, a_row, a_step, rows, b, b_start, b_step, depth, c, c_start, c_stride, accumulate):
    """C[i, :] (+)= the sum over k of A[i, k] B[k, :] for matrices with constant strides. C is a whole tile.

    A[i, k] = a[a_start + i * a_row + k * a_step] for i < rows and k < depth,
    B[k, :] = b[b_start + k * b_step :], C[i, :] = c[c_start + i * c_stride :].
    """
    columns = width(a.dtype)
    a_matrix = numbers(a, a_start, (rows, depth), (a_row, a_step))[_stop_at_last(ROWS, rows)]
    b_matrix = numbers(b, b_start, (depth, columns), (b_step, 1))
    c_matrix = numbers(c, c_start, (ROWS, columns), (c_stride, 1))
    c_matrix[:] = a_matrix @ b_matrix + (c_matrix if accumulate else 0)


@instructions(tile_by_strides)
def _(context, builder, signature, arguments):
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


def tile_of_row(a, a_start, a_row, rows, bias, bias_start, b, b_start, b_step, depth, c, c_start, c_stride, apart):
    """C[i, :] = bias[i] + the sum over k of A[i, k] B[k, :], where C is VECTORS vectors, `apart` numbers from each other.

    A[i, k] = a[a_start + i * a_row + k] for i < rows and k < depth, B[k, :] = b[b_start + b_step[k] :],
    C[i, :] = c[c_start + i * c_stride :], bias[i] = bias[bias_start + i]. With less than a vector's numbers between them
    vectors overlap and agree. Only `rows` rows are written.
    """
    lanes = VECTOR_BYTES // a.itemsize
    columns = (np.arange(VECTORS)[:, None] * apart + np.arange(lanes)).ravel()
    a_matrix = numbers(a, a_start, (rows, depth), (a_row, 1))
    b_matrix = _by_table(b, b_start, b_step[:depth], columns)
    c_matrix = numbers(c, c_start, (rows, columns[-1] + 1), (c_stride, 1))
    c_matrix[:, columns] = a_matrix @ b_matrix + bias[bias_start : bias_start + rows, None]


@instructions(tile_of_row)
def _(context, builder, signature, arguments):
    emitter = _Emitter(context, builder, signature, arguments)
    _, a_start, a_row, rows, _, bias_start, _, b_start, _, depth, _, c_start, c_stride, apart = arguments
    a_data, bias_data, b_data = (
        emitter.pointer(0, a_start),
        emitter.pointer(4, bias_start),
        emitter.pointer(6, b_start),
    )
    b_step, c_data = emitter.pointer(8, ir.Constant(depth.type, 0)), emitter.pointer(10, c_start)
    row_numbers = [emitter.row(i, rows) for i in range(ROWS)]
    rows_of_a = [builder.gep(a_data, [builder.mul(a_row, i)]) for i in row_numbers]
    rows_of_c = [builder.gep(c_data, [builder.mul(c_stride, i)]) for i in row_numbers]

    def vector(row, j):
        return builder.gep(row, [builder.mul(apart, ir.Constant(apart.type, j))])

    _emit(
        context, builder, signature.args[0].dtype, (ROWS, VECTORS),
        lambda i, k: builder.gep(rows_of_a[i], [k]),
        lambda k, j: vector(builder.gep(b_data, [builder.load(builder.gep(b_step, [k]))]), j),
        depth,
        lambda i, j: vector(rows_of_c[i], j),
        begin=lambda i: builder.load(builder.gep(bias_data, [row_numbers[i]])),
    )  # fmt: skip


def tile_of_picture(a, a_start, bias, bias_start, b, b_start, b_row, b_step, depth, c, c_start, c_row, rows, apart):
    """C[i, :] = bias[bias_start] + the sum over k of a[a_start + k] B[i, k, :], for a few rows i of a picture.

    B[i, k, :] = b[b_start + i * b_row + b_step[k] :], C[i, :] = c[c_start + i * c_row :] for i < rows <= PICTURE_ROWS and
    k < depth; each is VECTORS vectors as in `tile_of_row`.
    """
    columns = (np.arange(VECTORS)[:, None] * apart + np.arange(VECTOR_BYTES // a.itemsize)).ravel()
    c_matrix = numbers(c, c_start, (rows, columns[-1] + 1), (c_row, 1))
    for i in range(rows):
        b_matrix = _by_table(b, b_start + i * b_row, b_step[:depth], columns)
        c_matrix[i, columns] = numbers(a, a_start, (depth,), (1,)) @ b_matrix + bias[bias_start]


@instructions(tile_of_picture)
def _(context, builder, signature, arguments):
    emitter = _Emitter(context, builder, signature, arguments)
    _, a_start, _, bias_start, _, b_start, b_row, _, depth, _, c_start, c_row, rows, apart = arguments
    a_data, bias_data = emitter.pointer(0, a_start), emitter.pointer(2, bias_start)
    b_step = emitter.pointer(7, ir.Constant(depth.type, 0))
    row_numbers = [emitter.row(i, rows) for i in range(PICTURE_ROWS)]
    places_of_b, places_of_c = (
        [
            builder.gep(data, [builder.add(builder.mul(step, i), builder.mul(apart, ir.Constant(apart.type, j)))])
            for i in row_numbers
            for j in range(VECTORS)
        ]
        for data, step in ((emitter.pointer(4, b_start), b_row), (emitter.pointer(9, c_start), c_row))
    )
    _emit(
        context, builder, signature.args[0].dtype, (1, PICTURE_ROWS * VECTORS),
        lambda i, k: builder.gep(a_data, [k]),
        lambda k, j: builder.gep(places_of_b[j], [builder.load(builder.gep(b_step, [k]))]),
        depth,
        lambda i, j: places_of_c[j],
        begin=lambda i: builder.load(bias_data),
    )  # fmt: skip


def _row_by_panels(a, a_start, a_step, b, b_start, panel_size, depth, c, c_start):
    """c[c_start :] = a row of A times THIN panels of B: a tile of one row, wide enough to keep the CPU busy."""
    columns = width(a.dtype)
    row = numbers(a, a_start, (depth,), (a_step,))
    for panel in range(THIN):
        b_panel = numbers(b, b_start + panel * panel_size, (depth, columns), (columns, 1))
        numbers(c, c_start + panel * columns, (columns,), (1,))[:] = row @ b_panel


@instructions(_row_by_panels)
def _(context, builder, signature, arguments):
    emitter = _Emitter(context, builder, signature, arguments)
    _, a_start, a_step, _, b_start, panel_size, depth, _, c_start = arguments
    a_data, b_data, c_data = emitter.pointer(0, a_start), emitter.pointer(3, b_start), emitter.pointer(7, c_start)
    columns = depth.type(VECTORS * emitter.lanes)

    def vector_of_b(k, j):
        panel = builder.gep(b_data, [builder.mul(panel_size, depth.type(j // VECTORS))])
        return emitter.vector(builder.gep(panel, [builder.mul(k, columns)]), j % VECTORS)

    _emit(
        context, builder, signature.args[0].dtype, (1, THIN * VECTORS),
        lambda i, k: builder.gep(a_data, [builder.mul(k, a_step)]), vector_of_b,
        depth, lambda i, j: emitter.vector(c_data, j),
    )  # fmt: skip


def _tile_of_dots(places, taps):
    def tile(a, a_start, a_plane, planes, b, b_start, b_step, step, b_row, rows, columns, c, c_start, c_row):
        """C[i, k, lane] += the sum over q of A[i, q] B[k, q], lane by lane, for pictures q of `rows` x `columns` numbers.

        A[i, q], i < `planes`, begins at a[a_start + i * a_plane], row after row; B[k, q], k < taps, at
        b[b_start + b_step[step + k]], its rows b_row apart. C[i, k] is a vector at c[c_start + i * c_row + k * lanes], whose
        lanes add up to the dot product. C is a whole tile.
        """
        lanes = VECTOR_BYTES // a.itemsize
        pictures = numbers(a, a_start, (planes, rows, columns), (a_plane, columns, 1))[_stop_at_last(places, planes)]
        c_tile = numbers(c, c_start, (places, taps, lanes), (c_row, lanes, 1))
        for k in range(taps):
            products = pictures * numbers(b, b_start + b_step[step + k], (rows, columns), (b_row, 1))
            for lane in range(lanes):
                c_tile[:, k, lane] += products[:, :, lane::lanes].sum(axis=(1, 2))

    @instructions(tile)
    def _(context, builder, signature, arguments):
        emitter = _Emitter(context, builder, signature, arguments)
        _, a_start, a_plane, planes, _, b_start, _, step, b_row, rows, columns, _, c_start, c_row = arguments
        a_data, b_data, c_data = emitter.pointer(0, a_start), emitter.pointer(4, b_start), emitter.pointer(11, c_start)
        b_step, index, lanes = emitter.pointer(6, step), rows.type, emitter.lanes
        vector = ir.VectorType(emitter.number, lanes)
        planes_of_a = [builder.gep(a_data, [builder.mul(a_plane, emitter.row(i, planes))]) for i in range(places)]
        planes_of_b = [builder.gep(b_data, [builder.load(builder.gep(b_step, [index(k)]))]) for k in range(taps)]
        of_c = [
            emitter.vector(builder.gep(c_data, [builder.mul(c_row, index(i))]), k)
            for i in range(places)
            for k in range(taps)
        ]
        sums = [cgutils.alloca_once_value(builder, load_vector(builder, place, vector)) for place in of_c]

        def add_products(a_at, b_at, mask=None):
            seen = [load_vector(builder, builder.gep(plane, [b_at]), vector, mask) for plane in planes_of_b]
            for i, plane in enumerate(planes_of_a):
                value = load_vector(builder, builder.gep(plane, [a_at]), vector, mask)
                for other, total in zip(seen, sums[i * taps :], strict=False):
                    builder.store(multiply_add(builder, value, other, builder.load(total)), total)

        left = builder.srem(columns, index(lanes))
        whole, mask = builder.sub(columns, left), first_lanes(builder, left, lanes)
        with cgutils.for_range(builder, rows) as row:
            a_first, b_first = builder.mul(row.index, columns), builder.mul(row.index, b_row)
            with cgutils.for_range_slice(builder, index(0), whole, index(lanes), inc=True) as (j, _):
                add_products(builder.add(a_first, j), builder.add(b_first, j))
            with builder.if_then(builder.icmp_signed(">", left, index(0))):
                add_products(builder.add(a_first, whole), builder.add(b_first, whole), mask)
        for place, total in zip(of_c, sums, strict=True):
            store_vector(builder, builder.load(total), place)

    return tile


tile_of_dots = _tile_of_dots(DOT_ROWS, DOT_TAPS)
row_of_dots = _tile_of_dots(1, ROW_TAPS)


@kernel(borrows=True)
def pack_panel(b, start, panel):
    """Copy WIDTH columns of b (K, N) from `start` on to a panel (K, WIDTH), with zeros after the last column.

    Neighbours in memory must be neighbours in the rows of b, or in its columns.
    """
    columns, row = min(b.shape[1] - start, panel.shape[1]), b.strides[0] // b.itemsize
    if columns < panel.shape[1]:
        panel[:] = 0
    if row == 1:
        transpose(b.T[start : start + columns], panel[:, :columns])
    else:
        for k in range(len(b)):
            copy_row(b, k * row + start, panel, k * panel.shape[1], columns)


def pack_b(b: np.ndarray) -> np.ndarray:
    """The columns of b (K, N) in panels (ceil(N / WIDTH), K, WIDTH), filled up with zeros, for `multiply_packed`."""
    return pack_groups(b[None])[0]


def pack_groups(b: np.ndarray) -> np.ndarray:
    """The same for several matrices at once: b (groups, K, N) gives (groups, panels, K, WIDTH)."""
    groups, depth, count = b.shape
    columns = width(b.dtype)
    panels = aligned((groups, -(-count // columns), depth, columns), b.dtype)
    _pack(b if b.itemsize in b.strides[1:] else np.ascontiguousarray(b), panels)
    return panels


@kernel(borrows=True)
def _pack(b, panels):
    for g in range(len(panels)):
        for p in range(panels.shape[1]):
            pack_panel(b[g], p * panels.shape[3], panels[g, p])


def _room(like):
    """Memory for a whole tile of the dtype of `like`, on the stack of the calling function."""
    return np.empty((ROWS, width(like.dtype)), like.dtype)


@instructions(_room, returns=lambda like: types.Array(like.dtype, 2, "C"))
def _(context, builder, signature, arguments):
    kind = signature.return_type
    size, columns = kind.dtype.bitwidth // 8, width(as_dtype(kind.dtype))
    place = cgutils.alloca_once(builder, ir.ArrayType(context.get_value_type(kind.dtype), ROWS * columns))
    place.align = LINE
    number = context.get_constant(types.intp, 0).type
    room = context.make_array(kind)(context, builder)
    populate_array(
        room,
        data=builder.bitcast(place, room.data.type),
        shape=[number(ROWS), number(columns)],
        strides=[number(columns * size), number(size)],
        itemsize=number(size),
        meminfo=None,
    )
    return room._getvalue()


@kernel(borrows=True)
def multiply_packed(a, panels, out, accumulate):
    """out = a b, or out += a b, on the calling thread, for a (M, K), out (M, N) and `panels = pack_b(b)`.

    `a` may have any strides, neighbours in a row of `out` must be neighbours in memory. For use inside other kernels.
    """
    count, depth, columns = panels.shape
    whole = count - count % THIN if len(a) <= FEW_ROWS else 0
    if whole:
        line, a_row, a_step = _room(panels).reshape(-1), a.strides[0] // a.itemsize, a.strides[1] // a.itemsize
        for i in range(len(a)):
            for p in range(0, whole, THIN):
                _row_by_panels(a, i * a_row, a_step, panels, p * depth * columns, depth * columns, depth, line, 0)
                part = out[i, p * columns : (p + THIN) * columns]
                for j in range(part.size):
                    part[j] = part[j] + line[j] if accumulate else line[j]
    for p in range(whole, count):
        multiply_panel(a, panels[p], out[:, p * columns : (p + 1) * columns], accumulate)


@kernel(borrows=True)
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
            edge = _room(panel)
            tile_by_strides(a, i * a_row, a_row, a_step, rows, panel, 0, b_step, depth, edge, 0, columns, False)
            for r in range(rows):
                for j in range(out.shape[1]):
                    out[i + r, j] = out[i + r, j] + edge[r, j] if accumulate else edge[r, j]
