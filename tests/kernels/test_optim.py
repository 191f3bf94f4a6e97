import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import optim, threads

LR = 0.01


def centred(p, g, s, t, decay):
    return formulas.rmsprop(p, g, *s, LR, mu=0.7, centered=True, weight_decay=decay)


# name: (kernel, formula, number of state arrays), both of (θ, g, state, t, weight decay)
RULES = {
    "gradient descent": (
        lambda p, g, s, t, decay: optim.sgd([p], [g], None, LR, weight_decay=decay),
        lambda p, g, s, t, decay: (formulas.gradient_descent(p, g, LR, decay),),
        0,
    ),
    "momentum": (
        lambda p, g, s, t, decay: optim.sgd([p], [g], s, LR, 0.8, False, decay),
        lambda p, g, s, t, decay: formulas.momentum(p, g, *s, LR, 0.8, decay),
        1,
    ),
    "nesterov": (
        lambda p, g, s, t, decay: optim.sgd([p], [g], s, LR, 0.8, True, decay),
        lambda p, g, s, t, decay: formulas.nesterov(p, g, *s, LR, 0.8, decay),
        1,
    ),
    "adagrad": (
        lambda p, g, s, t, decay: optim.adagrad([p], [g], s, LR, weight_decay=decay),
        lambda p, g, s, t, decay: formulas.adagrad(p, g, *s, LR, weight_decay=decay),
        1,
    ),
    "rmsprop": (
        lambda p, g, s, t, decay: optim.rmsprop([p], [g], s[:1], None, None, LR, weight_decay=decay),
        lambda p, g, s, t, decay: formulas.rmsprop(p, g, *s, LR, weight_decay=decay),
        3,
    ),
    "rmsprop, centred": (
        lambda p, g, s, t, decay: optim.rmsprop([p], [g], *([a] for a in s), LR, momentum=0.7, weight_decay=decay),
        centred,
        3,
    ),
    "adam": (
        lambda p, g, s, t, decay: optim.adam([p], [g], *([a] for a in s), [t], LR, weight_decay=decay),
        lambda p, g, s, t, decay: formulas.adam(p, g, *s, t, LR, weight_decay=decay),
        2,
    ),
    "adamw": (
        lambda p, g, s, t, decay: optim.adamw([p], [g], *([a] for a in s), [t], LR, weight_decay=decay),
        lambda p, g, s, t, decay: formulas.adamw(p, g, *s, t, LR, weight_decay=decay),
        2,
    ),
}


@pytest.mark.parametrize("name", RULES)
@given(
    shape=st.sampled_from([(), (0,), (1,), (7,), (3, 5), (2, 3, 4)]),
    dtype=st.sampled_from([np.float32, np.float64]),
    decay=st.sampled_from([0.0, 0.1]),
    transposed=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=20, deadline=None)
def test_is_the_formula(name, shape, dtype, decay, transposed, seed):
    kernel, formula, states = RULES[name]
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(shape).astype(dtype)
    state = [np.zeros(shape, dtype) for _ in range(states)]
    if transposed:
        theta, state = theta.T, [array.T for array in state]
    expected, expected_state = theta.astype(np.float64), [array.astype(np.float64) for array in state]
    for t in range(1, 4):
        gradient = rng.standard_normal(theta.shape).astype(dtype)
        assert kernel(theta, gradient, state, t, decay) is None
        expected, *expected_state = formula(expected, gradient.astype(np.float64), expected_state, t, decay)
    near = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}
    assert theta.dtype == dtype
    np.testing.assert_allclose(theta, expected, **near)
    if name != "rmsprop":  # whose formula also keeps a velocity and a mean that the kernel has no use for
        for got, wanted in zip(state, expected_state, strict=True):
            np.testing.assert_allclose(got, wanted, **near)


@pytest.mark.parametrize("name", RULES)
def test_does_not_depend_on_the_number_of_threads(name):
    kernel, _, states = RULES[name]
    rng = np.random.default_rng(0)
    start, gradient = rng.standard_normal((2, 150_001)).astype(np.float32)
    before = threads.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            theta, state = start.copy(), [np.zeros_like(start) for _ in range(states)]
            for t in (1, 2):
                kernel(theta, gradient, state, t, 0.1)
            results.append(theta)
    finally:
        threads.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_nan_reaches_only_its_own_parameter():
    theta, gradient = np.ones(9, np.float32), np.zeros(9, np.float32)
    gradient[4] = np.nan
    optim.adam([theta], [gradient], [np.zeros_like(theta)], [np.zeros_like(theta)], [1])
    assert np.isnan(theta[4])
    assert (np.delete(theta, 4) == 1).all()


PYTORCH = {
    "gradient descent": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.8}),
    "nesterov": ("SGD", {"momentum": 0.8, "nesterov": True}),
    "adagrad": ("Adagrad", {}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop, centred": ("RMSprop", {"momentum": 0.7, "centered": True}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {}),
}


@pytest.mark.parametrize("name", PYTORCH)
def test_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    kernel, _, states = RULES[name]
    kind, options = PYTORCH[name]
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(11).astype(np.float32)
    parameter = torch.tensor(theta.copy(), requires_grad=True)
    optimizer = getattr(torch.optim, kind)([parameter], lr=LR, weight_decay=0.1, **options)
    state = [np.zeros_like(theta) for _ in range(states)]
    for t in range(1, 11):
        gradient = rng.standard_normal(11).astype(np.float32)
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        kernel(theta, gradient, state, t, 0.1)
    np.testing.assert_allclose(theta, parameter.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_several_parameters_of_both_precisions_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    shapes = [(40_000,), (), (0,), (3, 5), (20_001,)]
    dtypes = [np.float32, np.float64, np.float32, np.float64, np.float32]

    def made():
        return [np.array(rng.standard_normal(shape), dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]

    thetas, gradients, steps = made(), made(), [1, 2, 3, 4, 5]
    ms, vs = [np.zeros_like(theta) for theta in thetas], [np.zeros_like(theta) for theta in thetas]
    alone = [[array.copy() for array in arrays] for arrays in (thetas, ms, vs)]
    optim.adam(thetas, gradients, ms, vs, steps)
    for theta, g, m, v, t in zip(alone[0], gradients, alone[1], alone[2], steps, strict=True):
        optim.adam([theta], [g], [m], [v], [t])
    for together, single in zip((thetas, ms, vs), alone, strict=True):
        for a, b in zip(together, single, strict=True):
            np.testing.assert_array_equal(a, b)


def test_located_arrays_and_their_copies_are_updated_where_they_are():
    first = optim.Located([np.ones((2, 3), np.float32), np.ones(5, np.float32)])
    copied = copy.deepcopy(first)
    gradients = [np.ones_like(array) for array in first]
    optim.sgd(copied, gradients, None, 0.5)
    assert all((array == 1).all() for array in first) and all((array == 0.5).all() for array in copied)


def test_located_arrays_of_any_layout():
    """What cannot be used where it lies is copied there and back, as in a plain list."""
    thetas = optim.Located([np.ones((4, 3), np.float64).T, np.ones(5, np.float64)])
    optim.sgd(thetas, [np.ones((3, 4)), np.ones(5)], None, 0.5)
    assert all((theta == 0.5).all() for theta in thetas)
