"""The values of pixels, whatever their place: grey from colours, ink from paper, contrast, histogram."""

import numpy as np
from numpy.typing import ArrayLike

from tinymm import kernels
from tinymm.data.image.checks import check_batch, per_image

LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue in ITU-R BT.601


def to_grey(images: np.ndarray) -> np.ndarray:
    """Turn colour images (N, 3, H, W) into grey ones (N, 1, H, W): 0.299 R + 0.587 G + 0.114 B.

    `cv2.cvtColor` (COLOR_RGB2GRAY) gives the same but for rounding.

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


def adjust(images: np.ndarray, contrast: ArrayLike = 1.0, brightness: ArrayLike = 0.0) -> np.ndarray:
    """Change contrast and brightness: g = a x + b, with a the contrast and b the brightness.

    A background of 0 stays 0 under any contrast. Values may leave [0, 1].

    Args:
        images: (N, C, H, W).
        contrast: factor ≥ 0, a number or (N,).
        brightness: what is added, a number or (N,).

    Source: Szeliski (2022), Computer Vision: Algorithms and Applications, section 3.1.1 (gain and bias).

    >>> adjust(np.array([[[[0.0, 0.5]]]]), contrast=1.5, brightness=0.1)
    array([[[[0.1 , 0.85]]]])
    """
    images = check_batch("adjust", images)
    a, b = (
        per_image("adjust", name, value, len(images)).astype(images.dtype)[:, None, None, None]
        for name, value in (("contrast", contrast), ("brightness", brightness))
    )
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (a >= 0).all()):
        raise ValueError(
            "adjust: contrast and brightness must be finite and contrast at least 0: 1 and 0 change nothing"
        )
    return a * images + b


def equalize_hist(images: np.ndarray) -> np.ndarray:
    """Spread the greys of each channel evenly over [0, 1]: histogram equalisation.

        y = (C(x) − C₀) / (HW − C₀)

    C(x) is the number of pixels no brighter than x, and C₀ that of the darkest ones, so that these become 0. Greys are
    told apart in 256 levels, as in a file; what lies outside [0, 1] counts as 0 or 1. A channel of one level stays as
    it is, and so does NaN, which is not counted.

    `cv2.equalizeHist` gives the same for bytes, rounded to a whole level: the difference is at most half of 1/255.

    Args:
        images: (N, C, H, W) in [0, 1].

    Source: Gonzalez and Woods (2018), Digital Image Processing, section 3.3 (histogram equalization).

    >>> equalize_hist(np.array([[[[0.4, 0.5, 0.5, 0.6]]]]))
    array([[[[0.        , 0.66666667, 0.66666667, 1.        ]]]])
    """
    return kernels.image.equalize_hist(check_batch("equalize_hist", images))
