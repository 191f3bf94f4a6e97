"""Speech before a model that writes it down: log-mel features that can be computed while the sound arrives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinymm.data.audio import LogMel, read_sound
from tinymm.data.audio.sound import MAX_RATE
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.spoken import load_pronunciations
from tinymm.data.datasets.strings import Joining, transcripts
from tinymm.data.text import pad_sequences
from tinymm.data.text.labels import Labels
from tinymm.language_model import Bigrams, LexiconModel
from tinymm.models import SpeechToText
from tinymm.recipes.front_end import FrontEnd, claimed
from tinymm.recipes.sounds import HIGH, LOW, Variation, move_bands, tilts

LONGEST = 300  # seconds of one utterance
SURVEY = 200  # strings from which mean and deviation are taken
DIGITS = "0 1 2 3 4 5 6 7 8 9"  # of which none is likelier than another in a number
LANGUAGE_WEIGHT, LABEL_BONUS = 1.0, 1.5  # α and β of `LexiconModel`, chosen on voices held out of the training ones


class SpeechFrontEnd(FrontEnd):
    """Sounds as log-mel features (N, T, bands), one step each 10 ms, standardised by the training sounds.

    Nothing depends on what comes later in the sound: no normalisation over all of it, no cutting to the speech.

    Args:
        kind: what transcripts are written with, "words", "characters" or "phonemes"; of those the words are found by a
            language model of the training transcripts.
        bands: size of the features.
        joining: how the training sounds are joined to strings and varied, anew in every epoch.
        variation: how the features of training sounds are changed besides: its tract, tilt and masks. None: not at all.

    Attributes:
        rate: samples per second of the training sounds. labels: of their transcripts.
        mean: (bands,) of the features. deviation: of all of them together, so that bands keep their proportions.
        bigrams: of the words of the training transcripts, for phonemes; else None.
    """

    sense = "audio"

    def __init__(
        self,
        kind: str = "words",
        bands: int = 40,
        joining: Joining | None = None,
        variation: Variation | None = None,
    ):
        self.kind, self.bands, self.variation = kind, bands, variation
        self.joining = joining or Joining()
        self.rate: int = 8000
        self.labels = Labels(["a"])
        self.bigrams: Bigrams | None = None
        self.mean, self.deviation = np.zeros(bands, np.float32), 1.0

    @property
    def log_mel(self) -> LogMel:
        return LogMel(self.rate, self.bands, low=LOW, high=HIGH * self.rate)

    def fit_prepare(self, data: Dataset) -> Dataset:
        """Returns the recordings as they are: strings are made of them anew for each epoch."""
        assert data.rate is not None
        self.rate = data.rate
        said = transcripts(data)
        self.labels = Labels.of(said, self.kind, load_pronunciations() if self.kind == "phonemes" else None)
        digits = " ".join(word for word in DIGITS.split() if word in self.labels.pronunciations)
        self.bigrams = Bigrams.of(said, alike=[digits] if digits else []) if self.kind == "phonemes" else None
        if self.kind == "characters" and self.joining.most > 1:  # joined words have spaces between them
            self.labels = Labels.of([*transcripts(data), " "], self.kind)
        self.mean, self.deviation = np.zeros(self.bands, np.float32), 1.0
        strings = self.joining(data, SURVEY, np.random.default_rng(0))
        features = np.concatenate(list(self.prepare(strings.x)))
        self.mean, self.deviation = features.mean(axis=0), float(features.std())
        return data

    def prepare(self, samples: np.ndarray) -> np.ndarray:
        """The features of each sound: (N,) objects, each (T, bands) float32."""
        log_mel, features = self.log_mel, np.empty(len(samples), dtype=object)
        for i, sound in enumerate(samples):
            features[i] = self.standardized(log_mel(self.clipped(sound)))
        return features

    @staticmethod
    def clipped(sound: np.ndarray) -> np.ndarray:
        """As a converter would record it: no louder than full scale."""
        return np.clip(sound, -1, 1).astype(np.float32, copy=False)

    def standardized(self, features: np.ndarray) -> np.ndarray:
        return ((features - self.mean) / np.float32(self.deviation)).astype(np.float32, copy=False)

    def __call__(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """(N, T, bands), zeros after the end of each sound."""
        x, lengths = pad_sequences(list(rows))
        if rng is None or self.variation is None:
            return x
        vary, n = self.variation, len(x)
        x = move_bands(x, np.exp(rng.uniform(-vary.tract, vary.tract, (n, 1))), self.rate)
        x = vary.masks(x + tilts(n, self.bands, vary.tilt / self.deviation, rng).astype(x.dtype), rng)
        return np.where((np.arange(x.shape[1]) < lengths[:, None])[:, :, None], x, x.dtype.type(0))

    def language_model(self) -> LexiconModel | None:
        """What `prefix_beam_search` listens to, and what finds the words of phonemes; None where words are written."""
        if self.bigrams is None:
            return None
        return LexiconModel(self.bigrams, self.labels.words(), len(self.labels), LANGUAGE_WEIGHT, LABEL_BONUS)

    def read(self, item: str) -> np.ndarray:
        """A sound file at the rate of the training sounds. ValueError if it is silent, or longer than five minutes."""
        sound, _ = read_sound(item, self.rate)
        if len(sound) > LONGEST * self.rate:
            raise ValueError(f"{item} lasts {len(sound) / self.rate:.0f} s: cut it into pieces of at most {LONGEST} s")
        if sound.min() == sound.max() and len(sound) > 1:
            raise ValueError(f"there is no sound on {item}: it is silent")
        return sound

    def state_dict(self) -> dict[str, Any]:
        return {
            "labels": self.labels.state_dict(),
            "rate": self.rate,
            "bands": self.bands,
            "mean": self.mean,
            "deviation": self.deviation,
            "bigrams": None if self.bigrams is None else self.bigrams.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.labels = Labels.from_state(state["labels"])
        self.kind, (self.rate,) = self.labels.kind, claimed("rate", [state["rate"]], MAX_RATE)
        self.mean, self.deviation = state["mean"], state["deviation"]
        (self.bands,) = claimed("bands", [state["bands"]], len(self.mean))
        bigrams = state.get("bigrams")
        self.bigrams = None if bigrams is None else Bigrams.from_state(bigrams)


@dataclass(frozen=True)
class Targets:
    """What a batch of N sounds should become: labels (N, S), how many of each row count, and the steps of each sound."""

    labels: np.ndarray
    lengths: np.ndarray
    steps: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


class StringBatches:
    """Batches of strings, made anew for each epoch, those of about equal length together.

    The strings of an epoch hold about as many words as there are recordings. Without `augment` the words are joined at
    random, but nothing else is changed.
    """

    def __init__(
        self, front_end: SpeechFrontEnd, recordings: Dataset, batch_size: int, seed: int = 0, augment: bool = True
    ):
        self.front_end, self.recordings, self.batch_size, self.seed = front_end, recordings, batch_size, seed
        self.augment = augment
        plain = replace(front_end.joining, speed=0, gain=0, uneven=0, noisy=0)
        self.joining = front_end.joining if augment else plain
        self.strings = max(round(2 * len(recordings) / (self.joining.most + 1)), 1)
        self.epoch = self.batch = 0  # the epoch under way, or to come, and how many of its batches were handed out
        self._begin = 0

    def __len__(self) -> int:
        return -(-self.strings // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, Targets]]:
        if self.batch > self._begin:  # the last loop was left early: begin the next epoch
            self.epoch += 1
        epoch, begin, self._begin = self.epoch, self._begin, 0
        rng = np.random.default_rng([self.seed, epoch])
        strings = self.joining(self.recordings, self.strings, rng)
        features = self.front_end.prepare(strings.x)
        by_length = np.argsort([len(x) for x in features], kind="stable")
        batches = np.array_split(by_length, len(self))
        for number, i in enumerate(rng.permutation(len(batches))[begin:], begin + 1):
            self.epoch, self.batch = epoch, number
            chosen = features[batches[i]]
            vary = np.random.default_rng([self.seed, epoch, number]) if self.augment else None
            yield self.front_end(chosen, vary), self.targets(strings.y[batches[i]], chosen)
        self.epoch, self.batch = epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """The position: the epoch, and the batches of it handed out."""
        return {"epoch": self.epoch, "batch": self.batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved position; the next loop gives the rest of that epoch."""
        self.epoch = state["epoch"]
        self.batch = self._begin = state["batch"]

    def targets(self, texts: np.ndarray, features: np.ndarray) -> Targets:
        labels, lengths = pad_sequences([self.front_end.labels.encode(text) for text in texts])
        return Targets(labels, lengths, SpeechToText.steps(np.array([len(x) for x in features])))
