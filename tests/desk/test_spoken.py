"""What the speech model is tested on, it was not trained on: neither the voices, nor the wordings that are called new."""

import numpy as np

from tinymm.data.datasets import load_pronunciations, load_spoken_digits, load_spoken_requests
from tinymm.data.datasets.spoken import request_rows
from tinymm.desk import spoken


def test_no_voice_is_in_both():
    training = set(spoken.training_sounds().groups)
    for held in (spoken.held_digits(), spoken.held_requests().sounds, spoken.held_requests(new=True).sounds):
        assert len(held) > 20 and not training & set(held.groups)
    assert len(training) > 100


def test_new_wordings_were_said_by_nobody_in_training():
    known, new = spoken.held_requests(), spoken.held_requests(new=True)
    assert not set(known.rows) & set(new.rows) and (known.intents >= 0).all() and (new.intents >= 0).all()
    said = set(spoken.training_sounds().y)
    numbers = "#" in " ".join(request_rows()[row].text for row in set(new.rows))
    assert numbers or not said & set(new.sounds.y)
    # but each of their words is known, by itself or in a phrase
    assert set(" ".join(new.sounds.y).split()) <= set(" ".join(said).split())


def test_every_word_has_a_pronunciation():
    words = {word for text in spoken.training_sounds().y for word in text.split()}
    assert words == set(load_spoken_requests().sounds.class_names) == set(load_pronunciations())
    assert all(load_pronunciations().values())


def test_half_of_the_digits_are_enough():
    sounds, digits = spoken.training_sounds(), load_spoken_digits()
    single = np.char.isdecimal(sounds.y.astype(str))
    assert 0.3 * len(digits) < single.sum() < 0.6 * len(digits) and (sounds.y == "").sum() > 100
