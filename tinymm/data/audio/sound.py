"""Sounds: read from files, resample, cut to their speech.

A sound is (samples,) float32 or float64 from −1 to 1, a batch of equally long ones (N, samples). Its rate is the number
of samples per second, in hertz.
"""

import math
import os
from pathlib import Path

import numpy as np

MAX_SAMPLES = 100_000_000  # of all channels; a longer sound is refused before it is read into memory
MAX_RATE = 1_000_000
BLOCK = 1 << 16  # samples that are read at once
INSTALL = 'pip install "tinymm[audio]"'


def read_sound(path: str | os.PathLike, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a sound file: WAV of 8, 16, 24 or 32 bits, float, A-law or μ-law, FLAC, Ogg, and what else libsndfile reads.

    Whole numbers of b bits are divided by 2ᵇ⁻¹. Channels are averaged to one. A file that breaks off gives the sound
    up to there.

    Args:
        path: the file.
        rate: resample to this rate; None keeps the file's.

    Returns:
        (samples,) float32, at least one, and the rate.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: there is no file to read.
        ValueError: the file is no sound, is damaged or empty, or has more than 100 million samples, before or after.
        ImportError: the package soundfile is missing.
    """
    if rate is not None:
        check_rate("read_sound", rate)
    try:
        import soundfile
    except ImportError as error:
        raise ImportError(f"read_sound: reading sound files needs soundfile: {INSTALL}") from error
    path = Path(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise type(error)(f"read_sound: cannot open {path} ({error.strerror}): is the path right?") from error
    with stream:
        try:
            file = soundfile.SoundFile(stream)
        except Exception as error:  # a damaged header can make the decoder raise almost anything
            raise ValueError(
                f"read_sound: {path} is not a sound that can be read: expected WAV, FLAC or Ogg"
            ) from error
        with file:
            if file.samplerate > MAX_RATE:
                raise ValueError(
                    f"read_sound: {path} claims {file.samplerate:,} samples a second: its header is damaged"
                )
            channels = _read_frames(path, file)
    if not len(channels):
        raise ValueError(f"read_sound: {path} holds no sound: record or copy it again")
    sound = channels.mean(axis=1, dtype=np.float32)
    if not np.isfinite(sound).all():
        raise ValueError(f"read_sound: {path} holds NaN or infinite samples: save or copy it again")
    if rate is None:
        return sound, file.samplerate
    if len(sound) * rate > MAX_SAMPLES * file.samplerate:
        raise ValueError(
            f"read_sound: {path} claims {file.samplerate:,} samples a second, and would have more than {MAX_SAMPLES:,} "
            f"at {rate:,}: its header is damaged, or it must be cut into pieces first"
        )
    return resample(sound, file.samplerate, rate), rate


def _read_frames(path: Path, file) -> np.ndarray:
    """The samples of an open file, (samples, channels) float32; memory grows with what is there, not with what is claimed."""
    if file.frames * file.channels > MAX_SAMPLES:
        raise ValueError(f"read_sound: {path} has more than {MAX_SAMPLES:,} samples: cut it into pieces first")
    blocks = []
    try:
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            blocks.append(block)
    except Exception as error:
        raise ValueError(f"read_sound: {path} is damaged ({error}): save or copy it again") from error
    return np.concatenate(blocks) if blocks else np.empty((0, file.channels), np.float32)


def resample(sounds: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Bring sounds (..., samples) from one rate to another: (..., ⌈samples · new_rate / rate⌉).

    Zeros are put between the samples, a low-pass filter at the lower of the two Nyquist frequencies fills them in, and
    every so manieth sample is kept.

    Raises:
        ImportError: the package SciPy is missing.

    Source: Crochiere and Rabiner (1983), Multirate Digital Signal Processing, chapter 2; the filter is that of
    `scipy.signal.resample_poly`.
    """
    sounds = check_sounds("resample", sounds)
    check_rate("resample", rate)
    check_rate("resample", new_rate)
    if rate == new_rate:
        return sounds
    try:
        from scipy.signal import resample_poly
    except ImportError as error:
        raise ImportError(f"resample: changing the rate from {rate} to {new_rate} needs SciPy: {INSTALL}") from error
    common = math.gcd(rate, new_rate)
    return resample_poly(sounds, new_rate // common, rate // common, axis=-1).astype(sounds.dtype, copy=False)


def check_sounds(operation: str, sounds: np.ndarray) -> np.ndarray:
    """Return sounds as an array, refusing what is not (samples,) or (N, samples) of float32 or float64."""
    sounds = np.asarray(sounds)
    if sounds.ndim not in (1, 2):
        raise ValueError(f"{operation}: sounds {sounds.shape} must be (samples,) or (N, samples)")
    if sounds.dtype not in (np.float32, np.float64):
        scaling = " / 32768" if sounds.dtype == np.int16 else ""
        raise TypeError(
            f"{operation}: sounds are {sounds.dtype}, expected float32 or float64 from -1 to 1: "
            f"try sounds.astype(np.float32){scaling}"
        )
    if sounds.shape[-1] == 0:
        raise ValueError(f"{operation}: sounds {sounds.shape} have no samples")
    return sounds


def check_rate(operation: str, rate: int) -> int:
    """Refuse a rate that is no whole number of samples per second."""
    if not isinstance(rate, int | np.integer) or isinstance(rate, bool) or not 1 <= rate <= MAX_RATE:
        raise ValueError(
            f"{operation}: rate {rate!r} must be a whole number of samples per second from 1 to {MAX_RATE:,}, like 8000"
        )
    return int(rate)
