"""The threads and processors that every process gets: the same number for all."""

from __future__ import annotations

import os
from pathlib import Path

# Each framework listens to one of these.
COUNTS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "TINYMM_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


def environment(threads: int) -> dict[str, str]:
    """What a framework's process must find in its environment before it begins."""
    return {
        **dict.fromkeys(COUNTS, str(threads)),
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def pin(threads: int) -> None:
    """Keep this process on so many processors: JAX has no setting, and takes as many threads as it sees processors."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen(sorted(os.sched_getaffinity(0)), threads))


def chosen(processors: list[int], threads: int) -> list[int]:
    """So many processors, of each core one as long as there are cores."""
    first_of_core: list[int] = []
    others: list[int] = []
    cores: set[str] = set()
    for processor in processors:
        core = _siblings(processor)
        (others if core in cores else first_of_core).append(processor)
        cores.add(core)
    return (first_of_core + others)[:threads]


def _siblings(processor: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return path.read_text() if path.exists() else str(processor)
