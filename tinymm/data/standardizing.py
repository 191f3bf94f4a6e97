"""Standardising: shift and scale the features to mean 0 and standard deviation 1."""

import numpy as np

AXES = {  # what each way averages over, of samples (N, features...) with features[0] the channels
    "pixel": lambda ndim: (0,),
    "channel": lambda ndim: (0, *range(2, ndim)),
    "all": lambda ndim: tuple(range(ndim)),
}
CHUNK = 1024  # samples at a time, so that float64 copies stay small


class Standardizer:
    """Standardise samples by the mean μ and standard deviation σ of the training data.

        z = (x − μ) / σ        x = σ z + μ

    Fit it on the training data only: μ and σ of all data would tell the model about the test set.
    A feature that is constant in training has σ = 0; it is divided by 1 instead and becomes 0.

    Args:
        per: what one μ and σ is taken over: "pixel" (each feature alone), "channel" (axis 1: all pixels of a
            channel, the usual way for images), or "all" (one μ and σ in all).

    Attributes:
        mean, std: float64 arrays that broadcast against one sample; None before `fit`.

    Source: Bishop (2006), Pattern Recognition and Machine Learning, section 9.1 (standardizing, with the
    population variance σ² = Σ (x − μ)² / N).

    >>> x = np.array([[1.0, 5.0], [3.0, 5.0]])
    >>> Standardizer("pixel").fit_transform(x)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    def __init__(self, per: str = "channel"):
        if per not in AXES:
            raise ValueError(f"Standardizer: per={per!r} is unknown: choose one of {', '.join(map(repr, AXES))}")
        self.per = per
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None

    def __repr__(self) -> str:
        if self.mean is None or self.std is None:
            return f"Standardizer(per={self.per!r}), not fitted"
        if self.mean.size == 1:
            return f"Standardizer(per={self.per!r}), mean {self.mean.item():.4g}, std {self.std.item():.4g}"
        return f"Standardizer(per={self.per!r}), fitted to samples of {self.mean.shape}"

    def fit(self, x: np.ndarray) -> "Standardizer":
        """Learn μ and σ from the training data `x` of shape (N, ...); return self.

        Raises:
            TypeError: `x` is not floating point. ValueError: `x` is empty, has one axis, or is not finite.
        """
        x = self._check(x, "fit")
        if x.size == 0:
            raise ValueError(f"Standardizer.fit: x {x.shape} is empty: expected at least one sample")
        axes = AXES[self.per](x.ndim)
        if not np.isfinite(x).all():
            raise ValueError("Standardizer.fit: x holds NaN or infinite values: clean the data first")
        mean = x.mean(axis=axes, dtype=np.float64, keepdims=True)
        squares = sum(
            np.square(x[start : start + CHUNK] - mean).sum(axis=axes, keepdims=True)
            for start in range(0, len(x), CHUNK)
        )
        std = np.sqrt(squares / (x.size // mean.size))
        # compared, not computed: rounding would leave a tiny σ to divide by
        lowest = x.min(axis=axes, keepdims=True)
        constant = lowest == x.max(axis=axes, keepdims=True)
        self.mean, self.std = np.where(constant, lowest, mean)[0], np.where(constant, 1.0, std)[0]
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Return (x − μ) / σ, of the shape and dtype of `x`. NaN stays NaN."""
        x = self._check(x, "transform")
        mean, std = self._fitted("transform", x)
        return (x - mean) / std

    def fit_transform(self, x: np.ndarray) -> np.ndarray:
        """Fit to `x`, then return it standardised."""
        return self.fit(x).transform(x)

    def inverse_transform(self, z: np.ndarray) -> np.ndarray:
        """Return σ z + μ: what `transform` was given, up to rounding and constant features."""
        z = self._check(z, "inverse_transform")
        mean, std = self._fitted("inverse_transform", z)
        return z * std + mean

    def state_dict(self) -> dict:
        """Return what a checkpoint must hold: `per`, `mean` and `std` (None before `fit`)."""
        return {"per": self.per, "mean": self.mean, "std": self.std}

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another Standardizer. A missing or wrong entry is a ValueError."""
        if missing := {"per", "mean", "std"} - state.keys():
            raise ValueError(f"Standardizer.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        mean, std = (None if state[key] is None else np.array(state[key], np.float64) for key in ("mean", "std"))
        if getattr(mean, "shape", None) != getattr(std, "shape", None):
            raise ValueError("Standardizer.load_state_dict: mean and std must have the same shape")
        if std is not None and not (std > 0).all():
            raise ValueError("Standardizer.load_state_dict: std must be positive everywhere")
        self.per = Standardizer(state["per"]).per  # refuses an unknown one
        self.mean, self.std = mean, std

    def _check(self, x: np.ndarray, where: str) -> np.ndarray:
        x = np.asarray(x)
        if x.dtype.kind != "f":
            raise TypeError(
                f"Standardizer.{where}: x is {x.dtype}, expected floating point: "
                "scale pixels to [0, 1] first, try x.astype(np.float32) / 255"
            )
        if x.ndim < 2:
            raise ValueError(f"Standardizer.{where}: x {x.shape} needs a first axis of samples: try x[:, None]")
        return x

    def _fitted(self, where: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.mean is None or self.std is None:
            raise RuntimeError(f"Standardizer.{where}: not fitted yet: call fit with the training data first")
        kept = [axis for axis in range(1, x.ndim) if axis not in AXES[self.per](x.ndim)]
        if x.ndim != self.mean.ndim + 1 or any(x.shape[axis] != self.mean.shape[axis - 1] for axis in kept):
            raise ValueError(
                f"Standardizer.{where}: x {x.shape} does not fit the statistics {self.mean.shape} "
                f"of the training data (per={self.per!r})"
            )
        return self.mean.astype(x.dtype), self.std.astype(x.dtype)
