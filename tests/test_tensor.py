"""What a Tensor is to its user: dtypes, operators, indexing, NumPy's protocols, in-place changes, copies."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinymm as tm


@pytest.fixture
def x():
    return tm.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


def gradient(y, x):
    return tm.grad(y.sum(), x).data


# --- what it is made of -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([1.0, 2.0], np.float32),
        ([1, 2.5], np.float32),
        ([], np.float32),
        (1, np.int64),
        ([True, False], np.bool_),
        (np.float64(1.5), np.float64),
        (np.ones(2), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.float16), np.float16),
        (np.ones(2, np.uint8), np.uint8),
        (tm.Tensor(np.ones(2)), np.float64),
    ],
)
def test_dtype(data, dtype):
    t = tm.tensor(data)
    assert t.dtype == dtype
    np.testing.assert_array_equal(t.numpy(), np.asarray(data))


def test_dtype_asked_for():
    assert tm.tensor([1, 2], dtype=np.float32, requires_grad=True).dtype == np.float32
    assert tm.tensor(np.ones(2), dtype="float32").dtype == np.float32


@pytest.mark.parametrize("make", [tm.tensor, tm.Tensor])
def test_foreign_byte_order_becomes_native(make):
    t = make(np.arange(3, dtype=">f4")) if make is tm.tensor else make(np.arange(3, dtype=">f4")) * 1
    assert t.dtype.isnative and t.dtype == np.float32 and t.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("data", ["abc", ["a"], [None], 1j, 2**70, object(), np.datetime64("2020"), [1, "a"], {"a": 1}])
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError, match=r"^tensor: cannot hold .* give numbers or booleans"):
        tm.tensor(data)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match=r"^tensor: the nested lists have unequal lengths"):
        tm.tensor([[1, 2], [3]])


@pytest.mark.parametrize("data", [1, [True], np.arange(3)])
def test_only_floats_have_gradients(data):
    with pytest.raises(TypeError, match="only floating-point numbers have gradients, but the dtype is"):
        tm.tensor(data, requires_grad=True)
    with pytest.raises(TypeError, match="only floating-point numbers have gradients"):
        tm.tensor(data).requires_grad_()


def test_tensor_copies_and_Tensor_shares():
    a = np.ones(3, np.float32)
    copied, shared = tm.tensor(a), tm.Tensor(a)
    a[0] = 5
    assert copied.tolist() == [1, 1, 1] and shared.tolist() == [5, 1, 1]
    assert shared.data is a


def test_read_only_array():
    a = np.ones(3)
    a.flags.writeable = False
    t = tm.Tensor(a, requires_grad=True)
    (t * t).sum().backward()
    assert t.grad.tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="read-only"), tm.no_grad():
        t[0] = 1
    with tm.no_grad():
        tm.tensor(a)[0] = 1  # a copy may be written


def test_facts(x):
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float32)
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6
    assert x.T.shape == (3, 2)
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_numbers():
    t = tm.tensor(2.0, requires_grad=True)
    assert (float(t), int(t), bool(t), t.item()) == (2.0, 2, True, 2.0)
    assert type(t.item()) is float and type(tm.tensor(2).item()) is int
    assert list(range(3))[tm.tensor(1)] == 1
    assert tm.tensor([[3.0]]).item() == 3
    with pytest.raises(ValueError, match=r"^item: needs exactly one element, but the shape is \(2,\)"):
        tm.tensor([1.0, 2.0]).item()
    with pytest.raises(ValueError, match="neither true nor false"):
        bool(tm.tensor([1.0, 2.0]))
    with pytest.raises(TypeError):
        range(tm.tensor(1.0))


def test_iteration_keeps_the_gradient(x):
    first, second = x
    (first + 2 * second).sum().backward()
    assert x.grad.tolist() == [[1, 1, 1], [2, 2, 2]]
    with pytest.raises(TypeError, match=r"a tensor of shape \(\) has no length"):
        iter(tm.tensor(1.0))


def test_repr(x):
    assert repr(tm.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tm.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(tm.tensor(np.ones(1))) == "tensor([1.], dtype=float64)"
    assert repr(tm.tensor(1.0, requires_grad=True)) == "tensor(1., requires_grad=True)"
    assert "from=exp" in repr(np.exp(x))
    long = repr(tm.tensor(np.zeros((100, 100), np.float32)))
    assert "..." in long and "shape=(100, 100)" in long and len(long) < 600


def test_hash_is_identity():
    a, b = tm.tensor(1.0), tm.tensor(1.0)
    assert len({a, b, a}) == 2


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_hold_the_values_alone(duplicate, x):
    y = duplicate(x)
    assert y.requires_grad and y.grad is None and y.tolist() == x.tolist() and y.dtype == x.dtype
    assert not np.shares_memory(x.data, y.data)
    (y * 2).sum().backward()
    assert x.grad is None
    assert duplicate(np.exp(x) * 2).tolist() == (np.exp(x) * 2).tolist()


# --- operators --------------------------------------------------------------------------------------------

OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**b,
    lambda a, b: -a + abs(b),
]
COMPARISONS = [
    *(lambda a, b: a == b, lambda a, b: a != b, lambda a, b: a < b),
    *(lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b),
]
numbers = st.floats(0.5, 4, width=32)
dtypes = st.sampled_from([np.float32, np.float64])


@settings(max_examples=40, deadline=None)
@given(
    shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=3, max_side=3),
    operator=st.sampled_from([*OPERATORS, *COMPARISONS]),
    kinds=st.sampled_from(["tensor-tensor", "tensor-array", "array-tensor"]),
    data=st.data(),
)
def test_operators_are_those_of_numpy(shapes, operator, kinds, data):
    arrays = [data.draw(hnp.arrays(data.draw(dtypes), s, elements=numbers)) for s in shapes.input_shapes]
    kinds = kinds.split("-")
    operands = [tm.Tensor(a, requires_grad=True) if k == "tensor" else a for a, k in zip(arrays, kinds, strict=True)]
    y, expected = operator(*operands), operator(*arrays)
    assert isinstance(y, tm.Tensor) and y.dtype == expected.dtype and y.shape == shapes.result_shape
    np.testing.assert_array_equal(y.data, expected)
    assert y.requires_grad == (operator in OPERATORS)
    if y.requires_grad:
        y.sum().backward()
        for t, a in zip(operands, arrays, strict=True):
            if isinstance(t, tm.Tensor):
                assert t.grad.shape == a.shape and t.grad.dtype == a.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "call",
    [
        *(
            lambda t: t + 1,
            lambda t: 2.0 - t,
            lambda t: t * 2,
            lambda t: 1 / t,
            lambda t: t**2,
            lambda t: 2**t,
        ),
        *(lambda t: t.mean(), lambda t: t.sigmoid(), lambda t: t * np.float32(2), lambda t: np.maximum(t, 0)),
        *(lambda t: t.clip(0, 1), lambda t: np.where(t > 0, t, 0.0), lambda t: t * True, lambda t: t.std()),
    ],
)
def test_python_numbers_do_not_change_the_dtype(call, dtype):
    t = tm.Tensor(np.array([0.5, 2], dtype), requires_grad=True)
    y = call(t)
    assert y.dtype == dtype and gradient(y, t).dtype == dtype


def test_truth_values_combine():
    a, b = tm.tensor([True, True, False]), tm.tensor([True, False, False])
    assert (a & b).tolist() == [True, False, False]
    assert (a | b).tolist() == [True, True, False]
    assert (~a).tolist() == [False, False, True]


def test_mixed_precision_gives_each_its_own():
    a, b = tm.tensor([1.0], requires_grad=True), tm.tensor(np.ones(1), requires_grad=True)
    y = a * b
    y.sum().backward()
    assert (y.dtype, a.grad.dtype, b.grad.dtype) == (np.float64, np.float32, np.float64)


def test_array_matmul_tensor_both_ways():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    t = tm.tensor(np.ones((3, 2)), requires_grad=True)
    for y in (a @ t, np.matmul(a, t), np.dot(a, t)):
        assert isinstance(y, tm.Tensor)
        np.testing.assert_array_equal(gradient(y, t), np.repeat(a.sum(0), 2).reshape(3, 2))
    assert isinstance(t @ a, tm.Tensor)


def test_in_place_names_stay_right_while_recording(x):
    """`h += x` on a recorded tensor gives a new tensor under the old name."""
    h = x * 1
    before = h
    h += x
    h *= 2
    h -= 1
    h /= 4
    np.testing.assert_array_equal(h.data, (2 * x.data * 2 - 1) / 4)
    np.testing.assert_array_equal(before.data, x.data)
    np.testing.assert_array_equal(gradient(h, x), np.ones((2, 3)))


def test_in_place_on_plain_tensors_keeps_the_memory():
    t = tm.tensor([1.0, 2.0])
    data = t.data
    t += 1
    t[0] = 7
    assert t.data is data and t.tolist() == [7, 3]


# --- indexing ---------------------------------------------------------------------------------------------

INDICES = [
    *(0, -1, np.int64(1), (1, 2), (0, -1), slice(None), slice(None, None, -1), slice(5, 1), (..., 1)),
    *(None, (slice(1), None, 2), (Ellipsis, None), [1, 0, 1], np.array([1, 1]), [[0, 1], [1, 1]]),
    *(([0, 1, 0], [2, 2, 2]), (slice(None), [0, 0]), (1, [0, 2]), ([1], slice(0, 3, 2)), ([0], None, [1])),
    *(
        [True, False],
        np.array([[True, False, True], [False, False, True]]),
        (slice(None), [True, False, True]),
    ),
    *((np.array([[0], [1]]), np.array([0, 1])), np.zeros(0, int), np.zeros(2, bool), (), np.array(1)),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing(index):
    a = np.arange(6.0).reshape(2, 3)
    x = tm.tensor(a, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, a[index])
    assert isinstance(y, tm.Tensor) and y.shape == a[index].shape
    weights = np.arange(1.0, y.size + 1).reshape(y.shape)
    expected = np.zeros_like(a)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(tm.grad((y * weights).sum(), x).data, expected)


def test_indexing_with_tensors(x):
    assert x[x > 2].tolist() == [3, 4, 5, 6]
    assert x[tm.tensor([1]), tm.tensor([0, 1])].tolist() == [4, 5]
    assert gradient(x[x > 2], x).tolist() == [[0, 0, 1], [1, 1, 1]]


def test_index_outside():
    with pytest.raises(IndexError):
        tm.tensor([1.0])[1]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=4))
def test_any_basic_index(data, shape):
    a = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = tm.tensor(a, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, a[index])
    expected = np.zeros_like(a)
    expected[index] = 2 * a[index]
    np.testing.assert_array_equal(gradient(y * y, x), expected)


def test_assignment():
    t = tm.tensor(np.zeros((2, 3), np.float32))
    t[0] = 1
    t[1, tm.tensor([0, 2])] = tm.tensor([5.0, 6.0])
    t[t == 1] = 2.0
    assert t.tolist() == [[2, 2, 2], [5, 0, 6]]


def test_assignment_that_would_lose_a_gradient_is_refused(x):
    with pytest.raises(RuntimeError, match="setitem: writing into a tensor would lose its gradient"):
        x[0] = 1
    with pytest.raises(RuntimeError, match=r"setitem: .*tm\.no_grad"):
        tm.tensor([0.0, 0.0])[0] = x[0, 0]
    with tm.no_grad():
        x[0] = 1
    assert x.data[0].tolist() == [1, 1, 1]


# --- NumPy's protocols ------------------------------------------------------------------------------------


def test_numpy_functions_keep_the_gradient(x):
    y = np.sum(np.exp(x), axis=1)
    assert isinstance(y, tm.Tensor) and y.shape == (2,)
    np.testing.assert_allclose(gradient(y, x), np.exp(x.data), rtol=1e-6)
    z = np.concatenate([x, np.ones((1, 3), np.float32), x])
    assert isinstance(z, tm.Tensor) and z.shape == (5, 3) and z.dtype == np.float32
    np.testing.assert_array_equal(gradient(z, x), np.full((2, 3), 2))
    assert isinstance(np.float32(2) * x, tm.Tensor) and isinstance(np.ones(3) - x, tm.Tensor)
    assert isinstance(np.array(2.0) * x, tm.Tensor)
    assert np.argmax(x, axis=1).tolist() == [2, 2]


def test_asarray(x):
    a = np.asarray(x)
    assert type(a) is np.ndarray and np.shares_memory(a, x.data) and not a.flags.writeable
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    written = np.array(x)
    written[0] = 0  # a copy
    assert x.data[0, 0] == 1
    with pytest.raises(ValueError, match="without a copy"):
        np.array(x, dtype=np.float64, copy=False)
    assert not x.numpy().flags.writeable
    np.testing.assert_allclose(x, x.data)


@pytest.mark.parametrize(
    "call",
    [
        *(
            np.floor,
            np.round,
            np.sort,
            np.linalg.norm,
            np.linalg.inv,
            np.fft.fft,
            np.unique,
            np.median,
        ),
        *(np.add.reduce, np.multiply.accumulate, np.modf, np.trace, lambda t: np.vstack([t, t])),
        *(lambda t: np.add.at(np.zeros(3), [0], t), lambda t: np.copyto(np.zeros((2, 3)), t)),
    ],
)
def test_unsupported_numpy_function(call, x):
    with pytest.raises(TypeError, match=r"^np\.\S+.* is not differentiable here, so a Tensor would silently lose"):
        call(x)


def test_arguments_that_would_lose_the_gradient(x):
    with pytest.raises(TypeError, match=r"^np.add: out= would lose the gradient"):
        np.add(x, x, out=np.zeros((2, 3), np.float32))
    with pytest.raises(TypeError, match=r"^np.add: out= .* use a = a \+ t instead of a \+= t"):
        a = np.zeros((2, 3))
        a += x
    with pytest.raises(TypeError, match=r"^np.exp: where= would lose"):
        np.exp(x, where=np.ones((2, 3), bool))
    for option in ({"out": np.zeros(())}, {"dtype": float}, {"where": True}, {"initial": 0}):
        with pytest.raises(TypeError, match=f"^sum: does not know '{next(iter(option))}'"):
            np.sum(x, **option)


def test_wrong_arguments_of_operations(x):
    with pytest.raises(TypeError, match=r"^exp: takes at most 1 arguments, but 2 were given"):
        tm.functional.exp(x, x)
    with pytest.raises(TypeError, match=r"^reshape: argument 'shape' is missing"):
        tm.functional.reshape(x)
    with pytest.raises(TypeError, match=r"^sum: does not know 'dim': it takes x, axis, keepdims"):
        x.sum(dim=1)


# --- methods ----------------------------------------------------------------------------------------------


def test_methods_are_the_functions(x):
    a = x.data
    for name in ("exp", "log", "sqrt", "tanh", "sum", "mean", "prod", "cumsum", "max", "min", "var", "std"):
        np.testing.assert_array_equal(getattr(x, name)().data, getattr(np, name)(a), err_msg=name)
    for name in ("relu", "sigmoid", "logsumexp"):
        np.testing.assert_array_equal(getattr(x, name)().data, getattr(tm.functional, name)(a))
    assert x.argmax().item() == 5 and x.argmin(axis=1).tolist() == [0, 0]
    assert (x > 0).all().item() is True and (x > 9).any().item() is False
    assert x.clip(2, 3).tolist() == [[2, 2, 3], [3, 3, 3]]
    assert x.swapaxes(0, 1).shape == (3, 2) and x.flatten().shape == (6,)
    assert x[None].squeeze(0).shape == (2, 3) and x.astype(np.float64).dtype == np.float64
    assert not np.shares_memory(x.copy().data, x.data)


def test_reshape_and_transpose_take_numbers_or_a_tuple(x):
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == x.reshape([3, -1]).shape == (3, 2)
    assert x.reshape(-1).shape == x.reshape(6).shape == (6,)
    assert x[None].transpose(2, 0, 1).shape == x[None].transpose((2, 0, 1)).shape == (3, 1, 2)
    assert x.transpose().shape == x.transpose([1, 0]).shape == (3, 2)


def test_detach_shares_memory_and_stops_the_gradient(x):
    d = x.detach()
    assert not d.requires_grad and np.shares_memory(d.data, x.data)
    (x * d).sum().backward()
    np.testing.assert_array_equal(x.grad.data, x.data)


def test_requires_grad_(x):
    w = tm.tensor([1.0]).requires_grad_()
    assert w.requires_grad and not w.requires_grad_(False).requires_grad
    with pytest.raises(RuntimeError, match="only a leaf can change"):
        (x * 1).requires_grad_()


def wanting(*values):
    return tm.tensor(np.array(values, np.float32), requires_grad=True)


def test_astype_integer_ends_the_gradient():
    y = wanting(1.5, 2.5).astype(np.int64)
    assert y.tolist() == [1, 2] and not y.requires_grad


def test_index_array_changed_in_place():
    i, w = np.array([0, 1]), wanting(1, 2)
    y = (w[i] * np.array([1, 5], np.float32)).sum()
    i[0] = 1
    y.backward()
    assert w.grad.tolist() == [1, 5]


def test_mask_array_and_tensor():
    assert (np.array([True, False]) & (wanting(1, 2) > 0)).tolist() == [True, False]


def test_data_of_a_leaf_stays_floating_point():
    x = wanting(1, 2)
    with pytest.raises(TypeError):
        x.data = [1, 2]


def test_format():
    assert f"{tm.tensor(1.23456):.3f}" == "1.235"
