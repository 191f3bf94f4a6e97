"""Winograd's detour ends where the formula ends; where a number is not finite it says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import convolution, threads, winograd
from tinymm.kernels import convolution_gradients as gradients

TOLERANCE = {np.float32: 2e-4, np.float64: 1e-10}
PLAIN = (1, 1)


def arrays(n, channels, filters, rows, columns, padding, dtype):
    rng = np.random.default_rng(n * channels + filters)
    out = rows + 2 * padding[0] - 2, columns + 2 * padding[1] - 2
    shapes = (n, channels, rows, columns), (filters, channels, 3, 3), (filters,), (n, filters, *out)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 3), st.integers(1, 11), st.sampled_from([1, 3, 31, 32, 33]), st.integers(3, 20), st.integers(3, 11),
    st.tuples(st.integers(0, 2), st.integers(0, 2)), st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_it_is_the_formula(n, channels, filters, rows, columns, padding, dtype):
    x, weight, bias, g = arrays(n, channels, filters, rows, columns, padding, dtype)
    near = {"rtol": TOLERANCE[dtype], "atol": 10 * TOLERANCE[dtype]}
    y = winograd.conv2d(x, weight, bias, padding)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, formulas.convolution(x, weight, bias, padding=padding), **near)
    dx = winograd.input_gradient(g, weight, padding)
    dw = winograd.weight_gradient(x, g, padding)
    assert dx.shape == x.shape and dw.shape == weight.shape
    # conv2d is linear in x and in w: <g, conv(x', w)> = <dx, x'>, and the same for w
    rng = np.random.default_rng(0)
    other_x, other_w = rng.standard_normal(x.shape).astype(dtype), rng.standard_normal(weight.shape).astype(dtype)
    wide = {"rtol": 50 * TOLERANCE[dtype], "atol": 500 * TOLERANCE[dtype]}
    zero = np.zeros_like(bias)
    np.testing.assert_allclose(
        np.vdot(g, formulas.convolution(other_x, weight, zero, padding=padding)), np.vdot(dx, other_x), **wide
    )
    np.testing.assert_allclose(
        np.vdot(g, formulas.convolution(x, other_w, zero, padding=padding)), np.vdot(dw, other_w), **wide
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_goes_the_direct_way(value):
    x, weight, bias, g = arrays(2, 64, 64, 7, 6, (1, 1), np.float32)
    assert winograd.suits(weight.shape, PLAIN, (1, 1), PLAIN, 1)
    x[1, 5, 3, 2] = value
    g[0, 7, 2, 2] = value
    with np.errstate(all="ignore"):
        y = convolution.conv2d(x, weight, bias, PLAIN, (1, 1), PLAIN, 1)
        expected = formulas.convolution(x, weight, bias, padding=1)
        dx = gradients.conv2d_input_gradient(g, weight, x.shape, PLAIN, (1, 1), PLAIN, 1)
        dw = gradients.conv2d_weight_gradient(x, g, weight.shape, PLAIN, (1, 1), PLAIN, 1)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(y), np.isposinf(expected))
    windows = np.ones((7, 6), bool)
    windows[1:4, 1:4] = False  # none of these pixels of dx sees the number
    assert np.isfinite(dx[1]).all() and np.isfinite(dx[0][:, windows]).all()
    assert not np.isfinite(dx[0, :, 2, 2]).all()
    assert np.isfinite(np.delete(np.delete(dw, 7, 0), 5, 1)).all()


def test_results_do_not_depend_on_the_number_of_threads():
    x, weight, bias, g = arrays(20, 20, 40, 9, 9, (1, 1), np.float32)
    before, results = threads.get_num_threads(), set()
    try:
        for number in (1, 2, 5):
            threads.set_num_threads(number)
            parts = winograd.conv2d(x, weight, bias, (1, 1)), winograd.weight_gradient(x, g, (1, 1))
            results.add(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
    finally:
        threads.set_num_threads(before)
    assert len(results) == 1
