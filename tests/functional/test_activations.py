"""Activations far from zero, at their kinks, with NaN; dropout."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F


def test_saturation_is_exact_and_quiet():
    x = tm.tensor([-1000.0, 0.0, 1000.0], requires_grad=True)
    with np.errstate(over="raise", invalid="raise"):
        assert F.sigmoid(x).tolist() == [0, 0.5, 1] and F.tanh(x).tolist() == [-1, 0, 1]
        assert tm.grad(F.sigmoid(x).sum(), x).tolist() == [0, 0.25, 0]
        assert np.logaddexp(x, 0).data[2] == 1000


def test_kinks():
    x = tm.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    assert tm.grad(F.relu(x).sum(), x).tolist() == [0, 0, 1]
    np.testing.assert_allclose(tm.grad(F.leaky_relu(x, 0.1).sum(), x).data, [0.1, 0.1, 1], rtol=1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "sigmoid", "softmax", "log_softmax"])
def test_nan_is_not_swallowed(name):
    y = getattr(F, name)(tm.tensor([np.nan, 1.0]))
    assert np.isnan(y.data[0])


def test_softmax_is_a_distribution():
    z = tm.tensor([[1e4, 0.0, -1e4], [3.0, 3.0, 3.0]])
    with np.errstate(over="raise", invalid="raise"):
        p = F.softmax(z)
        assert p.data[0].tolist() == [1, 0, 0]
        np.testing.assert_allclose(p.data.sum(1), 1, rtol=1e-6)
        np.testing.assert_allclose(F.log_softmax(z).data[0], [0, -1e4, -2e4])
    np.testing.assert_allclose(F.softmax(z + 5, axis=1).data, p.data, rtol=1e-6)
    np.testing.assert_allclose(F.softmax(z, axis=0).data.sum(0), 1, rtol=1e-6)


def test_large_logits_lose_no_digits():
    z = tm.tensor([1e4, 1e4])
    assert F.softmax(z).tolist() == [0.5, 0.5]
    np.testing.assert_allclose(F.log_softmax(z).data, -np.log(2), rtol=1e-6)


def test_softmax_of_what_is_masked_out():
    z = tm.tensor([0.0, -np.inf, 0.0], requires_grad=True)
    p = F.softmax(z)
    assert p.tolist() == [0.5, 0, 0.5]
    assert tm.grad((p * np.array([1, 5, 0], np.float32)).sum(), z).tolist() == [0.25, 0, -0.25]


def test_dropout_keeps_the_mean():
    x = tm.Tensor(np.ones(10_000, np.float32), requires_grad=True)
    y = F.dropout(x, 0.3, generator=np.random.default_rng(0))
    assert set(np.round(np.unique(y.data), 4)) == {0, np.float32(1.4286)}
    np.testing.assert_allclose(y.data.mean(), 1, atol=0.02)
    np.testing.assert_array_equal(tm.grad(y.sum(), x).data, y.data)


def test_dropout_is_reproducible():
    x = tm.Tensor(np.ones(50, np.float32))
    tm.manual_seed(3)
    first, second = F.dropout(x), F.dropout(x)
    tm.manual_seed(3)
    assert F.dropout(x).tolist() == first.tolist() != second.tolist()
    a, b = (F.dropout(x, generator=np.random.default_rng(1)).tolist() for _ in range(2))
    assert a == b


def test_dropout_at_its_ends():
    x = tm.tensor([1.0, 2.0], requires_grad=True)
    assert F.dropout(x, 0.9, training=False) is x and F.dropout(x, 0.0) is x
    y = F.dropout(x, 1.0)
    assert y.tolist() == [0, 0] and tm.grad(y.sum(), x).tolist() == [0, 0]
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"^dropout: p is .* a probability lies between 0 and 1"):
            F.dropout(x, p)


def test_whole_numbers():
    logits = np.array([[0, 1], [3, 3]])
    np.testing.assert_allclose(F.softmax(logits), F.softmax(logits.astype(np.float64)))
    for dtype in (np.int64, np.uint8, bool, np.complex64):
        with pytest.raises(TypeError, match=rf"^dropout: x is {np.dtype(dtype)}, but it must be floating-point"):
            F.dropout(np.ones(3, dtype))
