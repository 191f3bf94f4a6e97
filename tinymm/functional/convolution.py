"""Convolution in one and two dimensions.

Convolution is linear in the image and in the filters, so each derivative is a convolution of its own kind, and
the derivatives of those lead back to the first: three operations close the circle, to any order.
"""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.checks import operand, pair, same_dtype
from tinymm.tape import operation, plain_operation


@operation()
def _conv2d(x, weight, bias, stride, padding, dilation, groups):
    """y[n, o, i, j] = b[o] + Σ_{c, u, v} w[o, c, u, v] · x[n, c, i·s + u·d − p, j·s + v·d − p]"""
    return kernels.convolution.conv2d(x, weight, bias, stride, padding, dilation, groups)


@operation()
def _conv2d_input_gradient(g, weight, x_size, stride, padding, dilation, groups):
    """∂/∂x of Σ g·conv2d(x, w): every output pixel sends its gradient back through the filter it saw x with."""
    return kernels.convolution_gradients.conv2d_input_gradient(g, weight, x_size, stride, padding, dilation, groups)


@operation()
def _conv2d_weight_gradient(x, g, weight_size, stride, padding, dilation, groups):
    """∂/∂w of Σ g·conv2d(x, w): how often each filter tap met which pixel, weighted by g."""
    return kernels.convolution_gradients.conv2d_weight_gradient(x, g, weight_size, stride, padding, dilation, groups)


@operation()
def _conv2d_bias_gradient(g):
    """∂/∂b of Σ g·conv2d(x, w, b): the sum over all pixels of a filter's plane."""
    return kernels.convolution_gradients.conv2d_bias_gradient(g)


_conv2d.gradient(
    x=lambda g, x_shape, weight, stride, padding, dilation, groups: _conv2d_input_gradient(
        g, weight, x_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, x, weight_shape, stride, padding, dilation, groups: _conv2d_weight_gradient(
        x, g, weight_shape, stride, padding, dilation, groups
    ),
    bias=lambda g: _conv2d_bias_gradient(g),
)
_conv2d_input_gradient.gradient(
    g=lambda gg, weight, stride, padding, dilation, groups: _conv2d(
        gg, weight, None, stride, padding, dilation, groups
    ),
    weight=lambda gg, g, weight_shape, stride, padding, dilation, groups: _conv2d_weight_gradient(
        gg, g, weight_shape, stride, padding, dilation, groups
    ),
)
_conv2d_bias_gradient.gradient(g=lambda gb, g_shape: np.broadcast_to(gb[:, None, None], g_shape))
_conv2d_weight_gradient.gradient(
    x=lambda gw, x_shape, g, stride, padding, dilation, groups: _conv2d_input_gradient(
        g, gw, x_shape, stride, padding, dilation, groups
    ),
    g=lambda gw, x, stride, padding, dilation, groups: _conv2d(x, gw, None, stride, padding, dilation, groups),
)


@plain_operation()
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i, j] = b[o] + Σ_{c, u, v} w[o, c, u, v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    x (N, C, H, W), weight (O, C/groups, kh, kw), bias (O,) or None; stride s, padding p (zeros on every side) and
    dilation d are one integer or (rows, columns). With groups, channels and filters are cut into that many equal
    parts, and each part of the filters sees its own part of the channels. Returns
    (N, O, (H + 2p − d(kh − 1) − 1) // s + 1, the same for W). ValueError where shapes or options do not fit.
    Many filters on many channels may go through sums of neighbouring pixels (`kernels.winograd`): an output is then
    rounded by the largest number within a few pixels, and not only by those that it is made of.
    Strictly a cross-correlation; Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 9.1.
    """
    x, weight = operand(x), operand(weight)
    options = (stride, 1), (padding, 0), (dilation, 1)
    stride, padding, dilation = (
        pair("conv2d", name, value, least)
        for name, (value, least) in zip(("stride", "padding", "dilation"), options, strict=True)
    )
    _check("conv2d", ("rows", "columns"), x, weight, bias, padding, dilation, groups)
    return _conv2d(x, weight, bias, stride, padding, dilation, groups)


@operation(saves=True, composed="max_pool2d(relu(conv2d(x, weight, bias)), 2)")
def _conv_relu_pool(x, weight, bias, padding):
    """y = max(0, max over 2×2 of conv2d(x, w) + b), made window by window; kept is who won each."""
    return kernels.conv_relu_pool.forward(x, weight, bias, padding)


@_conv_relu_pool.gradients
def _(g, x, weight, padding, saved, wanted):
    return *kernels.conv_relu_pool.gradients(g, saved, x, weight, padding, input_gradient=wanted[0]), None


@plain_operation()
def conv_relu_pool(x, weight, bias, padding=0):
    """y = max(0, max over 2×2 of conv2d(x, w) + b): convolution, ReLU and pooling in one pass over memory.

    The same numbers as `max_pool2d(relu(conv2d(x, weight, bias, padding=padding)), 2)`, whose large output in between
    is never stored. x (N, C, H, W), weight (O, C, kh, kw), bias (O,); returns (N, O, (H + 2p − kh + 1) // 2, the same
    for W). Of equal pixels the first takes the gradient. ValueError where shapes do not fit.
    """
    x, weight = operand(x), operand(weight)
    padding = pair("conv_relu_pool", "padding", padding, 0)
    if bias is None:
        raise ValueError("conv_relu_pool: bias is None, but it must have one number per filter: give zeros")
    _check("conv_relu_pool", ("rows", "columns"), x, weight, bias, padding, (1, 1), 1)
    size = tuple(n + 2 * p - k + 1 for n, p, k in zip(x.shape[2:], padding, weight.shape[2:], strict=True))
    if min(size) < 2:
        raise ValueError(f"conv_relu_pool: x {x.shape} leaves {size[0]}×{size[1]} pixels, too few to pool by 2×2")
    return _conv_relu_pool(x, weight, bias, padding)


@plain_operation()
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, i] = b[o] + Σ_{c, u} w[o, c, u] · x[n, c, i·s + u·d − p]

    x (N, C, L), weight (O, C/groups, k), bias (O,) or None; the options are integers as in `conv2d`. Returns
    (N, O, (L + 2p − d(k − 1) − 1) // s + 1). ValueError where shapes or options do not fit. Source: Waibel et al. 1989.
    """
    x, weight = operand(x), operand(weight)
    for name, value, least in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"conv1d: {name} is {value!r}, but it must be an integer of at least {least}")
    _check("conv1d", ("steps",), x, weight, bias, (padding,), (dilation,), groups)
    options = (1, int(stride)), (0, int(padding)), (1, int(dilation)), groups
    return _conv2d(x[:, :, None], weight[:, :, None], bias, *options)[:, :, 0]


def _check(name, axes, x, weight, bias, padding, dilation, groups):
    """Shapes and precisions that fit; `axes` are the names of the axes that the filter moves along."""
    if x.ndim != 2 + len(axes) or weight.ndim != 2 + len(axes):
        wanted = ", ".join(axes)
        raise ValueError(
            f"{name}: x is {x.shape} and weight {weight.shape}, but they must be (samples, channels, {wanted}) and "
            f"(filters, channels, {wanted})"
        )
    filters = weight.shape[0]
    if not isinstance(groups, int | np.integer) or groups < 1 or filters % groups:
        raise ValueError(f"{name}: {filters} filters cannot be cut into {groups} equal groups")
    needed = weight.shape[1] * groups
    if x.shape[1] != needed:
        order = "0, 3, 1, 2" if len(axes) == 2 else "0, 2, 1"
        hint = f": channels come second, try x.transpose({order})" if x.shape[-1] == needed else ""
        grouped = f" in {groups} groups" if groups != 1 else ""
        raise ValueError(
            f"{name}: weight {weight.shape}{grouped} needs {needed} input channels, but x is {x.shape}{hint}"
        )
    if bias is not None and bias.shape != (filters,):
        raise ValueError(f"{name}: bias {bias.shape} must have one number per filter: ({filters},)")
    for axis, size, k, p, d in zip(axes, x.shape[2:], weight.shape[2:], padding, dilation, strict=True):
        if size + 2 * p < d * (k - 1) + 1:
            raise ValueError(
                f"{name}: a filter of {d * (k - 1) + 1} {axis} does not fit into {size} {axis} padded by {p}: use a smaller "
                "filter or dilation, or more padding"
            )
    same_dtype(name, x=x, weight=weight, bias=bias)
