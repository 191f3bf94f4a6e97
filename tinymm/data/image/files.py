"""Reading images from files, with Pillow."""

import os
from pathlib import Path

import numpy as np

from tinymm.data.image.levels import to_grey

MAX_PIXELS = 50_000_000  # a larger image is refused before it is unpacked into memory


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
