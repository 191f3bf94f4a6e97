"""The loops over pixels against dense sums, and that threads change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.kernels import image, threads

sides = st.integers(1, 7)


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def dense(first, weights, n):
    """The whole matrix (m, n) of which `first` and `weights` are the part that is not 0."""
    matrix = np.zeros((len(first), n))
    for i, place in enumerate(first):
        matrix[i, place : place + weights.shape[1]] = weights[i]
    return matrix


@settings(max_examples=25, deadline=None)
@given(sides, sides, sides, sides, st.integers(1, 3), st.integers(0, 99))
def test_resize_is_two_matrices(height, width, h, w, taps, seed):
    rng = np.random.default_rng(seed)
    tables = []
    for n, m in ((height, h), (width, w)):
        t = min(taps, n)
        tables.append((rng.integers(0, n - t + 1, m), rng.standard_normal((m, t))))
    x = random_images(2, 2, height, width, seed=seed)
    expected = dense(*tables[0], height) @ x @ dense(*tables[1], width).T
    np.testing.assert_allclose(image.resize(x, *tables), expected, atol=1e-12)


def test_resize_does_not_look_where_the_weight_is_zero():
    x = np.array([[[[1.0, np.nan]]]])
    beyond = (np.array([1]), np.array([[1.0, 0.0]]))  # the second tap lies outside
    assert np.isnan(image.resize(x, (np.array([0]), np.ones((1, 1))), beyond)).all()
    first = (np.array([0]), np.array([[1.0, 0.0]]))
    np.testing.assert_array_equal(image.resize(x, (np.array([0]), np.ones((1, 1))), first), 1)


@settings(max_examples=25, deadline=None)
@given(sides, sides, st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_separable_filter_is_a_correlation_of_the_mirrored_image(height, width, r, s, seed):
    rng = np.random.default_rng(seed)
    x = random_images(2, 3, height, width, seed=seed)
    down, along = rng.standard_normal((2, 2 * r + 1)), rng.standard_normal((2, 2 * s + 1))
    padded = np.pad(x, ((0, 0), (0, 0), (r, r), (s, s)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * r + 1, 2 * s + 1), axis=(2, 3))
    expected = np.einsum("nchwkl,nk,nl->nchw", windows, down, along)
    np.testing.assert_allclose(image.separable_filter(x, down, along), expected, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(sides, sides, st.integers(0, 99))
def test_warp_at_whole_places_picks_pixels(height, width, seed):
    rng = np.random.default_rng(seed)
    x = random_images(2, 2, height, width, seed=seed)
    parts = [rng.integers(-4, 5, (2, size)).astype(float) for size in (5, 6, 5, 6)]
    rows, columns = (a[:, :, None] + b[:, None, :] for a, b in (parts[:2], parts[2:]))
    framed = np.pad(x, ((0, 0), (0, 0), (20, 20), (20, 20)), constant_values=-1)
    n = np.arange(2)[:, None, None]
    expected = framed[n, :, rows.astype(int) + 20, columns.astype(int) + 20].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(image.warp(x, tuple(parts[:2]), tuple(parts[2:]), -1.0), expected, atol=1e-12)


def test_a_place_that_is_no_number_is_outside():
    x = random_images(1, 1, 3, 3)
    nowhere = (np.full((1, 1), np.inf), np.array([[-np.inf, 1.0]]))  # ∞ − ∞ is NaN
    middle = (np.zeros((1, 1)), np.ones((1, 2)))
    np.testing.assert_array_equal(image.warp(x, nowhere, middle, 7.0), 7)


@pytest.mark.parametrize("name", ["warp", "resize", "separable_filter", "equalize_hist"])
def test_threads_change_nothing(name):
    x = random_images(3, 1, 150, 200)
    tilted = np.tile(np.linspace(0, 120, 150), (3, 1)), np.tile(np.linspace(0, 20.5, 200), (3, 1))
    halves = [(2 * np.arange(n // 2), np.full((n // 2, 2), 0.3)) for n in (150, 200)]
    weights = np.tile([0.2, 0.5, 0.3], (3, 1))
    run = {
        "warp": lambda: image.warp(x, tilted, tilted, 0.0),
        "resize": lambda: image.resize(x, *halves),
        "separable_filter": lambda: image.separable_filter(x, weights, weights),
        "equalize_hist": lambda: image.equalize_hist(x),
    }[name]
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 3):
            threads.set_num_threads(count)
            results.append(run())
    finally:
        threads.set_num_threads(before)
    np.testing.assert_array_equal(*results)
