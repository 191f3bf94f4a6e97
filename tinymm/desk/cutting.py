"""Cutting a picture of a handwritten number into its digits.

picture ─ ink without shadows ─ black and white ─ parts that hang together ─ one piece per digit, left to right
"""

import numpy as np

from tinymm.data.image import Box, boxes, bright_ink, connected_components, gaussian_blur, otsu_threshold, resize

LONGEST_SIDE = 1000  # pixels; a larger picture is made smaller first
MOST_DIGITS = 24  # more parts than that are no number
CELLS = 6  # the brightness of the paper is measured in so many cells along the longer side
CONTRAST = 0.1  # between ink and paper, at least
SPECK = 0.3  # of the height of the tallest digit: what is smaller in both directions is no digit
WIDEST = 1.1  # times the usual height: a wider part is several digits that touch
ASPECT = 0.75  # width of a digit by its height


def find_digits(image: np.ndarray) -> list[np.ndarray]:
    """Cut a grey picture (1, H, W) in [0, 1] into its digits, from left to right: arrays (1, h, w), bright ink on 0.

    Shadows on the paper are taken out by the darkest tenth of each region. What hangs together is one part, and parts
    above each other are one digit; specks and lines along an edge are left out; digits that touch are parted where the
    ink is least. ValueError if nothing is written there, or far more than a number.
    """
    image = _ink(image)
    height, width = image.shape[1:]
    smooth = gaussian_blur(image[None], 0.6)
    labels, count = connected_components(smooth[0, 0] > otsu_threshold(smooth)[0])
    found = [(box, {number}) for number, box in enumerate(boxes(labels, count), 1) if not _is_frame(box, height, width)]
    tallest = max((box.height for box, _ in found), default=0)
    found = [(box, parts) for box, parts in found if max(box.height, box.width) >= SPECK * tallest]
    digits = _above_each_other(found)
    digits = [(box, parts) for box, parts in digits if box.height >= SPECK * tallest]
    if not digits or tallest < 5:
        raise ValueError("there is no number on the picture: write it in dark ink on light paper, in one row")
    usual = float(np.median([box.height for box, _ in digits]))
    cut = []
    for box, parts in digits:
        ink = np.where(np.isin(labels, list(parts)), image[0], 0)[box.top : box.bottom, box.left : box.right]
        cut += [piece[None] for piece in _apart(ink, usual)]
    if len(cut) > MOST_DIGITS:
        raise ValueError(f"{len(cut)} parts on the picture are no number: show one row of at most {MOST_DIGITS} digits")
    return cut


def _ink(image: np.ndarray) -> np.ndarray:
    """The picture as bright ink on 0, of a size that is quick to work on. ValueError if it is blank."""
    scale = LONGEST_SIDE / max(image.shape)
    image = image[None]
    if scale < 1:
        rows, columns = (max(round(side * scale), 1) for side in image.shape[2:])
        image = resize(image, (rows, columns), "area")
    image = bright_ink(image)
    height, width = image.shape[2:]
    cell = max(-(-max(height, width) // CELLS), 8)
    down, across = -(-height // cell), -(-width // cell)
    paper = np.empty((1, 1, down, across), image.dtype)
    for i in range(down):
        for j in range(across):
            paper[0, 0, i, j] = np.quantile(image[0, 0, i * cell : (i + 1) * cell, j * cell : (j + 1) * cell], 0.1)
    ink = np.clip(image - resize(paper, (height, width)), 0, None)[0]
    if not ink.max() > CONTRAST:
        raise ValueError("the picture is blank: write the number in dark ink on light paper")
    return ink / ink.max()


def _is_frame(box: Box, height: int, width: int) -> bool:
    """A line along an edge of the picture, or a frame around it."""
    at_edge = (box.top == 0) + (box.bottom == height) + (box.left == 0) + (box.right == width)
    long = box.width > 0.8 * width or box.height > 0.8 * height
    thin = min(box.height, box.width) < 0.05 * max(height, width)
    return (at_edge >= 3 and box.width > 0.9 * width and box.height > 0.9 * height) or bool(at_edge and long and thin)


def _above_each_other(found: list[tuple[Box, set[int]]]) -> list[tuple[Box, set[int]]]:
    """Parts that share more than half of the narrower one's columns become one, like the two strokes of a 5."""
    merged: list[tuple[Box, set[int]]] = []
    for box, parts in sorted(found, key=lambda item: (item[0].left, item[0].right)):
        for k, (other, others) in enumerate(merged):
            shared = min(box.right, other.right) - max(box.left, other.left)
            if shared > 0.5 * min(box.width, other.width):
                whole = Box(*(f(a, b) for f, a, b in zip((min, max, min, max), box, other, strict=True)))
                merged[k] = whole, parts | others
                break
        else:
            merged.append((box, parts))
    return sorted(merged, key=lambda item: item[0].left + item[0].right)


def _apart(ink: np.ndarray, usual: float) -> list[np.ndarray]:
    """The digits of a part (h, w): itself, or if it is too wide, pieces cut where the columns hold least ink."""
    height, width = ink.shape
    count = round(width / (ASPECT * max(usual, height))) if width > WIDEST * max(usual, height) else 1
    edges = [0]
    for k in range(1, count):
        middle, reach = round(k * width / count), max(round(0.2 * width / count), 1)
        near = ink[:, middle - reach : middle + reach + 1].sum(axis=0)
        edges.append(middle - reach + int(near.argmin()))
    return [piece for piece in np.split(ink, edges[1:], axis=1) if piece.any()]
