"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Processor, processors at hand, memory, system and Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "processors": count,
        "memory": f"{memory / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    facts: dict[str, str] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    wide = [name for name in ("avx2", "avx512f", "neon", "asimd") if name in facts.get("flags", "").split()]
    name = facts.get("model name") or platform.processor() or platform.machine()
    return name + (f" ({', '.join(wide)})" if wide else "")


def busy_seconds() -> float | None:
    """Processor time that all processes together have used since the machine started; None if it does not tell."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    user, nice, system, _idle, _wait, interrupts, soft, *_ = map(int, path.read_text().split("\n")[0].split()[1:])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


class Strangers:
    """Watches how much of the processors goes to programs that are not ours.

    `ours` tells the processor time of all our processes so far.
    """

    def __init__(self, ours: Callable[[], float]):
        self.ours = ours
        self.before, self.started = self._others(), time.perf_counter()

    def _others(self) -> float | None:
        busy = busy_seconds()
        return None if busy is None else busy - self.ours()

    def share(self) -> float | None:
        """Of all processors, since the beginning; None where the system does not tell."""
        now = self._others()
        if now is None or self.before is None:
            return None
        available = (time.perf_counter() - self.started) * (os.cpu_count() or 1)
        return max((now - self.before) / available, 0.0)
