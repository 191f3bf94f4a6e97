import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.audio.mdct import N, basis, inverse_mdct, mdct, quantize


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 1000), st.integers(0, 100))
def test_there_and_back(samples, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)
    coefficients = mdct(x)
    assert coefficients.shape == (1 + -(-samples // N), N) and coefficients.dtype == np.float32
    np.testing.assert_allclose(inverse_mdct(coefficients)[:samples], x, atol=1e-5)


def test_the_basis_keeps_power():
    np.testing.assert_allclose(basis().T @ basis(), np.eye(N), atol=1e-5)


def test_a_tone_needs_few_numbers():
    coefficients = np.abs(mdct(np.sin(2 * np.pi * 1000 / 8000 * np.arange(4000)).astype(np.float32)))[2:-2]
    assert np.sort(coefficients, axis=1)[:, :-6].max() < 0.05 * coefficients.max()
    assert (np.abs(coefficients.argmax(axis=1) - 1000 * 2 * N / 8000) <= 1).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1), st.integers(0, 100))
def test_quantized_to_half_a_step(step, seed):
    x = np.random.default_rng(seed).uniform(-100 * step, 100 * step, (3, N)).astype(np.float32)
    q = quantize(x, step)
    assert q.dtype == np.int8
    assert np.abs(step * q - x).max() <= step * 0.501
    assert quantize(np.array([1000 * step, -1000 * step]), step).tolist() == [127, -127]
