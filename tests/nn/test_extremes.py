"""Huge, tiny, infinite and missing numbers through every layer: what its formula gives, or what is documented here."""

import warnings

import numpy as np
import pytest

import tinymm as tm
from tinymm import formulas, nn

EXTREMES = [1e30, -1e30, 1e-40, -1e-310, np.inf, -np.inf, np.nan, -0.0]  # 1e-40 is subnormal in float32
TOLERANCE = {np.float32: {"rtol": 1e-3, "atol": 1e-3}, np.float64: {"rtol": 1e-9, "atol": 1e-9}}


def normalized(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + x.dtype.type(eps))


def batch_norm(layer, x):
    channel = (1, -1, 1, 1)
    return normalized(x, (0, 2, 3), layer.eps) * layer.weight.data.reshape(channel) + layer.bias.data.reshape(channel)


def layer_norm(layer, x):
    return normalized(x, tuple(range(-layer.weight.ndim, 0)), layer.eps) * layer.weight.data + layer.bias.data


def convolution(layer, x):
    options = layer.stride, layer.padding, layer.dilation, layer.groups
    return formulas.convolution(x, layer.weight.data, layer.bias.data, *options)


def convolution_of_rows(layer, x):
    weight, options = layer.weight.data[:, :, None], (layer.stride, layer.padding, layer.dilation)
    pairs = ((one, other) for one, other in zip((1, 0, 1), options, strict=True))
    return formulas.convolution(x[:, :, None], weight, layer.bias.data, *pairs, layer.groups)[:, :, 0]


def conv_relu_pool(layer, x):
    return formulas.max_pooling(np.maximum(convolution(layer, x), 0), 2)


def recurrent(layer, x):
    parameters = [p.data for p in layer.parameters()]
    formula = getattr(formulas, type(layer).__name__.lower())
    if not layer.bidirectional:
        return formula(x, *parameters)[0]
    there, back = parameters[: len(parameters) // 2], parameters[len(parameters) // 2 :]
    return np.concatenate([formula(x, *there)[0], formula(x[:, ::-1], *back)[0][:, ::-1]], axis=2)


# The layer, x's shape, its formula: small ones, and such as reach the kernels' vectors and tiles.
LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3), (6, 5), lambda layer, x: x @ layer.weight.data.T + layer.bias.data),
    "large Linear": (
        lambda: nn.Linear(70, 90),
        (80, 70),
        lambda layer, x: x @ layer.weight.data.T + layer.bias.data,
    ),
    "LogisticRegression": (
        lambda: nn.LogisticRegression(6),
        (5, 2, 3),
        lambda layer, x: x.reshape(5, 6) @ layer.weight.data[0] + layer.bias.data,
    ),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, 2, 1, 2, 2), (2, 4, 9), convolution_of_rows),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, padding=1), (2, 3, 4, 5), convolution),
    "Conv2d of one channel": (lambda: nn.Conv2d(1, 32, 3), (2, 1, 5, 7), convolution),
    "Conv2d of many channels": (lambda: nn.Conv2d(64, 64, 3, padding=1), (2, 64, 3, 4), convolution),
    "Conv2d of groups": (lambda: nn.Conv2d(4, 4, 3, 2, 1, 1, 2), (2, 4, 7, 7), convolution),
    "ConvReLUPool": (lambda: nn.ConvReLUPool(3, 4, 3), (2, 3, 6, 8), conv_relu_pool),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (3, 2, 6, 6), lambda layer, x: formulas.max_pooling(x, 2)),
    "overlapping MaxPool2d": (
        lambda: nn.MaxPool2d(3, 2, 1),
        (3, 2, 7, 6),
        lambda layer, x: formulas.max_pooling(x, 3, 2, 1),
    ),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (3, 2, 6, 6), lambda layer, x: formulas.average_pooling(x, 2)),
    "overlapping AvgPool2d": (
        lambda: nn.AvgPool2d(3, 2, 1),
        (3, 2, 7, 6),
        lambda layer, x: formulas.average_pooling(x, 3, 2, 1),
    ),
    "Flatten": (lambda: nn.Flatten(), (3, 2, 4), lambda layer, x: x.reshape(3, 8)),
    "ReLU": (lambda: nn.ReLU(), (6, 50), lambda layer, x: np.maximum(x, 0)),
    "Tanh": (lambda: nn.Tanh(), (6, 50), lambda layer, x: np.tanh(x)),
    "Sigmoid": (lambda: nn.Sigmoid(), (6, 50), lambda layer, x: formulas.sigmoid(x)),
    "Dropout": (lambda: nn.Dropout(0.5).eval(), (6, 5), lambda layer, x: x),
    "Embedding": (lambda: nn.Embedding(7, 3), (4, 6), lambda layer, x: layer.weight.data[x]),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (4, 3, 2, 2), batch_norm),
    "LayerNorm": (lambda: nn.LayerNorm(5), (6, 5), layer_norm),
    "RNN": (lambda: nn.RNN(5, 4), (3, 6, 5), recurrent),
    "large RNN": (lambda: nn.RNN(20, 24), (5, 7, 20), recurrent),
    "LSTM": (lambda: nn.LSTM(5, 4), (3, 6, 5), recurrent),
    "large LSTM": (lambda: nn.LSTM(20, 24), (5, 7, 20), recurrent),
    "GRU": (lambda: nn.GRU(5, 4, bidirectional=True), (3, 6, 5), recurrent),
    "large GRU": (lambda: nn.GRU(20, 24), (5, 7, 20), recurrent),
}
every_layer = pytest.mark.parametrize("name", LAYERS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def test_every_layer_is_here():
    made = {type(make()).__name__ for make, _, _ in LAYERS.values()}
    assert made == set(nn.__all__) - {"Module", "Parameter", "Sequential", "watch"}


def layer_and_input(name, dtype):
    make, shape, _ = LAYERS[name]
    tm.manual_seed(0)
    layer, rng = make(), np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.data = rng.uniform(-0.5, 0.5, parameter.shape).astype(dtype)
    return layer, rng.integers(0, 7, shape) if name == "Embedding" else rng.standard_normal(shape).astype(dtype)


def outputs(layer, x):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = layer(x)
    return y[0] if isinstance(y, tuple) else y


@every_dtype
@every_layer
def test_as_the_formula(name, dtype):
    """One extreme number among the inputs, then in each parameter; at last nothing but such numbers."""
    formula = LAYERS[name][2]
    for number, value in enumerate(EXTREMES):
        layer, x = layer_and_input(name, dtype)
        rng = np.random.default_rng(number)
        arrays = [p.data for p in layer.parameters()] + ([x] if x.dtype == dtype else [])
        for array in [*arrays, None]:
            kept = [a.copy() for a in arrays]
            with np.errstate(all="ignore"):
                if array is None:
                    x[...] = value if x.dtype == dtype else x
                else:
                    array.flat[rng.integers(array.size)] = value
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = formula(layer, x)
                for given in (x, tm.Tensor(x, requires_grad=x.dtype == dtype)):  # and recorded
                    found = np.asarray(outputs(layer, given))
                    np.testing.assert_allclose(found, expected, **TOLERANCE[dtype], err_msg=f"{value}")
            for a, b in zip(arrays, kept, strict=True):
                a[...] = b


@pytest.mark.parametrize("name", sorted(LAYERS.keys() - {"BatchNorm2d", "Embedding"}))
def test_one_sample_spoils_no_other(name):
    """Outputs and gradients of the other samples of a batch stay as they are: of BatchNorm2d alone, they depend on it."""

    def passed(x):
        x = tm.Tensor(x, requires_grad=True)
        y = outputs(layer, x)
        with np.errstate(all="ignore"):
            (y * y).sum().backward()
        return y.data[1:], x.grad.data[1:]

    layer, x = layer_and_input(name, np.float32)
    expected = passed(x)
    for value in (np.nan, np.inf, -1e30):
        spoiled = x.copy()
        spoiled[0].flat[1] = value
        for found, plain in zip(passed(spoiled), expected, strict=True):
            np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-4)
