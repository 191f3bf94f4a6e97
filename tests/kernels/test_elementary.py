import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from tinymm.kernels import elementary


def over_an_array(function):
    @njit(error_model="numpy")
    def apply(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    def run(x):
        y = np.empty_like(x)
        apply(x, y)
        return y

    return run


exp, sigmoid, tanh = map(over_an_array, (elementary.exp, elementary.sigmoid, elementary.tanh))
CASES = [(exp, np.exp), (sigmoid, lambda x: 1 / (1 + np.exp(-x))), (tanh, np.tanh)]
NAMES = ["exp", "sigmoid", "tanh"]
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def every_magnitude():
    """float32 numbers of every exponent and sign, denormal ones, infinities and NaN among them."""
    return np.arange(0, 2**32, 50021, dtype=np.uint64).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize(("function", "exact"), CASES, ids=NAMES)
def test_float32_at_every_magnitude(function, exact):
    dense = np.linspace(-110, 110, 100_003).astype(np.float32)
    for x in (every_magnitude(), dense):
        with np.errstate(all="ignore"):
            expected = exact(x.astype(np.float64))
            np.testing.assert_allclose(function(x), expected.astype(np.float32), rtol=2e-7, atol=SMALLEST_NORMAL)


@pytest.mark.parametrize(("function", "exact"), CASES, ids=NAMES)
def test_limits(function, exact):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38, -1e38])
    with np.errstate(all="ignore"):
        for dtype in (np.float32, np.float64):
            np.testing.assert_array_equal(function(x.astype(dtype)), exact(x).astype(dtype))


def test_exp_of_float32_reaches_below_the_normal_numbers():
    x = np.array([-88, -95, -103], np.float32)
    got, expected = exp(x), np.exp(x.astype(np.float64))
    np.testing.assert_allclose(got, expected, atol=1.5e-45)
    assert (got > 0).all()


def test_tanh_and_sigmoid_stay_in_bounds():
    x = np.concatenate([every_magnitude(), np.linspace(-30, 30, 20_001).astype(np.float32)])
    x = x[~np.isnan(x)]
    assert np.abs(tanh(x)).max() == 1
    assert sigmoid(x).min() == 0
    assert sigmoid(x).max() == 1
    np.testing.assert_array_equal(tanh(-x), -tanh(x))
    np.testing.assert_array_equal(np.signbit(tanh(x)), np.signbit(x))


@pytest.mark.parametrize(("function", "exact"), CASES, ids=NAMES)
@given(x=st.floats(-700, 700))
@settings(max_examples=40, deadline=None)
def test_float64_is_accurate(function, exact, x):
    x = np.array([x])
    np.testing.assert_allclose(function(x), exact(x), rtol=2e-15)
