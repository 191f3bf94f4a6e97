import runpy

import numpy as np
import pytest

from tinymm.data.audio.cepstrum import normalize_features
from tinymm.data.audio.spectrogram import LogMel
from tinymm.data.datasets.spoken import (
    BUNDLED,
    NUMBER,
    load_spoken_digits,
    load_spoken_requests,
    request_rows,
    spoken_digits_origins,
)


@pytest.fixture(scope="module")
def digits():
    return load_spoken_digits()


def test_spoken_digits_follow_the_convention_of_sound_sets(digits):
    assert len(digits) >= 1500 and digits.rate == 8000
    assert digits.class_names == tuple("0123456789")
    assert digits.y.dtype == np.int64 and digits.x.dtype == object and digits.x.shape == (len(digits),)
    assert all(sound.dtype == np.float32 and sound.ndim == 1 for sound in digits.x)
    assert np.ptp(np.bincount(digits.y)) == 0


def test_sounds_are_trimmed_finite_and_equally_loud(digits):
    lengths = np.array([len(sound) for sound in digits.x])
    assert lengths.min() > 0.1 * 8000 and lengths.max() < 1.6 * 8000
    peaks = np.array([np.abs(sound).max() for sound in digits.x])
    assert np.isfinite(peaks).all() and peaks.min() > 0.1 and peaks.max() < 1.1
    loudness = np.array([np.sqrt(np.mean(np.square(sound))) for sound in digits.x])
    assert np.quantile(loudness, 0.01) > 0.08 and loudness.max() < 0.11


def test_every_voice_says_every_digit(digits):
    voices = np.unique(digits.groups)
    assert len(voices) >= 60
    for voice in voices:
        assert np.ptp(np.bincount(digits.y[digits.groups == voice], minlength=10)) == 0


def test_origins_tell_how_each_was_spoken(digits):
    origins = spoken_digits_origins()
    assert set(origins) == {"engine", "voice", "accent", "speed", "pitch", "tract"}
    assert all(len(values) == len(digits) for values in origins.values())
    np.testing.assert_array_equal(origins["voice"], digits.groups)
    assert set(origins["engine"]) == {"espeak-ng", "flite", "festival", "pico"}
    assert all((origins[name] > 0.3).all() and (origins[name] < 3).all() for name in ("speed", "pitch", "tract"))
    # faster is shorter
    seconds = np.array([len(sound) for sound in digits.x]) / digits.rate
    assert np.corrcoef(np.log(seconds), np.log(origins["speed"]))[0, 1] < -0.3


def test_the_file_is_small():
    assert (BUNDLED / "spoken_digits.npz").stat().st_size < 2_500_000


def test_no_sound_is_there_twice(digits):
    assert len({sound.tobytes() for sound in digits.x}) == len(digits)


def test_new_voices_are_understood(digits):
    """The mean features of a digit, from half of the voices, tell the digits of the others apart."""
    log_mel = LogMel(digits.rate, n_bands=20)
    chosen = np.arange(0, len(digits), 3)
    # ten moments of each sound, evenly apart
    features = np.stack(
        [
            normalize_features(log_mel(sound))[np.linspace(0, len(sound) // 80, 10).astype(int)]
            for sound in digits.x[chosen]
        ]
    )
    y, voices = digits.y[chosen], digits.groups[chosen]
    train = np.isin(voices, np.unique(voices)[::2])
    means = np.stack([features[train & (y == digit)].mean(axis=0) for digit in range(10)])
    distance = np.square(features[~train][:, None] - means).sum(axis=(2, 3))
    assert (distance.argmin(axis=1) == y[~train]).mean() > 0.6


def test_the_script_plans_what_the_file_holds(digits):
    script, synthesis = (runpy.run_path(str(BUNDLED / name)) for name in ("make_spoken_digits.py", "synthesis.py"))
    planned = script["takes"]()
    origins = spoken_digits_origins()
    assert [take.label for take in planned] == digits.y.tolist()
    assert [take.voice for take in planned] == origins["voice"].tolist()
    np.testing.assert_allclose([take.speed for take in planned], origins["speed"], rtol=1e-6)
    assert synthesis["espeak_speaker"](3) == synthesis["espeak_speaker"](3) != synthesis["espeak_speaker"](4)


@pytest.fixture(scope="module")
def requests():
    return load_spoken_requests()


def test_spoken_requests_are_sounds_with_transcripts(requests):
    sounds = requests.sounds
    assert len(sounds) == len(requests.intents) == len(requests.sentiments) >= 1500 and sounds.rate == 8000
    assert all(sound.dtype == np.float32 and np.isfinite(sound).all() for sound in sounds.x)
    lengths = np.array([len(sound) for sound in sounds.x]) / sounds.rate
    assert lengths.min() > 0.12 and lengths.max() < 8
    assert set(" ".join(sounds.y).split()) == set(sounds.class_names)
    assert set(sounds.class_names) >= set("0123456789") and len(sounds.class_names) < 130
    assert (BUNDLED / "spoken_requests.npz").stat().st_size < 4_000_000


def test_each_row_is_said_with_its_intent_and_mood(requests):
    rows, said = request_rows(), requests.intents >= 0
    assert len({row.text for row in rows}) == len(rows)
    meant = {row.text: (row.intent, row.sentiment) for row in rows}
    for text, intent, mood in zip(
        requests.sounds.y[said], requests.intents[said], requests.sentiments[said], strict=True
    ):
        plain = " ".join(dict.fromkeys(NUMBER if word.isdecimal() else word for word in text.split()))
        row = text if text in meant else plain
        if row in meant:  # a word said twice is lost in `plain`
            assert meant[row] == (requests.intent_names[intent], requests.sentiment_names[mood])
    assert len(np.unique(requests.intents[said])) == 15 and set(requests.sentiments[~said]) == {-1}


def test_the_voices_are_those_of_the_digits(requests, digits):
    voices = np.unique(requests.sounds.groups)
    assert set(voices) <= set(digits.groups) and len(voices) > 100
    whole, other = requests.intents >= 0, requests.sounds.y == ""
    for voice in voices:
        mine = requests.sounds.groups == voice
        assert (mine & whole).sum() >= 6 and (mine & ~whole & ~other).sum() >= 4 and (mine & other).any()


def test_its_script_plans_what_the_file_holds(requests):
    planned = runpy.run_path(str(BUNDLED / "make_spoken_requests.py"))["takes"]()
    assert [text for _, text in planned] == requests.sounds.y.tolist()
    assert [take.voice for take, _ in planned] == requests.sounds.groups.tolist()
    assert [take.label >= 0 for take, _ in planned] == (requests.intents >= 0).tolist()
