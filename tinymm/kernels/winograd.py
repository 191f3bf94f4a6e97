"""Convolution with few multiplications, after Winograd: 36 a channel for the 16 outputs of a tile where the formula has 144.

With A, G and B of `tinymm.kernels.winograd_transforms` along both axes, a tile of outputs is A [(G w Gᵀ) * (B d Bᵀ)] Aᵀ. The
sum over the channels inside the brackets makes of each place a matrix product, (tiles, channels) by (channels, filters).

Every step is linear, so derivatives are the same steps turned around. The gradient of the input is such a convolution with
Aᵀ for B and Bᵀ for A, whose tiles overlap and add up. That of the weights is Gᵀ [(B d Bᵀ) * (Aᵀ dy A)] G, summed over all
tiles.

Rounding errors are relative to the largest number of a tile, where in the formula they are relative to that of a window; an
infinite number or NaN would fill its tile. Where one comes up, or a number so large that its square is infinite, the
functions return None, and the caller takes the direct way.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).
"""

from typing import NamedTuple

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import REASSOCIATE, kernel
from tinymm.kernels.memory import aligned, plain, scratch
from tinymm.kernels.tile import ROWS, TILE_BYTES, tile_by_strides, width
from tinymm.kernels.transpose import transpose
from tinymm.kernels.winograd_transforms import NUMBER, WAYS, times_a, times_b, times_g, times_g_turned

TILES = 28  # at a time: what belongs to them stays in the second-level cache
LEAST = 32  # channels and filters: with fewer the detour does not pay
SHARE = 0.7  # of the formula's multiplications, at most: the rest pays for the detour
FILTERS = 64  # to transform and fetch the filters takes as long as the products of so many tiles
SHARD = 500_000  # multiply-adds worth handing to a thread
Pair = tuple[int, int]


class Tiling(NamedTuple):
    """An image has rows x columns tiles of side x side places each; `strip` rows of `images` images are done at a time."""

    way: int
    side: int
    taps: int
    step_in: int
    step_out: int
    rows: int
    columns: int
    strip: int
    images: int


def _tiling(taps: int, stride: int, out: Pair, turned: bool = False) -> Tiling:
    """For outputs of so many rows and columns; the gradient of the input, which is turned around, has the same tiles."""
    number = NUMBER[taps, stride]
    rows, columns = (-(-size // WAYS[number].step_out) for size in out)
    strip = _even_part(rows, TILES // max(columns, 1))
    images = max(1, TILES // max(rows * columns, 1)) if strip == rows else 1
    way = WAYS[number + turned]
    side, taps = way.g.shape
    return Tiling(number + turned, side, taps, way.step_in, way.step_out, rows, columns, strip, images)


@kernel(borrows=True)
def _even_part(count, most):
    """The size of the parts when `count` is cut into as few parts of at most `most` as can be, and those equal."""
    parts = -(-count // max(most, 1))
    return max(1, -(-count // max(parts, 1)))


def suits(
    x_shape: tuple[int, ...], weight_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int,
    turned: bool = False,
) -> bool:  # fmt: skip
    """Whether a convolution, or its input's gradient (`turned`), is one of those, and large enough to gain."""
    filters, channels, *kernel = weight_shape
    taps, step = kernel[0], stride[0]
    known = kernel == [taps, taps] and stride == (step, step) and (taps, step) in NUMBER
    if not (known and dilation == (1, 1) and groups == 1 and min(filters, channels) >= LEAST):
        return False
    rows, columns = _output_size(x_shape, taps, stride, padding)
    tiling = _tiling(taps, step, (rows, columns))
    tiles = -(-tiling.rows * tiling.columns // ROWS) * ROWS
    directly = x_shape[0] * rows * columns * taps**2
    if turned:  # with stride s the direct way is s x s small convolutions, and slow
        directly *= step
    return tiling.side**2 * (x_shape[0] * tiles + FILTERS) < SHARE * directly


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair
) -> np.ndarray | None:
    """y[n, o, i, j] = bias[o] + the sum over c, u, v of weight[o, c, u, v] x[n, c, i s + u - p, j s + v - p], or None."""
    filters, _, taps, _ = weight.shape
    out = _output_size(x.shape, taps, stride, padding)
    y = np.empty((len(x), filters, *out), x.dtype)
    tiling = _tiling(taps, stride[0], out)
    finite = _convolve_all(tiling, x, padding, weight, bias, y, (0, 0))
    return y if finite else None


def input_gradient(
    g: np.ndarray, weight: np.ndarray, input_shape: tuple[int, ...], stride: Pair, padding: Pair
) -> np.ndarray | None:
    """The gradient of x, given that of y, or None."""
    dx = np.empty(input_shape, g.dtype)
    tiling = _tiling(weight.shape[2], stride[0], g.shape[2:], turned=True)
    finite = _convolve_all(tiling, g, (0, 0), weight, None, dx, padding)
    return dx if finite else None


def weight_gradient(
    x: np.ndarray, g: np.ndarray, weight_shape: tuple[int, ...], stride: Pair, padding: Pair
) -> np.ndarray | None:
    """The gradient of the weights, or None."""
    filters, channels, taps, _ = weight_shape
    tiling, turned = (_tiling(taps, stride[0], g.shape[2:], way) for way in (False, True))
    columns = width(x.dtype)
    shape = taps * taps, -(-channels // ROWS) * ROWS, -(-filters // columns) * columns
    total = threads.run_sum(
        _sum_products, len(x) if g.size else 0, shape, x.dtype, tiling, turned, x, padding, g,
        grain=_grain(tiling, channels * filters),
    )  # fmt: skip
    found = total[:, :channels, :filters].transpose(2, 1, 0).reshape(weight_shape)
    return found if np.isfinite(np.sum(np.square(found))) else None


def _output_size(x_shape, taps, stride, padding) -> Pair:
    rows, columns = ((x_shape[2 + i] + 2 * padding[i] - taps) // stride[i] + 1 for i in (0, 1))
    return rows, columns


def _grain(tiling: Tiling, products: int) -> int:
    """How many images are worth handing to a thread."""
    return max(1, SHARD // max(1, products * tiling.side**2 * tiling.rows * tiling.columns))


def _convolve_all(tiling, x, x_corner, weight, bias, y, y_corner) -> bool:
    """Replace y; returns whether all of it is finite."""
    channels, filters, columns, turned = x.shape[1], y.shape[1], width(x.dtype), tiling.way % 2
    panels = -(-filters // columns)
    transformed = aligned((panels, tiling.side**2, channels, columns), x.dtype)
    threads.run(
        _transform_filters, channels, tiling, plain(weight).reshape(*weight.shape[:2], -1), turned,
        transformed, grain=max(1, 4096 // max(filters, 1)),
    )  # fmt: skip
    begin = np.zeros(panels * columns, x.dtype)
    if bias is not None:
        begin[:filters] = bias
    finite = np.ones(len(x), np.bool_)
    threads.run(
        _convolve, len(x) if y.size else 0, tiling, x, x_corner, transformed, begin, y, y_corner, finite,
        grain=_grain(tiling, channels * filters),
    )  # fmt: skip
    return bool(finite.all())


@kernel
def _transform_filters(start, stop, tiling, weight, turned, transformed):
    """transformed[panel, place, c] = (G w Gᵀ)[place] of channels start to stop, filters side by side.

    `weight` is (filters, channels, taps · taps), or (channels, filters, taps · taps) if `turned`.
    """
    panels, _, channels, columns = transformed.shape
    filters, side, taps, pitch = weight.shape[turned], tiling.side, tiling.taps, panels * columns
    w, lines = scratch(taps * taps, pitch, weight), scratch(side, taps * pitch, weight)  # G w
    w[:] = 0
    for c in range(start, stop):
        transpose(weight[c] if turned else weight[:, c], w[:, :filters])
        times_g(tiling.way, w, 0, taps * pitch, lines, 0, taps * pitch, taps * pitch, False)
        for u in range(side):
            for panel in range(panels):
                times_g(
                    tiling.way, lines, u * taps * pitch + panel * columns, pitch,
                    transformed, ((panel * side + u) * side * channels + c) * columns, channels * columns, columns, False,
                )  # fmt: skip


@kernel
def _pictures(count, tiling, step, image, corner, columns):
    """Room for images with all that their tiles touch, pixel by pixel, each with whole register tiles of channels."""
    channels, height, width = image.shape
    beyond = max(tiling.side - step, 0)  # the next tile's first input
    rows = max(tiling.rows * step + beyond, height + corner[0])
    across = max(tiling.columns * step + beyond, width + corner[1])
    pitch = -(-channels // columns) * columns
    room = scratch(count * rows, across * pitch, image)
    room[:] = 0
    return room.reshape((count, rows, across, pitch))


@kernel(borrows=True)
def _lay_out(image, corner, picture):
    """picture[i, j, c] = image[c, i, j], counted from the corner on."""
    channels, height, width = image.shape
    for i in range(height):
        transpose(image[:, i], picture[corner[0] + i, corner[1] : corner[1] + width, :channels])


@kernel(borrows=True)
def _take_out(picture, corner, image):
    """The same, back again."""
    channels, height, width = image.shape
    for i in range(height):
        transpose(picture[corner[0] + i, corner[1] : corner[1] + width, :channels], image[:, i])


@kernel(borrows=True)
def _fill_with(pixel, picture):
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            row = picture[i, j]
            for c in range(row.size):
                row[c] = pixel[c]


@kernel(borrows=True)
def _to_places(tiling, pictures, top, rows, images, lines, v):
    """v[place, tile] = (B d Bᵀ)[place] for some rows of tiles of some images."""
    _, height, width, pitch = pictures.shape
    side, line, size, tile = tiling.side, width * pitch, v.shape[1] * pitch, 0
    for i in range(images):
        for r in range(top, top + rows):
            row = (i * height + r * tiling.step_in) * line
            times_b(tiling.way, pictures, row, line, lines, 0, line, line, False)
            for u in range(side):
                for j in range(tiling.columns):
                    times_b(
                        tiling.way, lines, u * line + j * tiling.step_in * pitch, pitch,
                        v, u * side * size + (tile + j) * pitch, size, pitch, False,
                    )  # fmt: skip
            tile += tiling.columns


@kernel(borrows=True)
def _from_places(tiling, m, top, rows, images, lines, pictures):
    """pictures += A m Aᵀ, for some rows of tiles of some images."""
    _, height, width, pitch = pictures.shape
    side, line, size, tile = tiling.side, width * pitch, m.shape[1] * pitch, 0
    for i in range(images):
        for r in range(top, top + rows):
            row = (i * height + r * tiling.step_out) * line
            lines[:] = 0
            for u in range(side):
                for j in range(tiling.columns):
                    times_a(
                        tiling.way, m, u * side * size + (tile + j) * pitch, size,
                        lines, u * line + j * tiling.step_out * pitch, pitch, pitch, True,
                    )  # fmt: skip
            times_a(tiling.way, lines, 0, line, pictures, row, line, line, True)
            tile += tiling.columns


@kernel(fastmath=REASSOCIATE, borrows=True)
def _is_finite(row):
    """Whether all the numbers are, and their squares."""
    total = row.dtype.type(0)
    for i in range(row.size):
        total += row[i] * row[i]
    return np.isfinite(total)


@kernel
def _convolve(start, stop, tiling, x, x_corner, transformed, bias, y, y_corner, finite):
    """Images start to stop. `finite` tells of each whether its output is."""
    panels, places, channels, columns = transformed.shape
    at_once = _even_part(stop - start, tiling.images)
    pictures = _pictures(at_once, tiling, tiling.step_in, x[0], x_corner, columns)
    results = _pictures(at_once, tiling, tiling.step_out, y[0], y_corner, columns)
    pitch, pitch_out = pictures.shape[3], results.shape[3]
    tiles = at_once * tiling.strip * tiling.columns
    lines = scratch(tiling.side, pictures.shape[2] * pitch, x).reshape(-1)
    lines_out = scratch(tiling.side, results.shape[2] * pitch_out, x).reshape(-1)
    v = scratch(places * tiles, pitch, x).reshape((places, tiles, pitch))
    m = scratch(places * tiles + ROWS, pitch_out, x)  # a whole tile even for the last few rows
    for n in range(start, stop, at_once):
        images = min(stop - n, at_once)
        for i in range(images):
            _lay_out(x[n + i], x_corner, pictures[i])
            _fill_with(bias, results[i])
        for top in range(0, tiling.rows, tiling.strip):
            rows = min(tiling.rows - top, tiling.strip)
            some = images * rows * tiling.columns
            _to_places(tiling, pictures, top, rows, images, lines, v)
            for place in range(places):
                for panel in range(panels):
                    for i in range(0, some, ROWS):
                        tile_by_strides(
                            v, (place * tiles + i) * pitch, pitch, 1, min(some - i, ROWS),
                            transformed, (panel * places + place) * channels * columns, columns, channels,
                            m, (place * tiles + i) * pitch_out + panel * columns, pitch_out, False,
                        )  # fmt: skip
            _from_places(
                tiling, m[: places * tiles].reshape((places, tiles, pitch_out)), top, rows, images, lines_out, results
            )
        for i in range(images):
            finite[n + i] = _is_finite(results[i].reshape(-1))
            _take_out(results[i], y_corner, y[n + i])


@kernel
def _sum_products(start, stop, total, tiling, turned, x, padding, g):
    """total[tap, c, o] += Gᵀ S G, with S[place] the sum of (B d Bᵀ)[place] (Aᵀ g A)[place]ᵀ over all tiles."""
    _, height_of_total, width_of_total = total.shape
    channels, columns = x.shape[1], TILE_BYTES // x.itemsize
    at_once = _even_part(stop - start, tiling.images)
    pictures = _pictures(at_once, tiling, tiling.step_in, x[0], padding, columns)
    gradients = _pictures(at_once, turned, turned.step_in, g[0], (0, 0), columns)
    pitch, pitch_g = pictures.shape[3], gradients.shape[3]
    places, tiles = tiling.side**2, at_once * tiling.strip * tiling.columns
    lines = scratch(tiling.side, max(pictures.shape[2] * pitch, gradients.shape[2] * pitch_g), x).reshape(-1)
    v = scratch(places * tiles, pitch, x).reshape((places, tiles, pitch))
    q = scratch(places * tiles, pitch_g, x).reshape((places, tiles, pitch_g))
    size = height_of_total * width_of_total
    s = scratch(places, size, x)
    s[:] = 0
    for n in range(start, stop, at_once):
        images = min(stop - n, at_once)
        for i in range(images):
            _lay_out(x[n + i], padding, pictures[i])
            _lay_out(g[n + i], (0, 0), gradients[i])
        for top in range(0, tiling.rows, tiling.strip):
            rows = min(tiling.rows - top, tiling.strip)
            some = images * rows * tiling.columns
            _to_places(tiling, pictures, top, rows, images, lines, v)
            _to_places(turned, gradients, top, rows, images, lines, q)
            for place in range(places):
                for o in range(0, width_of_total, columns):
                    for c in range(0, channels, ROWS):
                        tile_by_strides(
                            v, place * tiles * pitch + c, 1, pitch, min(channels - c, ROWS),
                            q, place * tiles * pitch_g + o, pitch_g, some,
                            s, place * size + c * width_of_total + o, width_of_total, True,
                        )  # fmt: skip
    side, taps = tiling.side, tiling.taps
    for k in range(side):
        times_g_turned(tiling.way, s, k * size, side * size, s, k * size, side * size, size, False)
    for u in range(taps):
        times_g_turned(tiling.way, s, u * side * size, size, total, u * taps * size, size, size, True)
