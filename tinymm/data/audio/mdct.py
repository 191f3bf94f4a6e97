"""The modified discrete cosine transform: how the bundled sounds are kept small, and how they come back.

Frames of 2N samples that overlap by half become N numbers each. Most of them are near 0 for speech and are stored as
small whole numbers; overlapping and adding cancels what each frame alone cannot say.

Source: Princen, Johnson and Bradley (1987), Subband/transform coding using filter bank designs based on time domain
aliasing cancellation, Proc. ICASSP.
"""

import numpy as np

N = 128  # coefficients of a frame, 16 ms at 8 kHz


def basis() -> np.ndarray:
    """B[n, k] = √(2/N) sin(π (n + ½) / 2N) cos(π/N (n + ½ + N/2)(k + ½)), (2N, N): window and cosine in one."""
    n, k = np.arange(2 * N)[:, None] + 0.5, np.arange(N) + 0.5
    cosines = np.sqrt(2 / N) * np.sin(np.pi * n / (2 * N)) * np.cos(np.pi / N * (n + N / 2) * k)
    return cosines.astype(np.float32)


def mdct(sound: np.ndarray) -> np.ndarray:
    """The coefficients X = x B of a sound (samples,), (T, N) for T = 1 + ⌈samples / N⌉ frames."""
    n_frames = 1 + -(-len(sound) // N)
    padded = np.zeros((n_frames + 1) * N, np.float32)
    padded[N : N + len(sound)] = sound
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * N)[::N] @ basis()


def inverse_mdct(coefficients: np.ndarray) -> np.ndarray:
    """The sound of coefficients (T, N), ((T − 1) · N,): x = X Bᵀ, each half added to its neighbour's.

    >>> sound = np.sin(np.arange(300, dtype=np.float32))
    >>> np.allclose(inverse_mdct(mdct(sound))[:300], sound, atol=1e-6)
    True
    """
    halves = coefficients @ basis().T
    return (halves[1:, :N] + halves[:-1, N:]).ravel()


def quantize(coefficients: np.ndarray, step: float) -> np.ndarray:
    """Whole numbers X / step, rounded, int8: `step · q` gives the coefficients back to half a step."""
    return np.clip(np.round(coefficients / step), -127, 127).astype(np.int8)
