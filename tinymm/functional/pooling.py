"""Max and average pooling."""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.checks import operand, pair
from tinymm.tape import operation, plain_operation


@operation()
def _unpool(g, indices, shape):
    """Each gradient back to the pixel that was the maximum."""
    return kernels.pooling.max_unpool2d(g, indices, shape)


@operation()
def _take_pooled(x, indices):
    """The pixels that were the maxima."""
    return kernels.pooling.take_pooled(x, indices)


_unpool.gradient(g=lambda gg, indices: _take_pooled(gg, indices))
_take_pooled.gradient(x=lambda g, indices, x_shape: _unpool(g, indices, x_shape))


@operation()
def _max_pool2d(x, window, stride, padding):
    """y[n, c, i, j] = max over the window of x at (i·s − p, j·s − p)."""
    return kernels.pooling.max_pool2d(x, window, stride, padding)


_max_pool2d.gradient(
    x=lambda g, x, window, stride, padding: _unpool(
        g, kernels.pooling.max_places(np.asarray(x), window, stride, padding), x.shape
    )
)


@operation()
def _avg_pool2d(x, window, stride, padding):
    """y[n, c, i, j] = the mean over the window of x at (i·s − p, j·s − p)."""
    return kernels.pooling.avg_pool2d(x, window, stride, padding)


@operation()
def _avg_pool2d_gradient(g, shape, window, stride, padding):
    """Each gradient shared equally by the pixels of its window."""
    return kernels.pooling.avg_pool2d_gradient(g, shape, window, stride, padding)


_avg_pool2d.gradient(
    x=lambda g, x_shape, window, stride, padding: _avg_pool2d_gradient(g, x_shape, window, stride, padding)
)
_avg_pool2d_gradient.gradient(g=lambda gg, window, stride, padding: _avg_pool2d(gg, window, stride, padding))


@plain_operation()
def max_pool2d(x, kernel_size, stride=None, padding=0):
    """y[n, c, i, j] = the largest of x[n, c] in the window whose corner is at (i·s − p, j·s − p).

    x (N, C, H, W); `kernel_size`, `stride` (the window's size if None) and `padding` (at most half the window; never
    chosen) are one integer or (rows, columns). Returns (N, C, (H + 2p − k) // s + 1, the same for W). Of equal pixels
    the first takes the gradient; NaN wins. ValueError where the window does not fit. Source: Goodfellow, Bengio &
    Courville (2016), section 9.3.
    """
    x = operand(x)
    return _max_pool2d(x, *_window("max_pool2d", x, kernel_size, stride, padding))


@plain_operation()
def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """y[n, c, i, j] = the mean of x[n, c] over the window whose corner is at (i·s − p, j·s − p).

    Shapes, options and errors as in `max_pool2d`; padding counts as zeros. Source: LeCun et al. 1998 (subsampling).
    """
    x = operand(x)
    return _avg_pool2d(x, *_window("avg_pool2d", x, kernel_size, stride, padding))


def _window(name, x, kernel_size, stride, padding):
    window = pair(name, "kernel_size", kernel_size, 1)
    stride = window if stride is None else pair(name, "stride", stride, 1)
    padding = pair(name, "padding", padding, 0)
    if np.ndim(x) != 4:
        raise ValueError(f"{name}: x is {np.shape(x)}, but it must have four axes: (images, channels, rows, columns)")
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: x is {x.dtype}, but it must be float32 or float64: convert with .astype(np.float32)")
    for size, k, p in zip(np.shape(x)[2:], window, padding, strict=True):
        if 2 * p > k:
            raise ValueError(
                f"{name}: padding {padding} is more than half of the window {window}: it would see only zeros"
            )
        if size + 2 * p < k:
            raise ValueError(f"{name}: a window of {window} does not fit into x {np.shape(x)} padded by {padding}")
    return window, stride, padding
