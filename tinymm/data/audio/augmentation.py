"""Augmentation of sounds: change them at random in ways that leave what is said.

Sounds are (N, samples) floating point, or one (samples,); features are (N, T, D). Each sound gets changes of its own.

Sources: Ko, Peddinti, Povey and Khudanpur (2015), Audio augmentation for speech recognition, Proc. Interspeech
(speed); Park et al. (2019), SpecAugment, Proc. Interspeech, arXiv:1904.08779 (masks).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tinymm.data.audio.sound import check_sounds


def shift_sounds(sounds: np.ndarray, by: ArrayLike) -> np.ndarray:
    """Move sounds later by a number of samples, or earlier if it is negative: y[n] = x[n − by], 0 from outside.

    Args:
        sounds: (N, samples) or (samples,).
        by: whole number, or one for each sound (N,).

    >>> shift_sounds(np.array([1.0, 2.0, 3.0]), 1)
    array([0., 1., 2.])
    """
    sounds = check_sounds("shift_sounds", sounds)
    by = np.asarray(by)
    if by.dtype.kind not in "iu":
        raise TypeError(f"shift_sounds: by is {by.dtype}, expected whole numbers of samples")
    n = sounds.shape[-1]
    places = np.arange(n) - by[..., None]
    inside = (places >= 0) & (places < n)
    places = np.broadcast_to(np.clip(places, 0, n - 1), sounds.shape)
    return np.where(inside, np.take_along_axis(sounds, places, axis=-1), 0)


def change_speed(sound: np.ndarray, factor: float) -> np.ndarray:
    """Play a sound (samples,) faster: y[n] = x(factor · n), (round(samples / factor),). The pitch rises with it.

    The sound is seen as one period and stretched through its Fourier series, so that what lay below the new Nyquist
    frequency stays exact and what lies above is left out.

    >>> change_speed(np.ones(6), 2.0)
    array([1., 1., 1.])
    """
    sound = check_sounds("change_speed", sound)
    if sound.ndim != 1:
        raise ValueError(
            f"change_speed: sound {sound.shape} must be (samples,): sounds of a batch would differ in length"
        )
    if not 0.01 <= factor <= 100:
        raise ValueError(f"change_speed: factor {factor} must lie between 0.01 and 100, 1 keeps the speed")
    n, m = len(sound), max(round(len(sound) / factor), 1)
    if n == m:
        return sound.copy()
    spectrum = np.fft.rfft(sound)[: m // 2 + 1]
    if min(n, m) % 2 == 0:  # of the shorter sound, the highest frequency is its own mirror image: one wave, not two
        spectrum[min(n, m) // 2] *= 0.5 if n < m else 2.0
    return np.fft.irfft(spectrum, m).astype(sound.dtype, copy=False) * sound.dtype.type(m / n)


def change_gain(sounds: np.ndarray, db: ArrayLike) -> np.ndarray:
    """Make sounds louder by decibels: y = 10^(db / 20) x, for one number or (N,).

    >>> change_gain(np.array([0.1]), 20)
    array([1.])
    """
    sounds = check_sounds("change_gain", sounds)
    factor = 10 ** (np.asarray(db, np.float64) / 20)
    if not np.isfinite(factor).all():
        raise ValueError("change_gain: db must be finite")
    return sounds * factor[..., None].astype(sounds.dtype)


def mix_noise(
    sounds: np.ndarray, snr_db: ArrayLike, rng: np.random.Generator, noise: np.ndarray | None = None
) -> np.ndarray:
    """Add noise so that power of the sound : power of the noise is the signal-to-noise ratio, 10^(snr_db / 10).

    Args:
        sounds: (N, samples) or (samples,); silence stays silence.
        snr_db: decibels, one number or (N,); infinity adds nothing.
        rng: draws white Gaussian noise, or where in `noise` each sound's piece begins.
        noise: (any length,) a recorded background, repeated if it is shorter.
    """
    sounds = check_sounds("mix_noise", sounds)
    snr_db = np.asarray(snr_db, np.float64)
    if np.isnan(snr_db).any() or (snr_db == -np.inf).any():
        raise ValueError("mix_noise: snr_db must be numbers above −∞")
    if noise is None:
        added = rng.standard_normal(sounds.shape, sounds.dtype.type)
    else:
        noise = check_sounds("mix_noise", noise)
        starts = rng.integers(noise.shape[-1], size=(*sounds.shape[:-1], 1))
        added = noise[(starts + np.arange(sounds.shape[-1])) % noise.shape[-1]]
    power, noise_power = (np.mean(np.square(x, dtype=np.float64), axis=-1) for x in (sounds, added))
    scale = np.sqrt(power / np.maximum(noise_power, 1e-30) * 10 ** (-snr_db / 10))
    return sounds + scale[..., None].astype(sounds.dtype) * added.astype(sounds.dtype, copy=False)


def mask_features(
    features: np.ndarray, rng: np.random.Generator, axis: int, width: float, fill: float = 0.0
) -> np.ndarray:
    """Blot out one stripe of features (N, T, D) over all of the other axis, as SpecAugment does.

    The stripe is w steps wide, w drawn evenly from 0 to ⌊width · steps⌋, and begins anywhere it fits; anew for each
    sample.

    Args:
        features: (N, T, D).
        rng: draws the stripes.
        axis: 1 for time, 2 for frequency.
        width: the widest stripe, as a fraction of the axis.
        fill: what is put there; 0 is the mean of standardised features.
    """
    features = _check_features("mask_features", features)
    if axis not in (1, 2):
        raise ValueError(f"mask_features: axis {axis} must be 1 for time or 2 for frequency")
    if not 0 <= width <= 1:
        raise ValueError(f"mask_features: width {width} must be a fraction of the axis, from 0 to 1")
    n, steps = len(features), features.shape[axis]
    wide = rng.integers(0, int(width * steps) + 1, size=(n, 1))
    start = rng.integers(0, steps - wide + 1)
    place = np.arange(steps)
    stripe = (place >= start) & (place < start + wide)
    return np.where(np.expand_dims(stripe, 3 - axis), features.dtype.type(fill), features)


@dataclass(frozen=True)
class SoundAugmentation:
    """A random change for each sound of a batch: `augmentation(sounds, rng)`.

    Each amount is the largest change, drawn evenly anew for each sound, in this order: speed, shift, gain, noise.

    Args:
        speed: the factor lies between 1 − speed and 1 + speed; the sound is then cut or padded to its old length.
        shift: fraction of the length, earlier or later.
        gain: decibels, softer or louder.
        snr: the lowest and the highest signal-to-noise ratio in decibels; None adds no noise.

    Raises:
        ValueError: an amount is negative or too large.

    >>> augmentation = SoundAugmentation(snr=(10, 40))
    >>> augmentation(np.zeros((2, 8000), np.float32), np.random.default_rng(0)).shape
    (2, 8000)
    """

    speed: float = 0.1
    shift: float = 0.1
    gain: float = 6.0
    snr: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, most in {"speed": 0.9, "shift": 1.0, "gain": 60.0}.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"SoundAugmentation: {name} {getattr(self, name)} must lie between 0 and {most:g}")
        if self.snr is not None and not -60 <= self.snr[0] <= self.snr[1] <= 120:
            raise ValueError(f"SoundAugmentation: snr {self.snr} must be (lowest, highest) from −60 to 120 dB")

    def __call__(self, sounds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return changed copies of sounds (N, samples); equal generators give equal changes."""
        sounds = check_sounds("SoundAugmentation", sounds)
        if sounds.ndim != 2:
            raise ValueError(f"SoundAugmentation: sounds {sounds.shape} must be (N, samples): try sounds[None]")
        n, length = sounds.shape
        # always drawn, in one order: turning one change off leaves the others as they were
        speed, shift, gain = rng.uniform(-1, 1, (3, n))
        snr = rng.uniform(size=n)
        if self.speed:
            played = np.zeros_like(sounds)
            for row, sound, amount in zip(played, sounds, speed, strict=True):
                changed = change_speed(sound, 1 + amount * self.speed)[:length]
                row[: len(changed)] = changed
            sounds = played
        if self.shift:
            sounds = shift_sounds(sounds, np.round(shift * self.shift * length).astype(np.int64))
        sounds = change_gain(sounds, gain * self.gain)
        if self.snr is not None:
            sounds = mix_noise(sounds, self.snr[0] + snr * (self.snr[1] - self.snr[0]), rng)
        return sounds


@dataclass(frozen=True)
class SpecAugment:
    """Random stripes over features, in time and in frequency: `spec_augment(features, rng)`, for (N, T, D).

    Args:
        time_masks, frequency_masks: how many stripes of each kind.
        time_width, frequency_width: the widest stripe, as a fraction of the axis.
        fill: see `mask_features`.

    Source: Park et al. (2019), without the time warping, which they found to matter least.

    >>> masked = SpecAugment()(np.ones((2, 50, 40), np.float32), np.random.default_rng(0))
    >>> masked.shape, sorted(set(masked.ravel().tolist()))
    ((2, 50, 40), [0.0, 1.0])
    """

    time_masks: int = 1
    frequency_masks: int = 1
    time_width: float = 0.2
    frequency_width: float = 0.2
    fill: float = 0.0

    def __post_init__(self) -> None:
        for name, most in {"time_masks": 100, "frequency_masks": 100, "time_width": 1, "frequency_width": 1}.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"SpecAugment: {name} {getattr(self, name)} must lie between 0 and {most}")

    def __call__(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return masked copies of features (N, T, D); equal generators give equal masks."""
        features = _check_features("SpecAugment", features)
        for _ in range(self.time_masks):
            features = mask_features(features, rng, 1, self.time_width, self.fill)
        for _ in range(self.frequency_masks):
            features = mask_features(features, rng, 2, self.frequency_width, self.fill)
        return features


def _check_features(operation: str, features: np.ndarray) -> np.ndarray:
    features = np.asarray(features)
    if features.ndim != 3:
        raise ValueError(f"{operation}: features {features.shape} must be (N, T, D): for one sound try features[None]")
    if features.dtype.kind != "f":
        raise TypeError(f"{operation}: features are {features.dtype}, expected floats: try features.astype(np.float32)")
    return features
