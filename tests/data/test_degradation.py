"""Spoiled samples: by how much, and that the others stay as they are."""

import numpy as np
import pytest

from tinymm.data.datasets import Senses
from tinymm.data.datasets.dataset import as_samples
from tinymm.data.degradation import Degradation

TIME = np.arange(4000) / 8000
WHOLE = Senses(np.full((1, 8, 8), 0.5, np.float32), np.sin(2000 * TIME).astype(np.float32), "seven")
PARTS = as_samples([WHOLE] * 50 + [Senses(text="eight")])


def spoiled(**how):
    return Degradation(**how)(PARTS, np.random.default_rng(0))


def test_each_sense_is_spoiled_as_much_as_stated():
    noisy = np.stack([sample.image for sample in spoiled(noise=0.3)[:50]])
    assert noisy.dtype == np.float32 and np.std(noisy - 0.5) == pytest.approx(0.3, rel=0.05)
    hiss = np.concatenate([sample.audio - WHOLE.audio for sample in spoiled(snr=5)[:50]])
    assert 10 * np.log10(np.mean(WHOLE.audio**2) / np.mean(hiss**2)) == pytest.approx(5, abs=0.2)
    assert all(sample.text != "seven" for sample in spoiled(errors=1)[:50])


def test_nothing_else_changes_and_the_samples_given_stay_whole():
    for sample in spoiled()[:50]:
        assert sample.image is WHOLE.image and sample.audio is WHOLE.audio and sample.text == "seven"
    noisy = spoiled(noise=0.5)[0]
    assert noisy.audio is WHOLE.audio and (WHOLE.image == 0.5).all()


def test_senses_can_be_taken_away_and_missing_ones_stay_missing():
    assert {sample.given for sample in spoiled(missing=("image",))} == {("audio", "text"), ("text",)}
    assert spoiled(noise=1, snr=0, errors=2)[50].given == ("text",)


def test_equal_generators_give_equal_samples():
    first, second = spoiled(noise=0.1, snr=0, errors=3), spoiled(noise=0.1, snr=0, errors=3)
    assert all(np.array_equal(a.audio, b.audio) and a.text == b.text for a, b in zip(first, second, strict=True))
