"""The tile and the matrix product against NumPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.kernels import matmul, threads, tile

DTYPES = (np.float32, np.float64)
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


def matrix(rng, rows, columns, dtype, transposed=False):
    if transposed:
        return matrix(rng, columns, rows, dtype).T
    return rng.standard_normal((rows, columns)).astype(dtype)


def assert_close(got, expected, depth):
    assert got.dtype == expected.dtype and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[got.dtype.type] * (depth + 1))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_multiply_packed_equals_numpy_at_every_edge(data):
    size = st.integers(0, 70)
    m, n, depth = data.draw(size), data.draw(size), data.draw(size)
    dtype, accumulate = data.draw(st.sampled_from(DTYPES)), data.draw(st.booleans())
    rng = np.random.default_rng(0)
    a, b = matrix(rng, m, depth, dtype), matrix(rng, depth, n, dtype)
    frame = matrix(rng, m + 1, n + 3, dtype)  # what lies around `out` must stay as it is
    before = frame.copy()
    tile.multiply_packed(a, tile.pack_b(b), frame[:m, :n], accumulate)
    assert_close(frame[:m, :n], (before[:m, :n] if accumulate else 0) + a @ b, depth)
    frame[:m, :n] = before[:m, :n]
    np.testing.assert_array_equal(frame, before)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_matmul_equals_numpy(data):
    m, n = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 150))
    depth = matmul.SMALL // (m * n) + data.draw(st.integers(1, 20))
    dtype = data.draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(0)
    a = matrix(rng, m, depth, dtype, data.draw(st.booleans()))
    b = matrix(rng, depth, n, dtype, data.draw(st.booleans()))
    bias = data.draw(st.sampled_from([None, np.arange(n, dtype=dtype)]))
    assert_close(matmul.matmul(a, b, bias), a @ b + (0 if bias is None else bias), depth)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1)])
def test_matmul_of_small_and_empty_matrices(shape):
    m, n, depth = shape
    rng = np.random.default_rng(0)
    a, b, bias = matrix(rng, m, depth, np.float32), matrix(rng, depth, n, np.float32), np.ones(n, np.float32)
    assert_close(matmul.matmul(a, b, bias), a @ b + bias, depth)


def test_matmul_of_views_with_gaps_and_negative_strides():
    rng = np.random.default_rng(0)
    a, b = matrix(rng, 200, 100, np.float64), matrix(rng, 100, 100, np.float64)
    a, b = a[::-2], b[:, ::-1]
    assert_close(matmul.matmul(a, b), a @ b, 100)


def test_nan_and_infinity_stay_in_their_row_and_column():
    a, b = np.ones((75, 80), np.float32), np.ones((80, 77), np.float32)
    a[3, 5], b[7, 76], a[70, 1], b[1, 2] = np.nan, np.inf, np.inf, 0
    with np.errstate(invalid="ignore"):
        expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_array_equal(matmul.matmul(a, b), expected)


def test_same_bits_with_any_number_of_threads():
    rng = np.random.default_rng(0)
    a, b = matrix(rng, 130, 300, np.float32), matrix(rng, 300, 150, np.float32)
    number = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            results.append(matmul.matmul(a, b).tobytes())
    finally:
        threads.set_num_threads(number)
    assert len(set(results)) == 1
