"""Convolution of images (N, C, H, W) with filters (O, C/groups, kh, kw), in register tiles straight from the image.

Each image with padding is copied once into a buffer; its patches are never gathered. Output pixel q and filter tap k
meet at `buffer[places[q] + offsets[k]]`: a matrix given by two tables, which is what the tile takes.
Two ways lead to the product of that matrix with the filters:

- many filters: tiles of pixels x filters, which are transposed on their way out;
- few filters, stride 1: tiles of filters x pixels. Counting pixels along the rows of the buffer, q = i * columns + j, puts
  neighbours side by side for every tap. The last few q of each row are not pixels of the output and are thrown away.

The gradient of the weights is the product over pixels of the same matrix and the output's gradient (with few filters, one
dot product after another). The gradient of the input is a convolution of the output's gradient with the filters
turned around; with stride s, input pixels of one remainder modulo s meet the same taps, so it is s x s small convolutions.
Filters of 3 x 3 on many channels take another way, `tinymm.kernels.winograd`.
Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), draws them all.
"""

import functools
from typing import NamedTuple

import numpy as np

from tinymm.kernels import threads, winograd
from tinymm.kernels.jit import REASSOCIATE, kernel
from tinymm.kernels.memory import aligned, scratch
from tinymm.kernels.tile import (
    FLAT_ROWS,
    ROWS,
    TILE_BYTES,
    flat_tile_by_tables,
    flat_width,
    row_by_tables,
    tile_by_tables,
    width,
)
from tinymm.kernels.transpose import transpose

Pair = tuple[int, int]

PIXELS = 128  # output pixels and filter taps at a time: what belongs to them stays in the first-level cache
DEPTH = 128
SHARD = 500_000  # multiply-adds worth handing to a thread


class Layout(NamedTuple):
    """A channel in the buffer: `rows` x `columns`, of which pixel (0, 0) of the image is at (top, left)."""

    rows: int
    columns: int
    top: int
    left: int


class Target(NamedTuple):
    """Where results go in the planes of y: `rows` x `columns` of them, from (top, left) on in steps."""

    rows: int
    columns: int
    top: int = 0
    left: int = 0
    row_step: int = 1
    column_step: int = 1


@kernel
def fill(buffer, image, layout):
    """Copy an image (C, H, W) into the buffer. What lies outside it stays as it is: zero."""
    channels, height, width = image.shape
    first, last = max(0, -layout.left), min(width, layout.columns - layout.left)
    for c in range(channels):
        for r in range(max(0, -layout.top), min(height, layout.rows - layout.top)):
            start = (c * layout.rows + r + layout.top) * layout.columns + layout.left
            for j in range(first, last):
                buffer[np.uintp(start + j)] = image[c, r, np.uintp(j)]


@kernel
def lies_so(x, layout):
    """Whether the image itself can serve as the buffer."""
    return x.shape[2] == layout.rows and x.shape[3] == layout.columns and layout.top == layout.left == 0


@kernel
def _copy_out(results, pitch, filters, planes, target):
    """Copy the results (filters, target.rows rows of `pitch` numbers) to where the target says."""
    for f in range(filters):
        for i in range(target.rows):
            row = planes[f, target.top + i * target.row_step]
            first = i * pitch
            if target.column_step == 1:
                for j in range(target.columns):
                    row[np.uintp(target.left + j)] = results[f, np.uintp(first + j)]
            else:
                for j in range(target.columns):
                    row[target.left + j * target.column_step] = results[f, first + j]


@kernel
def _pixels_by_filters(start, stop, x, layout, size, places, offsets, weight, bias, y, target):
    """Convolve with weight (groups, panels, K, WIDTH), bias (groups, panels, WIDTH).

    `start` and `stop` count the panels of an image's groups, image by image.
    """
    groups, panels, depth, columns = weight.shape
    filters, pixels = y.shape[1] // groups, len(places)
    dense = target.rows * target.columns == y.shape[2] * y.shape[3]
    b_step = np.arange(depth) * columns
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    tiles = scratch(PIXELS + ROWS, columns, x)
    results = np.empty((columns, 0 if dense else pixels), x.dtype)
    filled = -1
    for item in range(start, stop):
        n, g, panel = item // (groups * panels), item // panels % groups, item % panels
        if n != filled and not direct:
            fill(buffer, x[n], layout)
            filled = n
        image = (n if direct else 0) * size + g * (size // groups)
        first = g * filters + panel * columns
        some = min(filters - panel * columns, columns)
        planes = y[n, first : first + some]
        out = planes.reshape(some, -1) if dense else results
        for q in range(0, pixels, PIXELS):
            block = min(pixels - q, PIXELS)
            for i in range(block):
                for f in range(columns):
                    tiles[i, f] = bias[g, panel, f]
            for k in range(0, depth, DEPTH):
                for i in range(0, block, ROWS):
                    tile_by_tables(
                        buffer, image, places, q + i, min(block - i, ROWS), offsets[k:],
                        weight, (g * panels + panel) * depth * columns, b_step[k:], min(depth - k, DEPTH),
                        tiles, i * columns, columns, True,
                    )  # fmt: skip
            transpose(tiles[:block, :some], out[:some, q : q + block])
        if not dense:
            _copy_out(results, target.columns, some, planes, target)


@kernel
def _filters_by_pixels(start, stop, x, layout, size, step, offsets, weight, bias, y, target, groups):
    """Convolve images start to stop, with stride 1, with weight (O, K), bias (O,), `step` pixels in a tile."""
    filters, depth = weight.shape[0] // groups, weight.shape[1]
    pixels = target.rows * layout.columns
    pitch = -(-pixels // (2 * step)) * 2 * step
    a_row, a_step = np.arange(FLAT_ROWS) * depth, np.arange(depth)
    group_size = layout.rows * layout.columns * (x.shape[1] // groups)
    buffer = np.zeros(size, x.dtype)
    results = np.zeros((FLAT_ROWS, pitch), x.dtype)
    for n in range(start, stop):
        fill(buffer, x[n], layout)
        for g in range(groups):
            for o in range(0, filters, FLAT_ROWS):
                first, some = g * filters + o, min(filters - o, FLAT_ROWS)
                planes = y[n, first : first + some]
                for f in range(some):
                    results[f] = bias[first + f]
                if some == 1:  # a tile of several rows would be almost empty
                    for q in range(0, pixels, 2 * step):
                        row_by_tables(
                            weight, first * depth, a_row, 0, 1, a_step,
                            buffer, g * group_size + q, offsets, depth,
                            results, q, pitch, True,
                        )  # fmt: skip
                else:
                    for q in range(0, pixels, step):
                        flat_tile_by_tables(
                            weight, first * depth, a_row, 0, some, a_step,
                            buffer, g * group_size + q, offsets, depth,
                            results, q, pitch, True,
                        )  # fmt: skip
                _copy_out(results, layout.columns, some, planes, target)


def plain(array: np.ndarray) -> np.ndarray:
    """The array, or a copy, as the kernels are compiled for: contiguous and writeable."""
    return np.require(array, requirements=("C", "W"))


def _convolve(x, layout, offsets, stride: Pair, weight, bias, y, target, groups) -> None:
    """y[n, o, target] = bias[o] + the sum over k of weight[o, k] * buffer[places[q] + offsets[k]]."""
    if y.size == 0 or target.rows * target.columns == 0:
        return
    filters, depth = weight.shape[0] // groups, weight.shape[1]
    columns, step = width(x.dtype), flat_width(x.dtype)
    size = x.shape[1] * layout.rows * layout.columns
    pitch = target.rows * layout.columns
    # tiles that each way needs; they cost about the same
    by_pixels = -(-filters // columns) * -(-target.rows * target.columns // ROWS)
    by_filters = -(-filters // FLAT_ROWS) * -(-pitch // step)
    if stride == (1, 1) and by_filters < by_pixels:
        reach = size - size // groups + int(max(offsets, default=0)) + pitch + 2 * step
        threads.run(
            _filters_by_pixels, len(x), x, layout, max(size, reach), step, offsets, plain(weight), bias,
            y, target, groups, grain=grain(filters * groups * depth * pitch),
        )  # fmt: skip
    else:
        packed, biases = pack_filters(weight, bias, groups)
        panels, places = packed.shape[1], _places(layout, (target.rows, target.columns), stride)
        threads.run(
            _pixels_by_filters, len(x) * groups * panels, x, layout, size, places, offsets,
            packed, biases, y, target, grain=grain(columns * depth * pitch),
        )  # fmt: skip


def pack_filters(weight: np.ndarray, bias: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Filters (O, K) and their bias (O,) in panels for tiles: (groups, panels, K, WIDTH) and (groups, panels, WIDTH)."""
    filters, depth, columns = len(weight) // groups, weight.shape[1], width(weight.dtype)
    panels = -(-filters // columns)
    padded = np.zeros((groups, panels * columns, depth), weight.dtype)
    padded[:, :filters] = weight.reshape(groups, filters, depth)
    packed = aligned((groups, panels, depth, columns), weight.dtype)
    packed[:] = padded.reshape(groups, panels, columns, depth).swapaxes(2, 3)
    biases = np.zeros((groups, panels * columns), weight.dtype)
    biases[:, :filters] = bias.reshape(groups, filters)
    return packed, biases.reshape(groups, panels, columns)


def grain(multiply_adds: int) -> int:
    """How many items of so much work are worth handing to a thread."""
    return max(1, SHARD // max(multiply_adds, 1))


@functools.lru_cache
def _places(layout: Layout, size: Pair, stride: Pair) -> np.ndarray:
    """Where the first tap finds its pixel for each of (rows, columns) output pixels."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    return (rows * stride[0] * layout.columns + columns * stride[1]).ravel()


@functools.lru_cache
def offsets_of(layout: Layout, channels: int, kernel: Pair, dilation: Pair) -> np.ndarray:
    """How much further on each tap (channel, row, column) of a filter finds its pixel."""
    c, u, v = np.ogrid[:channels, : kernel[0], : kernel[1]]
    return ((c * layout.rows + u * dilation[0]) * layout.columns + v * dilation[1]).ravel()


def geometry(x_shape, kernel, stride, padding, dilation) -> tuple[Layout, Pair]:
    """The layout of a convolution's input, and the rows and columns of its output."""
    rows, columns = (x_shape[2 + i] + 2 * padding[i] for i in (0, 1))
    out = [(size - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i, size in enumerate((rows, columns))]
    return Layout(rows, columns, *padding), (out[0], out[1])


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """y[n, o, i, j] = bias[o] + the sum over c, u, v of weight[o, c, u, v] x[n, c, i s + u d - p, j s + v d - p]."""
    if winograd.suits(weight.shape, stride, padding, dilation, groups):
        found = winograd.conv2d(plain(x), plain(weight), bias, padding)
        if found is not None:
            return found
    filters, channels, *kernel = weight.shape
    layout, out = geometry(x.shape, kernel, stride, padding, dilation)
    y = np.empty((len(x), filters, *out), x.dtype)
    bias = np.zeros(filters, x.dtype) if bias is None else plain(bias)
    offsets = offsets_of(layout, channels, tuple(kernel), dilation)
    filters_by_taps = weight.reshape(filters, -1)
    _convolve(plain(x), layout, offsets, stride, filters_by_taps, bias, y, Target(*out), groups)
    return y


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
    if winograd.suits(weight.shape, stride, padding, dilation, groups):
        found = winograd.input_gradient(plain(g), weight, padding)
        if found is not None:
            return found
    filters, channels, *kernel = weight.shape
    dx = np.empty(input_shape, g.dtype)
    g = plain(g)
    no_bias = np.zeros(input_shape[1], g.dtype)
    # the filters as seen from an input channel: (groups, C/groups, O/groups, kh, kw)
    turned = weight.reshape(groups, filters // groups, channels, *kernel).swapaxes(1, 2)
    for phase in np.ndindex(*stride):
        (rows, up, height, top), (columns, back, width, left) = (
            _phase(phase[i], kernel[i], input_shape[2 + i], stride[i], padding[i], dilation[i]) for i in (0, 1)
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
        o, u, v = np.ogrid[: filters // groups, : len(rows), : len(columns)]
        offsets = (o * layout.rows + most_up - up[u]) * layout.columns + most_back - back[v]
        some = turned[..., rows[:, None], columns].reshape(groups * channels, -1)
        target = Target(height, width, top, left, *stride)
        _convolve(g, layout, offsets.ravel(), (1, 1), some, no_bias, dx, target, groups)
    return dx


def _phase(phase, kernel, size, stride, padding, dilation) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Along one axis, for input pixels y with (y + padding) % stride == phase: the taps that meet them, how many rows of
    the output each tap goes back, how many such pixels there are, and the first."""
    taps = np.arange(kernel)
    taps = taps[taps * dilation % stride == phase]
    first = (phase - padding) % stride
    return taps, taps * dilation // stride, len(range(first, size, stride)), first


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
    if winograd.suits(weight_shape, stride, padding, dilation, groups):
        found = winograd.weight_gradient(plain(x), plain(g), padding)
        if found is not None:
            return found
    filters, channels, *kernel = weight_shape
    layout, out = geometry(x.shape, kernel, stride, padding, dilation)
    places, offsets = _places(layout, out, stride), offsets_of(layout, channels, tuple(kernel), dilation)
    columns, per_group = width(x.dtype), filters // groups
    x, g = plain(x), plain(g)
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
    return total[:, : len(offsets), :per_group].swapaxes(1, 2).reshape(weight_shape)


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
