"""Numba loops for the hot formulas: arrays in, arrays out; nothing here knows of Tensor.

Each module is imported when it is first asked for, so that `import tinymm` never waits for Numba:
`from tinymm import kernels` and then `kernels.convolution.conv2d(...)`.
"""

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(f"module 'tinymm.kernels' has no attribute {name!r}")
    try:
        return importlib.import_module(f"tinymm.kernels.{name}")
    except ModuleNotFoundError as missing:
        if missing.name != f"tinymm.kernels.{name}":
            raise
        raise AttributeError(f"module 'tinymm.kernels' has no attribute {name!r}") from None
