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
    plain,
)
from tinymm.kernels.jit import CONTRACT, kernel
from tinymm.kernels.memory import scratch
from tinymm.kernels.tile import ROWS, TILE_BYTES, tile_by_tables, width
from tinymm.kernels.transpose import transpose

NONE = 4
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
    filters, windows = y.shape[1], len(places) // 4
    y, codes = y.reshape((len(y), filters, windows)), codes.reshape((len(y), filters, windows))
    b_step = np.arange(depth) * columns
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    tiles = scratch(4 * WINDOWS + ROWS, columns, x)
    best, winner = scratch(WINDOWS, columns, x), scratch(WINDOWS, columns, x)
    winner_turned = scratch(columns, WINDOWS, x)
    filled = -1
    for item in range(start, stop):
        n, panel = item // panels, item % panels
        if n != filled and not direct:
            fill(buffer, x[n], layout)
            filled = n
        first = panel * columns
        some = min(filters - first, columns)
        for w in range(0, windows, WINDOWS):
            block = min(windows - w, WINDOWS)
            for i in range(4 * block):
                for f in range(columns):
                    tiles[i, f] = bias[panel, f]
            for k in range(0, depth, DEPTH):
                for i in range(0, 4 * block, ROWS):
                    tile_by_tables(
                        buffer, n * size if direct else 0, places, 4 * w + i, min(4 * block - i, ROWS), offsets[k:],
                        weight, panel * depth * columns, b_step[k:], min(depth - k, DEPTH),
                        tiles, i * columns, columns, True,
                    )  # fmt: skip
            for i in range(block):
                _largest(tiles[4 * i : 4 * i + 4], best[i], winner[i])
            transpose(best[:block, :some], y[n, first : first + some, w : w + block])
            transpose(winner[:block, :some], winner_turned[:some, :block])
            for f in range(some):
                row = codes[n, first + f, w : w + block]
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
    filters, windows, depth = g.shape[1], len(places) // 4, len(offsets)
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    columns = TILE_BYTES // x.itemsize
    b_step = np.arange(4 * WINDOWS) * columns
    block = scratch(4 * WINDOWS, columns, x)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for o in range(0, filters, columns):
            some = min(filters - o, columns)
            for w in range(0, windows, WINDOWS):
                count = min(windows - w, WINDOWS)
                block[:] = 0
                for f in range(some):
                    bias = x.dtype.type(0)
                    for i in range(count):
                        code = codes[n, o + f, np.uintp(w + i)]
                        if code < NONE:
                            value = g[n, o + f, np.uintp(w + i)]
                            block[np.uintp(4 * i + code), f] = value
                            bias += value
                    total[len(total) - 1, o + f] += bias
                for k in range(0, depth, ROWS):
                    tile_by_tables(
                        buffer, n * size if direct else 0, offsets, k, min(depth - k, ROWS), places[4 * w :],
                        block, 0, b_step, 4 * count,
                        total, k * total.shape[1] + o, total.shape[1], True,
                    )  # fmt: skip


@kernel(fastmath=CONTRACT)
def _input_gradient(start, stop, g, codes, layout, places, weight, dx):
    """dx[n] = the filters, `weight` (O, kh, kw, C), laid down where a window of theirs had its winner, times its gradient.

    Three of four pixels of the convolution's output have no gradient: to turn to the others one by one is the quickest.
    """
    filters, rows, row_size = weight.shape[0], weight.shape[1], weight.shape[2] * weight.shape[3]
    weight = weight.reshape((filters, rows, row_size))
    channels, height, width = dx.shape[1:]
    sums = scratch(layout.rows * layout.columns, channels, dx)  # pixel by pixel, so that channels are side by side
    flat = sums.reshape(-1)
    for n in range(start, stop):
        sums[:] = 0
        for f in range(filters):
            for w in range(codes.shape[2]):
                code = np.intp(codes[n, f, w])
                if code == NONE:
                    continue
                value, corner = g[n, f, w], places[4 * w + code]
                for u in range(rows):
                    first = (corner + u * layout.columns) * channels
                    target, source = flat[first : first + row_size], weight[f, u]
                    for j in range(row_size):
                        target[j] += value * source[j]
        for i in range(height):
            first = (i + layout.top) * layout.columns + layout.left
            transpose(sums[first : first + width], dx[n, :, i])


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
        _input_gradient, len(x), g.reshape(flat), codes.reshape(flat), layout, places,
        np.ascontiguousarray(weight.transpose(0, 2, 3, 1)), dx, grain=grain(weight.size * len(places)),
    )  # fmt: skip
    return dx, dweight, dbias
