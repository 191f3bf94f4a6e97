"""Convolution against the formula, its gradients as its transposes, and all three against torch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import convolution, threads
from tinymm.kernels import convolution_gradients as gradients

TOLERANCE = {np.float32: 1e-4, np.float64: 1e-11}
PLAIN = ((1, 1), (0, 0), (1, 1), 1)


@st.composite
def problems(draw):
    """x, weight, bias and options (stride, padding, dilation, groups) that fit each other."""

    def pair(low, high):
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    stride, padding, dilation, kernel = pair(1, 3), pair(0, 4), pair(1, 3), pair(1, 4)
    groups = draw(st.integers(1, 3))
    channels, filters = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 5, 9, 20]))
    least = [max(1, dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i]) for i in (0, 1)]
    size = [n + draw(st.integers(0, 9)) for n in least]
    dtype = draw(st.sampled_from(list(TOLERANCE)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))

    def array(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x = array(draw(st.integers(0, 3)), groups * channels, *size)
    return (
        x,
        array(groups * filters, channels, *kernel),
        array(groups * filters),
        (stride, padding, dilation, groups),
    )


def assert_close(got, expected):
    assert got.dtype == expected.dtype and got.shape == expected.shape
    tolerance = TOLERANCE[got.dtype.type]
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_conv2d_equals_the_formula(problem):
    x, weight, bias, options = problem
    assert_close(convolution.conv2d(x, weight, bias, *options), formulas.convolution(x, weight, bias, *options))
    assert_close(convolution.conv2d(x, weight, None, *options), formulas.convolution(x, weight, None, *options))


@settings(max_examples=40, deadline=None)
@given(problems())
def test_gradients_are_the_transposes_of_the_convolution(problem):
    """<g, conv(x, w)> = <input_gradient(g, w), x> = <weight_gradient(x, g), w>, for all x, w and g."""
    x, weight, _, options = problem
    y = formulas.convolution(x.astype(float), weight.astype(float), None, *options)
    g = np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)
    dx = gradients.conv2d_input_gradient(g, weight, x.shape, *options)
    dw = gradients.conv2d_weight_gradient(x, g, weight.shape, *options)
    assert (dx.shape, dx.dtype, dw.shape, dw.dtype) == (x.shape, x.dtype, weight.shape, weight.dtype)
    tolerance = TOLERANCE[x.dtype.type] * (1 + np.sqrt(y.size) * 10)
    assert np.vdot(dx.astype(float), x) == pytest.approx(np.vdot(g, y), abs=tolerance)
    assert np.vdot(dw.astype(float), weight) == pytest.approx(np.vdot(g, y), abs=tolerance)


@settings(max_examples=30, deadline=None)
@given(problems())
def test_gradients_equal_torch(problem):
    torch = pytest.importorskip("torch")
    x, weight, bias, options = problem
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    y = torch.nn.functional.conv2d(*tensors, *options)
    g = np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)
    y.backward(torch.tensor(g))
    assert_close(gradients.conv2d_input_gradient(g, weight, x.shape, *options), tensors[0].grad.numpy())
    assert_close(gradients.conv2d_weight_gradient(x, g, weight.shape, *options), tensors[1].grad.numpy())


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (3, 8, 13, 13), (2, 3, 32, 32)])
@pytest.mark.parametrize("filters", [1, 3, 32, 64])
def test_sizes_of_common_models(shape, filters):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(shape), rng.standard_normal((filters, shape[1], 3, 3))
    y = formulas.convolution(x, weight)
    assert_close(convolution.conv2d(x, weight, None, *PLAIN), y)
    dx = gradients.conv2d_input_gradient(y, weight, x.shape, *PLAIN)
    dw = gradients.conv2d_weight_gradient(x, y, weight.shape, *PLAIN)
    assert np.vdot(dx, x) == pytest.approx(np.vdot(y, y), rel=1e-12)
    assert np.vdot(dw, weight) == pytest.approx(np.vdot(y, y), rel=1e-12)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("rows", "columns"), [(28, 28), (3, 61), (10, 26)])
def test_one_filter_for_each_channel(rows, columns, dtype):
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in ((3, 5, rows, columns), (5, 1, 3, 3), (5,)))
    options = (1, 1), (1, 1), (1, 1), 5
    y = formulas.convolution(x, weight, bias, *options)
    assert_close(convolution.conv2d(x, weight, bias, *options), y)
    g = rng.standard_normal(y.shape).astype(dtype)
    dx = gradients.conv2d_input_gradient(g, weight, x.shape, *options)
    assert np.vdot(dx.astype(float), x) == pytest.approx(np.vdot(g.astype(float), y - bias[:, None, None]), abs=1e-2)


def test_views_with_gaps_and_negative_strides():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 6, 12, 9))[::-2, :, ::-1, ::2]
    weight = rng.standard_normal((3, 3, 6, 8)).T[::2, ::-1]
    y = formulas.convolution(x, weight)
    assert_close(convolution.conv2d(x, weight, None, *PLAIN), y)
    dx = gradients.conv2d_input_gradient(y[:, ::-1, ::-1], weight, x.shape, *PLAIN)
    dx_of_copy = gradients.conv2d_input_gradient(y[:, ::-1, ::-1].copy(), weight.copy(), x.shape, *PLAIN)
    np.testing.assert_array_equal(dx, dx_of_copy)


def test_nan_stays_where_the_filter_sees_it():
    x, weight = np.ones((1, 1, 9, 9), np.float32), np.ones((2, 1, 3, 3), np.float32)
    x[0, 0, 4, 8] = np.nan
    y = convolution.conv2d(x, weight, None, *PLAIN)
    np.testing.assert_array_equal(y, formulas.convolution(x, weight))
    g = np.ones_like(y)
    g[0, 1, 0, 6] = np.inf
    dx = gradients.conv2d_input_gradient(g, weight, x.shape, *PLAIN)
    assert np.isinf(dx[0, 0, :3, 6:]).all() and np.isinf(dx).sum() == 9
    dw = gradients.conv2d_weight_gradient(x, np.ones_like(y), weight.shape, *PLAIN)
    np.testing.assert_array_equal(np.isnan(dw[0, 0]), [[False, False, True]] * 3)


def test_same_bits_with_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, weight = (
        rng.standard_normal((13, 3, 10, 11)).astype("f"),
        rng.standard_normal((20, 3, 3, 3)).astype("f"),
    )
    before = threads.get_num_threads()
    try:
        results = set()
        for number in (1, 2, 5):
            threads.set_num_threads(number)
            y = convolution.conv2d(x, weight, None, *PLAIN)
            dx = gradients.conv2d_input_gradient(y, weight, x.shape, *PLAIN)
            dw = gradients.conv2d_weight_gradient(x, y, weight.shape, *PLAIN)
            results.add(y.tobytes() + dx.tobytes() + dw.tobytes())
    finally:
        threads.set_num_threads(before)
    assert len(results) == 1
