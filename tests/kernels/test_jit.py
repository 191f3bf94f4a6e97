"""Compiled kernels on disk: found again, and never after a change of any file they are made of."""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import config
from numba.core.registry import CPUDispatcher

import tinymm
from tinymm import kernels
from tinymm.kernels import jit
from tinymm.kernels.memory import scratch

USE = """
import numpy as np
from tinymm.kernels import softmax
softmax.softmax(np.ones((2, 3), np.float32))
print(sum(softmax._softmax.stats.cache_hits.values()))
"""


def hits(folder):
    """How many kernels a new process finds on disk."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", USE], env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled, so nothing is kept")
def test_a_change_of_any_kernel_file_makes_the_cache_stale(tmp_path):
    package = Path(tinymm.__file__).parent
    shutil.copytree(package, tmp_path / "tinymm", ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    assert hits(tmp_path) == 0
    assert hits(tmp_path) == 1
    with (tmp_path / "tinymm" / "kernels" / "elementary.py").open("a") as file:  # softmax.py is made of it
        file.write("\n# changed\n")
    assert hits(tmp_path) == 0


def test_where_nothing_can_be_kept_kernels_work_all_the_same(monkeypatch):
    def no_place(kernel):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(jit.Kernel, "enable_caching", no_place)

    @jit.kernel
    def double(x):
        for i in range(x.size):
            x[i] *= 2

    x = np.ones(3)
    double(x)
    assert x.tolist() == [2, 2, 2]


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_a_part_of_another_kernel_is_not_compiled_by_itself():
    @jit.kernel
    def doubled(x):
        return 2 * x

    @jit.kernel
    def quadrupled(x):
        return doubled(doubled(x))

    assert quadrupled(3) == 12
    assert len(quadrupled.signatures) == 1
    assert len(doubled.part.signatures) == 1
    assert not doubled.signatures
    assert doubled(3) == 6
    assert len(doubled.signatures) == 1


compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
MAKERS = {"array", "copy", "concatenate", "empty", "empty_like", "full", "ones", "zeros", "zeros_like", "arange"}


def borrows(kernel):
    return kernel.targetoptions.get("_nrt") is False


def owners(kernel):
    """What a kernel that borrows names and must not: arrays that it makes, and kernels that may return one."""
    function = kernel.py_func
    for name in function.__code__.co_names:
        other = function.__globals__.get(name)
        if not borrows(other) if isinstance(other, CPUDispatcher) else name in MAKERS:
            yield name


@compiled
def test_who_borrows_makes_no_array_and_asks_nobody_for_one():
    """It would never be freed."""
    for module in pkgutil.iter_modules(kernels.__path__):
        importlib.import_module(f"tinymm.kernels.{module.name}")
    borrowing = [kernel for kernel in jit.KERNELS if borrows(kernel)]
    assert len(borrowing) > 20
    assert {kernel.py_func.__qualname__: names for kernel in borrowing if (names := list(owners(kernel)))} == {}


@compiled
def test_what_owns_an_array_is_noticed():
    @jit.kernel(borrows=True)
    def leaking(x):
        return scratch(1, 2, x)

    assert list(owners(leaking)) == ["scratch"]
    jit.KERNELS.remove(leaking)


SCIPY = """
import sys, numpy as np
before = set(sys.modules)  # where coverage is measured, it is there
from tinymm.kernels import softmax
import numba
softmax.softmax(np.ones((2, 3), np.float32))
print(bool({"scipy.linalg", "coverage"} & (set(sys.modules) - before)), end=" ")
print(numba.njit(lambda a, b: np.dot(a, b).sum())(np.ones((2, 3)), np.ones((3, 4))))
"""


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled, so Numba needs nothing")
def test_scipy_and_coverage_are_loaded_by_those_who_need_them_alone():
    pytest.importorskip("scipy.linalg")
    done = subprocess.run([sys.executable, "-c", SCIPY], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "24.0"], done.stderr
