import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.audio.voice_activity import trim_silence, voice_activity

RATE = 8000


def word(start, stop, samples=RATE, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    x = noise * rng.standard_normal(samples)
    x[start:stop] += 0.3 * np.sin(2 * np.pi * 300 / RATE * np.arange(stop - start))
    return x


@settings(max_examples=30, deadline=None)
@given(st.integers(800, 3000), st.integers(1000, 4000), st.sampled_from([0.0, 1e-4, 1e-3]))
def test_a_word_is_found_where_it_is(start, length, noise):
    x = word(start, start + length, noise=noise)
    trimmed = trim_silence(x, RATE, margin=0)
    # within a frame of 25 ms on either side
    assert length - 200 <= len(trimmed) <= length + 400
    first = (trimmed.ctypes.data - x.ctypes.data) // x.itemsize
    assert start - 200 <= first <= start + 100


def test_active_frames_are_those_of_the_word():
    active = voice_activity(word(4000, 6000), RATE)
    assert active.shape == (101,) and active[52:74].all() and not active[:48].any() and not active[78:].any()


def test_each_sound_of_a_batch_has_its_own_loudness():
    x = word(4000, 6000)
    together = voice_activity(np.stack([x, x * 0.1, x * 0]), RATE)
    np.testing.assert_array_equal(together[0], together[1])
    assert not together[2].any()


@pytest.mark.parametrize(
    "silence", [np.zeros(4000), np.zeros(1), 1e-6 * np.ones(4000, np.float32), np.full(900, np.nan)]
)
def test_silence_has_no_speech(silence):
    assert not voice_activity(silence, RATE).any()
    assert trim_silence(silence, RATE).shape == (0,)


def test_a_click_is_no_speech():
    x = word(4000, 6000)
    x[500] = 0.9
    assert len(trim_silence(x, RATE, margin=0)) < 2600


@pytest.mark.parametrize(("after", "belongs"), [(800, True), (3000, False)])
def test_the_burst_of_a_stop_belongs_to_its_word(after, belongs):
    """Six and eight end with a short noise, after a pause in which the breath is held."""
    x = word(1000, 2500)
    burst = slice(2500 + after, 2500 + after + 160)  # 20 ms
    x[burst] += 0.1 * np.random.default_rng(0).standard_normal(160)
    for sound, of_word in ((x, slice(1000, 2500)), (x[::-1], slice(RATE - 2500, RATE - 1000))):
        trimmed = trim_silence(sound, RATE, margin=0)
        length = 1500 + (after + 160 if belongs else 0)
        assert length - 200 <= len(trimmed) <= length + 400
        assert np.shares_memory(trimmed, sound[of_word])


def test_a_pause_within_stays():
    x = word(2000, 3000) + word(5000, 6000)
    assert 3900 < len(trim_silence(x, RATE, margin=0)) < 4500


def test_margin_is_kept_and_the_sound_is_not_copied():
    x = word(3000, 5000)
    plain, wide = (trim_silence(x, RATE, margin=margin) for margin in (0, 0.05))
    assert len(wide) == len(plain) + 800
    assert np.shares_memory(wide, x)
    assert len(trim_silence(x, RATE, margin=9)) == len(x)


def test_even_noise_is_not_cut_in_pieces():
    x = np.random.default_rng(0).normal(size=RATE)
    assert len(trim_silence(x, RATE)) > 7500


def test_low_rates_have_frames_too():
    assert voice_activity(np.arange(30.0) % 2, 20).any()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: trim_silence(np.zeros((2, 9)), RATE),
            ValueError,
            r"trim_silence: sound \(2, 9\) must be \(samples,\)",
        ),
        (lambda: trim_silence(np.zeros(9), RATE, margin=-1), ValueError, "margin -1 must not be negative"),
        (lambda: voice_activity(np.zeros(9), RATE, range_db=0), ValueError, "range_db 0 must be above 0"),
        (lambda: voice_activity(np.zeros(9, np.int16), RATE), TypeError, "int16, expected float32"),
        (lambda: voice_activity(np.zeros(0), RATE), ValueError, "have no samples"),
        (lambda: voice_activity(np.zeros(9), 0), ValueError, "rate 0"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
