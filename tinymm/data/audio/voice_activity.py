"""Voice activity: where in a sound someone speaks, by energy."""

import numpy as np

from tinymm.data.audio.sound import check_rate, check_sounds
from tinymm.data.audio.spectrogram import frames

FRAME, HOP = 0.025, 0.010  # seconds
SHORTEST = 0.06  # seconds; what is shorter and stands alone is a click
CLOSURE = 0.15  # seconds; so long a stop may hold the breath before it bursts: the x of six, the t of eight
SILENCE = -80.0  # dB against full scale: nothing quieter is speech
MARGIN = 6.0  # dB that speech lies above the noise
CLEAR = 20.0  # dB below the loudest frame: whatever the noise, this much counts as speech


def voice_activity(sounds: np.ndarray, rate: int, range_db: float = 40.0) -> np.ndarray:
    """Tell for every frame of 25 ms, one each 10 ms, whether it holds speech.

    The level of a frame is L = 10 log₁₀ mean(d²) for the difference d[n] = x[n] − x[n − 1], in which an offset and
    hum are weak and hissing consonants strong. Speech is what lies above

        max(loudest − range_db, noise + 6)    but not above loudest − 20

    where noise is the level that a tenth of the frames stay below. Frames below −80 dB are silence in any case.

    Args:
        sounds: (samples,) or (N, samples); NaN counts as silence.
        rate: samples per second.
        range_db: how far below the loudest frame speech may lie.

    Returns:
        bool, (T,) or (N, T) for T frames, centred on samples 0, hop, 2 hop, ...

    Source: after Rabiner and Sambur (1975), An algorithm for determining the endpoints of isolated utterances, Bell
    System Technical Journal 54(2): thresholds from the peak and the background, without their zero crossings.
    """
    sounds = check_sounds("voice_activity", sounds)
    check_rate("voice_activity", rate)
    if not range_db > 0:
        raise ValueError(f"voice_activity: range_db {range_db} must be above 0, 40 is usual")
    sounds = np.nan_to_num(sounds)
    cut = frames(np.diff(sounds, prepend=sounds[..., :1]), *_frame_samples(rate))
    energy = np.einsum("...i,...i->...", cut, cut, dtype=np.float64) / cut.shape[-1]
    level = 10 * np.log10(np.maximum(energy, 1e-20))
    loudest = level.max(axis=-1, keepdims=True)
    noise = np.quantile(level, 0.1, axis=-1, keepdims=True)
    threshold = np.minimum(np.maximum(loudest - range_db, noise + MARGIN), loudest - CLEAR)
    return level > np.maximum(threshold, SILENCE)


def trim_silence(sound: np.ndarray, rate: int, range_db: float = 40.0, margin: float = 0.02) -> np.ndarray:
    """Cut away what lies before and after the speech, by `voice_activity`.

    Clicks, shorter than 60 ms, do not count as speech if there is anything longer; but within 150 ms of speech they may be
    the burst of a stop, which belongs to it.

    Args:
        sound: (samples,).
        rate: samples per second.
        range_db: how far below the loudest frame speech may lie.
        margin: seconds kept before and after.

    Returns:
        A view of the sound; of no samples if it is silent.

    >>> sound = np.zeros(8000)
    >>> sound[3000:5000] = np.sin(np.arange(2000))
    >>> trim_silence(sound, 8000).shape
    (2401,)
    """
    sound = np.asarray(sound)
    if sound.ndim != 1:
        raise ValueError(f"trim_silence: sound {sound.shape} must be (samples,): sounds of a batch differ in length")
    if not margin >= 0:
        raise ValueError(f"trim_silence: margin {margin} must not be negative")
    # runs of speech, as pairs (first frame, frame after the last)
    active = voice_activity(sound, rate, range_db)
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False)).reshape(-1, 2)
    if not len(edges):
        return sound[:0]
    _, hop = _frame_samples(rate)
    long = (edges[:, 1] - edges[:, 0]) * hop >= SHORTEST * rate
    # stretches of runs that only a stop's closure divides: which is each run's, and which hold a long one
    stretch = np.cumsum((edges[:, 0] - np.roll(edges[:, 1], 1)) * hop > CLOSURE * rate)
    spoken = edges[np.isin(stretch, stretch[long])] if long.any() else edges
    first, last = spoken[[0, -1], [0, 1]]
    extra = round(margin * rate)
    return sound[max(first * hop - extra, 0) : (last - 1) * hop + 1 + extra]


def _frame_samples(rate: int) -> tuple[int, int]:
    return max(round(FRAME * rate), 1), max(round(HOP * rate), 1)
