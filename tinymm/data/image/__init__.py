"""Images: read from files, clean, resize, warp, filter, turn grey, tell ink from paper and part from part, vary.

Batches are (N, C, H, W) floating point, 0 is background (black) and 1 is full ink (white).
"""

from tinymm.data.image.augmentation import Augmentation
from tinymm.data.image.checks import check_batch
from tinymm.data.image.cleaning import CleaningReport, clean, overlap
from tinymm.data.image.files import read_image
from tinymm.data.image.filters import gaussian_blur, sobel
from tinymm.data.image.levels import adjust, bright_ink, equalize_hist, to_grey
from tinymm.data.image.resizing import digits_to_28, frame_ink, pad_to, resize
from tinymm.data.image.segmentation import Box, boxes, connected_components, otsu_threshold
from tinymm.data.image.warping import affine, warp_affine

__all__ = [
    "Augmentation",
    "Box",
    "CleaningReport",
    "adjust",
    "affine",
    "boxes",
    "bright_ink",
    "check_batch",
    "clean",
    "connected_components",
    "digits_to_28",
    "equalize_hist",
    "frame_ink",
    "gaussian_blur",
    "otsu_threshold",
    "overlap",
    "pad_to",
    "read_image",
    "resize",
    "sobel",
    "to_grey",
    "warp_affine",
]
