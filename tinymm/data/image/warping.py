"""Affine maps of images: any 2×3 matrix, or shift, rotation, zoom and shear about the centre."""

import numpy as np
from numpy.typing import ArrayLike

from tinymm import kernels
from tinymm.data.image.checks import Size, check_batch, check_size, per_image


def warp_affine(
    images: np.ndarray, matrix: ArrayLike, size: Size | None = None, fill: float = 0.0, inverse: bool = False
) -> np.ndarray:
    """Move every point of the images by an affine map: p' = A p + t, with p = (x, y) and the matrix [A | t].

    Points are counted in pixels from the centre of the one at the top left; x goes to the right and y down. Each output
    pixel p' looks back to p = A⁻¹ (p' − t) and mixes the four pixels around it bilinearly; outside is `fill`.

    As `cv2.warpAffine` (INTER_LINEAR, BORDER_CONSTANT): within 1e-5 for float32 in [0, 1] since OpenCV 5. OpenCV 4, and
    float64 also in 5, round p to 1/32 of a pixel, which here is not done: up to 1/64 of the steepest step between
    neighbours for each axis.

    Args:
        images: (N, C, H, W).
        matrix: (2, 3), or (N, 2, 3) for a map of each image's own.
        size: (h, w) of the result, or one number for both; by default that of the images.
        fill: the value outside the images.
        inverse: the matrix is the map back, from output to input: p = A p' + t (OpenCV's WARP_INVERSE_MAP).

    Returns:
        (N, C, h, w), of the same dtype.

    Raises:
        ValueError: the matrix has another shape, is not finite, or cannot be inverted.

    Source: Szeliski (2022), Computer Vision: Algorithms and Applications, section 3.6.1 (parametric transformations,
    inverse warping).

    >>> warp_affine(np.array([[[[1.0, 2.0, 3.0]]]]), [[1, 0, 0.5], [0, 1, 0]])
    array([[[[0.5, 1.5, 2.5]]]])
    """
    images = check_batch("warp_affine", images)
    h, w = images.shape[2:] if size is None else check_size("warp_affine", size)
    maps = per_image("warp_affine", "matrix", matrix, len(images), (2, 3))
    if not np.isfinite(maps).all():
        raise ValueError("warp_affine: the matrix must be finite, but has NaN or infinite entries")
    x, y = np.broadcast_to(np.arange(w), (len(maps), w)), np.broadcast_to(np.arange(h), (len(maps), h))
    turn, move = maps[:, :, :2], maps[:, :, 2]
    if inverse:
        return _look_back(images, turn, x, y, move[:, ::-1], fill)
    a, b, c, d = turn.reshape(-1, 4).T
    with np.errstate(all="ignore"):
        back = np.stack([d, -b, -c, a], axis=1) / (a * d - b * c)[:, None]
    if not np.isfinite(back).all():
        raise ValueError(
            "warp_affine: the matrix flattens the image to a line, so it cannot be inverted: its determinant a d − b c "
            "must not be 0"
        )
    return _look_back(images, back.reshape(-1, 2, 2), x - move[:, :1], y - move[:, 1:], np.zeros_like(move), fill)


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

    Source: Simard, Steinkraus and Platt (2003), Best practices for convolutional neural networks applied to visual
    document analysis.

    >>> affine(np.array([[[[1.0, 2.0, 3.0]]]]), shift=(0, 1))
    array([[[[0., 1., 2.]]]])
    """
    images = check_batch("affine", images)
    n = len(images)
    shift = per_image("affine", "shift", shift, n, (2,))
    rotate, zoom, shear = (
        per_image("affine", name, value, n) for name, value in (("rotate", rotate), ("zoom", zoom), ("shear", shear))
    )
    if not (zoom > 0).all():
        raise ValueError(f"affine: zoom {zoom.min()} must be above 0, 1 keeps the size")
    if not np.isfinite([shift.sum(), rotate.sum(), zoom.sum(), shear.sum()]).all():
        raise ValueError("affine: shift, rotate, zoom and shear must be finite")
    alpha = np.deg2rad(rotate)
    cos, sin, tan = np.cos(alpha), np.sin(alpha), np.tan(np.deg2rad(shear))
    # the inverse (R S Z)⁻¹ = S⁻¹ Rᵀ / zoom, written out; rows and columns for (x, y)
    back = np.stack([cos + tan * sin, -sin + tan * cos, sin, cos], axis=1) / zoom[:, None]
    height, width = images.shape[2:]
    centre = np.array([[(height - 1) / 2, (width - 1) / 2]])
    y = np.arange(height) - centre[:, :1] - shift[:, :1]
    x = np.arange(width) - centre[:, 1:] - shift[:, 1:]
    return _look_back(images, back.reshape(-1, 2, 2), x, y, np.repeat(centre, n, axis=0), fill)


def _look_back(
    images: np.ndarray, back: np.ndarray, x: np.ndarray, y: np.ndarray, origin: np.ndarray, fill: float
) -> np.ndarray:
    """Read the images at the points back · (x, y) + origin.

    Args:
        back: (N, 2, 2), for points (x, y).
        x, y: (N, w) and (N, h), where the output's columns and rows lie before the map.
        origin: (N, 2), the row and column of the point (0, 0) after it.
    """
    (xx, xy), (yx, yy) = back.transpose(1, 2, 0)[..., None]
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinitely far is outside
        rows = (yy * y + origin[:, :1], yx * x)
        columns = (xy * y, xx * x + origin[:, 1:])
        return kernels.image.warp(images, rows, columns, fill)
