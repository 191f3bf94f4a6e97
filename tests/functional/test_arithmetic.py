"""Arithmetic at its edge points: ties, zeros, kinks, NaN, bounds, powers."""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F

NAN, INF = np.nan, np.inf


def gradient(call, *values):
    """d(Σ call(x))/dx at these values."""
    x = tm.tensor(np.array(values, float), requires_grad=True)
    with np.errstate(all="ignore"):
        return tm.grad(call(x).sum(), x).tolist()


def test_ties_share_the_gradient():
    assert gradient(lambda x: np.maximum(x, [1, 1, 1]), 0, 1, 2) == [0, 0.5, 1]
    assert gradient(lambda x: np.minimum(x, [1, 1, 1]), 0, 1, 2) == [1, 0.5, 0]
    assert gradient(lambda x: np.maximum(x, x), 3) == [1]


def test_maximum_passes_nan_on():
    t = tm.tensor([NAN, 1.0])
    np.testing.assert_array_equal(np.maximum(t, [0, NAN]).data, [NAN, NAN])
    np.testing.assert_array_equal(np.minimum(t, [0, NAN]).data, [NAN, NAN])


def test_kinks():
    assert gradient(np.abs, -2, -0.0, 0, 3) == [-1, 0, 0, 1]
    assert gradient(np.sign, -2, 0, 3) == [0, 0, 0]
    assert gradient(np.sqrt, 4, 0) == [0.25, INF]


def test_clip_includes_its_bounds():
    assert gradient(lambda x: np.clip(x, -1, 2), -2, -1, 0, 2, 3) == [0, 1, 1, 1, 0]
    assert gradient(lambda x: x.clip(a_min=0), -1, 5) == [0, 1]
    assert gradient(lambda x: x.clip(a_max=0), -1, 5) == [1, 0]
    assert gradient(lambda x: x.clip(np.array([0, 6]), None), 5, 5) == [1, 0]
    np.testing.assert_array_equal(tm.tensor([NAN]).clip(0, 1).data, [NAN])


@pytest.mark.parametrize("n", [0, 1, 2, 3, -1, -2, 0.5, 2.0, np.float64(3), np.array([3, 2])])
def test_powers(n):
    x = np.array([0.5, 2.0])
    assert tm.gradcheck(lambda t: t**n, x)
    if np.ndim(n) or n != 0:  # the derivative of x⁰ is a constant: there is nothing to differentiate again
        assert tm.gradcheck(lambda t: t**n, x, order=2)
    np.testing.assert_array_equal((tm.Tensor(x) ** n).data, x**n)


def test_powers_of_zero_and_of_negative_numbers():
    assert gradient(lambda x: x**0, 0, -1) == [0, 0]
    assert gradient(lambda x: x**1, 0, -1) == [1, 1]
    assert gradient(lambda x: x**2, 0, -3) == [0, -6]
    assert gradient(lambda x: x ** np.array([0, 1, 2]), 0, 0, 0) == [0, 1, 0]
    assert gradient(lambda x: x ** np.array([0, 1]), 1e200, 1e200) == [0, 1]  # whose square is too large
    assert gradient(lambda x: x ** np.array([0, 0]), np.inf, -np.inf) == [0, 0]
    assert tm.gradcheck(lambda x: x**3, np.array([-2.0, -0.5]), order=2)


def test_exponent_of_a_base_without_logarithm():
    """xⁿ is not smooth in n where x ≤ 0: the derivative is taken as 0."""
    assert gradient(lambda n: np.array([0.0, -2.0]) ** n, 2, 2) == [0, 0]
    np.testing.assert_allclose(gradient(lambda n: 2.0**n, 3), [8 * np.log(2)])


def test_where_never_lets_the_other_branch_through():
    """The branch that was not chosen may be infinite or NaN."""
    assert gradient(lambda x: np.where(x > 0, x * 2, np.log(-x)), 1.0, 3.0) == [2, 2]
    a = tm.tensor([1.0, 2.0], requires_grad=True)
    np.where(np.array([True, False]), a, NAN).sum()
    assert tm.grad(np.where(np.array([True, False]), a, 0.0).sum(), a).tolist() == [1, 0]


def test_infinities_pass():
    np.testing.assert_array_equal((1 / tm.tensor([INF, -INF])).data, [0, -0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.exp(tm.tensor([1000.0, -1000.0])).data, [INF, 0])
        np.testing.assert_array_equal(np.log(tm.tensor([0.0, -1.0])).data, [-INF, NAN])


def test_small_numbers_stay_exact():
    small = tm.Tensor(np.array([1e-12]), requires_grad=True)
    np.testing.assert_allclose(np.log1p(small).data, [1e-12], rtol=1e-11)
    np.testing.assert_allclose(np.expm1(small).data, [1e-12], rtol=1e-11)


def test_astype_carries_the_gradient_between_precisions():
    x = tm.tensor([1.0, 2.0], requires_grad=True)
    y = x.astype(np.float64) * np.array([2.0, 3.0])
    assert y.dtype == np.float64
    g = tm.grad(y.sum(), x)
    assert g.dtype == np.float32 and g.tolist() == [2, 3]


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match="broadcast"):
        tm.tensor([1.0, 2.0]) + tm.tensor([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="broadcast"):
        F.where(np.ones(2, bool), tm.tensor([1.0, 2.0, 3.0]), 0)


def test_constants_have_no_gradient():
    x = tm.tensor([1.0, 2.0], requires_grad=True)
    for t in (np.zeros_like(x), np.ones_like(x), x == x, np.isnan(x), np.argmax(x)):
        assert isinstance(t, tm.Tensor) and not t.requires_grad
