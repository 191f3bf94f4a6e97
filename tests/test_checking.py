"""gradcheck: right derivatives pass, wrong ones are refused with the element that shows it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm.checking import GradientCheck, GradientError, gradcheck
from tinymm.tape import Operation


def planted(slope, formula=lambda x: x * x):
    """x², with whatever derivative is given."""
    wrong = Operation(formula)
    wrong.gradient(x=lambda g, x: g * slope(x))
    return wrong


def test_right_derivatives_pass():
    assert tm.gradcheck is gradcheck
    found = tm.gradcheck(lambda a, b: np.exp(a) * b + a @ b.T, np.eye(2), np.ones((2, 2)))
    assert isinstance(found, GradientCheck) and found and found.passed
    assert found.error == abs(found.analytical - found.numerical) < 1e-6
    assert "gradcheck: input" in str(found)


def test_wrong_everywhere():
    with pytest.raises(GradientError, match=r"^gradcheck: input 0, element \(1,\): backward gives .* differences give"):
        tm.gradcheck(planted(lambda x: 3 * x), np.array([1.0, 5.0, 2.0]))  # the larger x, the larger the error


def test_the_worst_element_is_named():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    bump = np.zeros((2, 3))
    bump[1, 0] = 0.25
    found = tm.gradcheck(planted(lambda x: 2 * x + bump), x, raise_exception=False)
    assert not found and not found.passed and (found.input, found.index) == (0, (1, 0))
    ratio = 8.25 / 8
    np.testing.assert_allclose(found.analytical / found.numerical, ratio, rtol=1e-6)


def test_the_input_is_named():
    wrong = Operation(lambda a, b: a * b)
    wrong.gradient(a=lambda g, b: g * b, b=lambda g, a: -g * a)
    found = tm.gradcheck(wrong, np.ones(2), np.ones(2), raise_exception=False)
    assert found.input == 1 and found.analytical < 0 < found.numerical
    found = tm.gradcheck(lambda n, a, b: wrong(a, b), 3, np.ones(2), np.ones(2), raise_exception=False)
    assert found.input == 2  # counted as the caller counts


@settings(max_examples=30, deadline=None)
@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 3)), data=st.data())
def test_one_wrong_element_is_found(shape, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    error = data.draw(st.sampled_from([-1.0, -1e-2, 1e-2, 1.0]))
    bump = np.zeros(shape)
    bump[index] = error
    found = tm.gradcheck(
        planted(lambda x: 2 * x + bump), np.random.default_rng(0).normal(size=shape), raise_exception=False
    )
    assert not found and found.index == index


def test_a_small_error_is_tolerated_as_asked():
    slightly = planted(lambda x: 2 * x * (1 + 1e-3))
    assert not tm.gradcheck(slightly, np.ones(2), raise_exception=False)
    assert tm.gradcheck(slightly, np.ones(2), rtol=1e-2)
    assert tm.gradcheck(slightly, np.ones(2), atol=1e-2)


@pytest.mark.parametrize(
    "x",
    [
        np.ones((3, 2)).T * 0.5,
        np.arange(12.0).reshape(3, 4)[::-1, ::-2] + 0.5,
        np.broadcast_to(np.array([0.5, 1.5]), (3, 2)),
        np.arange(1.0, 4)[:, None],
        np.float64(0.7),
        0.7,
        np.array(0.7),
        np.ones((2, 2), np.float32),
        np.ones(2, ">f8"),
    ],
    ids=repr,
)
def test_layouts_and_dtypes(x):
    before = np.array(x)
    assert tm.gradcheck(lambda t: np.sin(t) * t, x, order=2)
    wrong = tm.gradcheck(planted(lambda x: 0 * x), x, raise_exception=False)
    assert not wrong
    np.testing.assert_array_equal(x, before)


def test_read_only_input_of_a_function_that_keeps_strides():
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(2, 3)))
    x.flags.writeable = False
    assert tm.gradcheck(lambda t: t.reshape(-1) ** 2, x)


def test_tensors_as_inputs():
    x = tm.tensor([1.0, 2.0], requires_grad=True)
    assert tm.gradcheck(lambda t: t * t, x)
    assert x.grad is None and x.tolist() == [1, 2] and x.dtype == np.float32


def test_other_inputs_are_passed_on():
    index, flags = np.array([1, 0]), np.array([True, False])
    assert tm.gradcheck(
        lambda x, i, f, n, s: np.where(f, x[i], n) if s == "text" else None,
        *(np.ones(2), index, flags, 3, "text"),
    )


def test_nothing_to_check():
    for inputs in ((np.arange(3),), (), (1, "a"), (np.array([True]),)):
        with pytest.raises(ValueError, match=r"^gradcheck: none of the inputs holds floating-point numbers"):
            tm.gradcheck(lambda *x: tm.tensor(1.0), *inputs)


def test_nan_fails():
    found = tm.gradcheck(lambda x: x * 1, np.array([1.0, np.nan]), raise_exception=False)
    assert not found
    with pytest.raises(GradientError):
        tm.gradcheck(planted(lambda x: x * np.nan), np.ones(3))
    with pytest.raises(GradientError):
        tm.gradcheck(planted(lambda x: x * np.inf), np.ones(3))


def test_nan_is_worse_than_any_number():
    slope = np.array([100.0, np.nan, 100.0])
    found = tm.gradcheck(planted(lambda x: slope), np.ones(3), raise_exception=False)
    assert found.index == (1,) and np.isnan(found.analytical)


def test_several_outputs():
    assert tm.gradcheck(lambda x: (x * x, np.exp(x).sum()), np.ones(2))
    wrong = planted(lambda x: 5 * x)
    assert not tm.gradcheck(lambda x: (np.exp(x), wrong(x)), np.ones(2), raise_exception=False)


def test_errors_of_opposite_outputs_do_not_cancel():
    """y₀ has 1 too much, y₁ 1 too little: in a plain sum of the outputs nobody would see it."""
    swapped = Operation(lambda x: np.stack([x, 2 * x]))
    swapped.gradient(x=lambda g: 2 * g[0] + g[1])
    assert not tm.gradcheck(swapped, np.ones(2), raise_exception=False)


def test_function_that_does_not_depend_on_its_input():
    assert tm.gradcheck(lambda x: tm.tensor([1.0, 2.0]), np.ones(2))
    assert tm.gradcheck(lambda x, y: y * 2, np.ones(2), np.ones(3))
    lost = tm.gradcheck(lambda x: tm.Tensor(x.numpy() * 2), np.ones(2), raise_exception=False)
    assert not lost and lost.analytical == 0  # a gradient that got lost is a wrong gradient


def test_no_elements():
    assert tm.gradcheck(lambda x: x * 2, np.ones((0, 3)))


def test_second_order():
    assert tm.gradcheck(lambda x: x**3, np.array([1.0, -2.0]), order=2)
    assert tm.gradcheck(lambda x: x * 2, np.array([1.0, -2.0]), order=2)  # linear
    assert tm.gradcheck(lambda x: np.exp(x), np.array([1.0]), order=3)
    inner = planted(lambda x: 7 * x)
    half_right = Operation(lambda x: x**3)  # the first derivative is right, its derivative is not
    half_right.gradient(x=lambda g, x: g * inner(x) * 3)
    assert tm.gradcheck(half_right, np.array([1.0, 2.0]))
    with pytest.raises(GradientError):
        tm.gradcheck(half_right, np.array([1.0, 2.0]), order=2)
    assert not tm.gradcheck(half_right, np.array([1.0, 2.0]), order=2, raise_exception=False)


def test_wrong_first_derivative_is_not_forgotten_at_order_two():
    """A wrong first derivative whose own derivative is consistent with it."""
    double = planted(lambda x: 4 * x)
    assert not tm.gradcheck(double, np.ones(2), order=2, raise_exception=False)


def test_order_two_with_several_outputs_and_inputs():
    assert tm.gradcheck(lambda a, n, b: (a * b, a.sum() ** n), np.ones(2), 3, np.ones(2), order=2)


def test_gradcheck_order_2_remembers_order_1():
    wrong = Operation(lambda x: x * x)
    wrong.gradient(x=lambda g, x: g * (0 * x))
    assert not tm.gradcheck(wrong, np.ones(2), order=2, raise_exception=False)


def test_gradcheck_order_2_of_a_constant():
    assert tm.gradcheck(lambda x: tm.tensor([1.0, 2.0]), np.ones(2), order=2)
