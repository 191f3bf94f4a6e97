"""Spoken digits: 0 to 9 in English, synthesised, bundled with the package."""

import numpy as np

from tinymm.data.audio.mdct import N, inverse_mdct
from tinymm.data.datasets.dataset import Dataset
from tinymm.data.datasets.images import BUNDLED

RATE = 8000
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
    stored = _stored()
    lengths = stored["lengths"].astype(np.int64)
    n_frames = 1 + -(-lengths // N)
    everything = inverse_mdct(stored["codes"] * stored["step"])
    starts = (np.cumsum(n_frames) - n_frames) * N
    sounds = [everything[start : start + length].copy() for start, length in zip(starts, lengths, strict=True)]
    return Dataset(
        x=sounds,  # type: ignore[arg-type]  # a list becomes an array of objects
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
    stored = _stored()
    return {name: stored[name] for name in ORIGINS}


def _stored() -> dict[str, np.ndarray]:
    with np.load(BUNDLED / "spoken_digits.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
