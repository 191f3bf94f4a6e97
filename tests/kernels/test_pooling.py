"""Pooling against the formula, and each gradient as the transpose of what it is the gradient of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.kernels import pooling


@st.composite
def problems(draw):
    """Images of few different numbers, so that there are ties, and options that fit them."""
    window = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in window)
    if draw(st.booleans()):
        window, stride, padding = (2, 2), (2, 2), (0, 0)
    size = [max(window[i] - 2 * padding[i], 1) + draw(st.integers(0, 9)) for i in (0, 1)]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-3, 3, (draw(st.integers(0, 3)), draw(st.integers(1, 3)), *size))
    return x.astype(draw(st.sampled_from([np.float32, np.float64]))), window, stride, padding


def gradient_like(y):
    return np.random.default_rng(1).integers(-5, 5, y.shape).astype(y.dtype)


@settings(max_examples=40, deadline=None)
@given(problems(), st.sampled_from([None, np.nan, np.inf, -np.inf]))
def test_max_pool2d_equals_the_formula(problem, special):
    x, *options = problem
    if special is not None:
        x[..., ::3, ::2] = special
    y, indices = pooling.max_pool2d(x, *options), pooling.max_places(x, *options)
    expected = formulas.max_pooling(x, *options)
    assert y.dtype == x.dtype and indices.dtype == np.int32
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(pooling.take_pooled(x, indices), y)
    g = gradient_like(y)
    dx = pooling.max_unpool2d(g, indices, x.shape)
    assert dx.dtype == x.dtype and dx.shape == x.shape
    z = gradient_like(x)
    assert np.vdot(dx, z) == np.vdot(g, pooling.take_pooled(z, indices))  # whole numbers: no rounding


@settings(max_examples=30, deadline=None)
@given(problems())
def test_max_pool2d_chooses_as_torch_does(problem):
    torch = pytest.importorskip("torch")
    x, *options = problem
    x[..., ::3, ::3] = np.nan
    y, indices = torch.nn.functional.max_pool2d(torch.tensor(x), *options, return_indices=True)
    np.testing.assert_array_equal(pooling.max_pool2d(x, *options), y)
    np.testing.assert_array_equal(pooling.max_places(x, *options), indices)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_avg_pool2d_equals_the_formula(problem):
    x, *options = problem
    y = pooling.avg_pool2d(x, *options)
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y, formulas.average_pooling(x, *options), rtol=1e-6, atol=1e-6)
    g = gradient_like(y)
    dx = pooling.avg_pool2d_gradient(g, x.shape, *options)
    assert dx.dtype == x.dtype and dx.shape == x.shape
    assert np.vdot(dx.astype(float), x) == pytest.approx(np.vdot(g.astype(float), y), abs=1e-3)


def test_ties_go_to_the_first():
    indices = pooling.max_places(np.zeros((1, 1, 4, 4), np.float32), (2, 2), (2, 2), (0, 0))
    np.testing.assert_array_equal(indices[0, 0], [[0, 2], [8, 10]])


def test_views_with_negative_strides():
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8))[:, ::-1, ::-1, ::2]
    y = pooling.max_pool2d(x, (2, 2), (2, 2), (0, 0))
    np.testing.assert_array_equal(y, formulas.max_pooling(x, (2, 2)))
