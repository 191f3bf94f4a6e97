"""Short sounds before a model: cut to the speech, log-mel, varied in training, brought to one length, normalised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.data.audio import LogMel, SpecAugment, read_sound, trim_silence
from tinymm.data.audio.sound import MAX_RATE
from tinymm.data.audio.spectrogram import hz_to_mel, mel_to_hz
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import as_samples
from tinymm.recipes.front_end import FrontEnd, claimed

if TYPE_CHECKING:
    from tinymm.recipes.task import Drawing
    from tinymm.recipes.training import Trained

RANGE = 12.0  # ln of the energy between the loudest and the softest that counts: 52 dB
BEGINNINGS = 24  # of a sound, from which a report shows the prediction
LARGEST = 1_000_000  # features of a sound
LOW, HIGH = 60.0, 0.475  # the range of the bands: hertz, and a share of the rate


@dataclass(frozen=True)
class Variation:
    """How much the features of a sound are changed at random, anew for each sound; amounts are the largest change.

    Attributes:
        speed: ln of the factor by which it is played faster, its pitch staying.
        shift: earlier or later, as a share of the length.
        bend: how far the middle moves, as a share of the length, the ends staying: longer beginnings, shorter ends.
        tract: ln of the factor by which all frequencies move: a longer or shorter vocal tract, and another pitch.
        noise: how far below the loudest the noise lies, ln of energies (least, most).
        tilt: what is added to the bands, ln of energies, changing smoothly from band to band: another microphone.
        masks: stripes blotted out, see `SpecAugment`.
        plain: the share of sounds that stay as they are: who only ever heard noise misses what is soft.

    Sources: Jaitly and Hinton (2013), Vocal tract length perturbation improves speech recognition, ICML workshop (the
    tract); Ko et al. (2015), Audio augmentation for speech recognition, Interspeech (speed); Park et al. (2019),
    SpecAugment, Interspeech (the bend, there called time warping, and the masks).
    """

    speed: float = 0.2
    shift: float = 0.08
    bend: float = 0.08
    tract: float = 0.18
    noise: tuple[float, float] = (3.0, 10.0)
    tilt: float = 1.5
    masks: SpecAugment = field(default_factory=lambda: SpecAugment(time_width=0.15))
    plain: float = 0.3


class SoundFrontEnd(FrontEnd):
    """Sounds as log-mel features (N, 1, steps, bands), every sound stretched to the same length and normalised.

    Each sound gets mean 0 and standard deviation 1 over all its features: loudness goes, the shape of the spectrum stays.

    Args:
        steps, bands: size of the features.

    Attributes:
        rate: samples per second of the training sounds.
    """

    sense = "audio"

    def __init__(self, steps: int = 32, bands: int = 40, variation: Variation | None = None):
        self.steps, self.bands = steps, bands
        self.variation = variation or Variation()
        self.rate: int = 8000

    def fit_prepare(self, data: Dataset) -> np.ndarray:
        assert data.rate is not None
        self.rate = data.rate
        return self.prepare(data.x)

    def prepare(self, samples: np.ndarray) -> np.ndarray:
        """The log-mel features of the speech in each sound: (N,) objects, each (T, bands)."""
        log_mel = self._log_mel()
        features = np.empty(len(samples), dtype=object)
        for i, sound in enumerate(samples):
            speech = trim_silence(sound, self.rate)
            found = log_mel(speech if len(speech) > 1 else sound)
            features[i] = np.maximum(found, found.max() - RANGE).astype(np.float32)
        return features

    def _log_mel(self) -> LogMel:
        return LogMel(self.rate, self.bands, low=LOW, high=HIGH * self.rate)

    def __call__(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        lengths = np.array([len(features) for features in rows])
        padded = np.stack([_at_least(features, lengths.max()) for features in rows])
        # where in the sound, from 0 to 1, each step lies
        where = np.broadcast_to((np.arange(self.steps) + 0.5) / self.steps, (len(rows), self.steps))
        if rng is None:
            return _normalized(sample_along(padded, where * lengths[:, None] - 0.5, 1))[:, None]
        vary, n = self.variation, len(rows)
        speed, shift, bend, tract = rng.uniform(-1, 1, (4, n, 1))
        where = where + bend * vary.bend * np.sin(np.pi * where)
        where = 0.5 + (where - 0.5) * np.exp(speed * vary.speed) + shift * vary.shift
        x = sample_along(padded, where * lengths[:, None] - 0.5, 1)
        x[(where < 0) | (where > 1)] = -np.inf  # silence; noise will fill it
        x = np.maximum(x, (padded.max(axis=(1, 2)) - RANGE)[:, None, None])
        x = move_bands(x, np.exp(tract * vary.tract), self.rate)
        x = self._with_noise(x, rng)
        x += tilts(n, self.bands, vary.tilt, rng).astype(x.dtype)
        varied = vary.masks(_normalized(x), rng)[:, None]
        plain = rng.random(n) < vary.plain
        if plain.any():
            varied[plain] = self(rows[plain])
        return varied

    def _with_noise(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """ln(eˣ + noise), the noise having a level and a slope over the bands of its own in each sound."""
        n = len(x)
        level = x.max(axis=(1, 2)) - rng.uniform(*self.variation.noise, n)
        slope = rng.uniform(-self.variation.tilt, self.variation.tilt, n)[:, None] * np.linspace(-1, 1, self.bands)
        noise = level[:, None, None] + slope[:, None] + 0.5 * rng.standard_normal(x.shape)
        return np.logaddexp(x, noise.astype(x.dtype))

    def read(self, item: str) -> np.ndarray:
        """A sound file at the rate of the training sounds. ValueError if it is silent."""
        return read_speech(item, self.rate)

    def pictures(self, samples: np.ndarray) -> np.ndarray:
        """The log-mel features as the model gets them, time from left to right, low tones at the bottom."""
        x = self(self.prepare(samples)).transpose(0, 1, 3, 2)[:, :, ::-1]
        low, high = x.min(axis=(1, 2, 3), keepdims=True), x.max(axis=(1, 2, 3), keepdims=True)
        return (x - low) / np.maximum(high - low, 1e-6)

    def drawings(self, trained: Trained, tested: Dataset) -> dict[str, Drawing]:
        return {
            "A sound, and the prediction while it goes on": (
                "spectrogram",
                lambda: draw_prediction(tested.x[0], self._log_mel(), trained.probabilities, trained.class_names),
            )
        }

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "bands": self.bands, "rate": self.rate}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps, self.bands = claimed("steps×bands", (state["steps"], state["bands"]), LARGEST)
        (self.rate,) = claimed("rate", [state["rate"]], MAX_RATE)


def read_speech(path: str, rate: int) -> np.ndarray:
    """A sound file at this rate, (samples,) float32. ValueError if it is silent."""
    sound, _ = read_sound(path, rate)
    if sound.min() == sound.max():
        raise ValueError(f"there is no sound on {path}: it is silent")
    return sound


def draw_prediction(
    sound: np.ndarray, log_mel: LogMel, classify: Callable[[np.ndarray], np.ndarray], class_names: Sequence[str]
) -> np.ndarray:
    """The Axes of a spectrogram with what `classify` makes of ever longer beginnings of the sound, (N,) objects."""
    from tinymm import plots

    ends = np.unique(np.linspace(0, len(sound), BEGINNINGS + 1).astype(int))[1:]
    beginnings = as_samples([sound[:end] for end in ends])
    return plots.spectrogram(sound, log_mel, classify(beginnings), ends / log_mel.rate, class_names)


def move_bands(x: np.ndarray, factors: np.ndarray, rate: int) -> np.ndarray:
    """Features (N, T, bands) in which each band has what was at its frequency times the factor, factors (N, 1)."""
    bands = x.shape[2]
    low, high = hz_to_mel(LOW), hz_to_mel(HIGH * rate)
    middles = mel_to_hz(np.linspace(low, high, bands + 2))[1:-1]
    return sample_along(x, (hz_to_mel(middles * factors) - low) / (high - low) * (bands + 1) - 1, 2)


def tilts(n: int, bands: int, most: float, rng: np.random.Generator) -> np.ndarray:
    """For each of n sounds what another microphone adds to its bands, (n, 1, bands): at most so much, changing smoothly."""
    knots = rng.uniform(-most, most, (n, 5))
    return sample_along(knots[:, None], np.tile(np.linspace(0, 4, bands), (n, 1)), 2)


def sample_along(x: np.ndarray, where: np.ndarray, axis: int) -> np.ndarray:
    """Values of x (N, T, D) between its steps along an axis, by linear interpolation; beyond the ends, the end's.

    `where` (N, n) are the places, 0 being the first step.

    >>> sample_along(np.array([[[0.0], [10.0]]]), np.array([[0.25, 7.0]]), 1).ravel()
    array([ 2.5, 10. ])
    """
    last = x.shape[axis] - 1
    where = np.clip(where, 0, last)
    before = where.astype(np.int64)
    after = np.minimum(before + 1, last)
    share = np.expand_dims((where - before).astype(x.dtype), 3 - axis)
    first, second = (np.take_along_axis(x, np.expand_dims(at, 3 - axis), axis) for at in (before, after))
    return first + share * (second - first)


def _at_least(features: np.ndarray, length: int) -> np.ndarray:
    """Features (T, D), T ≤ length, filled up with their last step."""
    return np.pad(features, ((0, length - len(features)), (0, 0)), mode="edge")


def _normalized(x: np.ndarray) -> np.ndarray:
    """Features (N, T, D) with mean 0 and standard deviation 1 over all of each sound."""
    x = x - x.mean(axis=(1, 2), keepdims=True)
    return x / np.maximum(x.std(axis=(1, 2), keepdims=True), 1e-3)
