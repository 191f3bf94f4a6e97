import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.audio.augmentation import (
    SoundAugmentation,
    SpecAugment,
    change_gain,
    change_speed,
    mask_features,
    mix_noise,
    shift_sounds,
)

dtypes = st.sampled_from([np.float32, np.float64])


def random_sounds(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(-12, 12), st.integers(-12, 12), dtypes)
def test_shift_moves_each_sound(samples, one, other, dtype):
    x = random_sounds(2, samples, dtype=dtype)
    expected = np.zeros_like(x)
    for row, by in enumerate((one, other)):
        for n in range(samples):
            if 0 <= n - by < samples:
                expected[row, n] = x[row, n - by]
    shifted = shift_sounds(x, [one, other])
    assert shifted.dtype == dtype
    np.testing.assert_array_equal(shifted, expected)
    np.testing.assert_array_equal(shift_sounds(x[0], one), expected[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.floats(0.3, 3), dtypes)
def test_speed_equals_scipys_fourier_resampling(samples, factor, dtype):
    signal = pytest.importorskip("scipy.signal")
    x = random_sounds(samples, dtype=dtype)
    ours = change_speed(x, factor)
    assert ours.dtype == dtype and len(ours) == max(round(samples / factor), 1)
    np.testing.assert_allclose(ours, signal.resample(x, len(ours)), atol=1e-5)


def test_speed_raises_the_pitch():
    tone = np.sin(2 * np.pi * np.arange(800) * 40 / 800)
    faster = change_speed(tone, 2)
    assert np.abs(np.fft.rfft(faster)).argmax() == 40 and len(faster) == 400


@settings(max_examples=30, deadline=None)
@given(st.floats(-40, 40), dtypes)
def test_gain_is_in_decibels(db, dtype):
    x = random_sounds(2, 50, dtype=dtype)
    louder = change_gain(x, [db, 0])
    assert louder.dtype == dtype
    np.testing.assert_allclose(20 * np.log10(np.abs(louder[0] / x[0])), db, atol=1e-3)
    np.testing.assert_array_equal(louder[1], x[1])


@settings(max_examples=30, deadline=None)
@given(st.floats(-20, 60), st.booleans())
def test_noise_has_the_power_asked_for(snr, recorded):
    x = random_sounds(2, 500)
    noise = random_sounds(37, seed=1) if recorded else None
    added = mix_noise(x, [snr, 0], np.random.default_rng(0), noise) - x
    measured = 10 * np.log10(np.square(x).mean(axis=1) / np.square(added).mean(axis=1))
    np.testing.assert_allclose(measured, [snr, 0], atol=1e-4)


def test_recorded_noise_is_repeated_from_anywhere():
    noise = np.array([1.0, -2.0, 3.0])
    x = np.ones((40, 7))
    added = mix_noise(x, 0, np.random.default_rng(0), noise) - x
    # each is a stretch of 1, −2, 3, 1, −2, 3, ...: the ratios of its neighbours are those of the noise
    assert {round(ratio, 6) for ratio in (added[:, 1:] / added[:, :-1]).ravel()} == {-2.0, -1.5, round(1 / 3, 6)}
    assert len({round(start, 6) for start in np.sign(added[:, 0]) * np.abs(added).argmax(axis=1)}) > 1


def test_silence_gets_no_noise_and_infinite_ratio_adds_none():
    rng = np.random.default_rng(0)
    assert not mix_noise(np.zeros((2, 9)), 10, rng).any()
    x = random_sounds(2, 9, dtype=np.float32)
    noisy = mix_noise(x, np.inf, rng)
    assert noisy.dtype == np.float32
    np.testing.assert_array_equal(noisy, x)
    assert np.isfinite(mix_noise(x, 10, rng, np.zeros(4, np.float32))).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2]), st.floats(0, 1), st.integers(0, 1000))
def test_a_mask_is_one_stripe(axis, width, seed):
    x = np.ones((5, 9, 7))
    masked = mask_features(x, np.random.default_rng(seed), axis, width, fill=-1)
    for sample in masked:
        stripe = (sample == -1).all(axis=2 - axis)
        np.testing.assert_array_equal(
            np.expand_dims(stripe, 2 - axis), (sample == -1).any(axis=2 - axis, keepdims=True)
        )
        assert stripe.sum() <= width * x.shape[axis]
        assert (np.diff(stripe.astype(int), prepend=0) == 1).sum() <= 1


def test_masks_reach_every_place():
    masked = mask_features(np.ones((400, 6, 6)), np.random.default_rng(0), 1, 0.5)
    assert (masked.min(axis=0) == 0).all() and (masked.max(axis=0) == 1).all()
    assert set((masked == 0).all(axis=2).sum(axis=1)) == {0, 1, 2, 3}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), dtypes)
def test_the_seed_decides(seed, dtype):
    x = random_sounds(3, 400, dtype=dtype)
    augmentation, masks = SoundAugmentation(snr=(0, 20)), SpecAugment(2, 2, 0.5, 0.5)
    one, other = (augmentation(x, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == x.shape and one.dtype == dtype
    np.testing.assert_array_equal(x, random_sounds(3, 400, dtype=dtype))
    assert (one != augmentation(x, np.random.default_rng(seed + 1))).any()
    features = np.ones((3, 20, 10), dtype)
    one, other = (masks(features, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == dtype and features.all()


def test_each_sound_has_changes_of_its_own():
    x = np.repeat(random_sounds(1, 400), 4, axis=0)
    y = SoundAugmentation()(x, np.random.default_rng(0))
    assert len(np.unique(y.round(9), axis=0)) == 4


def test_nothing_asked_is_nothing_done():
    x, features = random_sounds(2, 50), random_sounds(2, 9, 4)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(SoundAugmentation(speed=0, shift=0, gain=0)(x, rng), x)
    np.testing.assert_array_equal(SpecAugment(time_masks=0, frequency_width=0)(features, rng), features)
    assert SoundAugmentation()(np.zeros((0, 50)), rng).shape == (0, 50)
    assert SoundAugmentation()(np.ones((2, 1)), rng).shape == (2, 1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda rng: SoundAugmentation(speed=1.0),
            ValueError,
            r"SoundAugmentation: speed 1\.0 must lie between 0 and 0\.9",
        ),
        (lambda rng: SoundAugmentation(gain=float("nan")), ValueError, "gain nan"),
        (lambda rng: SoundAugmentation(snr=(20, 10)), ValueError, r"snr \(20, 10\) must be \(lowest, highest\)"),
        (lambda rng: SoundAugmentation()(np.zeros(9), rng), ValueError, r"try sounds\[None\]"),
        (lambda rng: SoundAugmentation()(np.zeros((1, 9), int), rng), TypeError, "int64, expected float32"),
        (lambda rng: SpecAugment(time_width=2), ValueError, "SpecAugment: time_width 2 must lie between 0 and 1"),
        (lambda rng: SpecAugment()(np.zeros((9, 4)), rng), ValueError, r"for one sound try features\[None\]"),
        (lambda rng: SpecAugment()(np.zeros((1, 9, 4), int), rng), TypeError, "int64"),
        (lambda rng: mask_features(np.zeros((1, 9, 4)), rng, 0, 0.1), ValueError, "axis 0 must be 1 for time"),
        (lambda rng: mask_features(np.zeros((1, 9, 4)), rng, 1, 1.5), ValueError, r"width 1\.5 must be a fraction"),
        (lambda rng: shift_sounds(np.zeros(9), 0.5), TypeError, "by is float64, expected whole numbers"),
        (lambda rng: change_speed(np.zeros(9), 0), ValueError, "factor 0 must lie between"),
        (lambda rng: change_speed(np.zeros((2, 9)), 1.0), ValueError, r"sound \(2, 9\) must be \(samples,\)"),
        (lambda rng: change_gain(np.zeros(9), np.inf), ValueError, "db must be finite"),
        (lambda rng: mix_noise(np.zeros(9), np.nan, rng), ValueError, "snr_db must be numbers"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call(np.random.default_rng(0))
