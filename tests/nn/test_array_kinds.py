"""Arrays of every kind into every layer that trains: taken, with the same result, or refused in one clear sentence."""

import re

import numpy as np
import pytest

import tinymm as tm
from tinymm import nn

LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3), (6, 5)),
    "LogisticRegression": (lambda: nn.LogisticRegression(5, 3), (6, 5)),
    "Conv1d": (lambda: nn.Conv1d(5, 2, 3), (4, 5, 6)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3), (4, 3, 8, 8)),
    "wide Conv2d": (lambda: nn.Conv2d(16, 64, 3), (2, 16, 8, 8)),
    "ConvReLUPool": (lambda: nn.ConvReLUPool(3, 4, 3), (4, 3, 8, 8)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (4, 3, 8, 8)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (4, 3, 8, 8)),
    "Flatten": (lambda: nn.Flatten(), (4, 3, 2)),
    "ReLU": (lambda: nn.ReLU(), (6, 5)),
    "Tanh": (lambda: nn.Tanh(), (6, 5)),
    "Sigmoid": (lambda: nn.Sigmoid(), (6, 5)),
    "Dropout": (lambda: nn.Dropout(0.5), (6, 5)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (4, 3, 2, 2)),
    "LayerNorm": (lambda: nn.LayerNorm(5), (6, 5)),
    "RNN": (lambda: nn.RNN(5, 4), (3, 6, 5)),
    "LSTM": (lambda: nn.LSTM(5, 4), (3, 6, 5)),
    "GRU": (lambda: nn.GRU(5, 4, bidirectional=True), (3, 6, 5)),
}


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def memory_mapped(x, folder):
    """As a file that may only be read."""
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


SAME = {
    "read-only": lambda x, folder: read_only(x),
    "memory-mapped": memory_mapped,
    "column by column": lambda x, folder: np.asfortranarray(x),
    "every other": lambda x, folder: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x, folder: x[::-1].copy()[::-1],
    "big-endian": lambda x, folder: x.astype(">f4"),
}


def trained(layer, x):
    """What comes out, and the gradients of what is learned."""
    tm.manual_seed(0)
    layer.zero_grad()
    y = layer(x)
    y = y[0] if isinstance(y, tuple) else y
    if getattr(y, "requires_grad", False):
        (y * y).sum().backward()
    return [np.asarray(y), *(p.grad.numpy() for p in layer.parameters() if p.grad is not None)]


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("name", LAYERS)
def test_the_same_numbers_however_they_lie(name, kind, tmp_path):
    make, shape = LAYERS[name]
    tm.manual_seed(0)
    layer, x = make(), np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    expected = trained(layer, x)
    try:
        found = trained(layer, SAME[kind](x, tmp_path))
    except TypeError as error:
        assert kind == "big-endian" and "x is >f4" in str(error), error
        return
    for ours, plain in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_other_types_are_taken_or_refused_by_a_sentence_that_names_them(name):
    make, shape = LAYERS[name]
    numbers = np.random.default_rng(0).integers(0, 2, shape)
    for dtype in ("f2", ">f8", "g", "i8", ">i4", "u1", "?", "c8", "O", "S3", "M8[s]"):
        x = numbers.astype(dtype)
        try:
            trained(make(), x)
        except (TypeError, ValueError) as error:
            assert re.search(r"^\w+: .*" + re.escape(str(x.dtype)), str(error)), (dtype, error)
            assert not re.search(r"numba|nopython|NoneType", str(error), re.IGNORECASE), (dtype, error)
