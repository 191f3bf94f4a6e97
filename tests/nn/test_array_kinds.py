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
    "big-endian, read-only": lambda x, folder: read_only(x.astype(">f4")),
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
    trained(layer, read_only(x))  # having seen this, Numba would take swapped bytes for it, if they reached a kernel
    try:
        found = trained(layer, SAME[kind](x, tmp_path))
    except TypeError as error:
        assert "big-endian" in kind and "x is >f4" in str(error), error
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


@pytest.mark.parametrize("name", LAYERS)
def test_no_samples_at_all_give_none(name):
    """And gradients of 0. Only what a mean over the batch is made of needs a sample, and says so."""
    make, shape = LAYERS[name]
    tm.manual_seed(0)
    layer, x = make(), np.ones(shape, np.float32)
    if name == "BatchNorm2d":
        with pytest.raises(ValueError, match=r"^batch_norm: training needs more than one value per channel"):
            layer(x[:0])
        layer.eval()
    none, some = trained(layer, x[:0]), trained(layer, x)
    assert none[0].shape == (0, *some[0].shape[1:]) and none[0].dtype == np.float32
    for gradient, full in zip(none[1:], some[1:], strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(full))


@pytest.mark.parametrize(
    ("make", "shape", "complaint"),
    [
        (lambda: nn.Linear(5, 3), (4, 0), r"^linear: weight \(3, 5\) needs 5 features, but x is \(4, 0\)"),
        (lambda: nn.Conv2d(3, 4, 3), (2, 3, 0, 8), r"^conv2d: a filter of 3 rows does not fit into 0 rows"),
        (lambda: nn.Conv1d(3, 4, 3), (2, 3, 0), r"^conv1d: a filter of 3 steps does not fit into 0 steps"),
        (lambda: nn.ConvReLUPool(3, 4, 3), (2, 3, 8, 0), r"^conv_relu_pool: a filter of 3 columns does not fit into 0"),
        (lambda: nn.MaxPool2d(2), (2, 3, 0, 8), r"^max_pool2d: .*0"),
        (lambda: nn.AvgPool2d(2), (2, 3, 0, 8), r"^avg_pool2d: .*0"),
        (lambda: nn.LayerNorm(5), (4, 0), r"^layer_norm: weight \(5,\) must match .*\(4, 0\)"),
        (lambda: nn.LSTM(5, 4), (3, 6, 0), r"^lstm: .*\(3, 6, 0\)"),
    ],
)
def test_samples_without_numbers_are_refused(make, shape, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()(np.zeros(shape, np.float32))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_sequences_without_steps_end_where_they_begin(name):
    make, _ = LAYERS[name]
    outputs, final = make()(np.zeros((3, 0, 5), np.float32))
    assert outputs.shape[:2] == (3, 0)
    for state in final if isinstance(final, tuple) else (final,):
        np.testing.assert_array_equal(state.numpy(), np.zeros((3, outputs.shape[2])))


def test_indices_of_every_kind_choose_the_same_rows(tmp_path):
    layer, indices = nn.Embedding(7, 3), np.random.default_rng(0).integers(0, 7, (4, 6))
    expected = trained(layer, indices)
    kinds = {kind: change for kind, change in SAME.items() if "big-endian" not in kind}
    found = {kind: trained(layer, change(indices, tmp_path)) for kind, change in kinds.items()}
    for dtype in ("u1", "i2", "u4", ">i4", ">i8"):
        found[dtype] = trained(layer, read_only(indices.astype(dtype)))
    found["list"] = trained(layer, indices.tolist())
    for kind, arrays in found.items():
        for ours, plain in zip(arrays, expected, strict=True):
            np.testing.assert_allclose(ours, plain, rtol=1e-6, err_msg=kind)
    assert trained(layer, indices[:0])[0].shape == (0, 6, 3)
    for dtype in ("f4", "?", "c8", "O", "S3", "M8[s]"):
        with pytest.raises((TypeError, IndexError), match=rf"^embedding: .*{re.escape(str(np.dtype(dtype)))}"):
            layer(indices.astype(dtype))
