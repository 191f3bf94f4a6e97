"""Images: read from files, turn grey, resize, pad.

Batches are (N, C, H, W) floating point, 0 is background (black) and 1 is full ink (white).
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

MAX_PIXELS = 50_000_000  # a larger image is refused before it is unpacked into memory
LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue in ITU-R BT.601


def read_image(path: str | os.PathLike, grey: bool = True) -> np.ndarray:
    """Read an image file (PNG, JPEG, ... whatever Pillow reads).

    The orientation noted by a camera is applied. Transparent parts are laid on white paper; if nothing is to be seen
    there, as with white ink, what is opaque becomes the ink. An animation gives its first picture.

    Args:
        path: the file.
        grey: one channel, by `to_grey`; otherwise red, green and blue.

    Returns:
        (1, H, W), or (3, H, W) when not `grey`, float32 in [0, 1]. Dark ink on paper needs `bright_ink`.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: there is no file to read.
        ValueError: the file is no image, is damaged, or has more than 50 million pixels.
    """
    from PIL import Image

    path = Path(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise type(error)(f"read_image: cannot open {path} ({error.strerror}): is the path right?") from error
    with stream:
        try:
            image = Image.open(stream)
        except Image.DecompressionBombError as error:
            raise ValueError(_too_large(path)) from error
        except Exception as error:  # a damaged file can make a decoder raise almost anything
            raise ValueError(
                f"read_image: {path} is not an image that can be read: expected PNG, JPEG or the like"
            ) from error
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(_too_large(path))
        try:
            pixels = _unpack(image)
        except Exception as error:
            raise ValueError(f"read_image: {path} is damaged or incomplete ({error}): save or copy it again") from error
    if pixels is None:
        raise ValueError(f"read_image: {path} has floating-point pixels of unknown range: save it as PNG")
    return to_grey(pixels[None])[0] if grey else pixels


def _too_large(path: Path) -> str:
    return f"read_image: {path} has more than {MAX_PIXELS:,} pixels: make it smaller first"


def _unpack(image) -> np.ndarray | None:
    """Return a Pillow image as (3, H, W) float32 in [0, 1]; None if the range of its pixels is unknown."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return None
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would cut off at 255
        return np.repeat(np.asarray(image, np.float32)[None] / np.float32(65535), 3, axis=0)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        opaque = image.getchannel("A")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        if image.getcolors(maxcolors=1) and not opaque.getcolors(maxcolors=1):
            image = ImageOps.invert(opaque)
    return np.asarray(image.convert("RGB"), np.float32).transpose(2, 0, 1) / np.float32(255)


def to_grey(images: np.ndarray) -> np.ndarray:
    """Turn colour images (N, 3, H, W) into grey ones (N, 1, H, W): 0.299 R + 0.587 G + 0.114 B.

    Source: ITU-R Recommendation BT.601, the luma of television.
    """
    images = check_batch("to_grey", images)
    if images.shape[1] != 3:
        raise ValueError(
            f"to_grey: images {images.shape} have {images.shape[1]} channels, expected 3 (red, green, blue)"
        )
    return np.einsum("c,nchw->nhw", np.array(LUMA, images.dtype), images)[:, None]


def bright_ink(images: np.ndarray) -> np.ndarray:
    """Return the images with bright ink on a dark ground, as the digit sets have it.

    An image whose border is brighter than 0.5 on average is turned around: 1 − x. Others stay as they are.

    >>> bright_ink(np.ones((1, 1, 2, 2)))
    array([[[[0., 0.],
             [0., 0.]]]])
    """
    images = check_batch("bright_ink", images)
    border = np.concatenate([images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1]], axis=2)
    on_paper = border.mean(axis=(1, 2)) > 0.5
    return np.where(on_paper[:, None, None, None], 1 - images, images)


def resize(images: np.ndarray, size: int | tuple[int, int], method: str = "bilinear") -> np.ndarray:
    """Resize images (N, C, H, W) to (N, C, h, w): out = R x Cᵀ, one matrix for rows, one for columns.

    Methods, for output pixel i, whose centre lies at s = (i + ½) H/h − ½ in the input:

        nearest    the pixel nearest to s
        bilinear   weight max(0, 1 − |s − j|) for pixel j, the border pixel being repeated outside
        area       the mean over the square that the output pixel covers: the way to make images much smaller

    Args:
        images: (N, C, H, W), finite: NaN would spread along its row and column.
        size: (h, w), or one number for both.
        method: "nearest", "bilinear" or "area".

    Source: Gonzalez and Woods (2018), Digital Image Processing, section 2.4 (image interpolation).

    >>> resize(np.array([[[[0.0, 1.0]]]]), (1, 4))
    array([[[[0.  , 0.25, 0.75, 1.  ]]]])
    """
    images = check_batch("resize", images)
    h, w = _size("resize", size)
    if method not in METHODS:
        raise ValueError(f"resize: method {method!r} is unknown: choose one of {', '.join(map(repr, METHODS))}")
    rows = METHODS[method](images.shape[2], h).astype(images.dtype)
    columns = METHODS[method](images.shape[3], w).astype(images.dtype)
    return rows @ images @ columns.T


def _nearest(n: int, m: int) -> np.ndarray:
    """Weights (m, n) that pick the input pixel whose square holds the output pixel's centre."""
    return np.eye(n)[((2 * np.arange(m) + 1) * n) // (2 * m)]


def _bilinear(n: int, m: int) -> np.ndarray:
    """Weights (m, n) of straight lines between pixel centres."""
    centre = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(n)))


def _area(n: int, m: int) -> np.ndarray:
    """Weights (m, n): the part of the output pixel that each input pixel covers."""
    edge = np.arange(m + 1)[:, None] * n / m
    pixel = np.arange(n)
    covered = np.minimum(edge[1:], pixel + 1) - np.maximum(edge[:-1], pixel)
    return np.maximum(0, covered) * m / n


METHODS: dict[str, Callable[[int, int], np.ndarray]] = {
    "nearest": _nearest,
    "bilinear": _bilinear,
    "area": _area,
}


def pad_to(images: np.ndarray, size: int | tuple[int, int], fill: float = 0.0) -> np.ndarray:
    """Put images (N, C, H, W) in the middle of larger ones (N, C, h, w), the border being `fill`.

    When the border cannot be even, the bottom and the right get the extra pixel.
    """
    images = check_batch("pad_to", images)
    h, w = _size("pad_to", size)
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


def check_batch(operation: str, images: np.ndarray) -> np.ndarray:
    """Return images as an array, refusing what is not (N, C, H, W) floating point."""
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
    return images


def _size(operation: str, size: int | tuple[int, int]) -> tuple[int, int]:
    h, w = (size, size) if isinstance(size, int) else size
    if h < 1 or w < 1:
        raise ValueError(f"{operation}: size {size} must be at least 1")
    return h, w


def frame_ink(images: np.ndarray, size: int | tuple[int, int], margin: int = 0) -> np.ndarray:
    """Cut out the bright ink of images (N, C, H, W), fit it into (h, w) less `margin` on every side, and centre it.

    The proportions stay. Ink is what is brighter than a sixth of the way from the darkest pixel to the brightest; an
    image without any comes out empty. The way MNIST's digits were brought to 20×20 in a frame of 28×28 (LeCun et al.
    1998), but centred by the box instead of the mass.
    """
    images = check_batch("frame_ink", images)
    h, w = _size("frame_ink", size)
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
