"""Every operation, from one table: value, derivatives, dtypes, layouts and shapes, against NumPy and PyTorch."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinymm as tm
from tinymm import functional as F
from tinymm.tape import OPERATIONS

from .table import ROWS, UNDIFFERENTIABLE, as_tuple

every_row = pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{i}" for i, row in enumerate(ROWS)])

LAYOUTS = {
    "contiguous": lambda a: a.copy("C"),
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "transposed": lambda a: a.T.copy().T,
    "every second element": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
}
TOLERANCE = {np.float32: {"rtol": 2e-4, "atol": 2e-5}, np.float64: {"rtol": 1e-9, "atol": 1e-10}}


def tensors_of(arrays):
    return [tm.Tensor(a, requires_grad=True) for a in arrays]


def outputs_and_gradients(row, f, arrays):
    """Values, and the gradients of their sum weighted by 1, 2, 3, …"""
    tensors = tensors_of(arrays)
    outputs = as_tuple(row.call(f, *tensors))
    weights = [np.arange(1, y.size + 1, dtype=y.dtype).reshape(y.shape) for y in outputs]
    sum((y * w).sum() for y, w in zip(outputs, weights, strict=True)).backward()
    return outputs, [t.grad for t in tensors]


def test_every_operation_has_a_row():
    registered = {key for key in OPERATIONS if isinstance(key, str)}
    missing = registered - {row.name for row in ROWS} - set(UNDIFFERENTIABLE)
    assert not missing, f"give {', '.join(sorted(missing))} a row in tests/functional/table.py"
    unknown = {row.name for row in ROWS} - registered
    assert not unknown, f"{', '.join(sorted(unknown))}: in the table, but not registered"


def test_every_public_function_is_an_operation():
    """What tinymm.functional offers is in the table, under its own name."""
    functions = {name for name in F.__all__ if callable(getattr(F, name))}
    assert functions <= {row.name for row in ROWS}


@every_row
def test_derivatives(row):
    def call(*inputs):
        return as_tuple(row.call(F, *inputs))

    for case in row.cases:
        arrays = row.arrays(np.random.default_rng(1), case)
        if row.composed:
            tm.gradcheck(call, *arrays)
            with pytest.raises(RuntimeError, match=re.escape(row.composed)):
                tm.gradcheck(call, *arrays, order=2)
        else:
            tm.gradcheck(call, *arrays, order=2)


@every_row
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_value_and_gradient_of_every_shape_layout_and_precision(row, data):
    if row.elementwise:
        drawn = hnp.mutually_broadcastable_shapes(num_shapes=len(row.cases[0]), max_dims=3, min_side=0, max_side=3)
        case = data.draw(drawn).input_shapes
    else:
        case = data.draw(st.sampled_from(row.cases))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    exact = row.arrays(np.random.default_rng(data.draw(st.integers(0, 99))), case)
    arrays = [LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))](a.astype(dtype)) for a in exact]
    before = [a.copy() for a in arrays]

    outputs, gradients = outputs_and_gradients(row, F, arrays)
    for y, expected in zip(outputs, row.expected(arrays), strict=True):
        assert y.requires_grad and y.dtype == dtype and y.shape == np.shape(expected)
        np.testing.assert_allclose(y.data, expected, **TOLERANCE[dtype])
    _, expected_gradients = outputs_and_gradients(row, F, exact)
    for x, g, expected in zip(arrays, gradients, expected_gradients, strict=True):
        assert g.dtype == dtype and g.shape == x.shape
        np.testing.assert_allclose(g.data, expected.data, **TOLERANCE[dtype])
    for x, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, old)  # no operation writes into its inputs


@every_row
def test_arrays_give_arrays(row):
    """Without a Tensor among its arguments an operation is the formula itself."""
    for case in row.cases:
        arrays = row.arrays(np.random.default_rng(1), case, np.float32)
        for y, expected in zip(as_tuple(row.call(F, *arrays)), row.expected(arrays), strict=True):
            assert isinstance(y, np.ndarray | np.generic)
            np.testing.assert_allclose(y, expected, **TOLERANCE[np.float32])


@pytest.mark.parametrize("row", [r for r in ROWS if r.formula is None], ids=lambda row: row.name)
def test_numpy_function_of_tensors(row):
    for case in row.cases:
        arrays = row.arrays(np.random.default_rng(1), case)
        ours, gradients = outputs_and_gradients(row, F, arrays)
        by_numpy, gradients_by_numpy = outputs_and_gradients(row, np, arrays)
        for a, b in zip([*ours, *gradients], [*by_numpy, *gradients_by_numpy], strict=True):
            assert isinstance(b, tm.Tensor)
            np.testing.assert_array_equal(a.data, b.data)


@every_row
def test_no_gradient_is_made_that_nobody_wants(row):
    arrays = row.arrays(np.random.default_rng(1), row.cases[0])
    for wanted in range(len(arrays)):
        tensors = [tm.Tensor(a, requires_grad=i == wanted) for i, a in enumerate(arrays)]
        for y in as_tuple(row.call(F, *tensors)):
            y.backward(np.ones(y.shape), retain_graph=True)  # each output on its own
        assert [t.grad is not None for t in tensors] == [i == wanted for i in range(len(arrays))]
    plain = as_tuple(row.call(F, *map(tm.Tensor, arrays)))
    assert all(isinstance(y, tm.Tensor) and not y.requires_grad for y in plain)


@pytest.mark.parametrize("row", [r for r in ROWS if r.torch is not False], ids=lambda row: row.name)
def test_parity_with_pytorch(row):
    torch = pytest.importorskip("torch")
    for case in row.cases:
        arrays = row.arrays(np.random.default_rng(2), case)
        ours, gradients = outputs_and_gradients(row, F, arrays)
        inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
        theirs = as_tuple((row.torch or (lambda t, *xs: row.call(t, *xs)))(torch, *inputs))
        sum((y * torch.arange(1, y.numel() + 1).reshape(y.shape)).sum() for y in theirs).backward()
        for a, b in zip([*ours, *gradients], [*theirs, *(x.grad for x in inputs)], strict=True):
            np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", UNDIFFERENTIABLE)
def test_undifferentiable(name):
    rng = np.random.default_rng(0)
    arrays = rng.integers(-1, 2, (2, 3, 4)).astype(np.float32), rng.integers(-1, 2, (4,)).astype(np.float32)
    found = UNDIFFERENTIABLE[name](np, *tensors_of(arrays))
    np.testing.assert_array_equal(np.asarray(found), UNDIFFERENTIABLE[name](np, *arrays))
    assert isinstance(found, tm.Tensor) and not found.requires_grad
    assert found.dtype == np.asarray(UNDIFFERENTIABLE[name](np, *arrays)).dtype
