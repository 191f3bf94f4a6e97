"""Convolution of images (N, C, H, W) with filters (O, C/groups, kh, kw), in register tiles straight from the image.

Each image with padding is copied once into a buffer; its patches are never gathered. Output pixel q and filter tap k
meet at `buffer[places[q] + offsets[k]]`: a matrix given by two tables, which is what the tile takes.
Three ways lead to the product of that matrix with the filters:

- stride 1 and rows of pixels that fill vectors well: tiles of filters x pixels of one row, or for a single filter of a few
  rows, made where they go;
- many filters: tiles of pixels x filters, which are transposed on their way out;
- few filters, stride 1: tiles of filters x pixels. Counting pixels along the rows of the buffer, q = i * columns + j, puts
  neighbours side by side for every tap. The last few q of each row are not pixels of the output and are thrown away.

Small filters on many channels take another way, `tinymm.kernels.winograd`. The derivatives are in
`tinymm.kernels.convolution_gradients`. Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016),
draws them all.
"""

import functools
from typing import NamedTuple

import numpy as np

from tinymm.kernels import threads, winograd
from tinymm.kernels.jit import kernel
from tinymm.kernels.memory import plain, scratch
from tinymm.kernels.rows import copy_row, copy_row_plus
from tinymm.kernels.tile import (
    FLAT_ROWS,
    PICTURE_ROWS,
    ROWS,
    TILE_BYTES,
    flat_tile_by_tables,
    flat_width,
    pack_groups,
    row_by_tables,
    tile_by_tables,
    tile_of_picture,
    tile_of_row,
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


@kernel(borrows=True)
def fill(buffer, image, layout):
    """Copy an image (C, H, W) into the buffer. What lies outside it stays as it is: zero."""
    channels, height, width = image.shape
    first, last = max(0, -layout.left), min(width, layout.columns - layout.left)
    for c in range(channels):
        for r in range(max(0, -layout.top), min(height, layout.rows - layout.top)):
            start = (c * layout.rows + r + layout.top) * layout.columns + layout.left
            copy_row(image[c, r], first, buffer, start + first, last - first)


@kernel(borrows=True)
def lies_so(x, layout):
    """Whether the image itself can serve as the buffer."""
    return x.shape[2] == layout.rows and x.shape[3] == layout.columns and layout.top == layout.left == 0


@kernel(borrows=True)
def _copy_out(results, pitch, bias, planes, target):
    """Copy the results, target.rows rows of `pitch` numbers, and a filter's bias to where the target says."""
    for f in range(len(planes)):
        for i in range(target.rows):
            row = planes[f, target.top + i * target.row_step]
            first = i * pitch
            if target.column_step == 1:
                copy_row_plus(results[f], first, row, target.left, target.columns, bias[f])
            else:
                for j in range(target.columns):
                    row[target.left + j * target.column_step] = results[f, first + j] + bias[f]


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
    no_bias = np.zeros(columns, x.dtype)  # tiles begin with it
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
                copy_row(bias, (g * panels + panel) * columns, tiles, i * columns, columns)
            for k in range(0, depth, DEPTH):
                for i in range(0, block, ROWS):
                    tile_by_tables(
                        buffer, image, places, q + i, min(block - i, ROWS), offsets[k:],
                        weight, (g * panels + panel) * depth * columns, b_step[k:], min(depth - k, DEPTH),
                        tiles, i * columns, columns, True,
                    )  # fmt: skip
            transpose(tiles[:block, :some], out[:some, q : q + block])
        if not dense:
            _copy_out(results, target.columns, no_bias, planes, target)


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
                if some == 1:  # a tile of several rows would be almost empty
                    for q in range(0, pixels, 2 * step):
                        row_by_tables(
                            weight, first * depth, a_row, 0, 1, a_step,
                            buffer, g * group_size + q, offsets, depth,
                            results, q, pitch, False,
                        )  # fmt: skip
                else:
                    for q in range(0, pixels, step):
                        flat_tile_by_tables(
                            weight, first * depth, a_row, 0, some, a_step,
                            buffer, g * group_size + q, offsets, depth,
                            results, q, pitch, False,
                        )  # fmt: skip
                _copy_out(results, layout.columns, bias[first:], y[n, first : first + some], target)


@kernel
def _rows_of_pixels(start, stop, x, layout, size, offsets, weight, bias, y, target, groups):
    """The same, a row of pixels after the other, straight to where they go; the rows must be as long as a vector."""
    filters, depth = weight.shape[0] // groups, weight.shape[1]
    group_size, pixels = layout.rows * layout.columns * (x.shape[1] // groups), y.shape[2] * y.shape[3]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    step = TILE_BYTES // x.itemsize
    last, apart = max(target.columns - step, 0), min(target.columns - step // 2, step // 2)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for g in range(groups):
            image = (n if direct else 0) * size + g * group_size
            for o in range(0, filters, ROWS):
                first = g * filters + o
                for i in range(target.rows):
                    to = (
                        (n * y.shape[1] + first) * pixels
                        + (target.top + i * target.row_step) * y.shape[3]
                        + target.left
                    )
                    for j in range(0, target.columns, step):
                        j = min(j, last)
                        tile_of_row(
                            weight, first * depth, depth, min(filters - o, ROWS), bias, first,
                            buffer, image + i * layout.columns + j, offsets, depth, y, to + j, pixels, apart,
                        )  # fmt: skip


@kernel
def _rows_of_one_filter(start, stop, x, layout, size, offsets, weight, bias, y, target):
    """The same for groups of one filter, a few rows of pixels at a time."""
    groups, depth = weight.shape
    pixels, pitch = y.shape[2] * y.shape[3], target.row_step * y.shape[3]
    direct = lies_so(x, layout)
    buffer = x.reshape(-1) if direct else np.zeros(size, x.dtype)
    step = TILE_BYTES // x.itemsize
    last, apart = max(target.columns - step, 0), min(target.columns - step // 2, step // 2)
    for n in range(start, stop):
        if not direct:
            fill(buffer, x[n], layout)
        for g in range(groups):
            image = (n if direct else 0) * size + g * (size // groups)
            to = (n * groups + g) * pixels + target.top * y.shape[3] + target.left
            for i in range(0, target.rows, PICTURE_ROWS):
                for j in range(0, target.columns, step):
                    j = min(j, last)
                    tile_of_picture(
                        weight, g * depth, bias, g, buffer, image + i * layout.columns + j, layout.columns,
                        offsets, depth, y, to + i * pitch + j, pitch, min(target.rows - i, PICTURE_ROWS), apart,
                    )  # fmt: skip


def convolve(x, layout, offsets, stride: Pair, weight, bias, y, target, groups) -> None:
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
    in_vectors = -(-target.columns // columns) * columns  # of a row, and then some
    full_rows = stride == (1, 1) == (target.row_step, target.column_step) and 4 * target.columns >= 3 * in_vectors
    if full_rows and filters == 1:
        threads.run(
            _rows_of_one_filter, len(x), x, layout, size, offsets, plain(weight), bias, y, target,
            grain=grain(groups * depth * pitch),
        )  # fmt: skip
    elif full_rows and filters >= ROWS:
        threads.run(
            _rows_of_pixels, len(x), x, layout, size, offsets, plain(weight), bias, y, target, groups,
            grain=grain(filters * groups * depth * pitch),
        )  # fmt: skip
    elif stride == (1, 1) and by_filters < by_pixels:
        reach = size - size // groups + int(max(offsets, default=0)) + pitch + 2 * step
        threads.run(
            _filters_by_pixels, len(x), x, layout, max(size, reach), step, offsets, plain(weight), bias,
            y, target, groups, grain=grain(filters * groups * depth * pitch),
        )  # fmt: skip
    else:
        packed, biases = pack_filters(weight, bias, groups)
        panels, places = packed.shape[1], places_of(layout, (target.rows, target.columns), stride)
        threads.run(
            _pixels_by_filters, len(x) * groups * panels, x, layout, size, places, offsets,
            packed, biases, y, target, grain=grain(columns * depth * pitch),
        )  # fmt: skip


def pack_filters(weight: np.ndarray, bias: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Filters (O, K) and their bias (O,) in panels for tiles: (groups, panels, K, WIDTH) and (groups, panels, WIDTH)."""
    filters, depth = len(weight) // groups, weight.shape[1]
    packed = pack_groups(weight.reshape(groups, filters, depth).swapaxes(1, 2))
    panels, columns = packed.shape[1], packed.shape[3]
    biases = np.zeros((groups, panels * columns), weight.dtype)
    biases[:, :filters] = bias.reshape(groups, filters)
    return packed, biases.reshape(groups, panels, columns)


def grain(multiply_adds: int) -> int:
    """How many items of so much work are worth handing to a thread."""
    return max(1, SHARD // max(multiply_adds, 1))


@functools.lru_cache
def places_of(layout: Layout, size: Pair, stride: Pair) -> np.ndarray:
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
    if winograd.suits(x.shape, weight.shape, stride, padding, dilation, groups):
        found = winograd.conv2d(plain(x), weight, bias, stride, padding)
        if found is not None:
            return found
    filters, channels, *kernel = weight.shape
    layout, out = geometry(x.shape, kernel, stride, padding, dilation)
    y = np.empty((len(x), filters, *out), x.dtype)
    bias = np.zeros(filters, x.dtype) if bias is None else plain(bias)
    offsets = offsets_of(layout, channels, tuple(kernel), dilation)
    filters_by_taps = weight.reshape(filters, -1)
    convolve(plain(x), layout, offsets, stride, filters_by_taps, bias, y, Target(*out), groups)
    return y
