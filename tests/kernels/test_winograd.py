"""Winograd's detour ends where the formula ends; where a number is not finite it says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import convolution, threads, winograd
from tinymm.kernels import convolution_gradients as gradients
from tinymm.kernels.winograd_transforms import NUMBER, WAYS

TOLERANCE = {np.float32: 5e-4, np.float64: 1e-10}
PLAIN = (1, 1)
KNOWN = sorted(NUMBER)


def arrays(n, channels, filters, size, known, padding, dtype):
    """x, weight, bias and the gradient of y."""
    rng = np.random.default_rng(n * channels + filters)
    taps, stride = known
    out = [(size[i] + 2 * padding[i] - taps) // stride + 1 for i in (0, 1)]
    shapes = (n, channels, *size), (filters, channels, taps, taps), (filters,), (n, filters, *out)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("known", KNOWN)
def test_one_axis(known):
    """A [(G w) * (B d)] slides the weights over the inputs, and the way turned around is its transpose."""
    taps, stride = known
    rng, way, turned = np.random.default_rng(0), *WAYS[NUMBER[known] : NUMBER[known] + 2]
    w, d, dy = rng.standard_normal(taps), rng.standard_normal(len(way.b)), rng.standard_normal(len(way.a))
    y = way.a @ ((way.g @ w) * (way.b @ d))
    np.testing.assert_allclose(y, np.correlate(d, w)[::stride], atol=1e-13)
    dd = turned.a @ ((turned.g @ w) * (turned.b @ dy))
    assert dd @ d == pytest.approx(dy @ y)
    assert (way.step_in, way.step_out) == (turned.step_out, turned.step_in) == (stride * len(y), len(y))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 5), st.integers(1, 11), st.sampled_from([1, 3, 31, 32, 33]),
    st.tuples(st.integers(5, 22), st.integers(5, 13)), st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from(KNOWN), st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_it_is_the_formula(n, channels, filters, size, padding, known, dtype):
    x, weight, bias, g = arrays(n, channels, filters, size, known, padding, dtype)
    options = (known[1], known[1]), padding
    near = {"rtol": TOLERANCE[dtype], "atol": 10 * TOLERANCE[dtype]}
    y = winograd.conv2d(x, weight, bias, *options)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, formulas.convolution(x, weight, bias, *options), **near)
    dx = winograd.input_gradient(g, weight, x.shape, *options)
    dw = winograd.weight_gradient(x, g, weight.shape, *options)
    assert dx.shape == x.shape and dw.shape == weight.shape
    # conv2d is linear in x and in w: <g, conv(x', w)> = <dx, x'>, and the same for w
    rng = np.random.default_rng(0)
    other_x, other_w = rng.standard_normal(x.shape).astype(dtype), rng.standard_normal(weight.shape).astype(dtype)
    wide = {"rtol": 50 * TOLERANCE[dtype], "atol": 500 * TOLERANCE[dtype]}
    zero = np.zeros_like(bias)
    np.testing.assert_allclose(
        np.vdot(g, formulas.convolution(other_x, weight, zero, *options)), np.vdot(dx, other_x), **wide
    )
    np.testing.assert_allclose(
        np.vdot(g, formulas.convolution(x, other_w, zero, *options)), np.vdot(dw, other_w), **wide
    )


@pytest.mark.parametrize("known", KNOWN)
def test_rounding_errors_are_small(known):
    """Relative to the largest output: as a sum of so many products in float32 may have them, and not much more."""
    x, weight, bias, g = arrays(2, 64, 64, (20, 20), known, (1, 1), np.float32)
    stride, exact = (known[1], known[1]), [a.astype(float) for a in (x, weight, bias, g)]
    pairs = [
        (winograd.conv2d(x, weight, bias, stride, (1, 1)), winograd.conv2d(*exact[:3], stride, (1, 1))),
        (
            winograd.input_gradient(g, weight, x.shape, stride, (1, 1)),
            winograd.input_gradient(exact[3], exact[1], x.shape, stride, (1, 1)),
        ),
        (
            winograd.weight_gradient(x, g, weight.shape, stride, (1, 1)),
            winograd.weight_gradient(exact[0], exact[3], weight.shape, stride, (1, 1)),
        ),
    ]
    for found, expected in pairs:
        assert np.abs(found - expected).max() < 4e-6 * np.abs(expected).max()


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_goes_the_direct_way(value, known):
    taps, step = known
    options = (step, step), (1, 1), PLAIN, 1
    assert winograd.suits((20, 64, 15, 15), (64, 64, taps, taps), *options, turned=True)
    x, weight, bias, g = arrays(20, 64, 64, (15, 15), known, (1, 1), np.float32)
    x[1, 5, 3, 2] = value
    g[0, 7, 2, 2] = value
    with np.errstate(all="ignore"):
        y = convolution.conv2d(x, weight, bias, *options)
        expected = formulas.convolution(x[:2], weight, bias, (step, step), (1, 1))
        dx = gradients.conv2d_input_gradient(g, weight, x.shape, *options)
        dw = gradients.conv2d_weight_gradient(x, g, weight.shape, *options)
    np.testing.assert_array_equal(np.isnan(y[:2]), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(y[:2]), np.isposinf(expected))
    assert np.isfinite(y[2:]).all()
    windows = np.ones((15, 15), bool)
    first = 2 * step - 1
    windows[first : first + taps, first : first + taps] = False  # none of the others sees the number
    assert np.isfinite(dx[1]).all() and np.isfinite(dx[0][:, windows]).all()
    assert not np.isfinite(dx[0, :, first + 1, first + 1]).all()
    assert np.isfinite(np.delete(np.delete(dw, 7, 0), 5, 1)).all()


@pytest.mark.parametrize(
    ("x_shape", "weight_shape", "stride", "gains"),
    [
        ((64, 64, 16, 16), (64, 64, 3, 3), (1, 1), True),
        ((64, 32, 14, 14), (64, 32, 5, 5), (1, 1), True),
        ((64, 64, 32, 32), (64, 64, 3, 3), (2, 2), True),
        ((64, 64, 16, 16), (64, 64, 3, 5), (1, 1), False),
        ((64, 64, 16, 16), (64, 64, 3, 3), (2, 1), False),
        ((64, 64, 16, 16), (64, 64, 7, 7), (1, 1), False),
        ((64, 8, 16, 16), (64, 8, 3, 3), (1, 1), False),
        ((1, 64, 6, 6), (64, 64, 3, 3), (1, 1), False),
        ((0, 64, 6, 6), (64, 64, 3, 3), (1, 1), False),
    ],
)
def test_where_it_gains(x_shape, weight_shape, stride, gains):
    assert winograd.suits(x_shape, weight_shape, stride, (1, 1), PLAIN, 1, True) == gains
    assert not winograd.suits(x_shape, weight_shape, stride, (1, 1), (2, 2), 1, True)
    assert not winograd.suits(x_shape, weight_shape, stride, (1, 1), PLAIN, 2, True)


@pytest.mark.parametrize("known", KNOWN)
def test_results_do_not_depend_on_the_number_of_threads(known):
    x, weight, bias, g = arrays(20, 20, 40, (9, 9), known, (1, 1), np.float32)
    before, results, options = threads.get_num_threads(), set(), ((known[1], known[1]), (1, 1))
    try:
        for number in (1, 2, 5):
            threads.set_num_threads(number)
            parts = (
                winograd.conv2d(x, weight, bias, *options),
                winograd.input_gradient(g, weight, x.shape, *options),
                winograd.weight_gradient(x, g, weight.shape, *options),
            )
            results.add(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
    finally:
        threads.set_num_threads(before)
    assert len(results) == 1
