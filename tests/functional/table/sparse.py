"""The linear layer of a sparse matrix, against that of the same matrix with its zeros."""

import numpy as np

from tinymm.functional.sparse import sparse_linear, sparse_outer
from tinymm.sparse import CSRMatrix

from .row import Row

X = np.array([[0, 2.5, 0, -1], [0, 0, 0, 0], [1, 0, 0, 3.0]])


def csr(like):
    return CSRMatrix.from_dense(X.astype(like.dtype))


SPARSE = [
    Row(
        "sparse_linear",
        lambda f, w, b: sparse_linear(csr(w), w, b),
        [((2, 4), (2,)), ((1, 4), (1,))],
        formula=lambda w, b: X.astype(w.dtype) @ w.T + b,
        torch=lambda t, w, b: t.nn.functional.linear(t.tensor(X), w, b),
    ),
    Row(
        "sparse_linear",
        lambda f, w: sparse_linear(csr(w), w),
        [((2, 4),), ((0, 4),)],
        formula=lambda w: X.astype(w.dtype) @ w.T,
        torch=lambda t, w: t.nn.functional.linear(t.tensor(X), w),
    ),
    Row(
        "sparse_outer",
        lambda f, g: sparse_outer(csr(g), g),
        [((3, 2),), ((3, 1),)],
        formula=lambda g: g.T @ X.astype(g.dtype),
        torch=lambda t, g: g.T @ t.tensor(X),
    ),
]
