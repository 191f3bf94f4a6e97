"""Matrices that are nearly all zeros, such as counts of words: only what is not zero is kept.

Compressed sparse rows (CSR): row i has the numbers values[indptr[i]:indptr[i + 1]] in the columns
indices[indptr[i]:indptr[i + 1]]. Source: Saad, "Iterative Methods for Sparse Linear Systems" (2003), section 3.4.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinymm import kernels


class Rows:
    """What has rows (N, …) that can be taken by their numbers without being an array."""


class CSRMatrix(Rows):
    """A matrix (N, D) of which only the numbers that are not zero are stored, row by row.

    Args:
        indptr: (N + 1,) where each row begins in `indices` and `values`, and at last their length.
        indices: (nnz,) the column of each number.
        values: (nnz,) float32 or float64; integers become float32. A column may come twice in a row: its numbers add up.
        shape: (N, D).

    Rows are taken as from an array: `x[3:5]`, `x[[0, 2]]`, `x[mask]`. `x @ w` and `x.T @ g` are matrix products
    with arrays. Do not write into the arrays of a matrix: rows of it may share them.

    Raises:
        ValueError: lengths or columns that do not fit the shape. TypeError: values that are no numbers.

    >>> x = CSRMatrix([0, 2, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], shape=(3, 3))
    >>> x.toarray()
    array([[1., 0., 2.],
           [0., 0., 0.],
           [0., 3., 0.]])
    >>> x @ np.eye(3)[:, :2], x.T @ np.ones((3, 1))
    (array([[1., 0.], [0., 0.], [0., 3.]]), array([[1.], [3.], [2.]]))
    """

    __array_ufunc__ = None  # an array on the left asks this class, which has no such product

    def __init__(self, indptr: Any, indices: Any, values: Any, shape: tuple[int, int]):
        self.indptr = np.ascontiguousarray(indptr, np.int64)
        columns = np.ascontiguousarray(indices)
        values = np.asarray(values)
        if values.dtype.kind not in "fiub":
            raise TypeError(f"CSRMatrix: values are {values.dtype}, expected floating point")
        precision = np.float64 if values.dtype.str[1:] == "f8" else np.float32  # in the machine's own byte order
        self.values = np.ascontiguousarray(values, precision)
        self.shape = rows, features = operator.index(shape[0]), operator.index(shape[1])
        steps = np.diff(self.indptr)
        if self.indptr.shape != (rows + 1,) or self.indptr[0] != 0 or steps.min(initial=0) < 0:
            raise ValueError(f"CSRMatrix: indptr must hold {rows + 1} ascending positions from 0 for {rows} rows")
        if not columns.shape == self.values.shape == (self.indptr[-1],):
            raise ValueError(
                f"CSRMatrix: {columns.shape} indices and {self.values.shape} values, but indptr ends at {self.indptr[-1]}"
            )
        if columns.size and (columns.dtype.kind not in "iu" or columns.min() < 0 or columns.max() >= features):
            raise ValueError(
                f"CSRMatrix: indices must be whole numbers from 0 to {features - 1}, the columns of {shape}"
            )
        self.indices = columns.astype(np.int32 if features < 2**31 else np.int64, copy=False)

    @classmethod
    def from_dense(cls, dense: Any) -> CSRMatrix:
        """The matrix of an array (N, D)."""
        dense = np.asarray(dense)
        if dense.ndim != 2:
            raise ValueError(f"CSRMatrix.from_dense: shape {dense.shape}: expected rows and columns")
        rows, columns = np.nonzero(dense)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))])
        return cls(indptr, columns, dense[rows, columns], dense.shape)

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return 2

    @property
    def nnz(self) -> int:
        """How many numbers are stored."""
        return len(self.values)

    @property
    def T(self) -> TransposedCSR:
        """The transpose, for products: `x.T @ g`."""
        return TransposedCSR(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"CSRMatrix({self.shape[0]:,} × {self.shape[1]:,} {self.dtype}, {self.nnz:,} stored)"

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        raise TypeError(f"{self!r} does not become an array by itself, which could fill the memory: try .toarray()")

    def row_numbers(self) -> np.ndarray:
        """The row of each stored number, (nnz,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def toarray(self) -> np.ndarray:
        """The same as an ordinary array (N, D)."""
        dense = np.zeros(self.shape, self.dtype)
        np.add.at(dense.reshape(-1), self.row_numbers() * self.shape[1] + self.indices, self.values)
        return dense

    def astype(self, dtype: Any) -> CSRMatrix:
        return self if self.dtype == dtype else self.with_values(self.values.astype(dtype))

    def with_values(self, values: np.ndarray) -> CSRMatrix:
        """Other numbers (nnz,) in the same places."""
        return CSRMatrix(self.indptr, self.indices, values, self.shape)

    def hstack(self, *others: CSRMatrix) -> CSRMatrix:
        """This matrix and others with as many rows, side by side."""
        parts = (self, *others)
        if len({len(part) for part in parts}) > 1:
            raise ValueError(
                f"hstack: matrices have {', '.join(str(len(part)) for part in parts)} rows: expected as many"
            )
        edges = np.concatenate([[0], np.cumsum([part.shape[1] for part in parts])])
        rows = np.concatenate([part.row_numbers() for part in parts])
        order = np.argsort(rows, kind="stable")
        columns = np.concatenate([part.indices + edge for part, edge in zip(parts, edges, strict=False)])
        values = np.concatenate([part.values for part in parts])
        indptr = sum(part.indptr for part in parts)
        return CSRMatrix(indptr, columns[order], values[order], (len(self), int(edges[-1])))

    def scale_columns(self, factors: np.ndarray) -> CSRMatrix:
        """x[i, j] · factors[j], in the precision of x."""
        if np.shape(factors) != self.shape[1:]:
            raise ValueError(f"scale_columns: {np.shape(factors)} factors for {self.shape[1]} columns: each needs one")
        return self.with_values(self.values * np.asarray(factors).astype(self.dtype)[self.indices])

    def __getitem__(self, rows: Any) -> CSRMatrix:
        """The chosen rows as a matrix: a slice, whole numbers (negative ones count from the end) or truth values (N,)."""
        if isinstance(rows, tuple) or np.ndim(rows) > 1:
            raise IndexError("CSRMatrix: only rows can be chosen, as in x[3:5] or x[[0, 2]]: for more, try .toarray()")
        chosen = np.atleast_1d(np.arange(len(self))[np.asarray(rows, np.int64) if np.size(rows) == 0 else rows])
        starts, lengths = self.indptr[chosen], np.diff(self.indptr)[chosen]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return CSRMatrix(indptr, self.indices[places], self.values[places], (len(chosen), self.shape[1]))

    def __matmul__(self, w: Any) -> np.ndarray:
        """X w for w (D,) or (D, K)."""
        w = np.asarray(w)
        if w.ndim not in (1, 2) or len(w) != self.shape[1]:
            raise ValueError(f"matmul: {self.shape} @ {w.shape} do not fit: the second needs {self.shape[1]} rows")
        columns = np.ascontiguousarray((w if w.ndim == 2 else w[:, None]).T, self.dtype)
        return kernels.sparse.multiply(*self.arrays, columns).reshape(len(self), *w.shape[1:])

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """indptr, indices, values: what a kernel takes."""
        return self.indptr, self.indices, self.values


def as_rows(x: Any) -> Any:
    """x as what rows can be taken of: `Rows`, such as a CSRMatrix, as they are, anything else as an array."""
    return x if isinstance(x, Rows) else np.asarray(x)


class TransposedCSR:
    """The transpose of a CSRMatrix; it can be multiplied, nothing else."""

    __array_ufunc__ = None

    def __init__(self, matrix: CSRMatrix):
        self.matrix = matrix
        self.shape = matrix.shape[::-1]

    def __repr__(self) -> str:
        return f"{self.matrix!r}.T"

    def __matmul__(self, g: Any) -> np.ndarray:
        """Xᵀ g for g (N,) or (N, K): (D,) or (D, K)."""
        g = np.asarray(g)
        if g.ndim not in (1, 2) or len(g) != self.shape[1]:
            raise ValueError(f"matmul: {self.shape} @ {g.shape} do not fit: the second needs {self.shape[1]} rows")
        rows = np.ascontiguousarray((g if g.ndim == 2 else g[:, None]).T, self.matrix.dtype)
        product = kernels.sparse.multiply_transposed(*self.matrix.arrays, rows, self.shape[0])
        return product.T.reshape(self.shape[0], *g.shape[1:])
