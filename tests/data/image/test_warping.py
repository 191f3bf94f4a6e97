"""Affine maps against a loop over the pixels, SciPy and OpenCV."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image import affine, warp_affine

sides = st.integers(1, 8)
dtypes = st.sampled_from([np.float32, np.float64])


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), sides, sides, dtypes)
def test_no_change_is_exactly_no_change(n, height, width, dtype):
    x = random_images(n, 2, height, width, dtype=dtype)
    y = affine(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x)


@settings(max_examples=30, deadline=None)
@given(sides, sides, st.integers(-9, 9), st.integers(-9, 9))
def test_a_shift_by_whole_pixels(height, width, down, right):
    x = random_images(1, 1, height, width)
    expected = np.full_like(x, -1)
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                expected[0, 0, i, j] = x[0, 0, i - down, j - right]
    np.testing.assert_allclose(affine(x, shift=(down, right), fill=-1), expected, atol=1e-12)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_go_counter_clockwise(turns):
    x = random_images(2, 2, 5, 5)
    np.testing.assert_allclose(affine(x, rotate=90 * turns), np.rot90(x, turns, axes=(2, 3)), atol=1e-12)


def test_zoom_enlarges_about_the_centre():
    x = np.zeros((1, 1, 9, 9))
    x[..., 3:6, 3:6] = 1
    assert affine(x, zoom=2).sum() > 2 * x.sum() > 4 * affine(x, zoom=0.5).sum()
    np.testing.assert_allclose(affine(x, zoom=2)[..., 4, 4], 1)


def test_shear_leans_the_top_to_the_right():
    x = np.zeros((1, 1, 5, 5))
    x[..., 2] = 1
    np.testing.assert_allclose(affine(x, shear=45)[0, 0], np.eye(5)[::-1], atol=1e-12)


@settings(max_examples=20, deadline=None)  # the first example imports SciPy
@given(st.integers(0, 1000))
def test_affine_equals_scipy(seed):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(seed)
    x = random_images(1, 1, 6, 9, seed=seed)
    shift, rotate, zoom, shear = (
        rng.uniform(-3, 3, 2),
        rng.uniform(-60, 60),
        rng.uniform(0.5, 2),
        rng.uniform(-30, 30),
    )
    a, s = np.deg2rad(rotate), np.tan(np.deg2rad(shear))
    # (row, column) order: R S Z as in the docstring with its axes exchanged
    forward = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ [[1, 0], [-s, 1]] * zoom
    inverse = np.linalg.inv(forward)
    centre = np.array([5, 8]) / 2
    expected = ndimage.affine_transform(
        x[0, 0], inverse, centre - inverse @ (centre + shift), order=1, mode="grid-constant", cval=0.5
    )
    ours = affine(x, shift=shift, rotate=rotate, zoom=zoom, shear=shear, fill=0.5)
    np.testing.assert_allclose(ours[0, 0], expected, atol=1e-10)


def test_each_image_has_its_own_change():
    x = random_images(3, 1, 6, 6)
    angles, shifts = np.array([0.0, 90.0, 180.0]), np.array([[0, 0], [1, 0], [0, 2]])
    together = affine(x, shift=shifts, rotate=angles)
    for i in range(3):
        alone = affine(x[i : i + 1], shift=shifts[i], rotate=angles[i])
        np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-12)


def read_bilinear(image, row, column, fill):
    """The four pixels around a place, each weighted by the square that it covers."""
    total = 0.0
    for i in (int(np.floor(row)), int(np.floor(row)) + 1):
        for j in (int(np.floor(column)), int(np.floor(column)) + 1):
            inside = 0 <= i < image.shape[0] and 0 <= j < image.shape[1]
            total += (1 - abs(row - i)) * (1 - abs(column - j)) * (image[i, j] if inside else fill)
    return total


@st.composite
def maps(draw):
    """Matrices [A | t] far enough from those that cannot be inverted."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    turn = rng.uniform(-2, 2, (2, 2))
    turn[np.diag_indices(2)] += 4 * np.sign(turn[np.diag_indices(2)]) * draw(st.booleans())
    return np.column_stack([turn, rng.uniform(-4, 4, 2)]) if abs(np.linalg.det(turn)) > 0.2 else np.eye(2, 3)


def inverted(matrix):
    return np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]


@settings(max_examples=40, deadline=None)
@given(maps(), sides, sides, sides, sides, dtypes)
def test_warp_affine_looks_back_from_every_pixel(matrix, height, width, h, w, dtype):
    x = random_images(1, 2, height, width, dtype=dtype)
    y = warp_affine(x, matrix, (h, w), fill=0.5)
    assert y.shape == (1, 2, h, w) and y.dtype == dtype
    back = inverted(matrix)
    atol = 1e-9 if dtype == np.float64 else 1e-4
    for c in range(2):
        for i in range(h):
            for j in range(w):
                column, row = back @ (j, i, 1)
                assert y[0, c, i, j] == pytest.approx(read_bilinear(x[0, c].astype(float), row, column, 0.5), abs=atol)
    np.testing.assert_allclose(warp_affine(x, back, (h, w), fill=0.5, inverse=True), y, atol=atol)


@settings(max_examples=40, deadline=None)
@given(maps(), sides, sides, sides, sides, st.booleans(), dtypes)
def test_warp_affine_equals_opencv(matrix, height, width, h, w, inverse, dtype):
    cv2 = pytest.importorskip("cv2")
    exact = int(cv2.__version__.split(".")[0]) >= 5 and dtype == np.float32
    x = random_images(1, 1, height, width, dtype=dtype)
    flags = cv2.INTER_LINEAR | (cv2.WARP_INVERSE_MAP if inverse else 0)
    theirs = cv2.warpAffine(x[0, 0], matrix, (w, h), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0.25)
    ours = warp_affine(x, matrix, (h, w), fill=0.25, inverse=inverse)[0, 0]
    # otherwise OpenCV rounds places to 1/32 of a pixel, and neighbours differ by 1 at most
    np.testing.assert_allclose(ours, theirs, atol=1e-5 if exact else 2 / 64 + 1e-5)


def test_warp_affine_gives_each_image_its_own_map():
    x = random_images(2, 1, 4, 5)
    half_turn = [[-1, 0, 4], [0, -1, 3]]
    y = warp_affine(x, [np.eye(2, 3), half_turn])
    np.testing.assert_array_equal(y[0], x[0])
    np.testing.assert_allclose(y[1], x[1, :, ::-1, ::-1], atol=1e-12)


def test_affine_is_warp_affine_about_the_centre():
    x = random_images(1, 2, 6, 9)
    a, s = np.deg2rad(25), np.tan(np.deg2rad(10))
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) @ [[1, -s], [0, 1]] * 1.3
    centre = np.array([4, 2.5])
    matrix = np.column_stack([turn, np.add(centre, (2, 1)) - turn @ centre])
    np.testing.assert_allclose(
        affine(x, shift=(1, 2), rotate=25, zoom=1.3, shear=10, fill=0.3), warp_affine(x, matrix, fill=0.3), atol=1e-10
    )


def test_far_away_there_is_only_fill():
    x = random_images(1, 1, 5, 5, dtype=np.float32)
    for matrix in ([[1, 0, 1e30], [0, 1, 0]], [[1e-30, 0, -9], [0, 1e-30, -9]], [[1, 1e308, 0], [-1e308, 1, 9]]):
        y = warp_affine(x, matrix, fill=0.5, inverse=True)
        assert np.isfinite(y).all() and (y >= 0).all() and (y <= 1).all()
    np.testing.assert_array_equal(warp_affine(x, [[1, 0, 1e30], [0, 1, 0]], fill=0.5), 0.5)


def test_arguments_that_make_no_map():
    x = np.zeros((3, 1, 4, 4))
    with pytest.raises(ValueError, match=r"warp_affine: matrix has shape \(3, 3\), expected \(2, 3\) or \(3, 2, 3\)"):
        warp_affine(x, np.eye(3))
    with pytest.raises(ValueError, match="warp_affine: the matrix flattens the image"):
        warp_affine(x, [[1, 2, 0], [2, 4, 0]])
    with pytest.raises(ValueError, match="warp_affine: the matrix flattens the image"):
        warp_affine(x, [[1e-320, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="warp_affine: the matrix must be finite"):
        warp_affine(x, np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="warp_affine: size 0"):
        warp_affine(x, np.eye(2, 3), 0)
    with pytest.raises(ValueError, match=r"affine: zoom 0\.0 must be above 0"):
        affine(x, zoom=0)
    with pytest.raises(ValueError, match="must be finite"):
        affine(x, rotate=np.inf)
    with pytest.raises(ValueError, match=r"affine: rotate has shape \(2,\), expected one number, or 3"):
        affine(x, rotate=[1, 2])
    with pytest.raises(ValueError, match=r"affine: shift has shape \(\), expected \(2,\) or \(3, 2\)"):
        affine(x, shift=1)
