"""Memory that was used once is kept: a training step frees and takes the same arrays again and again.

The C library of Linux gives large arrays back to the system when they are freed, and the system clears every page before
it gives it out again. In a process that has never freed anything larger, that takes more than half of a training step
with convolutions. NumPy's own cache is for small arrays only.
"""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)
LARGEST = 32 << 20  # bytes of an array that is kept when it is freed; the C library's own limit
KEPT = 256 << 20  # bytes, at most, at the end of the heap


def keep_freed_memory() -> bool:
    """Let this process keep memory that it has freed; whether that could be arranged.

    It is for Linux with glibc, and leaves alone what the environment says (`MALLOC_…`, `GLIBC_TUNABLES`).
    """
    chosen = any(name.startswith("MALLOC_") and name.endswith("_") for name in os.environ)
    if not sys.platform.startswith("linux") or chosen or "GLIBC_TUNABLES" in os.environ:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, KEPT))
