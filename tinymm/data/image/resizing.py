"""The size of images: resize, pad, cut out the ink."""

from collections.abc import Callable

import numpy as np

from tinymm import kernels
from tinymm.data.image.checks import Size, check_batch, check_size


def resize(images: np.ndarray, size: Size, method: str = "bilinear") -> np.ndarray:
    """Resize images (N, C, H, W) to (N, C, h, w): out = R x Cᵀ, one matrix for rows, one for columns.

    Methods, for output pixel i, whose centre lies at s = (i + ½) H/h − ½ in the input:

        nearest    the pixel nearest to s
        bilinear   weight max(0, 1 − |s − j|) for pixel j, the border pixel being repeated outside
        area       the mean over the square that the output pixel covers: the way to make images much smaller

    In rounding's reach of `cv2.resize`: "bilinear" is INTER_LINEAR; "area" is INTER_AREA when neither side grows (it
    keeps the mean also when one does, OpenCV then takes a kind of bilinear); "nearest" is INTER_NEAREST_EXACT, save
    where a centre falls on the edge of two pixels: here the later one is taken.

    Args:
        images: (N, C, H, W).
        size: (h, w), or one number for both.
        method: "nearest", "bilinear" or "area".

    Raises:
        ValueError: a size below 1, an unknown method, or images that are not a batch.

    Source: Gonzalez and Woods (2018), Digital Image Processing, section 2.4 (image interpolation).

    >>> resize(np.array([[[[0.0, 1.0]]]]), (1, 4))
    array([[[[0.  , 0.25, 0.75, 1.  ]]]])
    """
    images = check_batch("resize", images)
    h, w = check_size("resize", size)
    if method not in METHODS:
        raise ValueError(f"resize: method {method!r} is unknown: choose one of {', '.join(map(repr, METHODS))}")
    return kernels.image.resize(images, METHODS[method](images.shape[2], h), METHODS[method](images.shape[3], w))


# Each method's matrix from n pixels to m, of which only what is not 0 is kept: the first pixel that each of the m sees,
# (m,), and its weights from there on, (m, taps).
Weights = tuple[np.ndarray, np.ndarray]


def _nearest(n: int, m: int) -> Weights:
    """The pixel whose square holds the output pixel's centre."""
    return (2 * np.arange(m) + 1) * n // (2 * m), np.ones((m, 1))


def _bilinear(n: int, m: int) -> Weights:
    """Straight lines between pixel centres."""
    centre = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    first = centre.astype(np.intp)
    pixel = first[:, None] + np.arange(2)
    return first, np.maximum(0, 1 - np.abs(centre[:, None] - pixel))


def _area(n: int, m: int) -> Weights:
    """The part of the output pixel that each input pixel covers."""
    edge = np.arange(m + 1) * n / m
    first = edge[:-1].astype(np.intp)
    pixel = first[:, None] + np.arange(-(-n // m) + 1)
    covered = np.minimum(edge[1:, None], pixel + 1) - np.maximum(edge[:-1, None], pixel)
    return first, np.maximum(0, covered) * m / n


METHODS: dict[str, Callable[[int, int], Weights]] = {
    "nearest": _nearest,
    "bilinear": _bilinear,
    "area": _area,
}


def pad_to(images: np.ndarray, size: Size, fill: float = 0.0) -> np.ndarray:
    """Put images (N, C, H, W) in the middle of larger ones (N, C, h, w), the border being `fill`.

    When the border cannot be even, the bottom and the right get the extra pixel.
    """
    images = check_batch("pad_to", images)
    h, w = check_size("pad_to", size)
    height, width = images.shape[2:]
    if h < height or w < width:
        raise ValueError(f"pad_to: images of {height}×{width} do not fit into {h}×{w}: resize them first")
    top, left = (h - height) // 2, (w - width) // 2
    padded = np.full((*images.shape[:2], h, w), fill, images.dtype)
    padded[:, :, top : top + height, left : left + width] = images
    return padded


def digits_to_28(images: np.ndarray) -> np.ndarray:
    """Bring 8×8 digits to the 28×28 pixels of the reference model: three times as large, then a border of 2.

    MNIST's digits, too, have an empty border around them.

    Args:
        images: (N, 1, 8, 8).

    Returns:
        (N, 1, 28, 28), enlarged bilinearly to 24×24 and padded with 0.
    """
    images = check_batch("digits_to_28", images)
    if images.shape[1:] != (1, 8, 8):
        raise ValueError(f"digits_to_28: images {images.shape} must be (N, 1, 8, 8): try resize(images, 28)")
    return pad_to(resize(images, 24), 28)


def frame_ink(images: np.ndarray, size: Size, margin: int = 0) -> np.ndarray:
    """Cut out the bright ink of images (N, C, H, W), fit it into (h, w) less `margin` on every side, and centre it.

    The proportions stay. Ink is what is brighter than a sixth of the way from the darkest pixel to the brightest; an
    image without any comes out empty. The way MNIST's digits were brought to 20×20 in a frame of 28×28 (LeCun et al.
    1998), but centred by the box instead of the mass.
    """
    images = check_batch("frame_ink", images)
    h, w = check_size("frame_ink", size)
    if 2 * margin >= min(h, w):
        raise ValueError(f"frame_ink: a margin of {margin} leaves nothing of {h}×{w}: make it smaller")
    framed = np.zeros((*images.shape[:2], h, w), images.dtype)
    for image, out in zip(images, framed, strict=True):
        low, high = image.min(), image.max()
        ink = (image > low + (high - low) / 6).any(axis=0)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        if not len(rows):
            continue
        cut = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] - low
        scale = min((h - 2 * margin) / cut.shape[1], (w - 2 * margin) / cut.shape[2])
        inner = [max(round(length * scale), 1) for length in cut.shape[1:]]
        small = resize(cut[None], (inner[0], inner[1]), "area" if scale < 1 else "bilinear")
        out[:] = pad_to(small, (h, w))[0]
    return framed
