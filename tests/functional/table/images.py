"""Convolution and pooling."""

import numpy as np

from tinymm import formulas
from tinymm.tape import OPERATIONS

from .row import Row, distinct


def convolutions(name, case, **options):
    """A convolution and, from the same shapes, its two derivatives as operations of their own."""
    yield Row(
        name,
        lambda f, *inputs: getattr(f, name)(*inputs, **options),
        [case],
        formula=lambda x, w, b=None: formula_of_convolution(x, w, b, **options),
        torch=lambda t, *inputs: getattr(t.nn.functional, name)(*inputs, **options),
    )


def formula_of_convolution(x, w, b, **options):
    if x.ndim == 4:
        return formulas.convolution(x, w, b, **options)
    rows = {"stride": 1, "padding": 0, "dilation": 1}
    options = {key: (rows[key], value) if key in rows else value for key, value in options.items()}
    return formulas.convolution(x[:, :, None], w[:, :, None], b, **options)[:, :, 0]


def both(*pairs):
    return tuple((value, value) if isinstance(value, int) else value for value in pairs)


def convolution_gradients(x_shape, w_shape, stride=1, padding=0, dilation=1, groups=1):
    """Rows for the input and the weight gradient of one convolution, judged by PyTorch's own functions."""
    options = both(stride, padding, dilation)
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(x_shape[2:], w_shape[2:], *options, strict=True)
    ]
    g_shape = (x_shape[0], w_shape[0], *size)
    yield Row(
        "conv2d_input_gradient",
        lambda f, g, w: OPERATIONS["conv2d_input_gradient"](g, w, x_shape, *options, groups),
        [(g_shape, w_shape)],
        formula=lambda g, w: adjoint(x_shape, g, lambda x: formulas.convolution(x, w, None, *options, groups)),
        torch=lambda t, g, w: t.nn.grad.conv2d_input(x_shape, w, g, *options, groups),
    )
    yield Row(
        "conv2d_weight_gradient",
        lambda f, x, g: OPERATIONS["conv2d_weight_gradient"](x, g, w_shape, *options, groups),
        [(x_shape, g_shape)],
        formula=lambda x, g: adjoint(w_shape, g, lambda w: formulas.convolution(x, w, None, *options, groups)),
        torch=lambda t, x, g: t.nn.grad.conv2d_weight(x, w_shape, g, *options, groups),
    )
    yield Row(
        "conv2d_bias_gradient",
        lambda f, g: OPERATIONS["conv2d_bias_gradient"](g),
        [(g_shape,)],
        formula=lambda g: g.sum(axis=(0, 2, 3)),
        torch=lambda t, g: g.sum((0, 2, 3)),
    )


def adjoint(shape, g, linear):
    """The gradient of Σ g·linear(x) with respect to x: what each unit of x contributes."""
    units = np.eye(int(np.prod(shape)), dtype=g.dtype).reshape(-1, *shape)
    return np.array([np.sum(g * linear(unit)) for unit in units], g.dtype).reshape(shape)


def pooled_convolutions(x_shape, w_shape, padding=0):
    """The fused convolution, ReLU and pooling, against the three formulas one after the other."""
    yield Row(
        "conv_relu_pool",
        lambda f, x, w, b: f.conv_relu_pool(x, w, b, padding),
        [(x_shape, w_shape, (w_shape[0],))],
        formula=lambda x, w, b: formulas.max_pooling(np.maximum(formulas.convolution(x, w, b, 1, padding), 0), 2),
        torch=lambda t, x, w, b: t.max_pool2d(t.relu(t.nn.functional.conv2d(x, w, b, padding=padding)), 2),
        composed="max_pool2d(relu(conv2d(x, weight, bias)), 2)",
    )


CONVOLUTION = [
    *pooled_convolutions((2, 1, 6, 7), (3, 1, 3, 3)),
    *pooled_convolutions((1, 2, 4, 4), (9, 2, 2, 1), padding=1),
    *convolutions("conv2d", ((2, 2, 4, 3), (3, 2, 2, 2), (3,))),
    *convolutions("conv2d", ((1, 1, 3, 3), (1, 1, 3, 3))),
    *convolutions("conv2d", ((0, 1, 3, 3), (2, 1, 3, 3), (2,))),
    *convolutions("conv2d", ((1, 4, 4, 5), (2, 2, 3, 2)), stride=2, padding=(1, 0), groups=2),
    *convolutions("conv2d", ((2, 1, 5, 4), (2, 1, 2, 2), (2,)), stride=(1, 2), padding=1, dilation=(2, 1)),
    *convolutions("conv1d", ((2, 2, 5), (3, 2, 2), (3,))),
    *convolutions("conv1d", ((1, 2, 6), (2, 1, 2), (2,)), stride=2, padding=1, dilation=2, groups=2),
    *convolution_gradients((1, 2, 4, 3), (2, 2, 2, 2)),
    *convolution_gradients((1, 2, 4, 5), (2, 1, 2, 2), stride=(1, 2), padding=1, dilation=(2, 1), groups=2),
]

WHERE = np.array([[[[0, 5], [5, 7]]]])  # of each pooled pixel, the place of its maximum in a 3 × 3 image

POOLING = [
    Row(
        "max_pool2d",
        lambda f, x: f.max_pool2d(x, 2),
        [((2, 1, 4, 5),), ((1, 2, 2, 2),), ((0, 1, 2, 2),)],
        distinct,
        formula=lambda x: formulas.max_pooling(x, 2),
        torch=lambda t, x: t.nn.functional.max_pool2d(x, 2),
    ),
    Row(
        "max_pool2d",
        lambda f, x: f.max_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 0)),
        [((1, 2, 4, 3),)],
        distinct,
        formula=lambda x: formulas.max_pooling(x, (3, 2), (2, 1), (1, 0)),
        torch=lambda t, x: t.nn.functional.max_pool2d(x, (3, 2), (2, 1), (1, 0)),
    ),
    Row(
        "unpool",
        lambda f, g: OPERATIONS["unpool"](g, WHERE, (1, 1, 3, 3)),
        [((1, 1, 2, 2),)],
        formula=lambda g: adjoint((1, 1, 3, 3), g, lambda x: x.reshape(-1)[WHERE]),
        torch=lambda t, g: (
            t.zeros(9, dtype=g.dtype).index_add(0, t.tensor(WHERE.ravel()), g.ravel()).reshape(1, 1, 3, 3)
        ),
    ),
    Row(
        "take_pooled",
        lambda f, x: OPERATIONS["take_pooled"](x, WHERE),
        [((1, 1, 3, 3),)],
        formula=lambda x: x.reshape(-1)[WHERE],
        torch=lambda t, x: x.reshape(-1)[t.tensor(WHERE)],
    ),
    Row(
        "avg_pool2d",
        lambda f, x: f.avg_pool2d(x, 2),
        [((2, 1, 4, 5),), ((1, 2, 2, 2),), ((0, 1, 2, 2),)],
        formula=lambda x: formulas.average_pooling(x, 2),
        torch=lambda t, x: t.nn.functional.avg_pool2d(x, 2),
    ),
    Row(
        "avg_pool2d",
        lambda f, x: f.avg_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 0)),
        [((1, 2, 4, 3),)],
        formula=lambda x: formulas.average_pooling(x, (3, 2), (2, 1), (1, 0)),
        torch=lambda t, x: t.nn.functional.avg_pool2d(x, (3, 2), (2, 1), (1, 0)),
    ),
    Row(
        "avg_pool2d_gradient",
        lambda f, g: OPERATIONS["avg_pool2d_gradient"](g, (1, 1, 4, 5), *both(2, 2, 0)),
        [((1, 1, 2, 2),)],
        formula=lambda g: np.pad(np.kron(g, np.full((2, 2), 0.25, g.dtype)), ((0, 0), (0, 0), (0, 0), (0, 1))),
        torch=lambda t, g: t.nn.functional.pad(t.kron(g, t.full((2, 2), 0.25, dtype=g.dtype)), (0, 1)),
    ),
]
