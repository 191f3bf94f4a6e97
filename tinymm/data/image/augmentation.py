"""Augmentation: change images at random in ways that leave their meaning.

Batches are (N, C, H, W) floating point; each image gets changes of its own. Shift, rotation, zoom and shear
are one affine map, so that the image is sampled only once.

Sources: Simard, Steinkraus and Platt (2003), Best practices for convolutional neural networks applied to visual
document analysis (affine maps, bilinear); DeVries and Taylor (2017), Improved regularization of convolutional
neural networks with cutout, arXiv:1708.04552.
"""

from dataclasses import dataclass

import numpy as np

from tinymm.data.image.checks import check_batch
from tinymm.data.image.filters import gaussian_blur
from tinymm.data.image.levels import adjust
from tinymm.data.image.warping import affine


def add_noise(images: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of standard deviation `std` to every pixel. Values may leave [0, 1]."""
    images = check_batch("add_noise", images)
    if not 0 <= std < np.inf:
        raise ValueError(f"add_noise: std {std} must be a number that is not negative")
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

    Each amount is the largest change; it is drawn evenly between minus and plus that (blur: 0 and that), anew for each
    image. The changes are made in the order of the arguments: what moves, what the lens does, the light, the sensor.
    The defaults keep handwritten digits what they are: nothing is mirrored, and a 6 is not turned into a 9.

    Augment before standardising, while 0 is the background: `fill` is what moves in from outside.

    Args:
        shift: fraction of the height and width.
        rotate: degrees.
        zoom: the factor lies between 1 − zoom and 1 + zoom.
        shear: degrees.
        blur: standard deviation of the Gaussian, in pixels.
        contrast: the factor lies between 1 − contrast and 1 + contrast.
        brightness: what is added to every pixel.
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
    blur: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        limits = {
            "shift": 1.0, "rotate": 180.0, "zoom": 0.99, "shear": 80.0,
            "blur": 100.0, "contrast": 1.0, "brightness": 1.0, "noise": np.inf, "cutout": 1.0,
        }  # fmt: skip
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
        if self.blur:
            images = gaussian_blur(images, rng.uniform(0, self.blur, n))
        if self.contrast or self.brightness:
            contrast, brightness = rng.uniform(-1, 1, (2, n))
            images = adjust(images, 1 + contrast * self.contrast, brightness * self.brightness)
        if self.noise:
            images = add_noise(images, self.noise, rng)
        if self.cutout:
            images = cutout(images, self.cutout, rng, self.fill)
        return images
