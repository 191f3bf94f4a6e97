import numpy as np
import pytest

from tinymm.kernels import sparse, threads
from tinymm.sparse import CSRMatrix


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_products_equal_numpys_bit_for_bit_with_any_number_of_threads(dtype):
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((300, 200)).astype(dtype) * (rng.random((300, 200)) < 0.05)
    x = CSRMatrix.from_dense(dense.astype(dtype))
    weight, g = rng.standard_normal((40, 200)).astype(dtype), rng.standard_normal((40, 300)).astype(dtype)
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            y, d = sparse.multiply(*x.arrays, weight), sparse.multiply_transposed(*x.arrays, g, 200)
            results.append(y.tobytes() + d.tobytes())
    finally:
        threads.set_num_threads(before)
    assert len(set(results)) == 1 and y.dtype == d.dtype == dtype
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y, dense @ weight.T, rtol=0, atol=tolerance)
    np.testing.assert_allclose(d, g @ dense, rtol=0, atol=tolerance)
