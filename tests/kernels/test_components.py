"""Parts that hang together, against a flood that spreads from each pixel."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.kernels import components


def flooded(mask):
    """Parts numbered by spreading from the first pixel of each, row by row."""
    labels, parts = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        parts += 1
        todo = [start]
        while todo:
            i, j = todo.pop()
            if not (0 <= i < mask.shape[0] and 0 <= j < mask.shape[1]) or not mask[i, j] or labels[i, j]:
                continue
            labels[i, j] = parts
            todo += [(i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1)]
    return labels, parts


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 999))
def test_parts_are_those_of_a_flood(height, width, share, seed):
    mask = np.random.default_rng(seed).random((height, width)) < share
    labels, parts = components.label(mask)
    expected, number = flooded(mask)
    assert parts == number and labels.dtype == np.int32
    np.testing.assert_array_equal(labels, expected)


def test_as_many_names_as_there_can_be():
    for shape in ((1, 1), (1, 9), (9, 1), (9, 9), (8, 8)):
        mask = np.zeros(shape, bool)
        mask[::2, ::2] = True  # no two touch
        assert components.label(mask)[1] == mask.sum()


def test_a_spiral_is_one_part():
    mask = np.zeros((9, 9), bool)
    mask[0], mask[:, 8], mask[8], mask[2:, 0], mask[2, :7], mask[2:7, 6] = (True,) * 6
    assert components.label(mask)[1] == 1


def test_strided_masks():
    mask = np.random.default_rng(0).random((10, 14)) < 0.5
    np.testing.assert_array_equal(components.label(mask[::2, ::-1])[0], flooded(mask[::2, ::-1])[0])
