"""Grey, ink, contrast and the histogram."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image import adjust, bright_ink, equalize_hist, to_grey


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def test_grey_is_the_luma_of_bt_601():
    x = np.eye(3).reshape(1, 3, 1, 3)
    np.testing.assert_allclose(to_grey(x), [[[[0.299, 0.587, 0.114]]]])
    np.testing.assert_allclose(to_grey(np.ones((2, 3, 4, 4), np.float32)), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="4 channels, expected 3"):
        to_grey(np.zeros((1, 4, 2, 2)))


def test_bright_ink_turns_paper_dark():
    paper = np.ones((1, 1, 5, 5))
    paper[..., 2, 2] = 0
    night = 1 - paper
    both = np.concatenate([paper, night])
    np.testing.assert_array_equal(bright_ink(both), np.concatenate([night, night]))


def test_grey_equals_opencv():
    cv2 = pytest.importorskip("cv2")
    x = random_images(1, 3, 6, 7, dtype=np.float32)
    theirs = cv2.cvtColor(np.ascontiguousarray(x[0].transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    np.testing.assert_allclose(to_grey(x)[0, 0], theirs, atol=1e-6)


def test_adjust_is_gain_and_bias():
    x = random_images(3, 2, 4, 5, dtype=np.float32)
    a, b = np.array([0.0, 1.0, 1.7]), np.array([0.2, 0.0, -0.3])
    y = adjust(x, a, b)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y[1], x[1])
    np.testing.assert_allclose(y, a[:, None, None, None] * x + b[:, None, None, None], rtol=1e-6)
    for bad in ({"contrast": -0.1}, {"contrast": np.nan}, {"brightness": np.inf}):
        with pytest.raises(ValueError, match="adjust: contrast and brightness must be finite"):
            adjust(x, **bad)
    with pytest.raises(ValueError, match=r"adjust: brightness has shape \(2,\), expected one number, or 3"):
        adjust(x, brightness=[0.1, 0.2])


bytes_of_images = st.integers(0, 1000).map(
    lambda seed: np.random.default_rng(seed).integers(seed % 256, 256, (2, 1, 1 + seed % 7, 9)).astype(np.uint8)
)


@settings(max_examples=30, deadline=None)
@given(bytes_of_images, st.sampled_from([np.float32, np.float64]))
def test_equalize_hist_is_the_share_of_pixels_that_are_no_brighter(pixels, dtype):
    y = equalize_hist(pixels.astype(dtype) / 255)
    assert y.dtype == dtype
    for plane, ours in zip(pixels[:, 0], y[:, 0], strict=True):
        darker = (plane.reshape(-1, 1, 1) <= plane).sum(axis=0)
        darkest = (plane == plane.min()).sum()
        expected = plane / 255 if darkest == plane.size else (darker - darkest) / (plane.size - darkest)
        np.testing.assert_allclose(ours, expected, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(bytes_of_images)
def test_equalize_hist_equals_opencv(pixels):
    cv2 = pytest.importorskip("cv2")
    ours = equalize_hist(pixels.astype(np.float32) / 255)
    for plane, y in zip(pixels[:, 0], ours[:, 0], strict=True):
        np.testing.assert_allclose(y, cv2.equalizeHist(plane) / 255, atol=0.5 / 255 + 1e-6)


def test_equalize_hist_of_odd_values():
    x = np.array([[[[-5.0, 0.25, np.nan, 0.5, 9.0, np.inf, -np.inf]]]])
    np.testing.assert_allclose(equalize_hist(x)[0, 0, 0], [0, 0.25, np.nan, 0.5, 1, 1, 0])
    for value in (0.3, 7.0, np.nan):
        np.testing.assert_array_equal(equalize_hist(np.full((1, 1, 2, 2), value)), value)
