import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.image.augmentation import Augmentation, add_noise, cutout

sides = st.integers(1, 8)
dtypes = st.sampled_from([np.float32, np.float64])


def random_images(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def test_noise_has_the_standard_deviation_asked_for():
    x = np.zeros((4, 1, 50, 50), np.float32)
    noisy = add_noise(x, 0.2, np.random.default_rng(0))
    assert noisy.dtype == np.float32 and not x.any()
    assert abs(noisy.std() - 0.2) < 0.01 and abs(noisy.mean()) < 0.01


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(4, 9), st.floats(0, 1), st.integers(0, 100))
def test_cutout_makes_one_rectangle(n, side, size, seed):
    x = np.ones((n, 2, side, side))
    y = cutout(x, size, np.random.default_rng(seed))
    for image in y:
        hole = image[0] == 0
        np.testing.assert_array_equal(image[1] == 0, hole)
        rows, columns = hole.any(axis=1).sum(), hole.any(axis=0).sum()
        assert hole.sum() == rows * columns and max(rows, columns) <= round(size * side)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), dtypes)
def test_the_seed_decides(seed, dtype):
    x = random_images(3, 1, 8, 8, dtype=dtype)
    augmentation = Augmentation(blur=1, contrast=0.2, brightness=0.1, noise=0.1, cutout=0.3)
    one, other = (augmentation(x, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == x.shape and one.dtype == dtype
    np.testing.assert_array_equal(x, random_images(3, 1, 8, 8, dtype=dtype))
    assert (one != augmentation(x, np.random.default_rng(seed + 1))).any()


def test_light_and_lens_change_within_their_amounts():
    x = random_images(40, 1, 6, 6)
    still = {"shift": 0, "rotate": 0, "zoom": 0, "shear": 0}
    y = Augmentation(**still, contrast=0.5, brightness=0.2)(x, np.random.default_rng(0))
    gain = np.ptp(y, axis=(1, 2, 3)) / np.ptp(x, axis=(1, 2, 3))
    bias = (y - gain[:, None, None, None] * x).mean(axis=(1, 2, 3))
    assert 0.5 <= gain.min() < 0.7 and 1.3 < gain.max() <= 1.5
    assert -0.2 <= bias.min() < -0.1 and 0.1 < bias.max() <= 0.2
    rough = np.abs(np.diff(Augmentation(**still, blur=2)(x, np.random.default_rng(0)), axis=3)).mean(axis=(1, 2, 3))
    assert (rough < np.abs(np.diff(x, axis=3)).mean(axis=(1, 2, 3)) + 1e-9).all() and np.ptp(rough) > 0.1


def test_light_and_lens_leave_the_moves_as_they_were():
    x = random_images(3, 1, 8, 8)
    moved = Augmentation()(x, np.random.default_rng(5))
    dimmed = Augmentation(contrast=1e-9, blur=1e-9)(x, np.random.default_rng(5))
    np.testing.assert_allclose(dimmed, moved, atol=1e-6)


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
        ({"blur": -1}, "blur -1 must lie between 0 and 100"),
        ({"contrast": 1.5}, "contrast 1.5 must lie between 0 and 1"),
        ({"brightness": -0.1}, "brightness -0.1"),
        ({"noise": float("nan")}, "noise nan"),
        ({"cutout": 1.5}, "cutout 1.5"),
    ],
)
def test_wrong_amounts(option, words):
    with pytest.raises(ValueError, match=f"Augmentation: {words}"):
        Augmentation(**option)


def test_wrong_arguments():
    x, rng = np.zeros((2, 1, 4, 4)), np.random.default_rng(0)
    for std in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"add_noise: std {std} must be a number that is not negative"):
            add_noise(x, std, rng)
    with pytest.raises(ValueError, match="cutout: size 2 must be a fraction"):
        cutout(x, 2, rng)
    with pytest.raises(ValueError, match=r"Augmentation: images .* need 4 axes"):
        Augmentation()(x[0], rng)
    with pytest.raises(TypeError, match="uint8"):
        Augmentation()(x.astype(np.uint8), rng)
