"""tinymm: a small deep-learning package to read, to learn from and to use.

>>> import tinymm as tm
>>> x = tm.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

import importlib
from typing import Any

from tinymm import functional
from tinymm.random import manual_seed
from tinymm.tape import enable_grad, no_grad
from tinymm.tensor import Tensor, grad, tensor

__version__ = "0.1.0"

# Loaded when first used, so that `import tinymm` stays quick.
_MODULES = ("formulas", "metrics", "models", "nn", "optim", "plots", "training", "validation")
_NAMES = {
    "gradcheck": "tinymm.checking",
    "save": "tinymm.checkpoint",
    "load": "tinymm.checkpoint",
    "datasets": "tinymm.data",
    "data": "tinymm",
    "set_num_threads": "tinymm.kernels.threads",
    "get_num_threads": "tinymm.kernels.threads",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"tinymm.{name}")
    if name in _NAMES:
        home = _NAMES[name]
        if name in ("datasets", "data"):
            return importlib.import_module(f"{home}.{name}")
        return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'tinymm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})


__all__ = [
    *("Tensor", "enable_grad", "functional", "grad", "manual_seed", "no_grad", "tensor"),
    *_MODULES,
    *_NAMES,
]
