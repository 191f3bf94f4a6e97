"""The package's own source of random numbers: weights' first values, dropout, shuffling without a given seed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

_state = {"generator": np.random.default_rng()}


def manual_seed(seed: int) -> None:
    """Make everything random that follows the same in every run. NumPy's global state is not touched."""
    _state["generator"] = np.random.default_rng(seed)


def get_state() -> dict[str, Any]:
    """Where the generator stands, as `set_state` takes it: a dict of numbers and names."""
    return dict(_state["generator"].bit_generator.state)


def set_state(state: dict[str, Any]) -> None:
    """Go on from what `get_state` gave. ValueError if it is of another kind of generator."""
    fresh = np.random.default_rng()
    fresh.bit_generator.state = state
    _state["generator"] = fresh


def generator() -> np.random.Generator:
    """The `numpy.random.Generator` that tinymm draws from when it is not given one."""
    return _state["generator"]


def _unlock_in_child() -> None:
    """A thread that was drawing while another forked is not in the child, and would never unlock NumPy's generator."""
    set_state(get_state())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)
