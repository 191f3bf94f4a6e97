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
from tinymm.memory import keep_freed_memory
from tinymm.random import manual_seed
from tinymm.recording import enable_grad, no_grad
from tinymm.tensor import Tensor, grad, tensor

__version__ = "0.1.0"

keep_freed_memory()

# Loaded when first used, so that `import tinymm` stays quick: name → the module it is, or is in.
_LATER = {
    **{
        name: f"tinymm.{name}"
        for name in ("checkpoint", "data", "decoding", "formulas", "initializers", "lessons", "metrics", "models", "nn")
    },
    **{name: f"tinymm.{name}" for name in ("optim", "plots", "recipes", "sparse", "training", "validation")},
    "Transcriber": "tinymm.transcriber",
    "desk": "tinymm.desk",
    "datasets": "tinymm.data.datasets",
    "gradcheck": "tinymm.checking",
    "save": "tinymm.checkpoint",
    "load": "tinymm.checkpoint",
    "set_num_threads": "tinymm.kernels.threads",
    "get_num_threads": "tinymm.kernels.threads",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'tinymm' has no attribute {name!r}")
    home = importlib.import_module(_LATER[name])
    return home if _LATER[name].endswith(f".{name}") else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


__all__ = [
    *("Tensor", "enable_grad", "functional", "grad", "manual_seed", "no_grad", "tensor"),
    *_LATER,
]
