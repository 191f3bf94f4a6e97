"""Speech that comes with the package, synthesised: the digits 0 to 9, and requests to a customer desk, in English."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinymm.data.audio.mdct import N, inverse_mdct
from tinymm.data.datasets.dataset import Dataset, chosen_rows
from tinymm.data.datasets.desk import INTENTS, SENTIMENTS
from tinymm.data.datasets.images import BUNDLED
from tinymm.data.text.files import read_lines

RATE = 8000
NUMBER = "#"  # stands in a request for the digits of a number
ORIGINS = ("engine", "voice", "accent", "speed", "pitch", "tract")


def load_spoken_digits() -> Dataset:
    """Return the bundled spoken digits: sounds of "zero" to "nine" from speech synthesisers, at 8,000 Hz.

    `x` is (N,) objects, each a sound (samples,) float32 from −1 to 1, trimmed to the word and equally loud; `groups`
    names the voices, so that whole ones can be kept for the test. `spoken_digits_origins` tells how each was spoken.

    Source: made for this package by bundled/make_spoken_digits.py with eSpeak NG, Flite, Festival and SVOX Pico; the
    voices and their licences are listed in bundled/spoken_digits.md. No person's recordings are in it.

    >>> digits = load_spoken_digits()
    >>> digits.rate, digits.class_names[digits.y[0]]
    (8000, '0')
    """
    stored = _stored("spoken_digits.npz")
    return Dataset(
        x=_sounds(stored),  # type: ignore[arg-type]  # a list becomes an array of objects
        y=stored["labels"].astype(np.int64),
        class_names=tuple("0123456789"),
        name="Synthetic spoken digits",
        source="bundled/spoken_digits.md",
        licence="MIT",
        groups=stored["voice"],
        rate=RATE,
    )


def spoken_digits_origins() -> dict[str, np.ndarray]:
    """Return how each bundled spoken digit was made: arrays (N,) in the order of `load_spoken_digits`.

    Returns:
        engine, voice, accent: names. speed: 1 is the voice's own, 2 twice as fast. pitch: 1 is the voice's own.
    """
    stored = _stored("spoken_digits.npz")
    return {name: stored[name] for name in ORIGINS}


@dataclass(frozen=True)
class RequestRow:
    """A request as it is said: its intent and its mood, and the phrases it is made of, `NUMBER` among them."""

    intent: str
    sentiment: str
    phrases: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.phrases)


def request_rows() -> list[RequestRow]:
    """The requests that the bundled voices say, with `NUMBER` where they say the digits of one."""
    rows = csv.DictReader(read_lines(BUNDLED / "spoken_requests.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [RequestRow(row["intent"], row["sentiment"], tuple(row["request"].split(" / "))) for row in rows]


def load_pronunciations() -> dict[str, tuple[str, ...]]:
    """Return the phonemes of each word of the bundled requests and of each digit, as they are spoken in America.

    They are named as in the ARPAbet, without stress. Source: written for this package.

    >>> load_pronunciations()["order"]
    ('ao', 'r', 'd', 'er')
    """
    rows = csv.DictReader(read_lines(BUNDLED / "pronunciations.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["word"]: tuple(row["phonemes"].split()) for row in rows}


@dataclass(frozen=True, eq=False)
class SpokenRequests:
    """Sounds of requests, of phrases they are made of, and of speech that has nothing to do with a desk.

    Attributes:
        sounds: a data set whose `y` are transcripts (N,), in small letters without punctuation, digits as `4 7 1`; that
            of speech in other words or languages is "". `groups` names the voices, those of the spoken digits.
        engines: (N,) names of the synthesisers: "espeak-ng" computes formants, the others speak after recordings.
        rows: (N,) int64, which of `request_rows` a sound says; −1 for a phrase and −2 for other speech.
        intents, sentiments: (N,) int64, the index into `intent_names` and `sentiment_names`; −1 for all but requests.
    """

    sounds: Dataset
    engines: np.ndarray
    rows: np.ndarray
    intents: np.ndarray
    sentiments: np.ndarray
    intent_names: tuple[str, ...] = INTENTS
    sentiment_names: tuple[str, ...] = SENTIMENTS

    def subset(self, chosen: Any) -> SpokenRequests:
        """Those of these indices or this mask, see `Dataset.subset`."""
        rows = chosen_rows(chosen, len(self.sounds))
        parts = {name: getattr(self, name)[rows] for name in ("engines", "rows", "intents", "sentiments")}
        return replace(self, sounds=self.sounds.subset(rows), **parts)


def load_spoken_requests() -> SpokenRequests:
    """Return the bundled spoken requests: whole requests to a customer desk, and phrases of them, at 8,000 Hz.

    Source: made for this package by bundled/make_spoken_requests.py with the voices of `load_spoken_digits`, but for
    those of other languages; their licences are listed in bundled/spoken_digits.md. No person's recordings are in it.

    >>> requests = load_spoken_requests()
    >>> requests.sounds.y[0]
    'my card still does not work i am angry'
    """
    stored = _stored("spoken_requests.npz")
    rows, which = request_rows(), stored["requests"].astype(np.int64)
    transcripts = stored["transcripts"].astype(object)
    words = sorted({word for text in transcripts for word in text.split()})
    sounds = Dataset(
        x=_sounds(stored),  # type: ignore[arg-type]  # a list becomes an array of objects
        y=transcripts,
        class_names=tuple(words),
        name="Synthetic spoken requests",
        source="bundled/spoken_requests.md",
        licence="MIT",
        groups=stored["voice"],
        rate=RATE,
    )
    intents = np.array([INTENTS.index(row.intent) for row in rows] + [-1])  # the last for all numbers below 0
    sentiments = np.array([SENTIMENTS.index(row.sentiment) for row in rows] + [-1])
    meant = np.maximum(which, -1)
    return SpokenRequests(sounds, stored["engine"], which, intents[meant], sentiments[meant])


def _sounds(stored: dict[str, np.ndarray]) -> list[np.ndarray]:
    lengths = stored["lengths"].astype(np.int64)
    n_frames = 1 + -(-lengths // N)
    everything = inverse_mdct(stored["codes"] * stored["step"])
    starts = (np.cumsum(n_frames) - n_frames) * N
    return [everything[start : start + length].copy() for start, length in zip(starts, lengths, strict=True)]


def _stored(name: str) -> dict[str, np.ndarray]:
    with np.load(BUNDLED / name, allow_pickle=False) as stored:
        return {field: stored[field] for field in stored.files}
