"""What several workers did: the usual history, and how the work was shared."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tinymm.training import History, short


class WorkersHistory(History):
    """A `History`, and how the work was shared.

    Attributes:
        samples_per_second: of all workers together, from the end of the first epoch, in which they warm up.
        seen: samples that were used, over all epochs.
        lost: how many workers died or failed.
        workers: how many there were at the end of each epoch.
        staleness: (updates,) of asynchronous training, for each update: how many others came between.
    """

    def __init__(self) -> None:
        super().__init__()
        self.samples_per_second, self.seen, self.lost = 0.0, 0, 0
        self.workers: list[int] = []
        self.staleness = np.zeros(0, np.int32)
        self._since: tuple[float, int] | None = None  # a moment, and the samples used until then
        self._warm = False

    def measure(self, seen: int, warm: bool) -> None:
        """Note how many samples have been used so far; the speed counts from the beginning, and anew when all are warm."""
        now, self.seen = time.perf_counter(), seen
        if self._since is not None and seen > self._since[1]:
            self.samples_per_second = (seen - self._since[1]) / (now - self._since[0])
        if self._since is None or (warm and not self._warm):
            self._since, self._warm = (now, seen), warm

    def line(self, workers: int) -> str:
        """All workers in one view, for the progress bar."""
        parts = [short({name: values[-1] for name, values in self.items()}), f"{workers} workers"]
        parts += [f"{self.samples_per_second:,.0f} samples/s"] if self.samples_per_second else []
        parts += [f"staleness {self.staleness.mean():.2f}"] if len(self.staleness) else []
        parts += [f"{self.lost} lost"] if self.lost else []
        return ", ".join(filter(None, parts))

    def facts(self) -> dict[str, Any]:
        """How the work was shared, for the report."""
        found: dict[str, Any] = {"workers lost": self.lost, "samples per second": round(self.samples_per_second)}
        if len(self.staleness):
            found["mean staleness"] = round(float(self.staleness.mean()), 3)
            found["largest staleness"] = int(self.staleness.max())
        return found
