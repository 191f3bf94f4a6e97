"""Spoiling samples on purpose, sense by sense, to see what a model can do without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinymm.data.audio import mix_noise
from tinymm.data.datasets.dataset import Senses, as_samples
from tinymm.data.text import mistype


@dataclass(frozen=True)
class Degradation:
    """How much each sense is spoiled, and which are missing.

    Attributes:
        noise: standard deviation σ of Gaussian noise on the pixels, which go from 0 to 1.
        snr: signal-to-noise ratio of white noise in the sound, in dB.
        errors: typing errors, on top of those that the text has.
        missing: senses that are taken away.

    >>> spoil = Degradation(errors=1, missing=("image",))
    >>> spoil(as_samples([Senses(image=np.zeros((1, 8, 8)), text="seven")]), np.random.default_rng(0))[0]
    Senses(image=None, audio=None, text='sevenn')
    """

    noise: float = 0.0
    snr: float = np.inf
    errors: int = 0
    missing: tuple[str, ...] = ()

    def __call__(self, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Samples (N,) of `Senses`, spoiled; a sense that a sample does not have stays missing."""
        return as_samples([self._spoiled(sample, rng) for sample in samples])

    def _spoiled(self, sample: Senses, rng: np.random.Generator) -> Senses:
        kept = {name: None if name in self.missing else value for name, value in sample._asdict().items()}
        if kept["image"] is not None and self.noise:
            noise = self.noise * rng.standard_normal(kept["image"].shape)
            kept["image"] = (kept["image"] + noise).astype(np.float32)
        if kept["audio"] is not None and self.snr < np.inf:
            kept["audio"] = mix_noise(kept["audio"], self.snr, rng)
        if kept["text"] is not None:
            kept["text"] = mistype(kept["text"], rng, self.errors)
        return Senses(**kept)
