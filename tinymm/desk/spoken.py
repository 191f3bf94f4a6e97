"""What the desk's model for speech is trained and tested on: the bundled voices, some of which it never hears in training.

Held out are whole voices, with all that they say, and some requests, whoever says them: so it can be told how well
requests are heard in words that were never put together so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinymm.data.datasets import Dataset, SpokenRequests, load_spoken_digits, load_spoken_requests
from tinymm.data.datasets.dataset import chain
from tinymm.data.datasets.strings import transcripts
from tinymm.splits import GroupKFold

VOICES = 6  # groups of voices, of which one is held out
WORDINGS = 8  # of so many requests one is held out
DIGITS = 2  # of so many digits one is trained on: there are many


def held_voices(digits: Dataset) -> np.ndarray:
    """The names of the voices that are held out."""
    voices = np.asarray(digits.groups)
    return np.unique(voices[next(iter(GroupKFold(VOICES).split(digits.x, digits.y, voices)))[1]])


def _is_held(data: Dataset, digits: Dataset) -> np.ndarray:
    """Which sounds (N,) bool are by voices that are held out."""
    return np.isin(np.asarray(data.groups), held_voices(digits))


def new_wording(requests: SpokenRequests) -> np.ndarray:
    """Which sounds (N,) bool say a request that is not trained on."""
    return (requests.rows >= 0) & (requests.rows % WORDINGS == WORDINGS // 2)


def training_sounds() -> Dataset:
    """Requests, phrases, other speech and digits, each with its transcript, by the voices that are trained on."""
    digits, requests = load_spoken_digits(), load_spoken_requests()
    said = requests.sounds.subset(~_is_held(requests.sounds, digits) & ~new_wording(requests))
    spoken = digits.subset(np.flatnonzero(~_is_held(digits, digits))[::DIGITS])
    return chain([said, replace(spoken, y=transcripts(spoken), class_names=said.class_names)])


def training_digits() -> Dataset:
    """All digits by the voices that are trained on."""
    digits = load_spoken_digits()
    return digits.subset(~_is_held(digits, digits))


def held_digits() -> Dataset:
    """Digits by the other voices."""
    digits = load_spoken_digits()
    return digits.subset(_is_held(digits, digits))


def held_requests(new: bool = False) -> SpokenRequests:
    """Whole requests by the other voices, in wordings that were trained on, or in `new` ones."""
    requests = load_spoken_requests()
    held = _is_held(requests.sounds, load_spoken_digits())
    return requests.subset(held & (requests.rows >= 0) & (new_wording(requests) == new))
