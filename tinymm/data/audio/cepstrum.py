"""Cepstra and the like: what is made of log-mel features (T, D), or a batch (N, T, D)."""

import numpy as np


def dct_matrix(n: int, n_coefficients: int) -> np.ndarray:
    """The orthonormal DCT-II, (n, n_coefficients): C[m, k] = sₖ cos(π k (m + ½) / n), s₀ = √(1/n), others √(2/n).

    Source: Ahmed, Natarajan and Rao (1974), Discrete cosine transform, IEEE Trans. Computers C-23(1).
    """
    m, k = np.arange(n)[:, None] + 0.5, np.arange(n_coefficients)
    return np.cos(np.pi * k * m / n) * np.where(k == 0, np.sqrt(1 / n), np.sqrt(2 / n))


def mfcc(log_mel: np.ndarray, n_coefficients: int = 13) -> np.ndarray:
    """Mel-frequency cepstral coefficients: the DCT-II of log-mel features along the bands.

    Args:
        log_mel: (T, D) or (N, T, D), from `LogMel`.
        n_coefficients: at most D; the first tells the loudness, the next the shape of the spectrum.

    Returns:
        (T, n_coefficients) or (N, T, n_coefficients).

    Source: Davis and Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition,
    IEEE Trans. ASSP 28(4), equation 1.
    """
    log_mel = check_features("mfcc", log_mel)
    bands = log_mel.shape[-1]
    if not 1 <= n_coefficients <= bands:
        raise ValueError(f"mfcc: n_coefficients {n_coefficients} must lie between 1 and the {bands} bands")
    return log_mel @ dct_matrix(bands, n_coefficients).astype(log_mel.dtype)


def deltas(features: np.ndarray, width: int = 2) -> np.ndarray:
    """How features change over time: d[t] = Σₙ n (c[t + n] − c[t − n]) / (2 Σₙ n²), n = 1 ... width.

    It is the slope of the straight line nearest to 2 · width + 1 frames; the first and last frame are repeated outside.
    Deltas of deltas are the acceleration.

    Args:
        features: (T, D) or (N, T, D).

    Source: Furui (1986), Speaker-independent isolated word recognition using dynamic features of speech spectrum, IEEE
    Trans. ASSP 34(1), equation 1.

    >>> deltas(np.array([[0.0], [1.0], [2.0], [3.0]]), width=1)
    array([[0.5],
           [1. ],
           [1. ],
           [0.5]])
    """
    features = check_features("deltas", features)
    if width < 1:
        raise ValueError(f"deltas: width {width} must be at least 1 frame")
    steps = features.shape[-2]
    if steps == 0:
        return features.copy()
    padding = [(0, 0)] * (features.ndim - 2) + [(width, width), (0, 0)]
    padded = np.pad(features, padding, mode="edge")
    slope = sum(
        n * (padded[..., width + n : width + n + steps, :] - padded[..., width - n : width - n + steps, :])
        for n in range(1, width + 1)
    )
    return slope / features.dtype.type(2 * sum(n * n for n in range(1, width + 1)))


def normalize_features(features: np.ndarray, variance: bool = True) -> np.ndarray:
    """Give each feature mean 0 and standard deviation 1 over the time of its own sound: z = (x − μ) / σ.

    What a microphone or a room does to all of a sound becomes a constant in log-mel features, and goes. A feature that
    does not change becomes 0.

    Args:
        features: (T, D) or (N, T, D), not yet padded.
        variance: False subtracts the mean only.

    Source: Atal (1974), Effectiveness of linear prediction characteristics of the speech wave for automatic speaker
    identification and verification, J. Acoust. Soc. Am. 55(6) (the mean); Viikki and Laurila (1998), Cepstral domain
    segmental feature vector normalization for noise robust speech recognition, Speech Communication 25 (the variance).
    """
    features = check_features("normalize_features", features)
    if features.shape[-2] == 0:
        return features.copy()
    centred = features - features.mean(axis=-2, keepdims=True, dtype=np.float64).astype(features.dtype)
    if not variance:
        return centred
    std = np.sqrt(np.square(centred, dtype=np.float64).mean(axis=-2, keepdims=True)).astype(features.dtype)
    # compared, not computed: rounding would leave a tiny σ to divide by
    constant = features.min(axis=-2, keepdims=True) == features.max(axis=-2, keepdims=True)
    return np.where(constant, 0, centred / np.where(std > 0, std, 1))


def check_features(operation: str, features: np.ndarray) -> np.ndarray:
    """Return features as an array, refusing what is not (T, D) or (N, T, D) floating point."""
    features = np.asarray(features)
    if features.ndim not in (2, 3):
        raise ValueError(f"{operation}: features {features.shape} must be (T, D) or (N, T, D)")
    if features.dtype.kind != "f":
        raise TypeError(f"{operation}: features are {features.dtype}, expected floats: try features.astype(np.float32)")
    return features
