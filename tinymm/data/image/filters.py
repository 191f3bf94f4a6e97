"""Filters that see a neighbourhood: Gaussian blur and Sobel derivatives.

At the border the image is mirrored with the border pixel as the mirror: … c b | a b c … (OpenCV's BORDER_REFLECT_101).
"""

import numpy as np
from numpy.typing import ArrayLike

from tinymm import kernels
from tinymm.data.image.checks import check_batch, per_image

MAX_SIGMA = 1000.0  # pixels; a wider blur leaves hardly more than the mean
SHARP = 1e-3  # a Gaussian narrower than this does not reach the next pixel
SOBEL = {0: (1, 2, 1), 1: (-1, 0, 1), 2: (1, -2, 1)}  # by the order of the derivative


def gaussian_blur(images: np.ndarray, sigma: ArrayLike) -> np.ndarray:
    """Blur images with a Gaussian of standard deviation σ, along the columns and then along the rows.

        g(k) = exp(−k² / 2σ²) / Σ_l exp(−l² / 2σ²)    for |k| ≤ r, about 4σ

    As `cv2.GaussianBlur` with ksize (0, 0), which chooses the same radius r = round(8σ + 1) // 2 for floats: within
    1e-6 for float32 in [0, 1].

    Args:
        images: (N, C, H, W).
        sigma: pixels, from 0 (no blur) to 1000; a number or (N,).

    Returns:
        images of the same shape and dtype.

    Source: Gonzalez and Woods (2018), Digital Image Processing, section 3.5 (lowpass Gaussian filter kernels).

    >>> gaussian_blur(np.array([[[[0.0, 0.0, 1.0, 0.0, 0.0]]]]), 0.4).round(3)
    array([[[[0.   , 0.04 , 0.919, 0.04 , 0.   ]]]])
    """
    images = check_batch("gaussian_blur", images)
    sigma = per_image("gaussian_blur", "sigma", sigma, len(images))
    if not ((sigma >= 0) & (sigma <= MAX_SIGMA)).all():
        raise ValueError(f"gaussian_blur: sigma must lie between 0 and {MAX_SIGMA:g} pixels, but is {sigma}")
    radius = np.rint(8 * sigma + 1).astype(np.intp) // 2
    k = np.arange(-radius.max(initial=0), radius.max(initial=0) + 1)
    weights = np.exp(-0.5 * (k / np.maximum(sigma, SHARP)[:, None]) ** 2)
    weights[np.abs(k) > radius[:, None]] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return kernels.image.separable_filter(images, weights, weights)


def sobel(images: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Derive images dx times along x, to the right, and dy times along y, downwards, by Sobel's 3×3 filters.

    The filter is the product of two, one for each axis, by how often it derives:

        0: [1  2  1]    1: [−1  0  1]    2: [1  −2  1]

    so that sobel(images, 1, 0) is 8 times the slope along x, and sobel(images, 0, 1) along y. As `cv2.Sobel` with
    ksize 3: within 1e-5 for float32 in [0, 1].

    Args:
        images: (N, C, H, W).
        dx, dy: 0, 1 or 2, not both 0.

    Returns:
        images of the same shape and dtype.

    Source: Gonzalez and Woods (2018), Digital Image Processing, section 3.6 (image sharpening, Sobel operators).

    >>> sobel(np.array([[[[0.0, 1.0, 4.0, 9.0]]]]), 1, 0)
    array([[[[ 0., 16., 32.,  0.]]]])
    """
    images = check_batch("sobel", images)
    if dx not in SOBEL or dy not in SOBEL or dx == dy == 0:
        raise ValueError(f"sobel: dx {dx!r} and dy {dy!r} must be 0, 1 or 2 and not both 0: try dx=1, dy=0")
    down, along = (np.tile(np.array(SOBEL[order], np.float64), (len(images), 1)) for order in (dy, dx))
    return kernels.image.separable_filter(images, down, along)
