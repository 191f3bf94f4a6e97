"""Max and average pooling over the planes of images (N, C, H, W), and what their derivatives need.

`window`, `stride` and `padding` are pairs (rows, columns). An output plane has floor((H + 2 padding - window) / stride)
+ 1 rows, and columns likewise. Each plane is one item of work for the threads.
"""

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import kernel
from tinymm.kernels.memory import scratch

Pair = tuple[int, int]

SHARD = 50_000  # numbers read that are worth handing to a thread


def output_size(shape: tuple[int, ...], window: Pair, stride: Pair, padding: Pair) -> Pair:
    """Rows and columns after pooling images of this shape (..., H, W)."""
    height, width = shape[-2:]
    return (
        (height + 2 * padding[0] - window[0]) // stride[0] + 1,
        (width + 2 * padding[1] - window[1]) // stride[1] + 1,
    )


def _planes(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1, *x.shape[-2:])


def _run(kernel, planes, *args) -> None:
    size = planes.shape[1] * planes.shape[2]
    threads.run(kernel, len(planes), planes, *args, grain=max(1, SHARD // max(size, 1)))


@kernel(borrows=True)
def _max(start, stop, x, window, stride, padding, y):
    height, width = x.shape[1:]
    for p in range(start, stop):
        for i in range(y.shape[1]):
            top = i * stride[0] - padding[0]
            bottom, top = min(top + window[0], height), max(top, 0)
            for j in range(y.shape[2]):
                left = j * stride[1] - padding[1]
                right, left = min(left + window[1], width), max(left, 0)
                best = x[p, top, left]
                for r in range(top, bottom):
                    for c in range(left, right):
                        best = _larger(best, x[p, r, c])
                y[p, i, j] = best


@kernel(borrows=True)
def _larger(a, b):
    """The larger number; NaN if one is NaN."""
    return a if a >= b or a != a else b


@kernel
def _max_of_four(start, stop, x, y):
    """The common case, window and stride 2 without padding, in loops that compile to vector instructions.

    What is left of a loop after whole vectors costs as much as several of them, so all rows of a plane share one loop.
    """
    rows, columns = y.shape[1:]
    best = scratch(rows, 2 * columns, x)  # of each column's two numbers
    flat = best.reshape(-1)
    for p in range(start, stop):
        for i in range(rows):
            upper, lower, row = x[p, 2 * i], x[p, 2 * i + 1], best[i]
            for j in range(row.size):
                row[j] = _larger(upper[j], lower[j])
        out = y[p].reshape(-1)
        for q in range(out.size):
            out[q] = _larger(flat[2 * q], flat[2 * q + 1])


def max_pool2d(x: np.ndarray, window: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """The greatest number in each window; NaN if one is. Padding is never taken, so it must be less than the window."""
    planes = _planes(x)
    y = np.empty((len(planes), *output_size(x.shape, window, stride, padding)), x.dtype)
    if window == stride == (2, 2) and padding == (0, 0):
        _run(_max_of_four, planes, y)
    else:
        _run(_max, planes, window, stride, padding, y)
    return y.reshape(*x.shape[:-2], *y.shape[1:])


@kernel(borrows=True)
def _places_of_max(start, stop, x, window, stride, padding, indices):
    height, width = x.shape[1:]
    for p in range(start, stop):
        for i in range(indices.shape[1]):
            top = i * stride[0] - padding[0]
            bottom, top = min(top + window[0], height), max(top, 0)
            for j in range(indices.shape[2]):
                left = j * stride[1] - padding[1]
                right, left = min(left + window[1], width), max(left, 0)
                best, where = x[p, top, left], top * width + left
                for r in range(top, bottom):
                    for c in range(left, right):
                        value = x[p, r, c]
                        if value > best or value != value:
                            best, where = value, r * width + c
                indices[p, i, j] = where


@kernel
def _places_of_four(start, stop, x, indices):
    """In loops as those of `_max_of_four`."""
    rows, columns = indices.shape[1:]
    width = np.int32(x.shape[2])
    best, below = (
        np.empty((rows, 2 * columns), x.dtype),
        np.empty((rows, 2 * columns), np.int32),
    )  # `width` if it is below
    flat, flat_below, corners = best.reshape(-1), below.reshape(-1), np.empty(rows * columns, np.int32)
    for q in range(corners.size):
        corners[q] = 2 * (q // columns) * width + 2 * (q % columns)
    for p in range(start, stop):
        for i in range(rows):
            upper, lower, row, row_below = x[p, 2 * i], x[p, 2 * i + 1], best[i], below[i]
            for j in range(row.size):
                wins = (lower[j] > upper[j]) | (lower[j] != lower[j])
                row[j] = lower[j] if wins else upper[j]
                row_below[j] = width if wins else np.int32(0)
        out = indices[p].reshape(-1)
        for q in range(out.size):
            a, b, a_below, b_below = flat[2 * q], flat[2 * q + 1], flat_below[2 * q], flat_below[2 * q + 1]
            right = (b > a) | ((b == a) & (b_below < a_below)) | ((b != b) & ((a == a) | (b_below >= a_below)))
            out[q] = corners[q] + (b_below + np.int32(1) if right else a_below)


def max_places(x: np.ndarray, window: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """Where the maximum of each window is: row * W + column in its plane, as int32.

    Of equal numbers it is the first in reading order; NaN beats all, and the last NaN those before it.
    """
    planes = _planes(x)
    indices = np.empty((len(planes), *output_size(x.shape, window, stride, padding)), np.int32)
    if window == stride == (2, 2) and padding == (0, 0):
        _run(_places_of_four, planes, indices)
    else:
        _run(_places_of_max, planes, window, stride, padding, indices)
    return indices.reshape(*x.shape[:-2], *indices.shape[1:])


@kernel(borrows=True)
def _scatter(start, stop, dx, g, indices):
    for p in range(start, stop):
        plane = dx[p].reshape(-1)
        plane[:] = 0
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                plane[indices[p, i, j]] += g[p, i, j]


def max_unpool2d(g: np.ndarray, indices: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of max_pool2d: each number of g is added at its index, given by `max_places`, in a plane of zeros."""
    dx = np.empty(input_shape, g.dtype)
    _run(_scatter, _planes(dx), _planes(g), _planes(indices))
    return dx


@kernel(borrows=True)
def _gather(start, stop, x, indices, y):
    for p in range(start, stop):
        plane = x[p].reshape(-1)
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                y[p, i, j] = plane[indices[p, i, j]]


def take_pooled(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The numbers of x at the indices of `max_places`: what max_unpool2d does, transposed."""
    y = np.empty(indices.shape, x.dtype)
    _run(_gather, _planes(x), _planes(indices), _planes(y))
    return y


@kernel(borrows=True)
def _average(start, stop, x, window, stride, padding, y):
    height, width = x.shape[1:]
    size = x.dtype.type(window[0] * window[1])
    for p in range(start, stop):
        for i in range(y.shape[1]):
            top = i * stride[0] - padding[0]
            bottom, top = min(top + window[0], height), max(top, 0)
            for j in range(y.shape[2]):
                left = j * stride[1] - padding[1]
                right, left = min(left + window[1], width), max(left, 0)
                total = x.dtype.type(0)
                for r in range(top, bottom):
                    for c in range(left, right):
                        total += x[p, r, c]
                y[p, i, j] = total / size


def avg_pool2d(x: np.ndarray, window: Pair, stride: Pair, padding: Pair) -> np.ndarray:
    """The mean of each window; padding counts as zeros."""
    planes = _planes(x)
    y = np.empty((len(planes), *output_size(x.shape, window, stride, padding)), x.dtype)
    _run(_average, planes, window, stride, padding, y)
    return y.reshape(*x.shape[:-2], *y.shape[1:])


@kernel(borrows=True)
def _spread(start, stop, dx, g, window, stride, padding):
    height, width = dx.shape[1:]
    size = g.dtype.type(window[0] * window[1])
    for p in range(start, stop):
        dx[p] = 0
        for i in range(g.shape[1]):
            top = i * stride[0] - padding[0]
            bottom, top = min(top + window[0], height), max(top, 0)
            for j in range(g.shape[2]):
                left = j * stride[1] - padding[1]
                right, left = min(left + window[1], width), max(left, 0)
                share = g[p, i, j] / size
                for r in range(top, bottom):
                    for c in range(left, right):
                        dx[p, r, c] += share


def avg_pool2d_gradient(
    g: np.ndarray, input_shape: tuple[int, ...], window: Pair, stride: Pair, padding: Pair
) -> np.ndarray:
    """The gradient of avg_pool2d: each number of g is spread evenly over its window."""
    dx = np.empty(input_shape, g.dtype)
    _run(_spread, _planes(dx), _planes(g), window, stride, padding)
    return dx
