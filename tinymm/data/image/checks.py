"""What every function on images asks of its arguments."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

Size = int | Sequence[int]


def check_batch(operation: str, images: np.ndarray) -> np.ndarray:
    """Return images as an array in the machine's byte order, refusing what is not (N, C, H, W) floating point."""
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"{operation}: images {images.shape} need 4 axes (N, channels, height, width): "
            f"try {'images[None]' if images.ndim == 3 else 'images.reshape(N, 1, height, width)'}"
        )
    if images.dtype.kind != "f":
        raise TypeError(f"{operation}: images are {images.dtype}, expected floats: try images.astype(np.float32) / 255")
    if 0 in images.shape[1:]:
        raise ValueError(f"{operation}: images {images.shape} have no pixels")
    return images.astype(images.dtype.newbyteorder("="), copy=False)


def check_size(operation: str, size: Size) -> tuple[int, int]:
    """Return a size, one number or (height, width), as a pair."""
    pair = tuple(size) if isinstance(size, Sequence | np.ndarray) else (size, size)
    if len(pair) != 2 or not all(isinstance(side, Integral) and side >= 1 for side in pair):
        raise ValueError(f"{operation}: size {size!r} must be at least 1, one whole number or two (height, width)")
    return int(pair[0]), int(pair[1])


def per_image(operation: str, name: str, value: ArrayLike, n: int, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return a value of `shape`, or one for each of n images, as float64 (n, *shape)."""
    values = np.asarray(value, np.float64)
    if values.shape not in (shape, (1, *shape), (n, *shape)):
        expected = f"{shape} or {(n, *shape)}" if shape else f"one number, or {n}: one for each image"
        raise ValueError(f"{operation}: {name} has shape {values.shape}, expected {expected}")
    return np.broadcast_to(values, (n, *shape))
