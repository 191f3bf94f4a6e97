"""Recordings joined to strings: what is said is what is written, and equal generators give equal strings."""

from dataclasses import replace

import numpy as np
import pytest

from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import as_samples
from tinymm.data.datasets.strings import Joining, transcripts

RATE = 1000
PLAIN = Joining(speed=0, gain=0, uneven=0, noisy=0, gap=(0.01, 0.05))


def recordings():
    """Word w is 100 samples at the level (w + 1) / 10; anna says a, b, c, ben says b, c, d."""
    words = np.array([0, 1, 2, 1, 2, 3])
    x = [np.full(100, (word + 1) / 10, np.float32) for word in words]
    groups = np.array(["anna"] * 3 + ["ben"] * 3)
    return Dataset(x, words, tuple("abcd"), "Levels", "made here", "none", groups=groups, rate=RATE)


def heard(sound):
    """The words of a string by their levels."""
    steps = np.flatnonzero(np.diff(sound, prepend=0) > 0.05)
    return " ".join("abcd"[round(float(sound[start]) * 10) - 1] for start in steps)


def test_the_words_are_in_the_sound_in_their_order():
    strings = PLAIN(recordings(), 40, np.random.default_rng(0))
    assert len(strings) == 40 and strings.rate == RATE and strings.name == "Levels, joined"
    for sound, text, speaker in zip(strings.x, strings.y, strings.groups, strict=True):
        assert heard(sound) == text and sound.dtype == np.float32
        assert not set(text.split()) & set({"anna": "d", "ben": "a"}[speaker])
        gaps = len(sound) - 100 * len(text.split())
        assert 10 * (len(text.split()) - 1) <= gaps <= 50 * (len(text.split()) + 1)


def test_every_number_of_words_comes():
    strings = Joining(most=3)(recordings(), 300, np.random.default_rng(1))
    counts = np.bincount([len(text.split()) for text in strings.y])
    assert len(counts) == 4 and counts[0] == 0 and counts[1:].min() > 70


def test_equal_generators_give_equal_strings():
    both = [Joining()(recordings(), 5, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert all(np.array_equal(a, b) for a, b in zip(both[0].x, both[1].x, strict=True))
    assert both[0].y.tolist() == both[1].y.tolist() != both[2].y.tolist()


def test_variations():
    data = recordings()
    one = replace(PLAIN, most=1, gap=(0, 0))
    lengths = {len(x) for x in replace(one, speed=0.2)(data, 50, np.random.default_rng(0)).x}
    assert 80 <= min(lengths) < 95 and 105 < max(lengths) <= 125
    quiet = replace(one, gain=6.0)(data.subset([0]), 50, np.random.default_rng(0))
    levels = [float(np.abs(x).max()) for x in quiet.x]
    assert 0.05 <= min(levels) < 0.07 and 0.15 < max(levels) <= 0.2
    noise = replace(one, most=2, gap=(0.5, 3), noisy=1, snr=(20, 20))(data.subset([0]), 20, np.random.default_rng(0))
    for sound in noise.x:
        quiet = sound[np.abs(sound) < 0.05]
        assert np.std(quiet) == pytest.approx(0.01, rel=0.2)  # 20 dB below speech at 0.1
    silent = replace(PLAIN, noisy=0)(data, 5, np.random.default_rng(0))
    assert all(sound[0] == 0 == sound[-1] for sound in silent.x)


def test_what_is_said():
    assert transcripts(recordings()).tolist() == list("abcbcd")
    texts = replace(recordings(), y=np.array(["x y"] * 6, dtype=object))
    assert transcripts(texts).tolist() == ["x y"] * 6
    assert "x y x y" in Joining()(texts, 9, np.random.default_rng(0)).y[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"most": 0}, "most is 0"),
        ({"gap": (0.3, 0.1)}, r"gap \(0.3, 0.1\)"),
        ({"gap": (-1, 0.1)}, "shortest, longest"),
        ({"speed": 0.9}, "speed 0.9 must lie between 0 and 0.5"),
        ({"noisy": 2}, "noisy 2"),
        ({"snr": (30, 10)}, "snr"),
    ],
)
def test_amounts_that_make_no_sense(values, words):
    with pytest.raises(ValueError, match=words):
        Joining(**values)


def test_no_sounds():
    texts = Dataset(["a"], np.array([0]), ("x",), "Texts", "s", "l")
    for data in (texts, recordings().subset([])):
        with pytest.raises(ValueError, match="expected at least one sound"):
            Joining()(data, 1, np.random.default_rng(0))


def test_what_has_no_transcript_adds_no_word():
    sounds = [np.full(100, level, np.float32) for level in (0.1, 0.2)]
    data = Dataset(sounds, as_samples(["yes please", ""]), ("please", "yes"), "Some", "own", "CC0", rate=8000)
    strings = Joining(most=4)(data, 50, np.random.default_rng(0))
    assert {text for text in strings.y if text} <= {" ".join(["yes please"] * n) for n in range(1, 5)}
    assert "" in strings.y
