"""Reading a number that is written by hand: the picture is cut into digits, and each digit is classified.

picture ─ find_digits ─ frame_digit: upright, one height, one width of pen ─ model ─ SeenNumber
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinymm.data.datasets import Dataset, load_digits
from tinymm.data.image import affine, pad_to, resize
from tinymm.desk.confidence import Confidence
from tinymm.desk.cutting import find_digits
from tinymm.recipes import Trained

SIDE = 16  # pixels of the frames that the desk's own model reads
STROKE = 0.14  # width of a pen stroke by the height of a digit, as the digits of the training sets have it
WIDEST = 0.72  # width of a digit by its height: UCI's forms had narrow boxes
FINE = 4  # pixels of the fine frame in which strokes are thickened, for one of the model's
INK = 1 / 6  # of the brightest pixel: what is darker is no ink, as in `frame_ink`


@dataclass(frozen=True)
class SeenNumber:
    """What was read: the digits, and the probability of each of them (n,)."""

    digits: str
    probabilities: np.ndarray

    @property
    def confidence(self) -> float:
        """The probability that all digits are right, as if they were independent."""
        return float(np.prod(self.probabilities)) if self.digits else 0.0


class NumberReader:
    """Reads rows of handwritten digits with a model for single ones.

    Args:
        trained: a model for grey images with the classes "0" to "9". confidence: of its probabilities for one digit.

    ValueError: a model of another kind.
    """

    def __init__(self, trained: Trained, confidence: Confidence):
        if trained.front_end.sense != "image" or sorted(trained.class_names) != list("0123456789"):
            raise ValueError(
                f"the model for digits reads {trained.front_end.sense} with the classes "
                f"{', '.join(trained.class_names[:5])}, …: give a run of `tinymm train digits` or `tinymm train mnist`"
            )
        self.trained, self.confidence = trained, confidence

    def __call__(self, image: np.ndarray) -> SeenNumber:
        """The number on a grey picture (1, H, W) in [0, 1], dark on light or light on dark.

        ValueError if nothing is written there, or far more than a number.
        """
        front_end: Any = self.trained.front_end
        size = front_end.image_shape[1]
        p = self.confidence(self.trained.probabilities(np.stack([frame_digit(d, size) for d in find_digits(image)])))
        return SeenNumber("".join(self.trained.class_names[c] for c in p.argmax(axis=1)), p.max(axis=1))


def framed_digits() -> Dataset:
    """The bundled handwritten digits, (1797, 1, 16, 16), framed as the desk frames those on a picture."""
    digits = load_digits()
    large = resize(digits.x, 8 * FINE)
    frames = np.stack([frame_digit(image, SIDE) for image in large])
    return Dataset(frames, digits.y, digits.class_names, f"{digits.name}, framed", digits.source, digits.licence)


def frame_digit(digit: np.ndarray, size: int) -> np.ndarray:
    """A digit (1, h, w), bright ink on 0, made like those of the training sets: (1, size, size) float32.

    It is set upright by a shear, brought to one height in the middle of the frame, and drawn with a pen of one width.
    MNIST's 28 pixels have a margin of 4; other frames have none, and digits at most 0.72 times as wide as high.

    Sources: the forms of NIST, from which both sets come, had their slant and size taken out so (Garris et al. 1997,
    NIST form-based handprint recognition system, NISTIR 5959); the slant by moments: LeCun et al. 1998, section III.
    """
    margin = 4 if size == 28 else 0
    height = (size - 2 * margin) * FINE
    ink = _trimmed(_upright(digit))
    aspect = min(ink.shape[2] / ink.shape[1], 1.0 if margin else WIDEST)
    method = "area" if height < ink.shape[1] else "bilinear"
    fine = pad_to(resize(ink[None], (height, max(round(aspect * height), 1)), method), size * FINE)
    fine /= fine.max()
    while stroke_width(fine[0, 0] > 0.5) < STROKE * height and fine.min() <= 0.5:
        fine = _thicker(fine)
    return resize(fine, size, "area")[0].astype(np.float32)


def stroke_width(ink: np.ndarray) -> float:
    """The mean width of the strokes of a mask (H, W): twice its area by its edge, as of a long band."""
    padded = np.pad(ink, 1)
    sides = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    return (
        2 * np.count_nonzero(ink) / max(sides * np.pi / 4, 1)
    )  # an edge of length 1 has 4/π sides of pixels on average


def _upright(digit: np.ndarray) -> np.ndarray:
    """The digit without slant: no covariance between the rows and columns of its ink."""
    weight = digit[0] / digit[0].sum()
    rows, columns = np.arange(weight.shape[0]), np.arange(weight.shape[1])
    off_row, off_column = rows - weight.sum(axis=1) @ rows, columns - weight.sum(axis=0) @ columns
    slope = (off_row @ weight @ off_column) / max(weight.sum(axis=1) @ off_row**2, 1e-9)
    slope = float(np.clip(slope, -1, 1))
    room = int(np.ceil(abs(slope) * len(rows) / 2))
    return affine(np.pad(digit, ((0, 0), (0, 0), (room, room)))[None], shear=np.rad2deg(np.arctan(slope)))[0]


def _trimmed(digit: np.ndarray) -> np.ndarray:
    ink = digit[0] > digit.max() * INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return digit[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicker(images: np.ndarray) -> np.ndarray:
    """The largest of each pixel and its four neighbours: strokes grow by a pixel on each side."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = (padded[:, :, 1:-1, 1:-1], padded[:, :, :-2, 1:-1], padded[:, :, 2:, 1:-1])
    return np.maximum.reduce([*shifted, padded[:, :, 1:-1, :-2], padded[:, :, 1:-1, 2:]])
