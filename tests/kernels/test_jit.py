"""Compiled kernels on disk: found again, and never after a change of any file they are made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import config

import tinymm
from tinymm.kernels import jit

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
    assert hits(tmp_path) == 1


def test_where_nothing_can_be_kept_kernels_work_all_the_same(monkeypatch):
    compile_for_numba = jit.njit

    def no_place(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compile_for_numba(*args, **options)

    monkeypatch.setattr(jit, "njit", no_place)

    @jit.kernel
    def double(x):
        for i in range(x.size):
            x[i] *= 2

    x = np.ones(3)
    double(x)
    assert x.tolist() == [2, 2, 2]
