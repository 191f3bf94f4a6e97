"""Normalisation: what comes out has mean 0 and variance 1; running averages; errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import functional as F


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    scale=st.sampled_from([0.1, 1.0, 100.0]),
    offset=st.sampled_from([0.0, -50.0, 1e3]),
)
def test_mean_0_and_variance_1(seed, scale, offset):
    x = tm.Tensor(np.random.default_rng(seed).normal(offset, scale, (4, 3, 5)))
    y = F.normalize(x, (0, 2)).data
    np.testing.assert_allclose(y.mean((0, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(y.var((0, 2)), 1, rtol=5e-3)


def test_a_constant_becomes_0():
    x = tm.tensor(np.full((2, 3), 7.0), requires_grad=True)
    y = F.layer_norm(x)
    assert y.tolist() == [[0] * 3] * 2
    assert np.isfinite(tm.grad(y.sum(), x).data).all()


def test_layer_norm_over_several_axes():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    whole = F.layer_norm(tm.Tensor(x), np.ones((3, 4)), np.zeros((3, 4)))
    np.testing.assert_allclose(whole.data, F.normalize(x, (1, 2)))
    with pytest.raises(ValueError, match=r"^layer_norm: weight \(3,\) must match the last axes of x, .* \(2, 3, 4\)"):
        F.layer_norm(tm.Tensor(x), np.ones(3))
    with pytest.raises(ValueError, match=r"^layer_norm: "):
        F.layer_norm(tm.tensor([1.0]), np.ones((2, 1)))


def test_batch_norm_moves_its_averages():
    """running ← (1 − m) running + m batch, with the unbiased variance."""
    x = np.random.default_rng(0).normal(3, 2, (8, 2, 3, 3)).astype(np.float32)
    mean, var = np.zeros(2, np.float32), np.ones(2, np.float32)
    F.batch_norm(tm.Tensor(x), mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean, 0.25 * x.mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(var, 0.75 + 0.25 * x.var((0, 2, 3), ddof=1), rtol=1e-5)
    before = mean.copy(), var.copy()
    F.batch_norm(tm.Tensor(x), mean, var)
    np.testing.assert_array_equal((mean, var), before)


def test_running_averages_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(3, 2, (8, 2, 3)).astype(np.float32)
    ours, theirs = (np.zeros(2, np.float32), np.ones(2, np.float32)), (torch.zeros(2), torch.ones(2))
    for _ in range(3):
        F.batch_norm(tm.Tensor(x), *ours, training=True)
        torch.nn.functional.batch_norm(torch.tensor(x), *theirs, training=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-5)


def test_batch_norm_errors():
    mean, var = np.zeros(2, np.float32), np.ones(2, np.float32)
    with pytest.raises(ValueError, match=r"^batch_norm: x is \(4, 3\), but axis 1 must have the 2 channels"):
        F.batch_norm(tm.Tensor(np.ones((4, 3), np.float32)), mean, var)
    with pytest.raises(ValueError, match=r"^batch_norm: x is \(2,\)"):
        F.batch_norm(tm.Tensor(np.ones(2, np.float32)), mean, var)
    for shape in ((1, 2), (0, 2, 3)):
        with pytest.raises(ValueError, match=r"^batch_norm: training needs more than one value per channel"):
            F.batch_norm(tm.Tensor(np.ones(shape, np.float32)), mean, var, training=True)
    assert mean.tolist() == [0, 0] and var.tolist() == [1, 1]


def wanting(*values):
    return tm.tensor(np.array(values, np.float32), requires_grad=True)


def test_layer_norm_bias_of_wrong_shape():
    with pytest.raises(ValueError, match="layer_norm"):
        F.layer_norm(wanting(1, 2), np.ones(2, np.float32), np.ones(3, np.float32))


def test_batch_norm_keeps_the_dtype():
    assert F.batch_norm(wanting(1, 2)[None], np.zeros(2), np.ones(2)).dtype == np.float32


def test_two_values_per_channel_are_enough_to_train():
    x, mean, var = np.array([[1.0], [3.0]]), np.zeros(1), np.ones(1)
    np.testing.assert_allclose(F.batch_norm(tm.Tensor(x), mean, var, training=True).data, [[-1], [1]], rtol=1e-4)
    np.testing.assert_allclose([mean, var], [[0.2], [1.1]])


def test_running_averages_that_cannot_move_are_refused():
    x, mean, var = np.ones((4, 2), np.float32), np.zeros(2, np.float32), np.ones(2, np.float32)
    for dtype in (np.int64, np.complex64, bool):
        with pytest.raises(TypeError, match=rf"^batch_norm: running_var is {np.dtype(dtype)} and x float32"):
            F.batch_norm(x, mean, var.astype(dtype), training=True)


def test_without_a_weight_the_last_axis_is_normalised():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_allclose(F.layer_norm(x), F.layer_norm(x, np.ones(4)))
    np.testing.assert_allclose(F.layer_norm(x).mean(axis=2), 0, atol=1e-12)
