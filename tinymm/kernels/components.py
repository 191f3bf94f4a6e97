"""Which pixels of a black-and-white image hang together: one pass that names, one that merges the names."""

import numpy as np

from tinymm.kernels.jit import kernel


def label(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected parts of a mask (H, W) bool: (H, W) int32, 0 being no part, and how many there are.

    Pixels that touch at a side or a corner hang together. Parts are numbered from 1 in the order of their first pixel.
    """
    labels = np.zeros(mask.shape, np.int32)
    return labels, int(_label(np.ascontiguousarray(mask), labels))


@kernel
def _root(parent, name):
    """The smallest name of a part; on the way there names learn a shorter one."""
    while parent[name] != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name


@kernel
def _label(mask, labels):
    height, width = mask.shape
    # parts apart in a row need a pixel between them, and what begins below a row can have joined none
    parent = np.empty((height + 1) * (width + 1) // 2 + 1, np.int32)
    names = np.int32(0)
    for i in range(height):
        for j in range(width):
            if not mask[i, j]:
                continue
            name = np.int32(0)
            for di, dj in ((-1, -1), (-1, 0), (-1, 1), (0, -1)):  # the neighbours that have been named
                if i + di < 0 or j + dj < 0 or j + dj >= width or not mask[i + di, j + dj]:
                    continue
                other = _root(parent, labels[i + di, j + dj])
                if name == 0:
                    name = other
                elif other < name:
                    parent[name] = other
                    name = other
                else:
                    parent[other] = name
            if name == 0:
                names += 1
                name = names
                parent[name] = name
            labels[i, j] = name
    number = np.zeros(names + 1, np.int32)
    parts = np.int32(0)
    for i in range(height):
        for j in range(width):
            if labels[i, j]:
                root = _root(parent, labels[i, j])
                if number[root] == 0:
                    parts += 1
                    number[root] = parts
                labels[i, j] = number[root]
    return parts
