"""Products: sizes around the threaded kernel, einsum's notation, embedding, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import functional as F


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_matrices(dtype):
    """Large enough for the threaded kernel, value and gradient, transposed views included."""
    rng = np.random.default_rng(0)
    a = tm.Tensor(rng.normal(size=(90, 70)).astype(dtype), requires_grad=True)
    b = tm.Tensor(rng.normal(size=(80, 70)).astype(dtype), requires_grad=True)
    y = a @ b.T
    g = rng.normal(size=(90, 80)).astype(dtype)
    y.backward(g)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    for ours, expected in (
        (y, a.data @ b.data.T),
        (a.grad, g @ b.data),
        (b.grad, g.T @ a.data),
        (F.linear(a, b, np.ones(80, dtype)), a.data @ b.data.T + 1),
    ):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours.data, expected, **tolerance)


@settings(max_examples=30, deadline=None)
@given(
    batch=st.sampled_from([((), ()), ((2,), (2,)), ((3, 1), (2,)), ((), (2, 1)), ((0,), (1,)), ((1,), (4,))]),
    n=st.integers(0, 3),
    k=st.integers(0, 3),
    m=st.integers(0, 3),
)
def test_matmul_broadcasts_as_numpy(batch, n, k, m):
    rng = np.random.default_rng(0)
    a = tm.Tensor(rng.normal(size=(*batch[0], n, k)), requires_grad=True)
    b = tm.Tensor(rng.normal(size=(*batch[1], k, m)), requires_grad=True)
    y = a @ b
    np.testing.assert_allclose(y.data, a.data @ b.data)
    ga, gb = tm.grad(y.sum(), [a, b])
    assert ga.shape == a.shape and gb.shape == b.shape
    assert tm.gradcheck(lambda a, b: a @ b, a, b)


def test_matmul_errors():
    a = tm.tensor(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"^matmul: shapes \(2, 3\) and \(2, 3\) do not fit: .* \(3\) .* \(2\)"):
        a @ a
    with pytest.raises(ValueError, match=r"^matmul: shapes \(2, 3\) and \(\): a number is no matrix"):
        a @ 2
    with pytest.raises(ValueError, match=r"^dot: the second shape \(1, 2, 3\)"):
        np.dot(a, a[None])


def test_linear_errors():
    w = tm.tensor(np.ones((4, 3), np.float32))
    with pytest.raises(ValueError, match=r"^linear: weight \(4, 3\) needs 3 features, but x is \(2, 4\)"):
        F.linear(tm.tensor(np.ones((2, 4), np.float32)), w)
    with pytest.raises(ValueError, match=r"^linear: weight \(4, 3\) needs 3 features, but x is \(\)"):
        F.linear(tm.tensor(1.0), w)

    with pytest.raises(ValueError, match=r"^linear: weight \(3,\) "):
        F.linear(tm.tensor(np.ones((2, 3), np.float32)), w[0])
    with pytest.raises(TypeError, match=r"^linear: x is float64, weight is float32"):
        F.linear(tm.tensor(np.ones((2, 3))), w)
    with pytest.raises(ValueError, match=r"^linear: bias \(3,\) must have one number per output: \(4,\)$"):
        F.linear(np.ones((2, 3), np.float32), w, np.ones(3, np.float32))


def test_linear_does_not_write_into_its_inputs():
    x, w, b = (np.ones(s, np.float32) for s in ((1, 1), (1, 1), (1,)))
    F.linear(tm.Tensor(x), tm.Tensor(w), tm.Tensor(b))
    assert x.item() == w.item() == b.item() == 1


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij , jk -> ik", ((2, 3), (3, 2))),
        ("ba,ac", ((2, 3), (3, 2))),
        ("...i,i->...", ((2, 2, 3), (3,))),
        ("...,...", ((2, 3), (3,))),
        ("i...,i...->...", ((2, 3), (2, 1))),
        ("ij,ij->i", ((1, 3), (2, 3))),
        ("ij,jk,kl->il", ((2, 2), (2, 3), (3, 2))),
        ("iij,j->i", ((2, 2, 3), (3,))),
        ("ij->", ((0, 3),)),
        ("i,i,i->i", ((3,), (3,), (3,))),
        ("bhqd,bhkd->bhqk", ((2, 2, 3, 2), (2, 2, 2, 2))),
    ],
)
def test_einsum(subscripts, shapes):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in shapes]
    np.testing.assert_allclose(np.einsum(subscripts, *map(tm.Tensor, arrays)).data, np.einsum(subscripts, *arrays))
    assert tm.gradcheck(lambda *xs: F.einsum(subscripts, *xs), *arrays, order=2)


def test_einsum_errors():
    x = tm.tensor([1.0, 2.0])
    for call, error, message in (
        (lambda: F.einsum("ij,j", x, x), ValueError, r'^einsum: "ij" names 2 axes, but .* \(2,\)'),
        (lambda: F.einsum("i,i", x), ValueError, r'^einsum: "i,i" names 2 operands, but 1 were given'),
        (lambda: F.einsum(x, [0]), TypeError, r"^einsum: begin with the subscripts"),
        (lambda: F.einsum("i->j", x), ValueError, "never appeared"),
        (lambda: F.einsum("i,i->", x, tm.tensor([1.0, 2.0, 3.0])), ValueError, "broadcast"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_embedding():
    table = tm.tensor(np.arange(6, dtype=np.float32).reshape(3, 2), requires_grad=True)
    y = F.embedding(tm.tensor([[2, 0, 2]]), table)
    assert y.shape == (1, 3, 2) and y[0, 0].tolist() == [4, 5]
    y.sum().backward()
    assert table.grad.tolist() == [[1, 1], [0, 0], [2, 2]]
    assert F.embedding(np.zeros((0, 4), int), table).shape == (0, 4, 2)
    with pytest.raises(TypeError, match=r"^embedding: indices must be integers, but they are float64"):
        F.embedding([1.0], table)
    for wrong in ([-1, 1], [0, 3]):
        with pytest.raises(IndexError, match=rf"^embedding: indices run from {wrong[0]} to {wrong[1]}, .* 0 to 2$"):
            F.embedding(wrong, table)


def wanting(*values):
    return tm.tensor(np.array(values, np.float32), requires_grad=True)


def test_linear_bias_of_wrong_shape():
    with pytest.raises(ValueError, match="linear"):
        F.linear(wanting(1, 2)[None], wanting(1, 2)[None], wanting(1, 2))


def test_python_numbers_in_lists_do_not_change_the_dtype():
    x = wanting(1, 2)
    assert {(x @ [1.0, 2.0]).dtype, F.mse_loss(x, [1.0, 2.0]).dtype, F.einsum(",i->i", 2.0, x).dtype} == {
        np.dtype("f4")
    }


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (((90, 70), "f4"), ((70, 80), "f8")),
        (((90, 70), "i8"), ((70, 80), "i8")),
        (((90, 70), "f2"), ((70, 80), "f2")),
        (((80, 60, 60), "f4"), ((80, 60, 2), "f4")),
        (((2, 90, 70), "f4"), ((70, 80), "f4")),
    ],
)
def test_large_products_that_are_no_plain_matrices_of_one_precision(a, b):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-3, 4, shape).astype(dtype) for shape, dtype in (a, b))
    y = F.matmul(tm.Tensor(a), tm.Tensor(b))
    assert y.dtype == np.matmul(a, b).dtype
    np.testing.assert_array_equal(y.data, np.matmul(a, b))
