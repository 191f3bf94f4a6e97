"""Shape operations: views, options, errors, and the way back of the gradient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinymm as tm
from tinymm import functional as F


@pytest.fixture
def x():
    return tm.tensor(np.arange(6, dtype=np.float32).reshape(2, 3), requires_grad=True)


def weighted_gradient(y, x):
    """The gradient of Σ k·yₖ: it shows where each element of x went."""
    return tm.grad((y * np.arange(1, y.size + 1, dtype=y.dtype).reshape(y.shape)).sum(), x).data


@pytest.mark.parametrize(
    "view",
    [
        *(lambda t: t.reshape(3, 2), lambda t: t.T, lambda t: t[1:], lambda t: t.swapaxes(0, 1)),
        *(lambda t: np.expand_dims(t, 1), lambda t: np.flip(t, 1), lambda t: t[None].squeeze(0), np.ravel),
    ],
)
def test_views_share_memory(view, x):
    assert np.shares_memory(view(x).data, x.data)


def test_reshape(x):
    assert x.reshape(-1, 2).shape == (3, 2)
    with pytest.raises(ValueError, match=r"^reshape: 6 elements of shape \(2, 3\) do not fit shape \(4, 2\)"):
        x.reshape(4, 2)
    with pytest.raises(ValueError, match=r"^reshape: 2 elements of shape \(2,\) do not fit shape 3"):
        F.reshape([1.0, 2.0], 3)


def test_transpose(x):
    with pytest.raises(ValueError, match=r"^transpose: axes \(0, 0\) do not name each axis of \(2, 3\) once"):
        x.transpose(0, 0)
    np.testing.assert_array_equal(weighted_gradient(x.T, x), [[1, 3, 5], [2, 4, 6]])


@settings(max_examples=30, deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(max_dims=4, max_side=3))
def test_every_permutation_finds_back(data, shape):
    axes = data.draw(st.permutations(range(len(shape))))
    axes = [a - data.draw(st.sampled_from([0, len(shape)])) for a in axes]  # also counted from the end
    x = tm.tensor(np.arange(np.prod(shape), dtype=float).reshape(shape), requires_grad=True)
    y = x.transpose(axes)
    np.testing.assert_array_equal(y.data, x.data.transpose(axes))
    np.testing.assert_array_equal(tm.grad((y * y.data).sum(), x).data, x.data)


def test_flatten():
    x = tm.tensor(np.zeros((2, 3, 4, 5)))
    assert F.flatten(x, 1).shape == (2, 60) and F.flatten(x).shape == (120,)
    assert F.flatten(x, -2).shape == (2, 3, 20) and F.flatten(tm.tensor(1.0)).shape == (1,)
    assert F.flatten(tm.tensor(np.zeros((0, 3, 4))), 1).shape == (0, 12)


@pytest.mark.parametrize(
    ("shift", "axis"),
    [(1, None), (-4, None), (2, 1), ((1, 2), None), ((1, -1), (0, 1)), ((1, 1), 1), (1, (0, 1))],
)
def test_roll(shift, axis, x):
    y = np.roll(x, shift, axis)
    np.testing.assert_array_equal(y.data, np.roll(x.data, shift, axis))
    np.testing.assert_array_equal(tm.grad((y * y.data).sum(), x).data, x.data)


def test_joining():
    a, b = tm.tensor([1.0, 2.0], requires_grad=True), tm.tensor(np.array([3.0]), requires_grad=True)
    y = np.concatenate((a, b, [4.0]))
    ga, gb = tm.grad((y * np.array([1, 2, 3, 4])).sum(), [a, b])
    assert (ga.tolist(), gb.tolist(), ga.dtype, gb.dtype) == ([1, 2], [3], np.float32, np.float64)
    assert np.concatenate([a]).tolist() == [1, 2]
    with pytest.raises(ValueError, match="dimensions"):
        np.concatenate([a, np.ones((1, 1))])
    with pytest.raises(ValueError, match="match exactly"):
        np.stack([a, b])
    with pytest.raises(ValueError, match="at least one"):
        F.concatenate([])


def test_split(x):
    assert [p.shape for p in np.split(x, 3, axis=1)] == [(2, 1)] * 3
    assert [p.shape for p in np.split(x, [1, 1, 2], axis=-1)] == [(2, 1), (2, 0), (2, 1), (2, 1)]
    with pytest.raises(ValueError, match=r"^split: 3 elements cannot be cut into 2 equal pieces"):
        np.split(x, 2, axis=1)
    first, _ = np.split(x, 2)  # the pieces that nobody uses get zeros
    np.testing.assert_array_equal(weighted_gradient(first, x), [[1, 2, 3], [0, 0, 0]])


@settings(max_examples=30, deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=3))
def test_pad_and_crop(data, shape):
    width = data.draw(
        st.one_of(
            st.integers(0, 2),
            st.tuples(st.integers(0, 2), st.integers(0, 2)),
            st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * len(shape)),
        )
    )
    x = tm.tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True)
    y = np.pad(x, width)
    np.testing.assert_array_equal(y.data, np.pad(x.data, width))
    np.testing.assert_array_equal(tm.grad((y * y.data).sum(), x).data, x.data)


def test_pad_modes(x):
    with pytest.raises(ValueError, match=r"^pad: mode 'edge' is not differentiable here"):
        np.pad(x, 1, mode="edge")
    assert np.pad(x, 1, "constant", constant_values=7)[0, 0].item() == 7


def test_take(x):
    assert np.take(x, [0, 2], axis=-1).tolist() == [[0, 2], [3, 5]]
    assert F.take(x, 1, axis=0).tolist() == [3, 4, 5] and F.take(x, [[5], [0]]).tolist() == [[5], [0]]
    np.testing.assert_array_equal(weighted_gradient(np.take(x, [1, 1], axis=0), x), [[0, 0, 0], [5, 7, 9]])


def test_repeated_elements_add_up(x):
    y = x[[0, 0, 1], [1, 1, 2]]
    np.testing.assert_array_equal(tm.grad(y.sum(), x).data, [[0, 2, 0], [0, 0, 1]])


def test_scatter_is_the_way_back_of_getitem(x):
    index = (np.array([1, 1]), slice(None, 2))
    y = F.scatter(x[:, :2], index, (3, 2))
    np.testing.assert_array_equal(y.data, [[0, 0], [3, 5], [0, 0]])
    tm.gradcheck(lambda v: F.scatter(v, index, (3, 2)), np.ones((2, 2)), order=2)


@pytest.mark.parametrize(
    "call",
    [
        *(lambda x: F.expand_dims(x, 5), lambda x: F.squeeze(x, 0), lambda x: F.broadcast_to(x, (2,))),
        *(lambda x: F.swapaxes(x, 0, 2), lambda x: F.flip(x, 2), lambda x: F.concatenate([x, x], axis=2)),
    ],
)
def test_shapes_that_do_not_fit(call, x):
    with pytest.raises(ValueError):
        call(x)


def wanting(*values):
    return tm.tensor(np.array(values, np.float32), requires_grad=True)


def test_flatten_from_an_axis_that_is_not_there():
    with pytest.raises(ValueError):
        F.flatten(tm.tensor(np.ones((1, 3, 1))), 5)


def test_split_into_no_pieces():
    with pytest.raises(ValueError, match="split"):
        F.split(wanting(1, 2), 0)


@pytest.mark.parametrize(
    "call", [F.dropout, lambda x: F.split(x, 2), lambda x: F.max_pool2d([[x]], 1), lambda x: F.mse_loss(x, x)]
)
def test_lists_as_inputs(call):
    call([[1.0, 2.0], [3.0, 4.0]])


def test_flatten_counts_axes_from_both_ends():
    x = np.arange(24.0).reshape(2, 3, 4)
    for start, shape in ((0, (24,)), (1, (2, 12)), (2, (2, 3, 4)), (-1, (2, 3, 4)), (-2, (2, 12)), (-3, (24,))):
        assert F.flatten(x, start).shape == shape
    assert F.flatten(np.float32(3)).tolist() == [3]
    for shape, axis in (((2, 3, 4), 3), ((2, 3, 4), -4), ((), 1)):
        with pytest.raises(ValueError, match=rf"^flatten: there is no axis {axis} in shape"):
            F.flatten(np.ones(shape), axis)


def test_pieces_that_cannot_be_equal(x):
    assert [piece.tolist() for piece in F.split(x, 1, axis=1)] == [x.tolist()]
    assert [piece.tolist() for piece in F.split(x, np.int64(3), axis=-1)] == [[[0], [3]], [[1], [4]], [[2], [5]]]
    for pieces in (2, 0, -3):
        with pytest.raises(ValueError, match=rf"^split: 3 elements cannot be cut into {pieces} equal pieces"):
            F.split(x, pieces, axis=1)


VIEWS = {
    "reshape": lambda x: F.reshape(x, (3, 2)),
    "transpose": lambda x: F.transpose(x),
    "swapaxes": lambda x: F.swapaxes(x, 0, 1),
    "moveaxis": lambda x: F.moveaxis(x, 0, 1),
    "broadcast_to": lambda x: F.broadcast_to(x, (2, 2, 3)),
    "expand_dims": lambda x: F.expand_dims(x, 1),
    "squeeze": lambda x: F.squeeze(F.expand_dims(x, 0), 0),
    "flip": lambda x: F.flip(x, 1),
    "flatten": lambda x: F.flatten(x),
    "getitem": lambda x: x[1:],
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_change_in_place_is_noticed_through_a_view(name):
    """What a derivative needs is a view; then the memory under it changes."""
    x, w = tm.tensor(np.arange(6, dtype=np.float32).reshape(2, 3)), tm.tensor(2.0, requires_grad=True)
    view = VIEWS[name](x)
    assert np.shares_memory(view.data, x.data)
    y = (w * view).sum()
    x[1, 2] = 7.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_the_mode_may_come_from_a_file(x):
    """Equal text is enough; it need not be the same object."""
    np.testing.assert_array_equal(F.pad(x, 1, mode="".join("constant")).data, F.pad(x, 1).data)
