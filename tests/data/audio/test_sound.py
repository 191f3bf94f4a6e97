import contextlib
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.audio.sound import read_sound, resample

TONE = 0.5 * np.sin(np.arange(800) * 0.1)


def wav_bytes(samples, code=1, bits=16, channels=1, rate=8000, size=None, before=b""):
    """A WAV file as its specification has it: code 1 whole numbers, 3 floats."""
    data = samples if isinstance(samples, bytes) else np.asarray(samples).tobytes()
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", code, channels, rate, rate * block % 2**32, block, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(header)) + header + before
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def int24(x):
    return np.round(x * 2**23).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


@pytest.fixture
def wav(tmp_path):
    def write(content):
        path = tmp_path / "sound.wav"
        path.write_bytes(content)
        return path

    pytest.importorskip("soundfile")
    return write


@pytest.mark.parametrize(
    ("code", "bits", "encoded", "tolerance"),
    [
        (1, 8, np.round(TONE * 128 + 128).astype(np.uint8), 1 / 256),
        (1, 16, np.round(TONE * 2**15).astype("<i2"), 1 / 2**16),
        (1, 24, int24(TONE), 1e-7),
        (1, 32, np.round(TONE * 2**31).astype("<i4"), 1e-7),
        (3, 32, TONE.astype("<f4"), 1e-7),
        (3, 64, TONE.astype("<f8"), 1e-7),
    ],
)
def test_every_kind_of_sample(wav, code, bits, encoded, tolerance):
    sound, rate = read_sound(wav(wav_bytes(encoded, code, bits)))
    assert rate == 8000 and sound.dtype == np.float32 and sound.shape == (800,)
    np.testing.assert_allclose(sound, TONE, atol=tolerance)


def test_stereo_is_averaged(wav):
    both = np.stack([TONE, 0.2 * np.ones(800)], axis=1).astype("<f4")
    sound, _ = read_sound(wav(wav_bytes(both, 3, 32, channels=2)))
    np.testing.assert_allclose(sound, (TONE + 0.2) / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_rate_comes_out_at_the_one_asked_for(wav, rate):
    pytest.importorskip("scipy")
    time = np.arange(rate) / rate
    window = np.sin(np.pi * time) ** 2
    sound, new = read_sound(
        wav(wav_bytes((window * np.sin(2 * np.pi * 440 * time)).astype("<f4"), 3, 32, rate=rate)), 8000
    )
    assert new == 8000 and len(sound) == 8000
    time = np.arange(8000) / 8000
    np.testing.assert_allclose(sound, np.sin(np.pi * time) ** 2 * np.sin(2 * np.pi * 440 * time), atol=2e-3)


def test_what_is_there_of_a_broken_file(wav):
    whole = wav_bytes(np.round(TONE * 2**15).astype("<i2"))
    sound, _ = read_sound(wav(whole[:1000]))
    np.testing.assert_allclose(sound, TONE[: len(sound)], atol=1e-4)
    assert len(sound) == (1000 - 44) // 2


def test_headers_as_streams_and_editors_write_them(wav):
    samples = np.round(TONE * 2**15).astype("<i2")
    note = b"LIST" + struct.pack("<I", 5) + b"notes\0"
    for content in (wav_bytes(samples, size=0xFFFFFFFF), wav_bytes(samples, before=note), wav_bytes(samples) + note):
        np.testing.assert_allclose(read_sound(wav(content))[0], TONE, atol=1e-4)


def test_one_sample_is_a_sound(wav):
    sound, _ = read_sound(wav(wav_bytes(np.array([16384], "<i2"))))
    assert sound.tolist() == [0.5]


GOOD = wav_bytes(np.zeros(4, "<i2"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a sound"),
        (GOOD[:20], "is not a sound"),
        (wav_bytes(np.zeros(4, "<i2"), rate=0), "is not a sound"),
        (wav_bytes(np.zeros(4, "<i2"), bits=0), "is not a sound"),
        (GOOD[:44], "holds no sound"),
        (wav_bytes(b""), "holds no sound"),
        (wav_bytes(np.zeros(4, "<i2"), rate=2_000_000_000), "is not a sound|header is damaged"),
        (wav_bytes(np.array([0, np.nan], "<f4"), 3, 32), "holds NaN"),
    ],
)
def test_files_that_are_no_sound(wav, content, words):
    with pytest.raises(ValueError, match=f"read_sound: .*sound.wav .*({words})"):
        read_sound(wav(content))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_give_a_sound_or_one_sentence(tmp_path_factory, data):
    pytest.importorskip("soundfile")
    content = bytearray(wav_bytes(np.round(TONE[:50] * 2**15).astype("<i2")))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "sound.wav"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        sound, rate = read_sound(path)
    except ValueError as error:
        assert str(error).startswith("read_sound: ") and "\n" not in str(error)
    else:
        assert sound.dtype == np.float32 and len(sound) > 0 and rate > 0


def test_no_file_to_read(tmp_path):
    pytest.importorskip("soundfile")
    with pytest.raises(FileNotFoundError, match=r"read_sound: cannot open .*: is the path right"):
        read_sound(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError, match="read_sound: cannot open"):
        read_sound(tmp_path)
    with pytest.raises(ValueError, match="rate 0 must be a whole number"):
        read_sound(tmp_path / "none.wav", rate=0)


def test_without_the_library_the_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(ImportError, match=r'read_sound: .*pip install "tinymm\[audio\]"'):
        read_sound(tmp_path / "any.wav")
    monkeypatch.setitem(__import__("sys").modules, "scipy.signal", None)
    with pytest.raises(ImportError, match=r'resample: .*8000 to 4000.*pip install "tinymm\[audio\]"'):
        resample(np.zeros(10), 8000, 4000)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.sampled_from([(8000, 16000), (44100, 8000), (3, 2)]), st.sampled_from(["f4", "f8"]))
def test_resample_keeps_dtype_and_duration(samples, rates, dtype):
    pytest.importorskip("scipy")
    x = np.random.default_rng(samples).normal(size=(2, samples)).astype(dtype)
    y = resample(x, *rates)
    assert y.dtype == x.dtype and y.shape == (2, -(-samples * rates[1] // rates[0]))
    np.testing.assert_allclose(resample(x[0], *rates), y[0], atol=1e-5)


def test_resample_lets_no_alias_through():
    pytest.importorskip("scipy")
    high = np.sin(2 * np.pi * 6000 / 16000 * np.arange(16000))  # above the new Nyquist frequency of 4,000 Hz
    assert np.abs(resample(high, 16000, 8000)[200:-200]).max() < 0.01


def test_the_same_rate_is_the_same_sound():
    x = np.arange(5.0)
    np.testing.assert_array_equal(resample(x, 8000, 8000), x)


@pytest.mark.parametrize("rate", [0, -1, 8000.5, True, None, 10**9])
def test_wrong_rates(rate):
    with pytest.raises(ValueError, match=f"resample: rate {rate} must be a whole number"):
        resample(np.zeros(4), rate, 8000)


@pytest.mark.parametrize("dtype", ["int16", "float16", "complex64", "object"])
def test_sounds_are_float32_or_float64(dtype):
    with pytest.raises(
        TypeError, match=f"resample: sounds are {dtype}, expected float32 or float64.* try sounds.astype"
    ):
        resample(np.zeros(4, dtype), 8000, 4000)


def test_a_rate_that_would_fill_the_memory_is_refused(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "slow.wav", np.ones(30_000, np.float32) / 2, 1)
    assert len(read_sound(tmp_path / "slow.wav")[0]) == 30_000
    with pytest.raises(ValueError, match=r"claims 1 samples a second, and would have more than 100,000,000 at 8,000"):
        read_sound(tmp_path / "slow.wav", 8000)


def test_a_length_that_is_only_claimed_takes_no_memory(tmp_path):
    """A FLAC file says in its header how many samples follow."""
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "claims.flac"
    soundfile.write(path, np.sin(np.arange(2000) / 9), 8000)
    content = bytearray(path.read_bytes())
    content[22:26] = (90_000_000).to_bytes(4, "big")  # after "fLaC", a block's header and 14 bytes of STREAMINFO
    path.write_bytes(bytes(content))
    tracemalloc.start()
    try:
        with contextlib.suppress(ValueError):
            assert len(read_sound(path)[0]) == 2000
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
