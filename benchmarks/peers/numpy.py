"""NumPy measures the machine's limits: its matrix product is a BLAS, its copy as fast as memory."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.peers import Arrays, Task


def begin(mode: str) -> dict[str, Any]:
    return {"matmul": matmul, "copy": copy}


def matmul(arrays: Arrays, options: dict[str, Any]) -> Task:
    a, b, out = arrays["a"], arrays["b"], np.empty((len(arrays["a"]), arrays["b"].shape[1]), np.float32)
    return Task(lambda: np.matmul(a, b, out=out), lambda: {"product": a @ b})


def copy(arrays: Arrays, options: dict[str, Any]) -> Task:
    """Every thread copies its part; NumPy frees Python's lock meanwhile."""
    source, target = arrays["source"], np.empty_like(arrays["source"])
    threads = int(os.environ["OMP_NUM_THREADS"])
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    pool = ThreadPoolExecutor(threads)

    def run() -> None:
        list(pool.map(lambda part: np.copyto(part[1], part[0]), parts))

    return Task(run, lambda: {})
