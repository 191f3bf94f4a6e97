"""Blur and Sobel against sums over a padded image, and against OpenCV."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image import gaussian_blur, sobel

sides = st.integers(1, 9)
dtypes = st.sampled_from([np.float32, np.float64])
orders = st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(any)


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def correlate(image, weights):
    """Σ_k Σ_l w[k, l] x[i + k, j + l], written as that sum; NumPy's "reflect" does not repeat the border pixel."""
    (r, s), (h, w) = (np.array(weights.shape) // 2), image.shape
    padded = np.pad(image, ((r, r), (s, s)), mode="reflect")
    return sum(
        weights[k, l] * padded[k : k + h, l : l + w] for k in range(weights.shape[0]) for l in range(weights.shape[1])
    )


@settings(max_examples=30, deadline=None)
@given(sides, sides, st.floats(0.05, 3), dtypes)
def test_gaussian_blur_is_the_weighted_sum(height, width, sigma, dtype):
    x = random_images(1, 2, height, width, dtype=dtype)
    k = np.arange(-20, 21)
    g = np.exp(-(k**2) / (2 * sigma**2))
    g /= g.sum()
    y = gaussian_blur(x, sigma)
    assert y.dtype == dtype
    for ours, plane in zip(y[0], x[0], strict=True):
        # what is cut off beyond about 4σ weighs less than 2 · 10⁻³ at σ < 0.3, where that is one pixel, else far less
        np.testing.assert_allclose(ours, correlate(plane, np.outer(g, g)), atol=4e-3 if sigma < 0.3 else 4e-4)


@settings(max_examples=30, deadline=None)
@given(sides, sides, st.floats(0.01, 4), dtypes)
def test_gaussian_blur_equals_opencv(height, width, sigma, dtype):
    cv2 = pytest.importorskip("cv2")
    x = random_images(1, 1, height, width, dtype=dtype)
    theirs = cv2.GaussianBlur(x[0, 0], (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(gaussian_blur(x, sigma)[0, 0], theirs, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(sides, sides, orders, dtypes)
def test_sobel_equals_opencv(height, width, order, dtype):
    cv2 = pytest.importorskip("cv2")
    x = random_images(1, 1, height, width, dtype=dtype)
    theirs = cv2.Sobel(x[0, 0], -1, *order, ksize=3, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(sobel(x, *order)[0, 0], theirs, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(sides, sides)
def test_sobel_is_the_weighted_sum(height, width):
    x = random_images(1, 1, height, width)
    filter_x = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # as the textbook prints it
    np.testing.assert_allclose(sobel(x, 1, 0)[0, 0], correlate(x[0, 0], filter_x), atol=1e-12)
    np.testing.assert_allclose(sobel(x, 0, 1)[0, 0], correlate(x[0, 0], filter_x.T), atol=1e-12)


def test_sobel_of_a_slope_is_eight_times_it():
    i, j = np.mgrid[:6, :7]
    x = (3.0 * i - 2.0 * j)[None, None]
    np.testing.assert_allclose(sobel(x, 1, 0)[..., 1:-1], -16)
    np.testing.assert_allclose(sobel(x, 0, 1)[:, :, 1:-1], 24)


def test_blur_of_nothing_and_of_one_grey():
    x = random_images(2, 1, 5, 6, dtype=np.float32)
    for tiny in (0, 5e-324, 1e-5):
        np.testing.assert_array_equal(gaussian_blur(x, tiny), x)
    np.testing.assert_allclose(gaussian_blur(np.full_like(x, 0.3), 2.5), 0.3, rtol=1e-6)
    wide = gaussian_blur(random_images(1, 1, 4, 1), 50)
    assert np.ptp(wide) < 1e-3


def test_nan_spreads_as_far_as_the_filter_reaches():
    x = np.zeros((2, 1, 9, 9))
    x[..., 4, 4] = np.nan
    together = gaussian_blur(x, [0.4, 10])  # radius 2, and all
    assert [int(np.isnan(image).sum()) for image in together] == [25, 81]
    assert np.isnan(sobel(x, 1, 0)[0]).sum() == 6  # the middle column has weight 0


def test_wrong_arguments():
    x = np.zeros((2, 1, 4, 4))
    for sigma in (-1, np.nan, np.inf, 1001):
        with pytest.raises(ValueError, match="gaussian_blur: sigma must lie between 0 and 1000 pixels"):
            gaussian_blur(x, sigma)
    with pytest.raises(ValueError, match=r"gaussian_blur: sigma has shape \(3,\), expected one number, or 2"):
        gaussian_blur(x, [1, 2, 3])
    for order in ((0, 0), (3, 0), (0, -1)):
        with pytest.raises(ValueError, match=r"sobel: dx .* and dy .* must be 0, 1 or 2 and not both 0"):
            sobel(x, *order)
