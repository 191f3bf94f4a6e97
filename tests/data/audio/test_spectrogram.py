import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.audio.spectrogram import (
    LogMel,
    frames,
    hann,
    hz_to_mel,
    mel_filterbank,
    mel_to_hz,
    power_spectrogram,
)

dtypes = st.sampled_from([np.float32, np.float64])
forms = pytest.mark.parametrize("form", ["htk", "slaney"])


def random_sounds(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_frames_are_pieces_of_the_sound(samples, length, hop, center):
    x = random_sounds(2, samples)
    around = length // 2 if center else 0
    padded = np.pad(x, ((0, 0), (around, around)))
    expected = [padded[:, start : start + length] for start in range(0, padded.shape[1] - length + 1, hop)]
    cut = frames(x, length, hop, center)
    assert cut.shape == (2, len(expected), length)
    for t, piece in enumerate(expected):
        np.testing.assert_array_equal(cut[:, t], piece)


def test_hann_window_equals_scipy():
    scipy_windows = pytest.importorskip("scipy.signal.windows")
    for length in (2, 7, 256):
        np.testing.assert_allclose(hann(length), scipy_windows.hann(length, sym=False), atol=1e-15)


def test_a_tone_has_its_power_at_its_frequency():
    tone = np.sin(2 * np.pi * 1000 / 8000 * np.arange(4000))
    power = power_spectrogram(tone, length=256, hop=80, center=False)
    assert (power.argmax(axis=1) == 1000 * 256 // 8000).all()


def test_the_power_of_a_frame_is_parsevals():
    x = random_sounds(300)
    power = power_spectrogram(x, length=100, hop=50, fft_size=128, center=False)
    both_sides = power[:, 0] + power[:, -1] + 2 * power[:, 1:-1].sum(axis=1)
    np.testing.assert_allclose(both_sides / 128, np.square(frames(x, 100, 50, False) * hann(100)).sum(axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power_spectrogram_equals_librosa(dtype):
    librosa = pytest.importorskip("librosa")
    x = random_sounds(2, 3000, dtype=dtype)
    theirs = np.abs(librosa.stft(x, n_fft=256, hop_length=80)) ** 2
    ours = power_spectrogram(x, length=256, hop=80)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, theirs.transpose(0, 2, 1), rtol=1e-4, atol=1e-4)


@forms
def test_mel_scale_equals_librosa(form):
    librosa = pytest.importorskip("librosa")
    hertz = np.linspace(0, 8000, 101)
    np.testing.assert_allclose(hz_to_mel(hertz, form), librosa.hz_to_mel(hertz, htk=form == "htk"), rtol=1e-12)


@forms
@settings(max_examples=30, deadline=None)
@given(st.floats(0, 20_000))
def test_mel_scale_there_and_back(form, hertz):
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz, form), form), hertz, atol=1e-8)


@forms
@pytest.mark.parametrize(("bands", "rate", "low", "high"), [(40, 8000, 0, None), (23, 16000, 64, 7000)])
def test_mel_filterbank_equals_librosa(form, bands, rate, low, high):
    librosa = pytest.importorskip("librosa")
    theirs = librosa.filters.mel(
        sr=rate,
        n_fft=512,
        n_mels=bands,
        fmin=low,
        fmax=high,
        htk=form == "htk",
        norm="slaney" if form == "slaney" else None,
        dtype=np.float64,
    )
    np.testing.assert_allclose(mel_filterbank(bands, 512, rate, low, high, form), theirs.T, atol=1e-12)


@forms
def test_log_mel_equals_librosa(form):
    librosa = pytest.importorskip("librosa")
    x = random_sounds(2, 4000)
    theirs = librosa.feature.melspectrogram(
        y=x,
        sr=8000,
        n_fft=256,
        hop_length=80,
        n_mels=40,
        fmin=20,
        htk=form == "htk",
        norm="slaney" if form == "slaney" else None,
    )
    ours = LogMel(8000, form=form)(x)
    np.testing.assert_allclose(ours, np.log(np.maximum(theirs, 1e-8)).transpose(0, 2, 1), atol=1e-5)


def test_triangles_of_the_htk_form_add_up_to_one_between_the_outer_peaks():
    bank = mel_filterbank(20, 1024, 8000, 0, 4000)
    first, last = bank[:, 0].argmax() + 1, bank[:, -1].argmax()
    np.testing.assert_allclose(bank[first:last].sum(axis=1), 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 1500), st.integers(0, 2**32), dtypes, st.booleans(), st.sampled_from([0.02, 0.0251, 0.032]))
def test_a_stream_gives_the_features_of_the_whole(samples, seed, dtype, center, frame):
    rng = np.random.default_rng(seed)
    x = random_sounds(samples, dtype=dtype, seed=seed)
    log_mel = LogMel(8000, n_bands=10, frame=frame, center=center)
    chunks = np.split(x, np.sort(rng.integers(0, samples + 1, 6)))
    stream = log_mel.stream()
    for _ in range(2):  # a stream can be used again
        parts = [stream.push(chunk) for chunk in chunks] + [stream.finish()]
        together = np.concatenate(parts)
        assert together.dtype == dtype
        np.testing.assert_allclose(together, log_mel(x), rtol=1e-4, atol=1e-4)


def test_a_stream_does_not_wait_longer_than_a_frame():
    stream = LogMel(8000, center=False).stream()
    assert len(stream.push(np.zeros(255))) == 0
    assert len(stream.push(np.zeros(1))) == 1
    assert len(stream.push(np.zeros(80))) == 1


def test_a_batch_is_its_sounds_and_long_sounds_are_cut_without_a_seam():
    x = random_sounds(3, 170_000, dtype=np.float32)  # more frames than are transformed at a time
    log_mel = LogMel(8000, n_bands=8, hop=0.002)
    together = log_mel(x)
    assert together.shape == (3, 10_626, 8)
    for sound, features in zip(x, together, strict=True):
        np.testing.assert_allclose(log_mel(sound), features, rtol=1e-4, atol=1e-4)


def test_silence_is_the_floor_and_one_sample_is_enough():
    log_mel = LogMel(8000)
    np.testing.assert_allclose(log_mel(np.zeros(800)), np.log(1e-8))
    assert log_mel(np.ones(1, np.float32)).shape == (1, 40)
    assert LogMel(8000, center=False)(np.ones(100)).shape == (0, 40)
    assert log_mel(np.zeros((0, 800))).shape == (0, 11, 40)


def test_nan_stays_where_it_is():
    x = random_sounds(4000)
    x[2000] = np.nan
    touched = np.isnan(LogMel(8000)(x)).all(axis=1)
    assert touched[24:27].all() and not touched[:23].any() and not touched[28:].any()


def test_strange_arrays_give_the_same_answer():
    x = random_sounds(2, 1000, dtype=np.float32)
    log_mel = LogMel(8000)
    expected = log_mel(x)
    x.flags.writeable = False
    np.testing.assert_array_equal(log_mel(x), expected)
    np.testing.assert_allclose(log_mel(np.asfortranarray(x)), expected, rtol=1e-5)
    np.testing.assert_allclose(log_mel(np.repeat(x, 2, axis=1)[:, ::2]), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: LogMel(8000)(np.zeros(0)), ValueError, r"LogMel: sounds \(0,\) have no samples"),
        (lambda: LogMel(8000)(np.zeros((1, 1, 8))), ValueError, r"must be \(samples,\) or \(N, samples\)"),
        (lambda: LogMel(8000)(np.zeros(8, np.int16)), TypeError, r"int16, expected float32.*/ 32768"),
        (lambda: LogMel(0), ValueError, "LogMel: rate 0 must be a whole number"),
        (lambda: LogMel(8000.0), ValueError, r"rate 8000\.0 must be a whole number"),
        (lambda: LogMel(8000, floor=0), ValueError, "floor 0 must be above 0"),
        (lambda: LogMel(8000, hop=0.05), ValueError, r"hop 0\.05 s must last .* no longer than the frame"),
        (lambda: LogMel(8000, high=5000), ValueError, "between 0 and half the rate"),
        (lambda: LogMel(8000, form="bark"), ValueError, "form 'bark' is unknown: choose 'htk' or 'slaney'"),
        (lambda: LogMel(8000, n_bands=200), ValueError, r"band 2 of 200 is narrower.*fewer bands"),
        (lambda: mel_filterbank(0, 256, 8000), ValueError, "n_bands 0 must be at least 1"),
        (lambda: frames(np.zeros(9), 0, 1), ValueError, "length 0 and hop 1"),
        (lambda: power_spectrogram(np.zeros(9), 8, 2, fft_size=4), ValueError, "fft_size 4 must be at least"),
        (lambda: LogMel(8000).stream().push(np.zeros((2, 9))), ValueError, r"LogMelStream.push: chunk \(2, 9\)"),
        (lambda: LogMel(8000).stream().finish(), RuntimeError, "no sound has come"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
