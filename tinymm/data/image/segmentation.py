"""Telling things apart in an image: ink from paper by a threshold, and the parts that hang together."""

from typing import NamedTuple

import numpy as np

from tinymm import kernels
from tinymm.data.image.checks import check_batch

LEVELS = 256  # greys that the histogram tells apart, as many as a file of bytes does


class Box(NamedTuple):
    """A rectangle of pixels: rows top to bottom − 1, columns left to right − 1."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


def otsu_threshold(images: np.ndarray) -> np.ndarray:
    """The grey that parts each image best into dark and bright: (N,) float64, bright being what lies above.

    It makes the variance between the two classes largest,

        σ²(t) = ω(t) (1 − ω(t)) (μ₀(t) − μ₁(t))²

    ω being the share of pixels up to t, μ₀ and μ₁ the mean greys of both sides. Greys are told apart in 256 levels over
    [0, 1]; of thresholds that part alike the middle is taken. An image of one level gets that level, so that nothing of
    it is bright. `cv2.threshold` with THRESH_OTSU gives the lowest of those that part alike.

    Args:
        images: (N, C, H, W) in [0, 1]; all channels count together.

    Source: Otsu (1979), A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1).

    >>> otsu_threshold(np.array([[[[0.1, 0.1, 0.2, 0.8, 0.9]]]])).round(1)
    array([0.5])
    """
    images = check_batch("otsu_threshold", images)
    thresholds = np.empty(len(images))
    for n, image in enumerate(images):
        grey = np.rint(np.clip(np.nan_to_num(image), 0, 1) * (LEVELS - 1)).astype(np.int64)
        share = np.bincount(grey.ravel(), minlength=LEVELS) / grey.size
        below, moment = np.cumsum(share), np.cumsum(share * np.arange(LEVELS))
        apart = below * (1 - below)
        variance = np.where(apart > 1e-12, (moment[-1] * below - moment) ** 2 / np.maximum(apart, 1e-12), 0)
        best = np.flatnonzero(variance >= variance.max() * (1 - 1e-9)) if variance.max() > 0 else [grey.max()]
        thresholds[n] = np.mean(best) / (LEVELS - 1)
    return thresholds


def connected_components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the parts of a mask (H, W) bool that hang together, at a side or a corner.

    Returns labels (H, W) int32, 0 outside the mask, parts numbered from 1 in the order of their first pixel, row by row;
    and how many there are. `cv2.connectedComponents` gives the same parts.

    Source: Rosenfeld and Pfaltz (1966), Sequential operations in digital picture processing, J. ACM 13(4).

    >>> connected_components(np.array([[True, False, True], [False, True, False], [False, False, False]]))[1]
    1
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype != bool:
        raise ValueError(
            f"connected_components: mask is {mask.dtype} {mask.shape}, expected (H, W) of bool: try x > 0.5"
        )
    return kernels.components.label(mask)


def boxes(labels: np.ndarray, parts: int) -> list[Box]:
    """The smallest box around each numbered part of labels (H, W)."""
    rows, columns = np.nonzero(labels)
    part = labels[rows, columns] - 1
    edges = []
    for places, size in ((rows, labels.shape[0]), (columns, labels.shape[1])):
        first, last = np.full(parts, size), np.full(parts, -1)
        np.minimum.at(first, part, places)
        np.maximum.at(last, part, places)
        edges += [first, last + 1]
    return [Box(*(int(edge) for edge in box)) for box in zip(*edges, strict=True)]
