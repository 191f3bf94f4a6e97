"""Numba loops for the hot formulas: arrays in, arrays out; nothing here knows of Tensor.

Each module is imported when it is first asked for, so that `import tinymm` never waits for Numba:
`from tinymm import kernels` and then `kernels.convolution.conv2d(...)`.
"""

import functools
import importlib
import sys
from types import ModuleType

SOUGHT = "scipy.linalg.cython_blas", "coverage"  # by Numba where it is loaded


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(f"module 'tinymm.kernels' has no attribute {name!r}")
    _load_numba()
    try:
        return importlib.import_module(f"tinymm.kernels.{name}")
    except ModuleNotFoundError as missing:
        if missing.name != f"tinymm.kernels.{name}":
            raise
        raise AttributeError(f"module 'tinymm.kernels' has no attribute {name!r}") from None


@functools.cache
def _load_numba() -> None:
    """Load Numba without SciPy and coverage: it looks whether they are there, which takes 21 MB and 0.15 s.

    No kernel calls SciPy. Functions that do are not hindered: Numba looks again when it compiles one. Where coverage is
    measured, it is there before.
    """
    absent = [name for name in SOUGHT if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None says that there is no such module
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        for name in absent:
            del sys.modules[name]
