"""What the speech model is tested on, it was not trained on: neither the voices, nor the wordings that are called new."""

import numpy as np
import pytest

from tinymm.data.datasets import load_pronunciations
from tinymm.data.datasets.spoken import request_rows
from tinymm.desk import spoken


@pytest.fixture(scope="module")
def training():
    return spoken.training_sounds()


def test_no_voice_is_in_both(training):
    voices = set(training.groups)
    for held in (spoken.held_digits(), spoken.held_requests().sounds, spoken.held_requests(new=True).sounds):
        assert len(held) > 20 and not voices & set(held.groups)
    assert len(voices) > 100


def test_new_wordings_were_said_by_nobody_in_training(training):
    known, new = spoken.held_requests(), spoken.held_requests(new=True)
    assert not set(known.rows) & set(new.rows) and (known.intents >= 0).all() and (new.intents >= 0).all()
    said = set(training.y)
    numbers = "#" in " ".join(request_rows()[row].text for row in set(new.rows))
    assert numbers or not said & set(new.sounds.y)
    # but each of their words is known, by itself or in a phrase
    assert set(" ".join(new.sounds.y).split()) <= set(" ".join(said).split())


def test_every_word_has_a_pronunciation(training):
    words = {word for text in training.y for word in text.split()}
    assert words == set(training.class_names) == set(load_pronunciations())
    assert all(load_pronunciations().values())


def test_half_of_the_digits_are_enough(training):
    single = np.char.isdecimal(training.y.astype(str))
    assert 1000 < single.sum() < 0.5 * len(training) and (training.y == "").sum() > 100
