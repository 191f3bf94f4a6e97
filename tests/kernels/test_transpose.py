"""Turned arrays hold the same numbers, and nothing beside them is touched."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.kernels.transpose import transpose

SIZES = st.integers(0, 35)
DTYPES = st.sampled_from([np.float32, np.float64])


def framed(rows, columns, dtype, fill=-1):
    """An array within a larger one, to see what is written beside it."""
    whole = np.full((rows + 2, columns + 3), fill, dtype)
    return whole, whole[1:-1, 1:-2]


def untouched(whole, inside):
    inside[:] = -1
    return (whole == -1).all()


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, DTYPES, st.integers(0, 1000))
def test_transpose(rows, columns, dtype, seed):
    source = framed(rows, columns, dtype)[1]
    source[:] = np.random.default_rng(seed).standard_normal(source.shape)
    whole, target = framed(columns, rows, dtype)
    transpose(source, target)
    np.testing.assert_array_equal(target, source.T)
    assert untouched(whole, target)
