"""Shared arrays: the same memory in another process, and nothing left of it."""

import os

import numpy as np
import pytest

from tinymm.distributed.shared import SharedArrays

ARRAYS = {"theta": np.arange(6.0).reshape(2, 3), "flags": np.array([True, False]), "none": np.zeros((0, 4), "f4")}


def test_arrays_are_copied_in_and_seen_by_whoever_attaches():
    with SharedArrays(ARRAYS) as block:
        other = SharedArrays.attach(*block.handle)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(other[name], array)
            assert other[name].dtype == array.dtype
        other["theta"][0, 0] = 99
        assert block["theta"][0, 0] == 99 and ARRAYS["theta"][0, 0] == 0
        assert len(block) == 3 and set(block) == set(ARRAYS)
        other.close()


def test_each_array_begins_on_a_line_of_the_cache():
    with SharedArrays(ARRAYS) as block:
        starts = [block[name].ctypes.data % 64 for name in block]
    assert starts == [0, 0, 0]


def test_a_block_without_its_name_lives_on_for_those_who_have_it():
    block = SharedArrays(ARRAYS)
    handle = block.handle
    other = SharedArrays.attach(*handle)
    block.forget_name()
    with pytest.raises(FileNotFoundError):
        SharedArrays.attach(*handle)
    other["flags"][:] = True
    assert block["flags"].all()
    if os.path.isdir("/dev/shm"):
        assert handle[0] not in os.listdir("/dev/shm")
    other.close()
    block.close()


def test_an_array_that_is_still_in_use_keeps_its_memory():
    with SharedArrays(ARRAYS) as block:
        theta = block["theta"]
    np.testing.assert_array_equal(theta, ARRAYS["theta"])
