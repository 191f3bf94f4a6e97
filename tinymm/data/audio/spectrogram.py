"""Spectrograms: what frequencies a sound holds at each moment, as a machine sees speech.

log_mel = LogMel(rate=8000)
features = log_mel(sounds)  # (N, samples) to (N, T, 40)

Sounds come as (samples,) or (N, samples), features leave as (T, D) or (N, T, D).
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinymm.data.audio.sound import check_rate, check_sounds

BLOCK = 2048  # frames transformed at a time, so that they stay in the cache and long sounds in memory
SMALL = 64**3  # multiplications that BLAS does in one thread; with more it wakes others, which take longer to meet


def frames(sounds: np.ndarray, length: int, hop: int, center: bool = True) -> np.ndarray:
    """Cut sounds (..., samples) into overlapping frames (..., T, length), one every `hop` samples.

    Centred, frame t lies around sample t·hop, the sound having zeros around it, and T = 1 + ⌊samples / hop⌋ (for an
    even length). Otherwise frame t begins at sample t·hop, and T = 1 + ⌊(samples − length) / hop⌋, or 0.

    Returns:
        A read-only view, of the padded copy when centred.

    >>> frames(np.arange(1.0, 6.0), length=2, hop=2, center=False)
    array([[1., 2.],
           [3., 4.]])
    """
    sounds = check_sounds("frames", sounds)
    if length < 1 or hop < 1:
        raise ValueError(f"frames: length {length} and hop {hop} must be at least 1 sample")
    if center:
        padding = [(0, 0)] * (sounds.ndim - 1) + [(length // 2, length // 2)]
        sounds = np.pad(sounds, padding)
    if sounds.shape[-1] < length:
        return np.empty((*sounds.shape[:-1], 0, length), sounds.dtype)
    return np.lib.stride_tricks.sliding_window_view(sounds, length, axis=-1)[..., ::hop, :]


def hann(length: int) -> np.ndarray:
    """The Hann window w[n] = ½ − ½ cos(2πn / length), (length,): periodic, as a transform sees it.

    Source: Harris (1978), On the use of windows for harmonic analysis with the discrete Fourier transform, Proc. IEEE
    66(1), equation 27.
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def power_spectrogram(
    sounds: np.ndarray, length: int = 256, hop: int = 80, fft_size: int | None = None, center: bool = True
) -> np.ndarray:
    """The power of each frequency in each frame: P[t, k] = |Σₙ w[n] x[t·hop + n] exp(−2πi k n / fft_size)|².

    Args:
        sounds: (samples,) or (N, samples).
        length: samples in a frame, under a Hann window w.
        hop: samples from one frame to the next.
        fft_size: at least `length`, what is missing being zeros; `length` by default.
        center: see `frames`.

    Returns:
        (T, fft_size // 2 + 1) or (N, T, fft_size // 2 + 1); frequency k is k · rate / fft_size hertz.

    Source: Allen and Rabiner (1977), A unified approach to short-time Fourier analysis and synthesis, Proc. IEEE 65(11).
    """
    fft_size = length if fft_size is None else fft_size
    if fft_size < length:
        raise ValueError(f"power_spectrogram: fft_size {fft_size} must be at least the frame's length of {length}")
    return _power(frames(sounds, length, hop, center), fft_size)


def _power(cut: np.ndarray, fft_size: int) -> np.ndarray:
    """The power spectrum of each frame (..., length)."""
    window = hann(cut.shape[-1]).astype(cut.dtype)
    spectrum = np.fft.rfft(cut * window, fft_size)
    return np.square(spectrum.real) + np.square(spectrum.imag)


def hz_to_mel(hertz: np.ndarray | float, form: str = "htk") -> np.ndarray:
    """Pitch as heard, in mel.

        htk       2595 log₁₀(1 + f / 700)
        slaney    3 f / 200 up to 1000 Hz, above it 15 + 27 ln(f / 1000) / ln 6.4

    Sources: O'Shaughnessy (1987), Speech Communication, and Young et al., The HTK Book; Slaney (1998), Auditory
    Toolbox, Interval Research technical report 1998-010.
    """
    hertz = np.asarray(hertz, np.float64)
    if _form("hz_to_mel", form) == "htk":
        return 2595 * np.log10(1 + hertz / 700)
    return np.where(hertz < 1000, 3 * hertz / 200, 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4))


def mel_to_hz(mel: np.ndarray | float, form: str = "htk") -> np.ndarray:
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if _form("mel_to_hz", form) == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) * (np.maximum(mel, 15) - 15) / 27))


def mel_filterbank(
    n_bands: int, fft_size: int, rate: int, low: float = 0.0, high: float | None = None, form: str = "htk"
) -> np.ndarray:
    """Triangles that gather a power spectrum into mel bands: energy of the bands = power @ filterbank.

    Band b rises from f[b] to 1 at f[b + 1] and falls to 0 at f[b + 2], where f are n_bands + 2 frequencies evenly apart
    on the mel scale from `low` to `high`. In the Slaney form each triangle is divided by half its width in hertz, so
    that all have the same area.

    Args:
        n_bands: number of bands.
        fft_size: of the power spectrum, which has fft_size // 2 + 1 frequencies.
        rate: samples per second.
        low, high: hertz; `high` is half the rate by default.
        form: "htk" or "slaney", see `hz_to_mel`.

    Returns:
        (fft_size // 2 + 1, n_bands) float64, the frequencies in the rows.

    Raises:
        ValueError: a band is so narrow that it holds no frequency of the spectrum.

    Sources: Davis and Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition,
    IEEE Trans. ASSP 28(4); the two forms as in `hz_to_mel`.
    """
    check_rate("mel_filterbank", rate)
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise ValueError(
            f"mel_filterbank: bands from {low} to {high} Hz must lie between 0 and half the rate, {rate / 2}"
        )
    if n_bands < 1:
        raise ValueError(f"mel_filterbank: n_bands {n_bands} must be at least 1")
    ends = hz_to_mel(low, form), hz_to_mel(high, form)
    left, middle, right = np.lib.stride_tricks.sliding_window_view(
        mel_to_hz(np.linspace(*ends, n_bands + 2), form), 3
    ).T
    hertz = np.fft.rfftfreq(fft_size, 1 / rate)[:, None]
    bank = np.maximum(0, np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle)))
    if (empty := np.flatnonzero(~bank.any(axis=0))).size:
        raise ValueError(
            f"mel_filterbank: band {empty[0]} of {n_bands} is narrower than the {rate / fft_size:.4g} Hz between the "
            f"frequencies of an FFT of {fft_size}: use fewer bands or a larger fft_size"
        )
    return bank * (2 / (right - left)) if form == "slaney" else bank


def _form(operation: str, form: str) -> str:
    if form not in ("htk", "slaney"):
        raise ValueError(f"{operation}: form {form!r} is unknown: choose 'htk' or 'slaney'")
    return form


@dataclass(frozen=True)
class LogMel:
    """Log-mel features: ln(energy of each mel band in each frame), `log_mel(sounds)`.

    Args:
        rate: samples per second of the sounds to come.
        n_bands: features of a frame.
        frame, hop: seconds that a frame lasts, and from one to the next. The FFT has the next power of 2.
        low, high: hertz, the range of the bands; `high` is half the rate by default.
        form: of the mel scale, "htk" or "slaney".
        center: whether frame t lies around t · hop or begins there, see `frames`.
        floor: energies below it are raised to it: the logarithm of silence.

    >>> log_mel = LogMel(rate=8000)
    >>> log_mel(np.zeros((2, 4000), np.float32)).shape
    (2, 51, 40)

    Source: Davis and Mermelstein (1980), as in `mel_filterbank`.
    """

    rate: int = 8000
    n_bands: int = 40
    frame: float = 0.032
    hop: float = 0.010
    low: float = 20.0
    high: float | None = None
    form: str = "htk"
    center: bool = True
    floor: float = 1e-8

    def __post_init__(self) -> None:
        check_rate("LogMel", self.rate)
        if not self.floor > 0:
            raise ValueError(f"LogMel: floor {self.floor} must be above 0, as ln 0 is −∞")
        if not 1 <= self.step <= self.length:
            raise ValueError(
                f"LogMel: hop {self.hop} s must last at least a sample, and no longer than the frame of {self.frame} s"
            )
        _ = self.filterbank  # raises where the caller is, not at the first sound

    @property
    def length(self) -> int:
        """Samples in a frame."""
        return round(self.frame * self.rate)

    @property
    def step(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop * self.rate)

    @property
    def fft_size(self) -> int:
        """The power of 2 that holds a frame."""
        return 1 << (self.length - 1).bit_length()

    @cached_property
    def filterbank(self) -> np.ndarray:
        """The mel bands, (fft_size // 2 + 1, n_bands)."""
        return mel_filterbank(self.n_bands, self.fft_size, self.rate, self.low, self.high, self.form)

    def __call__(self, sounds: np.ndarray) -> np.ndarray:
        """Return the features (T, n_bands) of a sound (samples,), or (N, T, n_bands) of sounds (N, samples).

        NaN in a sound makes the frames that hold it NaN.
        """
        return self._features(frames(check_sounds("LogMel", sounds), self.length, self.step, self.center))

    def _features(self, cut: np.ndarray) -> np.ndarray:
        bank = self.filterbank.astype(cut.dtype)
        features = np.empty((*cut.shape[:-1], self.n_bands), cut.dtype)
        few = max(SMALL // bank.size, 32)
        block = max(min(BLOCK // max(math.prod(cut.shape[:-2]), 1), few), 1)
        for start in range(0, cut.shape[-2], block):
            part = (..., slice(start, start + block), slice(None))
            features[part] = _power(cut[part], self.fft_size) @ bank
        return np.log(np.maximum(features, cut.dtype.type(self.floor)))

    def stream(self) -> "LogMelStream":
        """Return a fresh stream: the same features, from a sound that comes in pieces."""
        return LogMelStream(self)


class LogMelStream:
    """Log-mel features of a sound that arrives in chunks of any size.

    Each chunk gives the frames it completes. All frames together equal `log_mel(sound)` of the whole sound up to
    rounding, whatever the chunks. A frame is complete when its last sample has come; with `center` the last few
    frames reach into the zeros after the end, and `finish` gives them.

    >>> log_mel, sound = LogMel(), np.sin(np.arange(2000.0))
    >>> stream = log_mel.stream()
    >>> parts = [stream.push(chunk) for chunk in np.split(sound, 5)] + [stream.finish()]
    >>> np.allclose(np.concatenate(parts), log_mel(sound))
    True
    """

    def __init__(self, log_mel: LogMel):
        self.log_mel = log_mel
        self._waiting: np.ndarray | None = None  # samples of frames that are not complete

    def push(self, chunk: np.ndarray) -> np.ndarray:
        """Take the next samples (n,), n ≥ 0; return the frames that are complete now, (T, n_bands), T ≥ 0."""
        chunk = np.asarray(chunk)
        if chunk.ndim != 1 or chunk.dtype.kind != "f":
            raise ValueError(f"LogMelStream.push: chunk {chunk.shape} {chunk.dtype} must be (samples,) floats")
        if self._waiting is None:
            before = self.log_mel.length // 2 if self.log_mel.center else 0
            self._waiting = np.zeros(before, chunk.dtype)
        samples = np.concatenate([self._waiting, chunk])
        if not len(samples):
            return np.empty((0, self.log_mel.n_bands), chunk.dtype)
        cut = frames(samples, self.log_mel.length, self.log_mel.step, center=False)
        self._waiting = samples[len(cut) * self.log_mel.step :].copy()
        return self.log_mel._features(cut)

    def finish(self) -> np.ndarray:
        """Return the frames that reach past the end of the sound; the stream is fresh again afterwards."""
        if self._waiting is None:
            raise RuntimeError("LogMelStream.finish: no sound has come: push some first")
        after = self.log_mel.length // 2 if self.log_mel.center else 0
        last = self.push(np.zeros(after, self._waiting.dtype))
        self._waiting = None
        return last
