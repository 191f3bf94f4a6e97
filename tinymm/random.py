"""The package's own source of random numbers: weights' first values, dropout, shuffling without a given seed."""

from __future__ import annotations

import numpy as np

_state = {"generator": np.random.default_rng()}


def manual_seed(seed: int) -> None:
    """Make everything random that follows the same in every run. NumPy's global state is not touched."""
    _state["generator"] = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The `numpy.random.Generator` that tinymm draws from when it is not given one."""
    return _state["generator"]
