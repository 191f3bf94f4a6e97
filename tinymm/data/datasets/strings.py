"""Strings of spoken words: recordings joined with gaps, as a person reads out a number."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinymm.data.audio import change_gain, change_speed
from tinymm.data.datasets.dataset import Dataset, as_samples


@dataclass(frozen=True)
class Joining:
    """How recordings become strings: `joining(recordings, n, rng)` makes n of them.

    All words of a string are by one speaker, where the speakers are known. Amounts are drawn evenly, anew for each
    string, and gaps and levels anew for each word.

    Args:
        most: words in a string, from 1 to so many. Each number is equally frequent.
        gap: seconds between two words, (shortest, longest); before and after all of them, at most the longest.
        speed: the factor by which a string is played faster lies between 1 − speed and 1 + speed.
        gain: decibels, softer or louder, of the whole string. uneven: the same of each word.
        noisy: the share of strings that lie in white noise; in the others the gaps are silent.
        snr: the lowest and the highest ratio of speech to noise, in decibels.

    Raises:
        ValueError: amounts that make no sense.

    >>> tones = Dataset([np.ones(800, np.float32)], np.array([0]), ("beep",), "Tones", "own", "CC0", rate=8000)
    >>> strings = Joining(most=3)(tones, 5, np.random.default_rng(0))
    >>> strings.y.tolist()
    ['beep beep', 'beep', 'beep beep', 'beep', 'beep']
    """

    most: int = 7
    gap: tuple[float, float] = (0.02, 0.4)
    speed: float = 0.1
    gain: float = 6.0
    uneven: float = 3.0
    noisy: float = 0.5
    snr: tuple[float, float] = (15.0, 40.0)

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"Joining: most is {self.most}, but a string has at least one word")
        if not 0 <= self.gap[0] <= self.gap[1] <= 60:
            raise ValueError(f"Joining: gap {self.gap} must be (shortest, longest) seconds, from 0 to 60")
        for name, most in {"speed": 0.5, "gain": 60, "uneven": 60, "noisy": 1}.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"Joining: {name} {getattr(self, name)} must lie between 0 and {most}")
        if not -20 <= self.snr[0] <= self.snr[1] <= 120:
            raise ValueError(f"Joining: snr {self.snr} must be (lowest, highest) from −20 to 120 dB")

    def __call__(self, recordings: Dataset, n: int, rng: np.random.Generator) -> Dataset:
        """Return n strings: `x` sounds, `y` (n,) their transcripts, words with spaces between; `groups` the speakers.

        The recordings are sounds with classes, whose names are the words, or with transcripts of their own. ValueError
        if there are none, or if they are no sounds.
        """
        if recordings.rate is None or not len(recordings):
            raise ValueError(f"Joining: {recordings!r}: expected at least one sound")
        speakers = recordings.groups if recordings.groups is not None else np.zeros(len(recordings), int)
        by_speaker = [np.flatnonzero(speakers == name) for name in np.unique(speakers)]
        share = np.array([len(rows) for rows in by_speaker]) / len(recordings)
        said = transcripts(recordings)
        sounds, texts, groups = [], [], []
        for _ in range(n):
            rows = by_speaker[rng.choice(len(by_speaker), p=share)]
            chosen = rng.choice(rows, rng.integers(1, self.most + 1))
            sounds.append(self._joined([recordings.x[i] for i in chosen], recordings.rate, rng))
            texts.append(" ".join(said[i] for i in chosen if said[i]))
            groups.append(speakers[chosen[0]])
        return replace(
            recordings,
            x=as_samples(sounds),
            y=as_samples(texts),
            name=f"{recordings.name}, joined",
            files=(),
            groups=None if recordings.groups is None else np.array(groups),
            index=None,
        )

    def _joined(self, sounds: list[np.ndarray], rate: int, rng: np.random.Generator) -> np.ndarray:
        """One string (samples,) float32 of these words."""
        shortest = np.full(len(sounds) + 1, self.gap[0])
        shortest[[0, -1]] = 0
        gaps = np.round(rng.uniform(shortest, self.gap[1]) * rate).astype(int)
        speed, gain, noisy, snr = rng.uniform(size=4)
        parts = [np.zeros(gaps[0], np.float32)]
        for sound, gap, db in zip(sounds, gaps[1:], rng.uniform(-self.uneven, self.uneven, len(sounds)), strict=True):
            sound = sound.astype(np.float32, copy=False)
            if self.speed:
                sound = change_speed(sound, 1 + (2 * speed - 1) * self.speed)
            parts += [change_gain(sound, db), np.zeros(gap, np.float32)]
        string = change_gain(np.concatenate(parts), (2 * gain - 1) * self.gain)
        if noisy < self.noisy:
            power = np.mean(np.square(np.concatenate(parts[1::2]))) * 10 ** ((2 * gain - 1) * self.gain / 10)
            level = np.sqrt(power * 10 ** (-(self.snr[0] + snr * (self.snr[1] - self.snr[0])) / 10))
            string = string + np.float32(level) * rng.standard_normal(len(string), np.float32)
        return np.clip(string, -1, 1)


def transcripts(data: Dataset) -> np.ndarray:
    """What is said in each sound, (N,) texts: the name of its class, or its transcript."""
    if data.y.dtype.kind in "iu":
        return np.array(data.class_names, dtype=object)[data.y]
    return data.y
