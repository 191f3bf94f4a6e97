"""Reductions: ties, zeros, overflow, empty axes, names of axes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinymm as tm
from tinymm import functional as F

NAMES = ["sum", "mean", "max", "min", "var", "std", "prod"]


def gradient(call, values):
    x = tm.tensor(np.array(values, float), requires_grad=True)
    with np.errstate(all="ignore"):
        return tm.grad(call(x).sum(), x).tolist()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES), shape=hnp.array_shapes(max_dims=3, max_side=3))
def test_axes_are_those_of_numpy(data, name, shape):
    axis = data.draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1), hnp.valid_tuple_axes(len(shape))))
    keepdims = data.draw(st.booleans())
    x = tm.tensor(np.random.default_rng(0).uniform(0.5, 2, shape), requires_grad=True)
    y = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    expected = getattr(np, name)(x.data, axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(y.data, expected)
    assert y.shape == np.shape(expected)
    if name == "sum":
        assert tm.grad(y.sum(), x).tolist() == np.ones(shape).tolist()


def test_ties_share_the_gradient_equally():
    assert gradient(np.max, [1, 3, 3]) == [0, 0.5, 0.5]
    assert gradient(np.min, [1, 1, 3, 1, 1]) == [0.25, 0.25, 0, 0.25, 0.25]
    assert gradient(lambda x: x.max(axis=1), [[2, 2], [1, 2]]) == [[0.5, 0.5], [0, 1]]


def test_nan_wins():
    for name in ("max", "min", "sum"):
        assert np.isnan(getattr(tm.tensor([1.0, np.nan, 3.0]), name)().item())


@pytest.mark.parametrize("values", [[0, 2, 3], [0, 0, 3], [2, 3, 4], [0], [[0, 2], [3, 4]], [[0, 2], [0, 4]]])
@pytest.mark.parametrize("axis", [None, -1, 0])
def test_products_with_zeros(values, axis):
    assert tm.gradcheck(lambda x: np.prod(x, axis=axis), np.array(values, float), order=2)


def test_products_with_zeros_over_two_axes():
    x = np.arange(8.0).reshape(2, 2, 2)
    assert tm.gradcheck(lambda x: np.prod(x, axis=(-1, 0)), x, order=2)
    assert tm.gradcheck(lambda x: np.prod(x, axis=(2, 0), keepdims=True), x)


def test_logsumexp_does_not_overflow():
    np.testing.assert_allclose(F.logsumexp(tm.tensor([1000.0, 1000.0])).item(), 1000 + np.log(2), rtol=1e-6)
    np.testing.assert_allclose(F.logsumexp(tm.tensor([-1000.0, -1000.0])).item(), -1000 + np.log(2), rtol=1e-6)
    assert gradient(F.logsumexp, [1000, 0]) == [1, 0]


def test_logsumexp_of_infinities():
    inf = np.inf
    assert F.logsumexp(tm.tensor([inf, 0.0])).item() == inf
    assert F.logsumexp(tm.tensor([-inf, -inf])).item() == -inf
    assert F.logsumexp(tm.tensor([-inf, 2.0])).item() == 2
    assert gradient(F.logsumexp, [-inf, 2]) == [0, 1]
    assert np.isnan(F.logsumexp(tm.tensor([np.nan, 2.0])).item())


def test_nothing_to_reduce():
    empty = tm.tensor(np.zeros((0, 3), np.float32), requires_grad=True)
    assert empty.sum().item() == 0 and empty.prod().item() == 1 and empty.sum(axis=0).tolist() == [0, 0, 0]
    assert F.logsumexp(empty).item() == -np.inf
    assert tm.grad(empty.sum(), empty).shape == (0, 3)
    with pytest.raises(ValueError, match="zero-size"):
        empty.max()


def test_long_sums_keep_their_precision():
    """float32, a million numbers: NumPy adds in pairs."""
    x = tm.tensor(np.full(1_000_000, 0.1, np.float32))
    np.testing.assert_allclose(x.sum().item(), 1e5, rtol=1e-6)


def test_truth_values_and_integers():
    assert (tm.tensor([1.0, 2.0, 3.0]) > 1).sum().item() == 2
    assert tm.tensor([1, 2]).mean().item() == 1.5


def test_cumsum():
    assert gradient(lambda x: np.cumsum(x) * np.array([1, 10, 100]), [1, 2, 3]) == [111, 110, 100]
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(np.cumsum(tm.Tensor(x)).data, np.cumsum(x))


@pytest.mark.parametrize("name", NAMES)
def test_an_axis_that_is_not_there(name):
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        getattr(F, name)(tm.tensor([[1.0]]), axis=2)


def test_a_product_that_overflows_has_the_derivative_that_does_not():
    assert gradient(np.prod, [1e200, 1e200, 2]) == [2e200, 2e200, np.inf]


def test_the_axes_that_were_summed_are_gone_unless_they_are_to_be_kept():
    x = np.zeros((2, 3))
    assert F.logsumexp(x).shape == () and F.logsumexp(x, 1).shape == (2,)
    assert F.logsumexp(x, 1, keepdims=True).shape == (2, 1)
