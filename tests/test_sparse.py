import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinymm.sparse import CSRMatrix

shapes = st.tuples(st.integers(0, 6), st.integers(0, 5))
tables = shapes.flatmap(
    lambda shape: hnp.arrays(
        st.sampled_from([np.float32, np.float64]), shape, elements=st.sampled_from([0, 0, 0, 1, -2.5])
    )
)


@given(tables)
@settings(max_examples=40, deadline=None)
def test_a_matrix_comes_back_as_it_was(dense):
    x = CSRMatrix.from_dense(dense)
    assert (
        x.shape == dense.shape and x.dtype == dense.dtype and x.nnz == np.count_nonzero(dense) and len(x) == len(dense)
    )
    np.testing.assert_array_equal(x.toarray(), dense)
    np.testing.assert_array_equal(x.hstack(x, x).toarray(), np.hstack([dense] * 3))
    factors = np.arange(dense.shape[1])
    np.testing.assert_array_equal(x.scale_columns(factors).toarray(), dense * factors)


@given(tables, st.integers(1, 3), st.data())
@settings(max_examples=40, deadline=None)
def test_products_are_those_of_the_dense_matrix(dense, columns, data):
    x = CSRMatrix.from_dense(dense)
    rng = np.random.default_rng(0)
    tail = data.draw(st.sampled_from([(), (columns,)]))
    w, g = rng.standard_normal((dense.shape[1], *tail)), rng.standard_normal((len(dense), *tail))
    for ours, expected in ((x @ w, dense @ w), (x.T @ g, dense.T @ g)):
        assert ours.dtype == dense.dtype and ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@given(tables.filter(len), st.data())
@settings(max_examples=40, deadline=None)
def test_rows_are_chosen_as_from_an_array(dense, data):
    x = CSRMatrix.from_dense(dense)
    n = len(dense)
    rows = data.draw(
        st.sampled_from([slice(1, None, 2), slice(None, None, -1), slice(2, 1), [], -1, 0])
        | st.lists(st.integers(-n, n - 1), max_size=5)
        | hnp.arrays(np.bool_, n)
    )
    chosen = np.atleast_2d(dense[np.asarray(rows, np.int64) if isinstance(rows, list) else rows])
    np.testing.assert_array_equal(x[rows].toarray(), chosen)


def test_a_column_that_comes_twice_adds_up():
    x = CSRMatrix([0, 2], [1, 1], [2, 3], (1, 2))
    assert x.dtype == np.float32 and x.toarray().tolist() == [[0, 5]]
    assert (x @ np.array([7.0, 10.0])).tolist() == [50] and (x.T @ np.ones(1)).tolist() == [0, 5]


def test_read_only_parts_and_parts_with_gaps_will_do():
    indices, values = np.array([0, 9, 1, 9])[::2], np.array([1.0, 9, 2, 9])[::2]
    values.flags.writeable = False
    x = CSRMatrix([0, 1, 2], indices, values, (2, 2))
    np.testing.assert_array_equal(x @ np.asfortranarray(np.eye(2)), [[1, 0], [0, 2]])


def test_nan_and_infinity_stay_where_they_are():
    x = CSRMatrix.from_dense([[np.nan, 0.0], [0.0, 1.0], [0.0, np.inf]])
    np.testing.assert_array_equal(x @ np.ones(2), [np.nan, 1, np.inf])
    np.testing.assert_array_equal(x.T @ np.array([0.0, 1.0, 1.0]), [np.nan, np.inf])  # 0 · NaN is NaN


def test_a_matrix_never_becomes_an_array_by_itself():
    x = CSRMatrix.from_dense(np.eye(3))
    with pytest.raises(TypeError, match=r"CSRMatrix\(3 × 3 float64, 3 stored\).*toarray"):
        np.asarray(x)
    with pytest.raises(TypeError):
        np.eye(3) @ x


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0, 1], [0], [1.0], (2, 2)), "indptr must hold 3 ascending positions"),
        (([0, 2, 1], [0], [1.0], (2, 2)), "indptr must hold 3"),
        (([0, 1], [0, 1], [1.0], (1, 2)), r"\(2,\) indices and \(1,\) values"),
        (([0, 1], [2], [1.0], (1, 2)), "from 0 to 1"),
        (([0, 1], [-1], [1.0], (1, 2)), "from 0 to 1"),
        (([0, 1], [0.5], [1.0], (1, 2)), "indices must be whole numbers"),
    ],
)
def test_parts_that_do_not_fit_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        CSRMatrix(*arguments)


def test_wrong_arguments_get_one_sentence():
    x = CSRMatrix.from_dense(np.eye(3))
    with pytest.raises(TypeError, match="values are <U1"):
        CSRMatrix([0, 1], [0], ["a"], (1, 1))
    with pytest.raises(ValueError, match=r"matmul: \(3, 3\) @ \(2, 2\) do not fit"):
        x @ np.eye(2)
    with pytest.raises(ValueError, match=r"matmul: \(3, 3\) @ \(2,\) do not fit"):
        x.T @ np.ones(2)
    with pytest.raises(ValueError, match=r"\(2,\) factors for 3 columns"):
        x.scale_columns(np.ones(2))
    with pytest.raises(ValueError, match="3, 2 rows"):
        x.hstack(x[:2])
    with pytest.raises(IndexError, match="only rows can be chosen"):
        x[0, 1]
    with pytest.raises(IndexError):
        x[3]
    with pytest.raises(ValueError, match=r"from_dense: shape \(3,\)"):
        CSRMatrix.from_dense(np.ones(3))
