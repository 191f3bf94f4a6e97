"""Augmentation: change images at random in ways that leave their meaning.

Batches are (N, C, H, W) floating point; each image gets changes of its own. Shift, rotation, zoom and shear
are one affine map, so that the image is sampled only once.

Sources: Simard, Steinkraus and Platt (2003), Best practices for convolutional neural networks applied to visual
document analysis (affine maps, bilinear); DeVries and Taylor (2017), Improved regularization of convolutional
neural networks with cutout, arXiv:1708.04552.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tinymm.data.image import check_batch


def affine(
    images: np.ndarray,
    shift: ArrayLike = (0.0, 0.0),
    rotate: ArrayLike = 0.0,
    zoom: ArrayLike = 1.0,
    shear: ArrayLike = 0.0,
    fill: float = 0.0,
) -> np.ndarray:
    """Move, turn, enlarge and slant images about their centre.

    A point p = (x, y) of the image goes to p' = R S Z p + t, with y pointing down and

        R = [cos α  sin α; −sin α  cos α]    S = [1  −tan σ; 0  1]    Z = zoom · I    t = shift

    Each output pixel p' looks back to p = (R S Z)⁻¹ (p' − t) and mixes the four pixels around it bilinearly.

    Args:
        images: (N, C, H, W).
        shift: pixels (down, right), shape (2,) or (N, 2).
        rotate: angle α in degrees, counter-clockwise, a number or (N,).
        zoom: factor > 0, above 1 enlarges, a number or (N,).
        shear: angle σ in degrees by which the top leans to the right, a number or (N,).
        fill: the value outside the image.

    Returns:
        images of the same shape and dtype.

    >>> affine(np.array([[[[1.0, 2.0, 3.0]]]]), shift=(0, 1))
    array([[[[0., 1., 2.]]]])
    """
    images = check_batch("affine", images)
    n = len(images)
    shift = np.broadcast_to(np.asarray(shift, np.float64), (n, 2))
    alpha, zoom, sigma = (
        np.broadcast_to(np.asarray(value, np.float64), n) for value in (np.deg2rad(rotate), zoom, np.deg2rad(shear))
    )
    if not (zoom > 0).all():
        raise ValueError(f"affine: zoom {zoom.min()} must be above 0, 1 keeps the size")
    if not np.isfinite([shift.sum(), alpha.sum(), zoom.sum(), sigma.sum()]).all():
        raise ValueError("affine: shift, rotate, zoom and shear must be finite")
    cos, sin, tan = np.cos(alpha), np.sin(alpha), np.tan(sigma)
    # the inverse (R S Z)⁻¹ = S⁻¹ Rᵀ / zoom, written out; rows and columns for (x, y)
    inverse = np.stack([cos + tan * sin, -sin + tan * cos, sin, cos], axis=1) / zoom[:, None]

    height, width = images.shape[2:]
    dtype = images.dtype
    y = np.arange(height) - (height - 1) / 2 - shift[:, :1]  # (N, H)
    x = np.arange(width) - (width - 1) / 2 - shift[:, 1:]  # (N, W)
    xx, xy, yx, yy = (entry[:, None] for entry in inverse.T)
    rows = (yx * x).astype(dtype)[:, None, :] + (yy * y + (height - 1) / 2).astype(dtype)[:, :, None]
    columns = (xx * x + (width - 1) / 2).astype(dtype)[:, None, :] + (xy * y).astype(dtype)[:, :, None]
    return _sample(images, rows, columns, fill)


def _sample(images: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: float) -> np.ndarray:
    """Read images (N, C, H, W) at fractional places (N, H', W') bilinearly, `fill` being all around."""
    n, c, height, width = images.shape
    stride, plane = width + 3, (height + 3) * (width + 3)
    # a frame of `fill`, one pixel before and two behind: every place clipped to it has four neighbours
    framed = np.full((n, c, height + 3, stride), fill, images.dtype)
    framed[:, :, 1:-2, 1:-2] = images
    rows = np.clip(rows, -1, height) + 1
    columns = np.clip(columns, -1, width) + 1
    top, left = rows.astype(np.intp), columns.astype(np.intp)  # truncation is floor, as both are ≥ 0
    down, right = rows - top, columns - left
    corner = top * stride + left + np.arange(n)[:, None, None] * (c * plane)
    out = np.empty((n, c, *rows.shape[1:]), images.dtype)
    flat = framed.ravel()
    for channel in range(c):
        at = corner + channel * plane
        upper = flat[at] + (flat[at + 1] - flat[at]) * right
        lower = flat[at + stride] + (flat[at + stride + 1] - flat[at + stride]) * right
        out[:, channel] = upper + (lower - upper) * down
    return out


def add_noise(images: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of standard deviation `std` to every pixel. Values may leave [0, 1]."""
    images = check_batch("add_noise", images)
    if std < 0:
        raise ValueError(f"add_noise: std {std} must not be negative")
    dtype = images.dtype if images.dtype in (np.float32, np.float64) else np.dtype(np.float32)
    noise = rng.standard_normal(images.shape, dtype=dtype)  # type: ignore[arg-type]
    return images + (images.dtype.type(std) * noise).astype(images.dtype, copy=False)


def cutout(images: np.ndarray, size: float, rng: np.random.Generator, fill: float = 0.0) -> np.ndarray:
    """Blot out one rectangle of each image, `size` of its height and width, centred on a random pixel.

    A rectangle may reach over the border, as in DeVries and Taylor (2017).
    """
    images = check_batch("cutout", images)
    if not 0 <= size <= 1:
        raise ValueError(f"cutout: size {size} must be a fraction of the image, from 0 to 1")
    n, _, height, width = images.shape
    h, w = round(size * height), round(size * width)
    top = rng.integers(height, size=(n, 1)) - h // 2
    left = rng.integers(width, size=(n, 1)) - w // 2
    rows, columns = np.arange(height), np.arange(width)
    in_rows = (rows >= top) & (rows < top + h)
    in_columns = (columns >= left) & (columns < left + w)
    hole = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    return np.where(hole, images.dtype.type(fill), images)


@dataclass(frozen=True)
class Augmentation:
    """A random change for each image of a batch: `augmentation(images, rng)`.

    Each amount is the largest change; it is drawn evenly between minus and plus that, anew for each image.
    The defaults keep handwritten digits what they are: nothing is mirrored, and a 6 is not turned into a 9.

    Augment before standardising, while 0 is the background: `fill` is what moves in from outside.

    Args:
        shift: fraction of the height and width.
        rotate: degrees.
        zoom: the factor lies between 1 − zoom and 1 + zoom.
        shear: degrees.
        noise: standard deviation of the Gaussian noise.
        cutout: side of the rectangle blotted out, as a fraction of the image's.
        fill: background value.

    Raises:
        ValueError: an amount is negative or too large.

    >>> augmentation = Augmentation(rotate=15)
    >>> augmentation(np.zeros((2, 1, 8, 8), np.float32), np.random.default_rng(0)).shape
    (2, 1, 8, 8)
    """

    shift: float = 0.08
    rotate: float = 10.0
    zoom: float = 0.1
    shear: float = 8.0
    noise: float = 0.0
    cutout: float = 0.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        limits = {"shift": 1.0, "rotate": 180.0, "zoom": 0.99, "shear": 80.0, "noise": np.inf, "cutout": 1.0}
        for name, most in limits.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"Augmentation: {name} {getattr(self, name)} must lie between 0 and {most:g}")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return changed copies of images (N, C, H, W); equal generators give equal changes."""
        images = check_batch("Augmentation", images)
        n = len(images)
        # always drawn, in one order: turning one change off leaves the others as they were
        shift, rotate, zoom, shear = np.split(rng.uniform(-1, 1, (n, 5)), (2, 3, 4), axis=1)
        if self.shift or self.rotate or self.zoom or self.shear:
            images = affine(
                images,
                shift=shift * self.shift * images.shape[2:],
                rotate=rotate[:, 0] * self.rotate,
                zoom=1 + zoom[:, 0] * self.zoom,
                shear=shear[:, 0] * self.shear,
                fill=self.fill,
            )
        if self.noise:
            images = add_noise(images, self.noise, rng)
        if self.cutout:
            images = cutout(images, self.cutout, rng, self.fill)
        return images
