"""The package's own source of random numbers: weights' first values, dropout, shuffling without a given seed."""

from __future__ import annotations

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
