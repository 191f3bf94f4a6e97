"""The recurrent kernels against the formulas, their gradients against central differences and PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import recurrent, threads

BLOCKS = {"rnn": 1, "lstm": 4, "gru": 3}
NEAR = {np.float32: {"rtol": 1e-4, "atol": 1e-5}, np.float64: {"rtol": 1e-11, "atol": 1e-11}}


def arrays(kind, samples, steps, features, hidden, dtype=np.float64, seed=0):
    """Random arguments of a kernel, in order: x, weights, biases, states."""
    rows = BLOCKS[kind] * hidden
    shapes = [(samples, steps, features), (rows, features), (rows, hidden), (rows,)]
    shapes += {"rnn": [], "lstm": [(samples, hidden)], "gru": [(rows,)]}[kind] + [(samples, hidden)]
    rng = np.random.default_rng(seed)
    made = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    made[2] /= np.sqrt(hidden)  # a network that does not blow up rounding errors
    return made


def forward(kind, arguments, lengths=None, keep=True):
    """(outputs, final states), saved."""
    *results, saved = getattr(recurrent, f"{kind}_forward")(*arguments, lengths, keep=keep)
    return results, saved


def backward(kind, gradients, saved, **options):
    return getattr(recurrent, f"{kind}_backward")(*gradients, saved, **options)


def formula(kind, arguments, lengths=None):
    outputs, final = getattr(formulas, kind)(*arguments, lengths=lengths)
    return [outputs, *final] if kind == "lstm" else [outputs, final]


def assert_all_close(got, expected, dtype):
    for mine, other in zip(got, expected, strict=True):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, other, **NEAR[dtype])


@pytest.mark.parametrize("kind", BLOCKS)
@given(
    samples=st.integers(0, 20),
    steps=st.integers(0, 7),
    features=st.integers(1, 11),
    hidden=st.integers(1, 18),
    dtype=st.sampled_from([np.float32, np.float64]),
    with_lengths=st.booleans(),
    flipped=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_is_the_formula(kind, samples, steps, features, hidden, dtype, with_lengths, flipped, seed):
    arguments = arrays(kind, samples, steps, features, hidden, dtype, seed)
    if flipped:  # negative strides
        arguments = [argument[::-1] for argument in arguments]
        arguments[0] = arguments[0][:, ::-1]
    lengths = np.random.default_rng(seed).integers(0, steps + 1, samples) if with_lengths else None
    results, _ = forward(kind, arguments, lengths)
    expected = formula(kind, [argument.astype(np.float64) for argument in arguments], lengths)
    assert_all_close(results, expected, dtype)
    without, saved = forward(kind, arguments, lengths, keep=False)
    assert saved is None
    assert_all_close(without, results, dtype)


def scalar(results, weights):
    return sum(np.sum(result * weight) for result, weight in zip(results, weights, strict=True))


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("lengths", [None, [3, 0, 1]])
@pytest.mark.parametrize("used", ["all", "outputs", "final"])
def test_gradients_are_the_central_differences_of_the_formula(kind, lengths, used):
    arguments = arrays(kind, 3, 3, 2, 2)
    lengths = None if lengths is None else np.array(lengths)
    results, saved = forward(kind, arguments, lengths)
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(result.shape) for result in results]
    given_weights = [
        weight if used == "all" or (used == "outputs") == (index == 0) else None for index, weight in enumerate(weights)
    ]
    weights = [
        weight if given is not None else 0 * weight for weight, given in zip(weights, given_weights, strict=True)
    ]
    gradients = backward(kind, given_weights, saved)
    step = 1e-6
    for argument, gradient in zip(arguments, gradients, strict=True):
        assert gradient.shape == argument.shape
        for index in np.ndindex(argument.shape):
            value = argument[index]
            sums = []
            for moved in (value + step, value - step):
                argument[index] = moved
                sums.append(scalar(formula(kind, arguments, lengths), weights))
            argument[index] = value
            assert gradient[index] == pytest.approx((sums[0] - sums[1]) / (2 * step), abs=1e-8, rel=1e-6)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(40, 30, 1, 33), (37, 20, 9, 16), (1, 12, 3, 5), (0, 4, 2, 3), (3, 0, 2, 4)])
def test_gradients_are_pytorchs(kind, dtype, shape):
    torch = pytest.importorskip("torch")
    samples, steps, features, hidden = shape
    arguments = arrays(kind, *shape, dtype)
    results, saved = forward(kind, arguments)
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(result.shape).astype(dtype) for result in results]
    gradients = backward(kind, weights, saved)
    if samples == 0 or steps == 0:  # PyTorch refuses these: nothing but the first state reaches the results
        for gradient in gradients[: len(gradients) - len(weights) + 1]:
            assert not gradient.any()
        np.testing.assert_array_equal(gradients[-1], weights[-1])
        return
    layer = getattr(torch.nn, kind.upper())(features, hidden, batch_first=True, dtype=torch.float64)
    tensors = [torch.tensor(argument.astype(np.float64), requires_grad=True) for argument in arguments]
    x, weight_ih, weight_hh, bias = tensors[:4]
    second_bias = tensors[4] if kind == "gru" else torch.zeros_like(bias)
    states = [state[None] for state in tensors[-2 if kind == "lstm" else -1 :]]
    parameters = {
        "weight_ih_l0": weight_ih,
        "weight_hh_l0": weight_hh,
        "bias_ih_l0": bias,
        "bias_hh_l0": second_bias,
    }
    state = tuple(states) if kind == "lstm" else states[0]
    outputs, final = torch.func.functional_call(layer, parameters, (x, state))
    loss = scalar_of_torch(torch, [outputs, *(final if kind == "lstm" else [final])], weights)
    expected = torch.autograd.grad(loss, tensors)
    size = max(1.0, *(np.abs(gradient.numpy()).max() for gradient in expected))
    for gradient, other in zip(gradients, expected, strict=True):
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient, other.numpy(), rtol=1e-4, atol=size * NEAR[dtype]["atol"])


def scalar_of_torch(torch, results, weights):
    pairs = zip(results, weights, strict=True)
    return sum((result.reshape(weight.shape) * torch.tensor(weight)).sum() for result, weight in pairs)


@pytest.mark.parametrize("kind", BLOCKS)
def test_input_gradient_is_skipped_on_demand(kind):
    results, saved = forward(kind, arrays(kind, 3, 4, 9, 5))
    gradients = [np.ones_like(result) for result in results]
    with_x = backward(kind, gradients, saved)
    without = backward(kind, gradients, saved, input_gradient=False)
    assert without[0] is None
    for one, other in zip(with_x[1:], without[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", BLOCKS)
def test_what_lies_beyond_the_end_is_never_used(kind):
    lengths = np.array([2, 4, 0])
    arguments = arrays(kind, 3, 4, 2, 5)
    clean, saved = forward(kind, arguments, lengths)
    weights = [np.ones_like(result) for result in clean]
    clean += backward(kind, weights, saved)
    for n, length in enumerate(lengths):
        arguments[0][n, length:] = np.nan
    dirty, saved = forward(kind, arguments, lengths)
    dirty += backward(kind, weights, saved)
    for one, other in zip(clean, dirty, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", BLOCKS)
def test_nan_stays_in_its_sample(kind):
    arguments = arrays(kind, 4, 5, 2, 6, np.float32)
    clean, _ = forward(kind, arguments)
    arguments[0][1, 2] = np.nan
    (outputs, final, *_), _ = forward(kind, arguments)
    assert np.isnan(outputs[1, 2:]).all()
    assert np.isnan(final[1]).all()
    np.testing.assert_array_equal(np.delete(outputs, 1, 0), np.delete(clean[0], 1, 0))


@pytest.mark.parametrize("kind", BLOCKS)
def test_does_not_depend_on_the_number_of_threads(kind):
    arguments = arrays(kind, 70, 12, 5, 33, np.float32)
    before = threads.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results, saved = forward(kind, arguments)
            runs.append(results + list(backward(kind, results, saved)))
    finally:
        threads.set_num_threads(before)
    for run in runs[1:]:
        for one, other in zip(run, runs[0], strict=True):
            np.testing.assert_array_equal(one, other)


def test_arguments_are_left_as_they_were():
    arguments = arrays("lstm", 3, 4, 2, 5)
    before = [argument.copy() for argument in arguments]
    results, saved = forward("lstm", arguments)
    gradients = [np.ones_like(result) for result in results]
    once = backward("lstm", gradients, saved)
    again = backward("lstm", gradients, saved)
    for one, other in zip([*arguments, *once], [*before, *again], strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((gradient == 1).all() for gradient in gradients)
