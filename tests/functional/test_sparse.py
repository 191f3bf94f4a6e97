import numpy as np
import pytest

import tinymm as tm
from tinymm.functional.sparse import sparse_linear, sparse_outer
from tinymm.sparse import CSRMatrix

X = CSRMatrix.from_dense(np.eye(3, 4, dtype=np.float32))


def test_logistic_regression_on_sparse_rows_learns():
    rng = np.random.default_rng(0)
    dense = (rng.random((60, 8)) < 0.2).astype(np.float32)
    y = (dense[:, 0] + dense[:, 1] > 0).astype(np.int64)
    x = CSRMatrix.from_dense(dense)
    weight, bias = (tm.Tensor(np.zeros(shape, np.float32), requires_grad=True) for shape in ((2, 8), (2,)))
    optimizer = tm.optim.SGD([weight, bias], lr=2.0)
    for _ in range(60):
        optimizer.zero_grad()
        tm.functional.cross_entropy(sparse_linear(x, weight, bias), y).backward()
        optimizer.step()
    logits = sparse_linear(x[20:], weight, bias).data
    assert (logits.argmax(axis=1) == y[20:]).all()


def test_wrong_arguments_get_one_sentence():
    w = np.ones((2, 4), np.float32)
    with pytest.raises(TypeError, match=r"sparse_linear: x is ndarray, expected a CSRMatrix: for an array, use linear"):
        sparse_linear(X.toarray(), w)
    with pytest.raises(
        ValueError, match=r"sparse_linear: weight \(2, 3\) does not fit x \(3, 4\): it needs \(out, 4\)"
    ):
        sparse_linear(X, w[:, :3])
    with pytest.raises(ValueError, match=r"sparse_linear: weight \(2, 4, 1\) does not fit"):
        sparse_linear(X, w[:, :, None])
    with pytest.raises(ValueError, match=r"^sparse_linear: bias \(3,\) must have one number per output: \(2,\)$"):
        sparse_linear(X, w, np.ones(3, np.float32))
    with pytest.raises(TypeError, match=r"sparse_linear: x is float32, weight is float64"):
        sparse_linear(X, w.astype(np.float64))
    with pytest.raises(ValueError, match=r"sparse_outer: g \(2, 2\) does not fit x \(3, 4\)"):
        sparse_outer(X, np.ones((2, 2), np.float32))
