"""Sounds: read and resample them, find the speech in them, turn them into features, vary them.

A sound is (samples,) float32 or float64 from −1 to 1, features are (T, D) or, in a batch, (N, T, D).
"""

from tinymm.data.audio.augmentation import (
    SoundAugmentation,
    SpecAugment,
    change_gain,
    change_speed,
    mask_features,
    mix_noise,
    shift_sounds,
)
from tinymm.data.audio.cepstrum import deltas, mfcc, normalize_features
from tinymm.data.audio.sound import read_sound, resample
from tinymm.data.audio.spectrogram import LogMel, LogMelStream, frames, mel_filterbank, power_spectrogram
from tinymm.data.audio.voice_activity import trim_silence, voice_activity

__all__ = [
    "LogMel",
    "LogMelStream",
    "SoundAugmentation",
    "SpecAugment",
    "change_gain",
    "change_speed",
    "deltas",
    "frames",
    "mask_features",
    "mel_filterbank",
    "mfcc",
    "mix_noise",
    "normalize_features",
    "power_spectrogram",
    "read_sound",
    "resample",
    "shift_sounds",
    "trim_silence",
    "voice_activity",
]
