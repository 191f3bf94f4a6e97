import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.augmentation import Augmentation, add_noise, affine, cutout

sides = st.integers(1, 8)
dtypes = st.sampled_from([np.float32, np.float64])


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


@settings(max_examples=30)
@given(st.integers(0, 3), sides, sides, dtypes)
def test_no_change_is_exactly_no_change(n, height, width, dtype):
    x = random_images(n, 2, height, width, dtype=dtype)
    y = affine(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x)


@settings(max_examples=30)
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


def test_noise_has_the_standard_deviation_asked_for():
    x = np.zeros((4, 1, 50, 50), np.float32)
    noisy = add_noise(x, 0.2, np.random.default_rng(0))
    assert noisy.dtype == np.float32 and not x.any()
    assert abs(noisy.std() - 0.2) < 0.01 and abs(noisy.mean()) < 0.01


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(4, 9), st.floats(0, 1), st.integers(0, 100))
def test_cutout_makes_one_rectangle(n, side, size, seed):
    x = np.ones((n, 2, side, side))
    y = cutout(x, size, np.random.default_rng(seed))
    for image in y:
        hole = image[0] == 0
        np.testing.assert_array_equal(image[1] == 0, hole)
        rows, columns = hole.any(axis=1).sum(), hole.any(axis=0).sum()
        assert hole.sum() == rows * columns and max(rows, columns) <= round(size * side)


@settings(max_examples=25)
@given(st.integers(0, 2**32), dtypes)
def test_the_seed_decides(seed, dtype):
    x = random_images(3, 1, 8, 8, dtype=dtype)
    augmentation = Augmentation(noise=0.1, cutout=0.3)
    one, other = (augmentation(x, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == x.shape and one.dtype == dtype
    np.testing.assert_array_equal(x, random_images(3, 1, 8, 8, dtype=dtype))
    assert (one != augmentation(x, np.random.default_rng(seed + 1))).any()


def test_nothing_asked_is_nothing_done():
    x = random_images(2, 1, 8, 8)
    nothing = Augmentation(shift=0, rotate=0, zoom=0, shear=0)
    np.testing.assert_array_equal(nothing(x, np.random.default_rng(0)), x)


def test_the_defaults_keep_digits_inside_the_picture():
    from tinymm.data.datasets import load_digits
    from tinymm.data.image import digits_to_28

    x = digits_to_28(load_digits().x[:200])
    ink = Augmentation()(x, np.random.default_rng(0)).sum(axis=(1, 2, 3)) / x.sum(axis=(1, 2, 3))
    # zoom alone changes the ink by 0.9² to 1.1²
    assert ink.min() > 0.7 and ink.max() < 1.3


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"shift": -0.1}, "shift -0.1 must lie between 0 and 1"),
        ({"rotate": 200}, "rotate 200 must lie between 0 and 180"),
        ({"zoom": 1.0}, "zoom 1.0 must lie between 0 and 0.99"),
        ({"shear": 90}, "shear 90"),
        ({"noise": float("nan")}, "noise nan"),
        ({"cutout": 1.5}, "cutout 1.5"),
    ],
)
def test_wrong_amounts(option, words):
    with pytest.raises(ValueError, match=f"Augmentation: {words}"):
        Augmentation(**option)


def test_wrong_arguments():
    x, rng = np.zeros((2, 1, 4, 4)), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"affine: zoom 0\.0 must be above 0"):
        affine(x, zoom=0)
    with pytest.raises(ValueError, match="must be finite"):
        affine(x, rotate=np.inf)
    with pytest.raises(ValueError, match="add_noise: std -1"):
        add_noise(x, -1, rng)
    with pytest.raises(ValueError, match="cutout: size 2 must be a fraction"):
        cutout(x, 2, rng)
    with pytest.raises(ValueError, match=r"Augmentation: images .* need 4 axes"):
        Augmentation()(x[0], rng)
    with pytest.raises(TypeError, match="uint8"):
        Augmentation()(x.astype(np.uint8), rng)
