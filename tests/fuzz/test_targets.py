"""Damaged files of every kind: what is documented is raised, and nothing else; and no more memory is taken than fits."""

import contextlib
import importlib.util
import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinymm as tm

from .targets import TARGETS, repaired

MOST_MEMORY = 100e6  # bytes; every whole file here is below 1e6

targets = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(not importlib.util.find_spec(target.needs), reason=f"{target.needs} is missing"),
        )
        for name, target in TARGETS.items()
    ],
)


@cache
def seeds(name):
    return TARGETS[name].seeds()


@targets
def test_whole_files_are_taken(name, tmp_path):
    refused = 0
    for content in seeds(name):
        path = tmp_path / f"whole{TARGETS[name].suffix}"
        path.write_bytes(content)
        try:
            TARGETS[name].parse(path)
        except TARGETS[name].errors:
            refused += 1
    assert refused < len(seeds(name))  # among the texts are some that are no UTF-8


@st.composite
def damaged(draw, whole):
    """A whole file with bytes flipped, overwritten, left out, doubled or mixed with another's."""
    content = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(["flip", "set", "cut", "leave out", "double", "number", "mix"]))
        if kind == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and content:
            content[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        elif kind == "cut":
            del content[at:]
        elif kind == "leave out":
            del content[at : at + draw(st.integers(1, 40))]
        elif kind == "double":
            content[at:at] = content[at : at + draw(st.integers(1, 400))]
        elif kind == "number":  # sizes are written in four or eight bytes, either way round
            size = draw(st.sampled_from([2**32 - 1, 2**31 - 1, 2**31, 2**30, 2**16, 0]))
            content[at : at + 4] = size.to_bytes(4, draw(st.sampled_from(["little", "big"])))
        else:
            other = draw(st.sampled_from(whole))
            content[at:] = other[draw(st.integers(0, len(other))) :]
    return bytes(content)


JUNK = [None, -1, 1.5, "x", [], {}, np.zeros(3), 10**9]


def replaced(state):
    """The nested state with each of its parts in turn replaced by junk."""
    yield from JUNK
    if isinstance(state, dict | list):
        for key in state if isinstance(state, dict) else range(min(len(state), 3)):
            for part in replaced(state[key]):
                changed = state.copy()
                changed[key] = part
                yield changed


@pytest.mark.parametrize("seed", [0, 1])
def test_a_checkpoint_whose_parts_are_junk_is_taken_or_refused(seed, tmp_path):
    """Whole files with right checksums, but made by who knows whom."""
    target, path = TARGETS["trained"], tmp_path / "junk.npz"
    path.write_bytes(seeds("trained")[seed])
    for state in replaced(tm.load(path)):
        tm.save(state, path)
        with contextlib.suppress(*target.errors):
            target.parse(path)


@targets
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_damaged_files_are_taken_or_refused_as_documented(name, tmp_path_factory, data):
    target = TARGETS[name]
    content = data.draw(st.one_of(damaged(seeds(name)), st.binary(max_size=300)))
    if data.draw(st.booleans()):
        content = repaired(name, content)
    path = tmp_path_factory.getbasetemp() / f"damaged-{name}{target.suffix}"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with contextlib.suppress(*target.errors):
            target.parse(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
