"""Pooling: ties, overlapping windows, padding, NaN, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import functional as F


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["max_pool2d", "avg_pool2d"]),
    window=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.one_of(st.none(), st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))),
    size=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    padded=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_option_agrees_with_pytorch(name, window, stride, size, padded, dtype):
    torch = pytest.importorskip("torch")
    padding = tuple(k // 2 if padded else 0 for k in window)
    a = np.random.default_rng(0).permutation(2 * 2 * size[0] * size[1]).reshape(2, 2, *size).astype(dtype)
    x, theirs = tm.Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    y = getattr(F, name)(x, window, stride, padding)
    expected = getattr(torch.nn.functional, name)(theirs, window, stride, padding)
    y.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(y.data, expected.detach(), rtol=1e-5)
    np.testing.assert_allclose(x.grad.data, theirs.grad, rtol=1e-5)
    assert y.dtype == x.grad.dtype == dtype


def test_of_equal_pixels_the_first_takes_the_gradient():
    x = tm.Tensor(np.zeros((1, 1, 2, 4)), requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.data[0, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_overlapping_windows_add_up():
    x = tm.Tensor(np.array([[[[0.0, 9.0, 0.0]]]]), requires_grad=True)
    F.max_pool2d(x, (1, 2), 1).sum().backward()
    assert x.grad.data.ravel().tolist() == [0, 2, 0]


def test_padding_is_never_the_maximum_but_counts_in_the_mean():
    x = tm.Tensor(np.full((1, 1, 2, 2), -4.0))
    assert F.max_pool2d(x, 2, 2, 1).data.ravel().tolist() == [-4] * 4
    assert F.avg_pool2d(x, 2, 2, 1).data.ravel().tolist() == [-1] * 4


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("window", [(2, 2), (3, 3)])
def test_nan_wins(place, window):
    x = np.arange(4.0)
    x[place] = np.nan
    padding = (window[0] - 2, window[0] - 2)
    assert np.isnan(F.max_pool2d(tm.Tensor(x.reshape(1, 1, 2, 2)), window, (2, 2), padding).data).all()


def test_infinities():
    x = tm.Tensor(np.full((1, 1, 2, 2), -np.inf), requires_grad=True)
    y = F.max_pool2d(x, 2)
    assert np.isneginf(y.item())
    assert tm.grad(y.sum(), x).data.ravel().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 5, 5), {"kernel_size": 2}, r"x is \(2, 5, 5\), but it must have four axes"),
        ((1, 1, 5, 5, 1), {"kernel_size": 2}, r"x is \(1, 1, 5, 5, 1\), but it must have four axes"),
        ((1, 1, 5, 5), {"kernel_size": 6}, r"a window of \(6, 6\) does not fit into x \(1, 1, 5, 5\)"),
        ((1, 1, 1, 1), {"kernel_size": 4, "padding": 1}, r"a window of \(4, 4\) does not fit .* padded by \(1, 1\)"),
        (
            (1, 1, 5, 5),
            {"kernel_size": 0},
            "kernel_size is 0, but it must be one or two integers of at least 1",
        ),
        ((1, 1, 5, 5), {"kernel_size": 2, "stride": (0, 1)}, r"stride is \(0, 1\)"),
        ((1, 1, 5, 5), {"kernel_size": 2, "padding": 2}, r"padding \(2, 2\) is more than half of the window"),
    ],
)
def test_errors(name, shape, options, message):
    with pytest.raises(ValueError, match=rf"^{name}: {message}"):
        getattr(F, name)(tm.Tensor(np.ones(shape, np.float32)), **options)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_integers_are_refused(name):
    with pytest.raises(TypeError, match=rf"^{name}: x is int64, but it must be float32 or float64"):
        getattr(F, name)(tm.Tensor(np.ones((1, 1, 2, 2), np.int64)), 2)
