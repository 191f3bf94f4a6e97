"""The frameworks. A module each, with `WORKS`: by the name of a work, a function (arrays, options) → Task.

All are given float32 arrays in tinymm's layouts and turn them, outside of the timing, into what they like best.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]


class Task(NamedTuple):
    """`run()` does the work once and returns when it is done; `results()` are its outputs and gradients by name,
    in tinymm's layouts, to be compared."""

    run: Callable[[], Any]
    results: Callable[[], Arrays]


@dataclass(frozen=True)
class Peer:
    """`module` has the works, `package` must be installed, `mode` is handed to the module's `begin`.

    `trains` says whether it has the reference model; `imports` is what its users import, if not the package.
    """

    label: str
    module: str
    package: str
    mode: str = ""
    quick: bool = True
    trains: bool = True
    imports: str = ""


# The order in which they take turns and appear. Those that are slow to compile take no part in the quick mode.
PEERS: dict[str, Peer] = {
    "tinymm": Peer("tinymm", "tinymm", "tinymm"),
    "torch": Peer("PyTorch", "torch", "torch"),
    "torch.compile": Peer("torch.compile", "torch", "torch", "compile", quick=False),
    "jax": Peer("JAX jit", "jax", "jax"),
    "tensorflow": Peer("Keras/TensorFlow", "tensorflow", "tensorflow", imports="keras"),
    "tensorflow-jit": Peer("Keras/TensorFlow jit", "tensorflow", "tensorflow", "jit", quick=False),
    "mygrad": Peer("MyGrad", "mygrad", "mygrad", trains=False),
    "autograd": Peer("autograd", "autograd", "autograd", trains=False, imports="autograd.numpy"),
    "numpy": Peer("NumPy", "numpy", "numpy", trains=False),
}


def installed(name: str) -> bool:
    """Whether the peer's package can be found."""
    return importlib.util.find_spec(PEERS[name].package) is not None


def open_peer(name: str) -> tuple[dict[str, Callable[[Arrays, dict[str, Any]], Task]], str]:
    """Import the peer: its works and its version."""
    peer = PEERS[name]
    module = importlib.import_module(f"benchmarks.peers.{peer.module}")
    package = importlib.import_module(peer.package)
    version = getattr(package, "__version__", None) or importlib.metadata.version(peer.package)
    return module.begin(peer.mode), version
