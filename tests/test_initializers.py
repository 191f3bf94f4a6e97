"""Initialisers: bounds and variances of their papers, dtype, and who draws the numbers."""

import math

import numpy as np
import pytest

import tinymm as tm
from tinymm import initializers as init

# (in, out) = fans of each shape
FANS = {(300, 200): (200, 300), (64, 32, 3, 5): (480, 960), (50, 40, 7): (280, 350)}
# The variance by the paper, from fan_in and fan_out.
VARIANCES = {
    "lecun": lambda i, o: 1 / i,
    "glorot": lambda i, o: 2 / (i + o),
    "he": lambda i, o: 2 / i,
    "fan_in": lambda i, o: 1 / (3 * i),
}
UNIFORM = ["lecun_uniform", "glorot_uniform", "he_uniform", "fan_in_uniform"]
NORMAL = ["lecun_normal", "glorot_normal", "he_normal"]
every_one = pytest.mark.parametrize("name", [*UNIFORM, *NORMAL, "orthogonal"])
every_shape = pytest.mark.parametrize("shape", list(FANS))


def draw(name, shape, **options):
    return getattr(init, name)(shape, generator=np.random.default_rng(0), **options)


@every_shape
@pytest.mark.parametrize("name", [*UNIFORM, *NORMAL])
def test_mean_and_variance(name, shape):
    values = draw(name, shape, dtype=np.float64)
    variance = VARIANCES[name.rsplit("_", 1)[0]](*FANS[shape])
    assert values.shape == shape
    assert values.var() == pytest.approx(variance, rel=0.05)
    assert abs(values.mean()) < 5 * math.sqrt(variance / values.size)


@every_shape
@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_fills_its_interval_evenly(name, shape):
    bound = math.sqrt(3 * VARIANCES[name.rsplit("_", 1)[0]](*FANS[shape]))
    values = draw(name, shape, dtype=np.float64)
    assert 0.99 * bound < np.abs(values).max() <= bound
    counts, _ = np.histogram(values, bins=10, range=(-bound, bound))
    np.testing.assert_allclose(counts, values.size / 10, rtol=0.15)


@every_shape
@pytest.mark.parametrize("name", NORMAL)
def test_normal_has_the_tails_of_a_normal(name, shape):
    values = draw(name, shape, dtype=np.float64)
    share = [np.mean(np.abs(values) < k * values.std()) for k in (1, 2, 3)]
    np.testing.assert_allclose(share, [0.6827, 0.9545, 0.9973], atol=0.02)


@pytest.mark.parametrize("shape", [(20, 20), (30, 12), (12, 30), (8, 3, 2, 2), (20, 2, 3), (1, 5), (5, 1)])
def test_orthogonal(shape):
    values = draw("orthogonal", shape, dtype=np.float64)
    assert values.shape == shape
    matrix = values.reshape(shape[0], -1)
    rows, columns = matrix.shape
    product = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_is_uniform_over_the_rotations_and_reflections():
    rng = np.random.default_rng(0)
    draws = np.array([init.orthogonal((3, 3), np.float64, rng) for _ in range(2000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.06)  # no direction is preferred
    np.testing.assert_allclose((draws**2).mean(axis=0), 1 / 3, atol=0.03)
    assert np.mean(np.linalg.det(draws) > 0) == pytest.approx(0.5, abs=0.05)


@every_one
def test_dtype(name):
    assert draw(name, (4, 3)).dtype == np.float32
    for dtype in (np.float32, np.float64):
        assert draw(name, (4, 3), dtype=dtype).dtype == dtype
    np.testing.assert_array_equal(draw(name, (4, 3), dtype=np.float64).astype(np.float32), draw(name, (4, 3)))


@every_one
def test_numbers_come_from_the_generator_or_from_tinymm(name):
    make, shape = getattr(init, name), (5, 4)
    np.testing.assert_array_equal(draw(name, shape), draw(name, shape))
    rng = np.random.default_rng(0)
    assert np.any(make(shape, generator=rng) != make(shape, generator=rng))
    tm.manual_seed(0)
    own = make(shape)
    np.testing.assert_array_equal(own, draw(name, shape))
    tm.manual_seed(0)
    make(shape, generator=np.random.default_rng(9))  # leaves tinymm's own alone
    np.testing.assert_array_equal(make(shape), own)


@pytest.mark.parametrize("name", [*UNIFORM, *NORMAL])
@pytest.mark.parametrize("shape", [(), (5,)])
def test_a_shape_without_fans(name, shape):
    with pytest.raises(ValueError, match=r"shape .* needs \(out, in, \.\.\.\)"):
        draw(name, shape)
