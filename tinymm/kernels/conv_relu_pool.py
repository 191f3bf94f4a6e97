"""Convolution with stride 1, bias, ReLU and 2 x 2 max-pooling in one pass; what lies between never reaches memory.

The pixels of the convolution's output are counted window by window, four after another, so that tiles of pixels x filters
(`tinymm.kernels.convolution`) hold whole windows. Pooling compares four rows of a tile with all filters side
by side, pixels that belong to no window are never computed, and only a quarter is left to be transposed. Of each window a
code is kept: which of its pixels won, 0 to 3 row by row, or NONE if none was above 0.
"""

import functools

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.convolution import (
    DEPTH,
    Layout,
    Pair,
    fill,
    geometry,
    grain,
    lies_so,
    offsets_of,
    pack_filters,
)
from tinymm.kernels.jit import REASSOCIATE, kernel
from tinymm.kernels.memory import aligned, plain, scratch
from tinymm.kernels.rows import add_row, copy_row
from tinymm.kernels.tile import ROW_VECTORS, ROWS, TILE_BYTES, VECTOR_BYTES, row_by_tables, tile_by_tables, width
from tinymm.kernels.transpose import transpose

NONE = 4
CODES = NONE + 1  # rows for a window where each code has one: what nobody won goes to the last, and counts for nothing
WINDOWS = 32  # at a time: what belongs to them stays in the first-level cache


@functools.lru_cache
def _windows(layout: Layout, out: Pair) -> np.ndarray:
    """Where the first tap finds its pixel for each output pixel, window by window."""
    rows, columns, down, right = np.ogrid[: out[0] // 2, : out[1] // 2, :2, :2]
    return ((2 * rows + down) * layout.columns + 2 * columns + right).ravel()


@kernel
def _forward(start, stop, x, layout, places, offsets, weight, bias, y, codes):
    """`weight` (panels, K, WIDTH), `bias` (panels, WIDTH); `start` and `stop` count the panels, image by image."""
    panels, depth, columns = weight.shape
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    b_step = np.arange(depth) * columns
    tiles = scratch(4 * WINDOWS + ROWS, columns, x)
    best, winner = scratch(WINDOWS, columns, x), scratch(WINDOWS, columns, x)
    winner_turned = scratch(columns, WINDOWS, x)
    filled = -1
    for item in range(start, stop):
        n, panel = item // panels, item % panels
        if n != filled and not direct:
            fill(buffer, x[n], layout)
            filled = n
        _convolve_and_pool(
            n * size if direct else 0, panel, buffer, places, offsets, weight, bias, b_step, y[n], codes[n],
            tiles, best, winner, winner_turned,
        )  # fmt: skip


@kernel(borrows=True)
def _convolve_and_pool(
    image, panel, buffer, places, offsets, weight, bias, b_step, y, codes, tiles, best, winner, winner_turned
):
    """The filters of one panel on one image."""
    filters, windows = y.shape[0], len(places) // 4
    y, codes = y.reshape((filters, windows)), codes.reshape((filters, windows))
    depth, columns = weight.shape[1:]
    first = panel * columns
    some = min(filters - first, columns)
    for w in range(0, windows, WINDOWS):
        block = min(windows - w, WINDOWS)
        for i in range(4 * block):
            copy_row(bias, first, tiles, i * columns, columns)
        for k in range(0, depth, DEPTH):
            for i in range(0, 4 * block, ROWS):
                tile_by_tables(
                    buffer, image, places, 4 * w + i, min(4 * block - i, ROWS), offsets[k:],
                    weight, panel * depth * columns, b_step[k:], min(depth - k, DEPTH),
                    tiles, i * columns, columns, True,
                )  # fmt: skip
        for i in range(block):
            _largest(tiles[4 * i : 4 * i + 4], best[i], winner[i])
        transpose(best[:block, :some], y[first : first + some, w : w + block])
        transpose(winner[:block, :some], winner_turned[:some, :block])
        for f in range(some):
            row = codes[first + f, w : w + block]
            for i in range(block):
                row[i] = np.uint8(winner_turned[f, i])


@kernel(borrows=True)
def _largest(pixels, best, winner):
    """max(0, the largest of four) and its code, for all filters side by side. NaN beats all, the last one those before."""
    zero, none = pixels.dtype.type(0), pixels.dtype.type(NONE)
    for f in range(best.size):
        largest, code = pixels[0, f], zero
        for place in range(1, 4):
            value = pixels[place, f]
            wins = (value > largest) | (value != value)
            largest, code = value if wins else largest, pixels.dtype.type(place) if wins else code
        best[f] = zero if largest <= zero else largest
        winner[f] = none if largest <= zero else code


def forward(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, padding: Pair) -> tuple[np.ndarray, np.ndarray]:
    """max(0, the largest of each 2 x 2 pixels of conv2d(x, weight, bias)), and the codes of the windows."""
    filters, channels, *kernel = weight.shape
    layout, out = geometry(x.shape, kernel, (1, 1), padding, (1, 1))
    y = np.empty((len(x), filters, out[0] // 2, out[1] // 2), x.dtype)
    codes = np.empty(y.shape, np.uint8)
    if y.size:
        packed, biases = pack_filters(weight.reshape(filters, -1), bias, 1)
        panels, depth, columns = packed.shape[1:]
        threads.run(
            _forward, len(x) * panels, plain(x), layout, _windows(layout, out),
            offsets_of(layout, channels, tuple(kernel), (1, 1)), packed[0], biases[0], y, codes,
            grain=grain(4 * y[0, 0].size * columns * depth),
        )  # fmt: skip
    return y, codes


@kernel
def _sums(start, stop, total, x, layout, places, offsets, g, codes):
    """total[k, o] += the sum over pixels q of buffer[offsets[k] + places[q]] * dq[q, o]; its last row: the sums of dq.

    dq, the gradient of the convolution's output, has g where the code points and 0 elsewhere.
    """
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    columns = TILE_BYTES // x.itemsize
    pixels = np.arange(4 * WINDOWS)
    b_step = (pixels + pixels // 4) * columns
    block = scratch(CODES * WINDOWS, columns, x)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        _add_sums(total, n * size if direct else 0, buffer, places, offsets, g[n], codes[n], block, b_step)


@kernel(borrows=True)
def _add_sums(total, image, buffer, places, offsets, g, codes, block, b_step):
    """The sums over one image, with memory for dq of some windows and the filters of a panel."""
    filters, windows, depth, columns = g.shape[0], len(places) // 4, len(offsets), block.shape[1]
    for o in range(0, filters, columns):
        for w in range(0, windows, WINDOWS):
            count = min(windows - w, WINDOWS)
            block[:] = 0
            for f in range(min(filters - o, columns)):
                values, winners = g[o + f, w : w + count], codes[o + f, w : w + count]
                _scatter(values, winners, block, f)
                total[len(total) - 1, o + f] += _sum_of_winners(values, winners)
            for k in range(0, depth, ROWS):
                tile_by_tables(
                    buffer, image, offsets, k, min(depth - k, ROWS), places[4 * w :],
                    block, 0, b_step, 4 * count,
                    total, k * total.shape[1] + o, total.shape[1], True,
                )  # fmt: skip


@kernel(borrows=True)
def _scatter(g, codes, block, column):
    """Each number of g to the row that its code points to, of the CODES rows of its window."""
    for i in range(g.size):
        block[np.uintp(CODES * i + codes[i]), column] = g[i]


@kernel(fastmath=REASSOCIATE, borrows=True)
def _sum_of_winners(g, codes):
    total = zero = g.dtype.type(0)
    for i in range(g.size):
        total += g[i] if codes[i] != NONE else zero
    return total


@kernel
def _input_gradient(start, stop, g, codes, layout, places, weight, row_size, dx):
    """dx[n] = at each pixel that won in its window: the filters for which it did, times their gradients, laid down there.

    `weight` (kh, O, ≥ row_size), with row_size = kw · C numbers that count in each row. Three of four pixels of the
    convolution's output have no gradient; for the others the sum over filters is a product of one row.
    """
    filters, places_of_winners = weight.shape[1], CODES * WINDOWS
    sums = scratch(layout.rows * layout.columns, dx.shape[1], dx)  # pixel by pixel, so that channels are side by side
    line = scratch(1, ROW_VECTORS * VECTOR_BYTES // dx.itemsize, dx)[0]
    values, begins = scratch(places_of_winners, filters, dx), np.empty((places_of_winners, filters), np.int64)
    counts, one_by_one = np.empty(places_of_winners, np.int64), np.arange(filters)
    for n in range(start, stop):
        _add_winners(g[n], codes[n], layout, places, weight, row_size, sums, line, values, begins, counts, one_by_one)
        for i in range(dx.shape[2]):
            first = (i + layout.top) * layout.columns + layout.left
            transpose(sums[first : first + dx.shape[3]], dx[n, :, i])


@kernel(borrows=True)
def _add_winners(g, codes, layout, places, weight, row_size, sums, line, values, begins, counts, one_by_one):
    """`sums` of one image, with memory for the lists of filters of each pixel."""
    rows, filters, pitch = weight.shape
    channels, flat = sums.shape[1], sums.reshape(-1)
    sums[:] = 0
    for w in range(0, codes.shape[1], WINDOWS):
        windows = min(codes.shape[1] - w, WINDOWS)
        counts[:] = 0
        for f in range(filters):
            _list_winners(g[f, w : w + windows], codes[f, w : w + windows], f * pitch, values, begins, counts)
        for u in range(rows):  # outermost: one row of all filters fits into the first-level cache
            for pixel in range(CODES * windows):
                if pixel % CODES == NONE or counts[pixel] == 0:
                    continue
                corner = places[4 * (w + pixel // CODES) + pixel % CODES]
                first = (corner + u * layout.columns) * channels
                for j in range(0, row_size, line.size):
                    row_by_tables(
                        values, pixel * filters, one_by_one, 0, 1, one_by_one,
                        weight, u * filters * pitch + j, begins[pixel], counts[pixel], line, 0, line.size, False,
                    )  # fmt: skip
                    add_row(line, 0, flat, first + j, min(row_size - j, line.size))


@kernel(borrows=True)
def _list_winners(g, codes, begin, values, begins, counts):
    """Append each number of g, and where its filter begins, to the list of the pixel that its code points to."""
    for i in range(g.size):
        pixel = np.uintp(CODES * i + codes[i])
        place = np.uintp(counts[pixel])
        values[pixel, place], begins[pixel, place] = g[i], begin
        counts[pixel] = place + 1


def gradients(
    g: np.ndarray, codes: np.ndarray, x: np.ndarray, weight: np.ndarray, padding: Pair, input_gradient: bool = True
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """The gradients (x or None, weight, bias), given that of the output and the codes."""
    filters, channels, *kernel = weight.shape
    layout, out = geometry(x.shape, kernel, (1, 1), padding, (1, 1))
    places, offsets = _windows(layout, out), offsets_of(layout, channels, tuple(kernel), (1, 1))
    columns, taps = width(x.dtype), -(-len(offsets) // ROWS) * ROWS
    g = plain(g)
    flat = len(g), filters, len(places) // 4
    total = threads.run_sum(
        _sums, len(x), (taps + 1, -(-filters // columns) * columns), x.dtype, plain(x), layout, places, offsets,
        g.reshape(flat), codes.reshape(flat), grain=grain(filters * len(offsets) * len(places)),
    )  # fmt: skip
    dweight, dbias = total[: len(offsets), :filters].T.reshape(weight.shape), total[-1, :filters]
    if not input_gradient:
        return None, dweight, dbias
    dx = np.empty(x.shape, x.dtype)
    threads.run(
        _input_gradient, len(x), g.reshape(flat), codes.reshape(flat), layout, places, _rows_of_filters(weight),
        kernel[1] * channels, dx, grain=grain(weight.size * len(places)),
    )  # fmt: skip
    return dx, dweight, dbias


def _rows_of_filters(weight: np.ndarray) -> np.ndarray:
    """Filters (O, C, kh, kw) as (kh, O, kw · C), the channels side by side, with zeros up to whole tiles of one row."""
    filters, channels, rows, columns = weight.shape
    step = ROW_VECTORS * VECTOR_BYTES // weight.itemsize
    padded = aligned((rows, filters, -(-columns * channels // step) * step), weight.dtype)
    padded[:, :, columns * channels :] = 0
    inside = padded[:, :, : columns * channels].reshape(rows, filters, columns, channels)
    inside[:] = weight.transpose(2, 0, 3, 1)
    return padded
