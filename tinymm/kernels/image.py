"""Loops over the pixels of images (N, C, H, W): warp, resize, filter, equalise.

Each output row is one item of work for the threads (for equalising: each plane). What the caller asks of the geometry
comes as small arrays, one entry for each row or column, so that one loop serves every method.
"""

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import CONTRACT, kernel

LEVELS = 256  # greys of an image of bytes
SHARD = 20_000  # pixels that are worth handing to a thread


def _working(images: np.ndarray) -> np.ndarray:
    """The images in float32 or float64, whichever holds them, laid out in one piece."""
    return np.require(images, _precision(images), ("C", "A", "W"))


def _precision(images: np.ndarray) -> type:
    return np.float32 if images.dtype.itemsize <= 4 else np.float64


def _planes(images: np.ndarray) -> np.ndarray:
    return images.reshape(-1, *images.shape[2:])


def _grain(pixels: int) -> int:
    """How many items of so many pixels are worth a shard."""
    return max(1, SHARD // max(pixels, 1))


@kernel
def _pixel(plane, i, j, fill):
    inside = 0 <= i < plane.shape[0] and 0 <= j < plane.shape[1]
    return plane[np.uintp(i), np.uintp(j)] if inside else fill


@kernel
def _from_outside(place, size, one):
    """A place counted from one pixel before the first, no farther out than that or one behind the last.

    It is ≥ 0, so that cutting off its fraction is the floor; NaN counts as far outside.
    """
    place = place if place > -one else -one
    return (place if place < size else size) + one


@kernel
def _warp(start, stop, x, rows_down, rows_across, columns_down, columns_across, fill, y):
    channels, height, width = x.shape[1:]
    number = x.dtype.type
    size = y.shape[3]
    bottoms, rights = np.empty(size, np.int32), np.empty(size, np.int32)
    downs, acrosses = np.empty(size, np.float64), np.empty(size, np.float64)
    for item in range(start, stop):
        n, i = item // y.shape[2], item % y.shape[2]
        row_here, column_here = rows_down[n, i], columns_down[n, i]
        for j in range(size):
            row = _from_outside(rows_across[n, j] + row_here, number(height), number(1))
            column = _from_outside(columns_across[n, j] + column_here, number(width), number(1))
            bottoms[j], rights[j] = np.int32(row), np.int32(column)
            downs[j], acrosses[j] = row - bottoms[j], column - rights[j]
        for c in range(channels):
            plane = x[n, c]
            for j in range(size):
                bottom, right = bottoms[j], rights[j]
                top, left = bottom - 1, right - 1
                if 0 < bottom < height and 0 < right < width:
                    a, b = plane[np.uintp(top), np.uintp(left)], plane[np.uintp(top), np.uintp(right)]
                    d, e = plane[np.uintp(bottom), np.uintp(left)], plane[np.uintp(bottom), np.uintp(right)]
                else:
                    a, b = _pixel(plane, top, left, fill), _pixel(plane, top, right, fill)
                    d, e = _pixel(plane, bottom, left, fill), _pixel(plane, bottom, right, fill)
                upper = a + (b - a) * acrosses[j]
                lower = d + (e - d) * acrosses[j]
                y[n, c, i, j] = upper + (lower - upper) * downs[j]


def warp(
    images: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    columns: tuple[np.ndarray, np.ndarray],
    fill: float,
) -> np.ndarray:
    """Read images bilinearly where each output pixel (i, j) looks back to, `fill` being all around.

    Args:
        images: (N, C, H, W).
        rows: (N, h) and (N, w); pixel (i, j) of image n looks at row `rows[0][n, i] + rows[1][n, j]`.
        columns: the same for the columns.

    Returns:
        (N, C, h, w), of the dtype of the images.
    """
    x = _working(images)
    places = [_working(place.astype(x.dtype)) for place in (*rows, *columns)]
    y = np.empty((*x.shape[:2], rows[0].shape[1], rows[1].shape[1]), x.dtype)
    items = len(y) * y.shape[2]
    threads.run(_warp, items, x, *places, x.dtype.type(fill), y, grain=_grain(y.shape[1] * y.shape[3]))
    return y.astype(images.dtype, copy=False)


@kernel(fastmath=CONTRACT)
def _resize(start, stop, x, row_first, row_weights, column_first, column_weights, y):
    mixed = np.empty(x.shape[2], x.dtype)
    for item in range(start, stop):
        p, i = item // y.shape[1], item % y.shape[1]
        mixed[:] = 0
        for k in range(row_weights.shape[1]):
            weight = row_weights[i, k]
            if weight != 0:
                source = x[p, row_first[i] + k]
                for j in range(mixed.size):
                    mixed[j] += weight * source[j]
        for j in range(y.shape[2]):
            total = x.dtype.type(0)
            for k in range(column_weights.shape[1]):
                weight = column_weights[j, k]
                if weight != 0:
                    total += weight * mixed[np.uintp(column_first[j] + k)]
            y[p, i, j] = total


def resize(
    images: np.ndarray, rows: tuple[np.ndarray, np.ndarray], columns: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Each output row is a weighted sum of a few neighbouring rows, each output column of a few columns.

    Args:
        images: (N, C, H, W).
        rows: the first row that each output row sees, (h,), and the weights from there on, (h, taps). What has
            weight 0 is not looked at, and may lie outside.
        columns: the same for the columns.

    Returns:
        (N, C, h, w), of the dtype of the images.
    """
    x = _working(images)
    y = np.empty((*x.shape[:2], len(rows[0]), len(columns[0])), x.dtype)
    tables = (rows[0], rows[1].astype(x.dtype), columns[0], columns[1].astype(x.dtype))
    items = y.size // y.shape[3]
    threads.run(_resize, items, _planes(x), *tables, _planes(y), grain=_grain(max(x.shape[3], y.shape[3])))
    return y.astype(images.dtype, copy=False)


@kernel(fastmath=CONTRACT)
def _filter(start, stop, x, channels, row_mirror, row_weights, column_mirror, column_weights, y):
    height, width = x.shape[1:]
    radius = column_weights.shape[1] // 2
    wide = np.empty(width + 2 * radius, x.dtype)  # a row mixed from several, with its border mirrored
    middle = wide[radius : radius + width]
    for item in range(start, stop):
        p, i = item // height, item % height
        n = p // channels
        middle[:] = 0
        for k in range(row_weights.shape[1]):
            weight, row = row_weights[n, k], np.uintp(row_mirror[i + k])
            if weight != 0:
                for j in range(width):
                    middle[j] += weight * x[p, row, j]
        for k in range(radius):
            wide[k] = middle[column_mirror[k]]
            wide[radius + width + k] = middle[column_mirror[radius + width + k]]
        line = y[p, i]
        line[:] = 0
        for k in range(column_weights.shape[1]):
            weight = column_weights[n, k]
            if weight != 0:
                for j in range(width):
                    line[j] += weight * wide[np.uintp(j + k)]


def separable_filter(images: np.ndarray, row_weights: np.ndarray, column_weights: np.ndarray) -> np.ndarray:
    """Correlate with weights down the columns, then with weights along the rows; the border is mirrored.

        out[i, j] = Σ_k Σ_l row_weights[k] column_weights[l] x[i + k − r, j + l − s]

    The mirror stands on the border pixel, which is not repeated: … c b a b c …. Weights of 0 are not looked at.

    Args:
        images: (N, C, H, W).
        row_weights, column_weights: (N, 2r + 1) and (N, 2s + 1), of each image.
    """
    x = _working(images)
    y = np.empty_like(x)
    height, width = x.shape[2:]
    tables = (
        _mirror(height, row_weights.shape[1] // 2),
        np.ascontiguousarray(row_weights, x.dtype),
        _mirror(width, column_weights.shape[1] // 2),
        np.ascontiguousarray(column_weights, x.dtype),
    )
    threads.run(_filter, x.size // width, _planes(x), x.shape[1], *tables, _planes(y), grain=_grain(width))
    return y.astype(images.dtype, copy=False)


def _mirror(size: int, radius: int) -> np.ndarray:
    """The index of the pixel seen at −radius … size − 1 + radius between two mirrors."""
    period = max(2 * (size - 1), 1)
    place = np.arange(-radius, size + radius) % period
    return np.minimum(place, period - place)


@kernel
def _level(value, top):
    """The nearest of the levels 0 … top, for 0 ≤ value ≤ 1; values beyond count as 0 or 1."""
    value = value if value > 0 else 0
    return int((value if value < 1 else 1) * top + 0.5)


@kernel
def _equalize(start, stop, x, top, y):
    counts, table = np.empty(top + 1, np.int64), np.empty(top + 1, x.dtype)
    for p in range(start, stop):
        counts[:], pixels = 0, 0
        for k in range(x.shape[1]):
            if x[p, k] == x[p, k]:
                counts[_level(x[p, k], top)] += 1
                pixels += 1
        darkest = 0
        while darkest < top and counts[darkest] == 0:
            darkest += 1
        others, darker = pixels - counts[darkest], 0
        for level in range(top + 1):
            darker += counts[level] if level > darkest else 0
            table[level] = darker / others
        for k in range(x.shape[1]):
            value = x[p, k]
            y[p, k] = table[_level(value, top)] if others > 0 and value == value else value


def equalize_hist(images: np.ndarray) -> np.ndarray:
    """Each value becomes the share of its plane's pixels that are no brighter, the darkest level not counted."""
    x = _working(images)
    planes = x.reshape(len(x) * x.shape[1], x.shape[2] * x.shape[3])
    y = np.empty_like(planes)
    threads.run(_equalize, len(planes), planes, LEVELS - 1, y, grain=_grain(planes.shape[1]))
    return y.reshape(images.shape).astype(images.dtype, copy=False)
