"""The fused convolution, ReLU and pooling are the three formulas one after another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import conv_relu_pool, convolution, threads
from tinymm.kernels import convolution_gradients as gradients

TOLERANCE = {np.float32: 2e-4, np.float64: 1e-10}


def arrays(n, channels, filters, rows, columns, k, dtype, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (n, channels, rows, columns), (filters, channels, k, k), (filters,)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3), st.integers(1, 3), st.sampled_from([1, 3, 8, 17, 33]), st.integers(4, 17), st.integers(4, 9),
    st.sampled_from([1, 2, 3]), st.integers(0, 1), st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_it_is_the_three_formulas_in_one(n, channels, filters, rows, columns, k, padding, dtype):
    x, weight, bias = arrays(n, channels, filters, rows, columns, k, dtype)
    pads, tolerance = (padding, padding), TOLERANCE[dtype]
    y, codes = conv_relu_pool.forward(x, weight, bias, pads)
    large = np.maximum(convolution.conv2d(x, weight, bias, (1, 1), pads, (1, 1), 1), 0)
    np.testing.assert_allclose(y, formulas.max_pooling(large, 2), rtol=tolerance, atol=tolerance)

    # each window's gradient goes to the pixel that won, and on through the convolution
    g = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    spread = np.zeros_like(large)
    for place, (down, right) in enumerate(np.ndindex(2, 2)):
        rows_2, columns_2 = (2 * size for size in y.shape[2:])
        spread[:, :, down:rows_2:2, right:columns_2:2] = np.where(codes == place, g, 0)
    plain = (1, 1), pads, (1, 1), 1
    dx, dweight, dbias = conv_relu_pool.gradients(g, codes, x, weight, pads)
    for found, expected in (
        (dx, gradients.conv2d_input_gradient(spread, weight, x.shape, *plain)),
        (dweight, gradients.conv2d_weight_gradient(x, spread, weight.shape, *plain)),
        (dbias, spread.sum(axis=(0, 2, 3))),
    ):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 10)
    assert conv_relu_pool.gradients(g, codes, x, weight, pads, input_gradient=False)[0] is None


def test_nan_wins():
    x = np.zeros((1, 1, 4, 4), np.float32)
    x[0, 0, 1, 2] = np.nan
    y, codes = conv_relu_pool.forward(x, np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), (0, 0))
    np.testing.assert_array_equal(y[0, 0], [[0, np.nan], [0, 0]])
    np.testing.assert_array_equal(codes[0, 0], [[4, 2], [4, 4]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_the_number_of_threads(dtype):
    x, weight, bias = arrays(20, 3, 40, 20, 20, 3, dtype)
    before, results = threads.get_num_threads(), set()
    try:
        for number in (1, 2, 5):
            threads.set_num_threads(number)
            y, codes = conv_relu_pool.forward(x, weight, bias, (0, 0))
            parts = conv_relu_pool.gradients(y, codes, x, weight, (0, 0))
            results.add(b"".join(np.ascontiguousarray(part).tobytes() for part in (y, codes, *parts)))
    finally:
        threads.set_num_threads(before)
    assert len(results) == 1
