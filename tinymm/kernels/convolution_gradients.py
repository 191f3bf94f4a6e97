"""The derivatives of `tinymm.kernels.convolution`, which are convolutions of their own kind.

The gradient of the weights is the product over pixels of the image, as the taps see it, and the output's gradient; with
few filters or few taps, one dot product after another. The gradient of the input is a convolution of the output's
gradient with the filters turned around; with stride s, input pixels of one remainder modulo s meet the same taps, so it is
s x s small convolutions. An image of few channels gets it the other way round: what each tap sends back to all the pixels
it saw is a product of its own, and then laid down there.
"""

import functools
import math

import numpy as np

from tinymm.kernels import threads, winograd
from tinymm.kernels.convolution import (
    PIXELS,
    Layout,
    Pair,
    Target,
    convolve,
    fill,
    geometry,
    grain,
    lies_so,
    offsets_of,
    places_of,
)
from tinymm.kernels.jit import REASSOCIATE, kernel
from tinymm.kernels.memory import plain, scratch
from tinymm.kernels.rows import add_row, copy_row
from tinymm.kernels.tile import (
    DOT_ROWS,
    DOT_TAPS,
    FLAT_ROWS,
    FLAT_VECTORS,
    ROW_TAPS,
    ROWS,
    TILE_BYTES,
    VECTOR_BYTES,
    flat_tile_by_tables,
    flat_width,
    row_of_dots,
    tile_by_tables,
    tile_of_dots,
    width,
)
from tinymm.kernels.transpose import transpose

FEW_TAPS = 32  # of a filter, and a tile of the usual kind spends its time on bringing pixels in order


def conv2d_input_gradient(
    g: np.ndarray,
    weight: np.ndarray,
    input_shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """dx[n, c, y, x] = the sum of weight[o, c, u, v] g[n, o, i, j] over all with i s + u d - p = y, j s + v d - p = x."""
    if winograd.suits(input_shape, weight.shape, stride, padding, dilation, groups, turned=True):
        found = winograd.input_gradient(plain(g), weight, input_shape, stride, padding)
        if found is not None:
            return found
    filters, channels, *kernel = weight.shape
    dx = np.empty(input_shape, g.dtype)
    g = plain(g)
    few = groups == 1 and channels * kernel[0] * kernel[1] <= FEW_TAPS
    if few and stride == dilation == (1, 1) and g.shape[2] * g.shape[3] >= flat_width(g.dtype):
        taps = plain(weight.reshape(filters, -1))
        threads.run(_scatter_taps, len(g), g, taps, tuple(kernel), padding, dx, grain=grain(taps.shape[1] * g[:1].size))
        return dx
    no_bias = np.zeros(input_shape[1], g.dtype)
    # the filters as seen from an input channel: (groups, C/groups, O/groups, kh, kw)
    turned = weight.reshape(groups, filters // groups, channels, *kernel).swapaxes(1, 2)
    for rows, columns, layout, offsets, target in _phases(
        tuple(input_shape[2:]), tuple(kernel), stride, padding, dilation, filters // groups
    ):
        some = turned[..., rows, columns].reshape(groups * channels, -1)
        convolve(g, layout, offsets, (1, 1), some, no_bias, dx, target, groups)
    return dx


@functools.lru_cache
def _phases(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, filters: int) -> list[tuple]:
    """The stride × stride small convolutions: rows and columns of taps, layout and offsets of g, and where it goes in dx."""
    phases = []
    for phase in np.ndindex(*stride):
        (rows, up, height, top), (columns, back, width, left) = (
            _phase(phase[i], kernel[i], size[i], stride[i], padding[i], dilation[i]) for i in (0, 1)
        )
        # The first of these pixels takes row (top + padding) // stride of g from the tap that is 0 rows up; with as
        # many rows above it as the furthest tap needs, this row comes first in the buffer.
        most_up, most_back = int(max(up, default=0)), int(max(back, default=0))
        layout = Layout(
            height + most_up,
            width + most_back,
            most_up - (top + padding[0]) // stride[0],
            most_back - (left + padding[1]) // stride[1],
        )
        o, u, v = np.ogrid[:filters, : len(up), : len(back)]
        offsets = (o * layout.rows + most_up - up[u]) * layout.columns + most_back - back[v]
        phases.append((rows, columns, layout, offsets.ravel(), Target(height, width, top, left, *stride)))
    return phases


@kernel
def _scatter_taps(start, stop, g, weight, kernel, padding, dx):
    """dx[n] = the sum over taps k = (c, u, v) of weight[:, k] · g[n], laid down where the tap saw its pixels."""
    filters, rows, columns = g.shape[1:]
    taps, pixels, step = weight.shape[1], rows * columns, FLAT_VECTORS * VECTOR_BYTES // g.itemsize
    height, width = dx.shape[2:]
    a_row, a_step, b_step = np.arange(FLAT_ROWS), np.arange(filters) * taps, np.arange(filters) * step
    block, seen = scratch(filters, step, g), scratch(taps + FLAT_ROWS, pixels, g)
    for n in range(start, stop):
        for q in range(0, pixels, step):
            q = min(q, pixels - step)
            for f in range(filters):
                copy_row(g, (n * filters + f) * pixels + q, block[f], 0, step)
            for k in range(0, taps, FLAT_ROWS):
                flat_tile_by_tables(
                    weight, k, a_row, 0, min(taps - k, FLAT_ROWS), a_step,
                    block, 0, b_step, filters, seen, k * pixels + q, pixels, False,
                )  # fmt: skip
        dx[n] = 0
        for k in range(taps):
            c, down, right = k // (kernel[0] * kernel[1]), k // kernel[1] % kernel[0], k % kernel[1]
            down, right = down - padding[0], right - padding[1]
            first, last = max(0, -right), min(columns, width - right)
            for i in range(max(0, -down), min(rows, height - down)):
                add_row(seen[k], i * columns + first, dx[n, c, i + down], first + right, last - first)


def _phase(phase, kernel, size, stride, padding, dilation) -> tuple[slice, np.ndarray, int, int]:
    """Along one axis, for input pixels y with (y + padding) % stride == phase: the taps that meet them, how many rows of
    the output each tap goes back, how many such pixels there are, and the first."""
    taps = np.arange(kernel)
    taps = taps[taps * dilation % stride == phase]
    met = slice(taps[0], None, stride // math.gcd(stride, dilation)) if len(taps) else slice(0)
    first = (phase - padding) % stride
    return met, taps * dilation // stride, len(range(first, size, stride)), first


@kernel
def _weight_products(start, stop, total, x, layout, places, offsets, g):
    """total[group, k, o] += the sum over pixels q of buffer[offsets[k] + places[q]] * g[q, o]."""
    groups, taps, filters = total.shape
    some_filters, depth = g.shape[1] // groups, len(offsets)
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    columns = TILE_BYTES // x.itemsize
    b_step = np.arange(PIXELS) * columns
    block = scratch(PIXELS, columns, x)
    block[:] = 0
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for group in range(groups):
            image = (n if direct else 0) * size + group * (size // groups)
            for o in range(0, some_filters, columns):
                first, some = group * some_filters + o, min(some_filters - o, columns)
                for q in range(0, len(places), PIXELS):
                    pixels = min(len(places) - q, PIXELS)
                    transpose(g[n, first : first + some, q : q + pixels], block[:pixels, :some])
                    for k in range(0, depth, ROWS):
                        tile_by_tables(
                            buffer, image, offsets, k, min(depth - k, ROWS), places[q:],
                            block, 0, b_step, pixels,
                            total, (group * taps + k) * filters + o, filters, True,
                        )  # fmt: skip


@kernel
def _weight_dot_tiles(start, stop, total, x, layout, offsets, g):
    """total[o, k, lane]: summed up over the lanes, the gradient of tap k of filter o. `offsets` are for whole tiles."""
    filters, rows, columns = g.shape[1:]
    taps, lanes = total.shape[1:]
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for o in range(0, filters, DOT_ROWS):
            for k in range(0, taps, DOT_TAPS):
                tile_of_dots(
                    g, (n * filters + o) * rows * columns, rows * columns, min(filters - o, DOT_ROWS),
                    buffer, n * size if direct else 0, offsets, k, layout.columns, rows, columns,
                    total, (o * taps + k) * lanes, taps * lanes,
                )  # fmt: skip


@kernel
def _weight_dot_rows(start, stop, total, x, layout, offsets, g, groups):
    """The same for few filters in a group: each filter on its own, all taps of a small one side by side."""
    filters, rows, columns = g.shape[1:]
    taps, lanes = total.shape[1:]
    size, pixels = layout.rows * layout.columns * x.shape[1], rows * columns
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for o in range(filters):
            image = (n if direct else 0) * size + o // (filters // groups) * (size // groups)
            for k in range(0, taps, ROW_TAPS):
                row_of_dots(
                    g, (n * filters + o) * pixels, pixels, 1, buffer, image, offsets, k, layout.columns, rows, columns,
                    total, (o * taps + k) * lanes, taps * lanes,
                )  # fmt: skip


@kernel(fastmath=REASSOCIATE)
def _weight_dots(start, stop, total, x, layout, stride, offsets, g, groups):
    """total[o, k] += the sum over output pixels of g[o] times the pixels that tap k sees, one tap after another.

    With the rows of g laid out as those of the buffer, and zeros between them, neighbours stay side by side.
    """
    filters, (rows, columns) = g.shape[1] // groups, g.shape[2:]
    size = layout.rows * layout.columns * x.shape[1]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    step, pitch = stride[1], stride[0] * layout.columns
    length = (rows - 1) * pitch + (columns - 1) * step + 1
    spaced = np.zeros(length, x.dtype)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for o in range(filters * groups):
            image = (n if direct else 0) * size + o // filters * (size // groups)
            for i in range(rows):
                if step == 1:
                    row = spaced[i * pitch : i * pitch + columns]
                    for j in range(row.size):
                        row[j] = g[n, o, i, j]
                else:
                    for j in range(columns):
                        spaced[i * pitch + j * step] = g[n, o, i, j]
            for k in range(len(offsets)):
                seen = buffer[image + offsets[k] : image + offsets[k] + length]
                dot = x.dtype.type(0)
                for q in range(length):
                    dot += spaced[q] * seen[q]
                if not np.isfinite(dot):  # perhaps only because a zero between the rows met such a number
                    dot = x.dtype.type(0)
                    for i in range(rows):
                        for j in range(columns):
                            dot += g[n, o, i, j] * seen[i * pitch + j * step]
                total[o, k] += dot


def conv2d_weight_gradient(
    x: np.ndarray,
    g: np.ndarray,
    weight_shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """dw[o, c, u, v] = the sum over n, i, j of g[n, o, i, j] x[n, c, i s + u d - p, j s + v d - p]."""
    if winograd.suits(x.shape, weight_shape, stride, padding, dilation, groups):
        found = winograd.weight_gradient(plain(x), plain(g), weight_shape, stride, padding)
        if found is not None:
            return found
    filters, channels, *kernel = weight_shape
    layout, out = geometry(x.shape, kernel, stride, padding, dilation)
    places, offsets = places_of(layout, out, stride), offsets_of(layout, channels, tuple(kernel), dilation)
    columns, per_group = width(x.dtype), filters // groups
    x, g = plain(x), plain(g)
    if stride == (1, 1) and (per_group < FLAT_ROWS or (groups == 1 and len(offsets) <= FEW_TAPS)):
        return _sum_of_dots(x, layout, offsets, g, groups).reshape(weight_shape)
    if per_group < FLAT_ROWS:  # most of a tile would be empty
        return threads.run_sum(
            _weight_dots, len(x), (filters, len(offsets)), x.dtype, x, layout, stride, offsets, g, groups,
            grain=grain(filters * len(offsets) * len(places)),
        ).reshape(weight_shape)  # fmt: skip
    whole_tiles = (groups, -(-len(offsets) // ROWS) * ROWS, -(-per_group // columns) * columns)
    total = threads.run_sum(
        _weight_products, len(x), whole_tiles, x.dtype, x, layout, places, offsets,
        g.reshape(len(g), filters, len(places)), grain=grain(filters * len(offsets) * len(places)),
    )  # fmt: skip
    gradient = np.empty((groups, per_group, len(offsets)), x.dtype)
    for some, products in zip(gradient, total[:, : len(offsets), :per_group], strict=True):
        transpose(products, some)
    return gradient.reshape(weight_shape)


def _sum_of_dots(x, layout, offsets, g, groups):
    """The gradient (O, K) for stride 1 of filters of few taps, or of few filters in a group."""
    filters, taps, lanes = g.shape[1], len(offsets), VECTOR_BYTES // x.itemsize
    work = grain(taps * g[:1].size)
    if filters // groups < FLAT_ROWS:
        places = _filled_up(offsets, ROW_TAPS)
        shape = filters, len(places), lanes
        total = threads.run_sum(_weight_dot_rows, len(x), shape, x.dtype, x, layout, places, g, groups, grain=work)
    else:
        places = _filled_up(offsets, DOT_TAPS)
        shape = -(-filters // DOT_ROWS) * DOT_ROWS, len(places), lanes
        total = threads.run_sum(_weight_dot_tiles, len(x), shape, x.dtype, x, layout, places, g, grain=work)
    return total.sum(axis=2)[:filters, :taps]


def _filled_up(offsets, taps):
    """So many offsets that they fill whole tiles of `taps`."""
    return np.concatenate([offsets, np.zeros(-len(offsets) % taps, offsets.dtype)])


@kernel(fastmath=REASSOCIATE)
def _channel_sums(start, stop, total, g):
    for n in range(start, stop):
        for c in range(total.size):
            values = g[n, c]
            added = values.dtype.type(0)
            for q in range(values.size):
                added += values[q]
            total[c] += added


def conv2d_bias_gradient(g: np.ndarray) -> np.ndarray:
    """db[o] = the sum over n, i, j of g[n, o, i, j]."""
    planes = plain(g).reshape(*g.shape[:2], g.shape[2] * g.shape[3])
    return threads.run_sum(_channel_sums, len(g), g.shape[1:2], g.dtype, planes, grain=grain(8 * planes[:1].size))
