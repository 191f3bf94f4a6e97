"""Resizing against the formulas in plain NumPy, and against OpenCV, PyTorch and Pillow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image import digits_to_28, frame_ink, pad_to, resize

METHODS = ["nearest", "bilinear", "area"]
sides = st.integers(1, 9)


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(sides, sides, sides, sides, st.sampled_from(METHODS), st.sampled_from([np.float32, np.float64]))
def test_resize_stays_between_the_darkest_and_the_brightest(height, width, h, w, method, dtype):
    x = random_images(2, 3, height, width, dtype=dtype)
    y = resize(x, (h, w), method)
    assert y.shape == (2, 3, h, w) and y.dtype == dtype
    assert y.min() >= x.min() - 1e-6 and y.max() <= x.max() + 1e-6
    np.testing.assert_allclose(resize(np.full_like(x, 0.3), (h, w), method), 0.3, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_resize_to_the_same_size_changes_nothing(method):
    x = random_images(2, 1, 5, 7)
    np.testing.assert_allclose(resize(x, (5, 7), method), x, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(sides, sides, sides, sides)
def test_area_keeps_the_mean(height, width, h, w):
    x = random_images(1, 1, height, width)
    np.testing.assert_allclose(resize(x, (h, w), "area").mean(), x.mean(), rtol=1e-12)


def test_area_of_whole_blocks_is_their_mean():
    x = random_images(1, 1, 6, 6)
    expected = x.reshape(1, 1, 3, 2, 2, 3).mean(axis=(3, 5))
    np.testing.assert_allclose(resize(x, (3, 2), "area"), expected)


@pytest.mark.parametrize(("size", "seed"), [((13, 4), 0), ((3, 20), 1), ((8, 8), 2)])
@pytest.mark.parametrize("mode", ["bilinear", "nearest-exact"])
def test_resize_equals_torch(size, seed, mode):
    torch = pytest.importorskip("torch")
    x = random_images(2, 3, 7, 9, seed=seed)
    theirs = torch.nn.functional.interpolate(torch.tensor(x), size=size, mode=mode).numpy()
    np.testing.assert_allclose(resize(x, size, mode.split("-")[0]), theirs, atol=1e-12)


def test_resize_equals_pillow():
    Image = pytest.importorskip("PIL.Image")
    x = random_images(1, 1, 7, 9, dtype=np.float32)
    picture = Image.fromarray(x[0, 0])
    for method, size, theirs in [
        ("bilinear", (20, 30), Image.Resampling.BILINEAR),
        ("area", (3, 4), Image.Resampling.BOX),
        ("nearest", (20, 5), Image.Resampling.NEAREST),
    ]:
        expected = np.asarray(picture.resize(size[::-1], theirs))
        if method != "area":
            np.testing.assert_allclose(resize(x, size, method)[0, 0], expected, atol=1e-6)
        else:  # Pillow counts whole pixels, so only equal where the borders fall between pixels
            blocks = Image.fromarray(x[0, 0, :6, :8]).resize((4, 3), theirs)
            np.testing.assert_allclose(resize(x[:, :, :6, :8], size, method)[0, 0], blocks, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(sides, sides, st.integers(0, 5), st.integers(0, 5))
def test_pad_to_puts_images_in_the_middle(height, width, more_rows, more_columns):
    x = random_images(2, 1, height, width) + 1
    y = pad_to(x, (height + more_rows, width + more_columns), fill=-1)
    assert y.shape == (2, 1, height + more_rows, width + more_columns)
    top, left = more_rows // 2, more_columns // 2
    np.testing.assert_array_equal(y[:, :, top : top + height, left : left + width], x)
    assert (y == -1).sum() == y.size - x.size


def test_digits_to_28():
    x = random_images(3, 1, 8, 8, dtype=np.float32)
    y = digits_to_28(x)
    assert y.shape == (3, 1, 28, 28) and y.dtype == np.float32
    # the centre of each pixel keeps its value, the border is empty
    np.testing.assert_allclose(y[:, :, 3:27:3, 3:27:3], x, atol=1e-6)
    assert not y[:, :, :2].any() and not y[..., -2:].any()
    with pytest.raises(ValueError, match=r"digits_to_28.*\(N, 1, 8, 8\)"):
        digits_to_28(random_images(3, 1, 9, 9))


def test_wrong_sizes_and_methods():
    x = np.zeros((1, 1, 8, 8))
    with pytest.raises(ValueError, match="'cubic' is unknown: choose one of 'nearest', 'bilinear', 'area'"):
        resize(x, 4, "cubic")
    with pytest.raises(ValueError, match="resize: size 0 must be at least 1"):
        resize(x, 0)
    with pytest.raises(ValueError, match="8×8 do not fit into 6×28: resize"):
        pad_to(x, (6, 28))


@settings(max_examples=25, deadline=None)
@given(sides, sides, sides, sides)
def test_resize_equals_plain_numpy(height, width, h, w):
    """Area: every pixel split into m parts, and n parts put together; bilinear: NumPy's own interpolation."""
    x = random_images(2, 2, height, width)
    parts = np.repeat(np.repeat(x, h, axis=2), w, axis=3).reshape(2, 2, h, height, w, width)
    np.testing.assert_allclose(resize(x, (h, w), "area"), parts.mean(axis=(3, 5)), atol=1e-12)
    rows, columns = ((np.arange(m) + 0.5) * n / m - 0.5 for n, m in ((height, h), (width, w)))
    tall = np.apply_along_axis(lambda line: np.interp(rows, np.arange(height), line), 2, x)
    both = np.apply_along_axis(lambda line: np.interp(columns, np.arange(width), line), 3, tall)
    np.testing.assert_allclose(resize(x, (h, w)), both, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(sides, sides, sides, sides, st.sampled_from([np.float32, np.float64]))
def test_resize_equals_opencv(height, width, h, w, dtype):
    cv2 = pytest.importorskip("cv2")
    x = random_images(1, 1, height, width, dtype=dtype)
    np.testing.assert_allclose(
        resize(x, (h, w))[0, 0], cv2.resize(x[0, 0], (w, h), interpolation=cv2.INTER_LINEAR), atol=1e-6
    )
    if h <= height and w <= width:
        np.testing.assert_allclose(
            resize(x, (h, w), "area")[0, 0], cv2.resize(x[0, 0], (w, h), interpolation=cv2.INTER_AREA), atol=1e-6
        )


@pytest.mark.parametrize(("size", "new"), [((7, 9), (13, 4)), ((8, 6), (3, 20)), ((10, 11), (7, 7))])
def test_nearest_equals_opencv(size, new):
    cv2 = pytest.importorskip("cv2")
    x = random_images(1, 1, *size, dtype=np.float32)
    theirs = cv2.resize(x[0, 0], new[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(resize(x, new, "nearest")[0, 0], theirs)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pixel_that_is_not_finite_spoils_only_what_it_is_mixed_into(method, bad):
    x = random_images(1, 1, 8, 8)
    x[..., 2, 2] = bad
    y = resize(x, 4, method)
    spoilt = np.argwhere(~np.isfinite(y[0, 0])).tolist()
    assert spoilt == ([] if method == "nearest" else [[1, 1]])


@pytest.mark.parametrize("size", [(4, 0), (4,), (4, 4, 4), 2.5, "ab", None])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match=r"resize: size .* one whole number or two"):
        resize(np.zeros((1, 1, 8, 8)), size)


def test_sizes_may_come_from_an_array():
    x = random_images(1, 1, 4, 6)
    np.testing.assert_array_equal(resize(x, np.array([2, 3])), resize(x, (2, 3)))
    np.testing.assert_array_equal(resize(x, np.int64(3)), resize(x, 3))


def test_frame_ink_keeps_the_proportions():
    x = np.zeros((2, 1, 30, 40))
    x[0, :, 5:25, 30:35] = 0.8  # 20 × 5 pixels
    y = frame_ink(x, 28, margin=4)
    assert y.shape == (2, 1, 28, 28) and not y[1].any()
    ink = y[0, 0] > 0
    assert ink.any(axis=1).sum() == 20 and ink.any(axis=0).sum() == 5
    np.testing.assert_allclose(y[0, 0][ink], 0.8)
    np.testing.assert_array_equal(np.flatnonzero(ink.any(axis=1)), np.arange(4, 24))
    with pytest.raises(ValueError, match="frame_ink: a margin of 4 leaves nothing of 8×8"):
        frame_ink(x, 8, margin=4)
