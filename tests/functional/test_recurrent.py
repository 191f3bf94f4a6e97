"""rnn, lstm and gru: the fused kernel, the steps written out and the textbook formula are one function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import formulas
from tinymm import functional as F

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
BIASES = {"rnn": 1, "lstm": 1, "gru": 2}
STATES = {"rnn": 1, "lstm": 2, "gru": 1}
TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 1e-5}, np.float64: {"rtol": 1e-9, "atol": 1e-11}}
every_layer = pytest.mark.parametrize("name", list(GATES))


def problem(name, n, t, d, h, dtype=np.float64, seed=0, states=True):
    """x, the weights, the biases and, if wanted, the first states."""
    rng, rows = np.random.default_rng(seed), GATES[name] * h
    shapes = [(n, t, d), (rows, d), (rows, h), *[(rows,)] * BIASES[name], *[(n, h)] * STATES[name] * states]
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def flat(result):
    """(outputs, state) or (outputs, (h, c)) as one list."""
    outputs, state = result
    return [outputs, *(state if isinstance(state, tuple) else (state,))]


def run(name, arrays, lengths=None, **options):
    """The outputs and final states, and the gradients of all inputs for fixed weights of these."""
    inputs = [tm.Tensor(a, requires_grad=True) for a in arrays]
    results = flat(getattr(F, name)(*inputs, lengths=lengths, **options))
    rng = np.random.default_rng(1)
    total = sum((y * rng.normal(size=y.shape).astype(y.dtype)).sum() for y in results)
    return [y.data for y in results], [g.data for g in tm.grad(total, inputs)]


@every_layer
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_three_ways_to_one_result(name, data):
    n, t = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 6))
    d, h = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 9))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    lengths = data.draw(st.none() | st.lists(st.integers(0, t), min_size=n, max_size=n))
    lengths = None if lengths is None else np.array(lengths, np.int32)
    arrays = problem(name, n, t, d, h, dtype, seed=data.draw(st.integers(0, 99)), states=data.draw(st.booleans()))
    if data.draw(st.booleans()):  # other strides
        arrays = [np.asfortranarray(a)[::-1] for a in arrays]
    before = [a.copy() for a in arrays]

    fused, fused_gradients = run(name, arrays, lengths)
    steps, steps_gradients = run(name, arrays, lengths, fused=False)
    exact = flat(getattr(formulas, name)(*(a.astype(np.float64) for a in arrays), lengths=lengths))
    for a, b, c in zip(fused, steps, exact, strict=True):
        assert a.dtype == b.dtype == dtype and a.shape == b.shape == c.shape
        np.testing.assert_allclose(a, c, **TOLERANCE[dtype])
        np.testing.assert_allclose(b, c, **TOLERANCE[dtype])
    for a, b, x, old in zip(fused_gradients, steps_gradients, arrays, before, strict=True):
        assert a.dtype == b.dtype == dtype and a.shape == b.shape == x.shape
        np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype]["rtol"], atol=10 * TOLERANCE[dtype]["atol"])
        np.testing.assert_array_equal(x, old)
    with tm.no_grad():  # keeps nothing for the way back
        for a, b in zip(flat(getattr(F, name)(*map(tm.Tensor, arrays), lengths=lengths)), fused, strict=True):
            np.testing.assert_array_equal(a.data, b)


@every_layer
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("lengths", [None, (2, 0, 3)])
def test_gradcheck(name, fused, lengths):
    def call(*inputs):
        return tuple(flat(getattr(F, name)(*inputs, lengths=lengths, fused=fused)))

    tm.gradcheck(call, *problem(name, 3, 3, 2, 2))


@every_layer
@pytest.mark.parametrize("lengths", [None, (2, 1)])
def test_second_derivative_of_the_steps(name, lengths):
    def call(*inputs):
        return tuple(flat(getattr(F, name)(*inputs, lengths=lengths, fused=False)))

    tm.gradcheck(call, *problem(name, 2, 2, 1, 1), order=2)


@every_layer
def test_the_fused_kernel_has_no_second_derivative_and_names_what_has(name):
    x, *rest = (tm.Tensor(a, requires_grad=True) for a in problem(name, 2, 3, 2, 2))
    outputs, _ = getattr(F, name)(x, *rest)
    with pytest.raises(RuntimeError, match=rf"{name}: .*functional\.{name}\(\.\.\., fused=False\)"):
        tm.grad(outputs.sum(), x, create_graph=True)


@every_layer
@pytest.mark.parametrize("fused", [True, False])
def test_no_samples_and_no_steps(name, fused):
    for n, t in ((0, 3), (2, 0), (0, 0)):
        arrays = problem(name, n, t, 2, 3)
        results, gradients = run(name, arrays, fused=fused)
        assert results[0].shape == (n, t, 3)
        for state, start in zip(results[1:], arrays[-STATES[name] :], strict=True):
            assert state.shape == (n, 3)
            if t == 0:
                np.testing.assert_array_equal(state, start)
        for g in gradients[: -STATES[name]]:
            np.testing.assert_array_equal(g, 0)


@every_layer
def test_what_lies_beyond_the_end_does_not_count(name):
    lengths = np.array([3, 0, 4])
    arrays = problem(name, 3, 4, 2, 3)
    results, gradients = run(name, arrays, lengths)
    for n, length in enumerate(lengths):
        arrays[0][n, length:] = np.nan
        np.testing.assert_array_equal(results[0][n, length:], 0)
        np.testing.assert_array_equal(gradients[0][n, length:], 0)
        if length:
            np.testing.assert_array_equal(results[1][n], results[0][n, length - 1])
    np.testing.assert_array_equal(results[1][1], arrays[-STATES[name]][1])  # length 0: the first state
    again, gradients_again = run(name, arrays, lengths)
    for a, b in zip([*results, *gradients], [*again, *gradients_again], strict=True):
        np.testing.assert_array_equal(a, b)


@every_layer
def test_a_batch_that_threads_share(name):
    arrays = problem(name, 70, 12, 20, 40, np.float64)
    arrays = [a * 0.2 for a in arrays]  # gates that are not all shut or open
    lengths = np.arange(70) % 13
    (fused, gradients), (steps, expected) = (
        run(name, arrays, lengths),
        run(name, arrays, lengths, fused=False),
    )
    for a, b in zip([*fused, *gradients], [*steps, *expected], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@every_layer
def test_a_sequence_is_alone_in_its_batch(name):
    """Also in a batch that several threads share."""
    x, *weights = problem(name, 70, 6, 8, 40, np.float32, states=False)
    whole = flat(getattr(F, name)(x, *weights))
    for n in (0, 33, 69):
        for y, alone in zip(whole, flat(getattr(F, name)(x[n : n + 1], *weights)), strict=True):
            np.testing.assert_allclose(y[n], alone[0], rtol=1e-4, atol=1e-5)


@every_layer
def test_a_nan_spoils_its_own_sequence_from_there_on(name):
    x, *weights = problem(name, 3, 4, 2, 3, states=False)
    x[1, 2, 0] = np.nan
    outputs, _ = getattr(F, name)(x, *weights)
    assert np.isnan(outputs[1, 2:]).all()
    assert np.isfinite(outputs[1, :2]).all() and np.isfinite(outputs[[0, 2]]).all()


@every_layer
def test_gradients_that_arrive_at_one_result_alone(name):
    """Only the outputs, only the last h, only the last c: the others send nothing."""
    arrays = problem(name, 2, 3, 2, 2)
    for i in range(1 + STATES[name]):
        found = []
        for fused in (True, False):
            inputs = [tm.Tensor(a, requires_grad=True) for a in arrays]
            found.append(tm.grad(flat(getattr(F, name)(*inputs, fused=fused))[i].sum(), inputs))
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@every_layer
def test_errors(name):
    layer = getattr(F, name)
    x, w, u, *rest = problem(name, 2, 3, 2, 4)
    biases, start = rest[: BIASES[name]], rest[BIASES[name] :]
    rows = 4 * GATES[name]

    def refuses(error, words, *args, **options):
        with pytest.raises(error, match=f"^{name}: {words}"):
            layer(*args, **options)

    refuses(ValueError, r"x is \(2, 3\), but .*three axes", x[:, :, 0], w, u, *biases)
    refuses(ValueError, rf"weight_ih is \({rows}, 1\).*need \({rows}, 2\)", x, w[:, :1], u, *biases)
    refuses(ValueError, rf"weight_hh is \({rows - 1}, 4\).*need \({rows}, 4\)", x, w, u[1:], *biases)
    refuses(ValueError, rf"bias\w* is \({rows - 1},\).*need \({rows},\)", x, w, u, *[b[1:] for b in biases])
    refuses(ValueError, r"h0 is \(1, 4\).*need \(2, 4\)", x, w, u, *biases, start[0][:1])
    refuses(ValueError, r"lengths is .*one integer per sample: \(2,\)", x, w, u, *biases, lengths=[1, 2, 3])
    refuses(ValueError, "lengths is float64.*one integer per sample", x, w, u, *biases, lengths=[1.0, 2.0])
    refuses(ValueError, r"lengths\[1\] is 4, but sample 1 has 0 to 3", x, w, u, *biases, lengths=[1, 4])
    refuses(ValueError, r"lengths\[0\] is -1", x, w, u, *biases, lengths=[-1, 2])
    refuses(TypeError, "x is float32, weight_ih is float64", x.astype(np.float32), w, u, *biases)
    refuses(TypeError, ".*float32.*astype", x, w, u, *biases[:-1], biases[-1].astype(np.float32))
    if name == "lstm":
        refuses(ValueError, r"c0 is \(2, 3\).*need \(2, 4\)", x, w, u, *biases, start[0], start[1][:, :3])
