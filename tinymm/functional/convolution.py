"""Convolution in one and two dimensions.

Convolution is linear in the image and in the filters, so each derivative is a convolution of its own kind, and
the derivatives of those lead back to the first: three operations close the circle, to any order.
"""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.checks import pair, same_dtype
from tinymm.tape import operation, plain_operation


@operation()
def _conv2d(x, weight, bias, stride, padding, dilation, groups):
    """y[n, o, i, j] = b[o] + Σ_{c, u, v} w[o, c, u, v] · x[n, c, i·s + u·d − p, j·s + v·d − p]"""
    return kernels.convolution.conv2d(x, weight, bias, stride, padding, dilation, groups)


@operation()
def _conv2d_input_gradient(g, weight, x_size, stride, padding, dilation, groups):
    """∂/∂x of Σ g·conv2d(x, w): every output pixel sends its gradient back through the filter it saw x with."""
    return kernels.convolution.conv2d_input_gradient(g, weight, x_size, stride, padding, dilation, groups)


@operation()
def _conv2d_weight_gradient(x, g, weight_size, stride, padding, dilation, groups):
    """∂/∂w of Σ g·conv2d(x, w): how often each filter tap met which pixel, weighted by g."""
    return kernels.convolution.conv2d_weight_gradient(x, g, weight_size, stride, padding, dilation, groups)


_conv2d.gradient(
    x=lambda g, x_shape, weight, stride, padding, dilation, groups: _conv2d_input_gradient(
        g, weight, x_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, x, weight_shape, stride, padding, dilation, groups: _conv2d_weight_gradient(
        x, g, weight_shape, stride, padding, dilation, groups
    ),
    bias=lambda g: np.sum(g, axis=(0, 2, 3)),
)
_conv2d_input_gradient.gradient(
    g=lambda gg, weight, stride, padding, dilation, groups: _conv2d(
        gg, weight, None, stride, padding, dilation, groups
    ),
    weight=lambda gg, g, weight_shape, stride, padding, dilation, groups: _conv2d_weight_gradient(
        gg, g, weight_shape, stride, padding, dilation, groups
    ),
)
_conv2d_weight_gradient.gradient(
    x=lambda gw, x_shape, g, stride, padding, dilation, groups: _conv2d_input_gradient(
        g, gw, x_shape, stride, padding, dilation, groups
    ),
    g=lambda gw, x, stride, padding, dilation, groups: _conv2d(
        x, gw, None, stride, padding, dilation, groups
    ),
)


@plain_operation()
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i, j] = b[o] + Σ_{c, u, v} w[o, c, u, v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    x (N, C, H, W), weight (O, C/groups, kh, kw), bias (O,) or None; stride s, padding p (zeros on every side) and
    dilation d are one integer or (rows, columns). With groups, channels and filters are cut into that many equal
    parts, and each part of the filters sees its own part of the channels. Returns
    (N, O, (H + 2p − d(kh − 1) − 1) // s + 1, the same for W). ValueError where shapes or options do not fit.
    Strictly a cross-correlation; Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 9.1.
    """
    stride, padding = pair("conv2d", "stride", stride, 1), pair("conv2d", "padding", padding, 0)
    dilation = pair("conv2d", "dilation", dilation, 1)
    x, weight = (t if hasattr(t, "dtype") else np.asarray(t) for t in (x, weight))
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(
            f"conv2d: x {x.shape} and weight {weight.shape} must have four axes: (images, channels, rows, columns) and "
            "(filters, channels, rows, columns)"
        )
    channels, needed = x.shape[1], weight.shape[1] * groups
    if groups < 1 or channels != needed or weight.shape[0] % groups:
        hint = (
            ": channels come second, try x.transpose(0, 3, 1, 2)" if x.shape[3] == needed != channels else ""
        )
        raise ValueError(
            f"conv2d: weight {weight.shape}{f' in {groups} groups' if groups != 1 else ''} needs {needed} input channels"
            f"{'' if groups < 1 or not weight.shape[0] % groups else f' and filters in {groups} equal groups'}, "
            f"but x is {x.shape}{hint}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"conv2d: bias {bias.shape} must have one number per filter: ({weight.shape[0]},)")
    for size, k, p, d, axis in zip(
        x.shape[2:], weight.shape[2:], padding, dilation, ("rows", "columns"), strict=True
    ):
        if size + 2 * p < d * (k - 1) + 1:
            raise ValueError(
                f"conv2d: a filter of {d * (k - 1) + 1} {axis} does not fit into {size} {axis} padded by {p}: use a smaller "
                "filter or dilation, or more padding"
            )
    same_dtype("conv2d", x=x, weight=weight, bias=bias)
    return _conv2d(x, weight, bias, stride, padding, dilation, groups)


@plain_operation()
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i] = b[o] + Σ_{c, u} w[o, c, u] · x[n, c, i·s + u·d − p]

    x (N, C, L), weight (O, C/groups, k), bias (O,) or None; the options are integers as in `conv2d`.
    """
    if np.ndim(x) != 3 or np.ndim(weight) != 3:
        raise ValueError(
            f"conv1d: x {np.shape(x)} and weight {np.shape(weight)} must have three axes: (N, C, L), (O, C, k)"
        )
    y = conv2d(x[:, :, None], weight[:, :, None], bias, (1, stride), (0, padding), (1, dilation), groups)
    return y[:, :, 0]
