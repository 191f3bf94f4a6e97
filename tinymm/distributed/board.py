"""The board: all batches of a run, who works on each, and what came of it. It lies in shared memory and needs no lock."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinymm import kernels

WAIT, GO, STOP = range(3)
SPACED = 8  # int64 numbers between the counters of two workers: each has a line of the cache of its own


class Board:
    """Batches 0, 1, … of all epochs, one after the other, in arrays that every process has.

    A worker (1, 2, …) takes the first free batch with one indivisible compare-and-swap, so that a worker may die at
    any moment without holding up the others; `release` makes the batches that it left undone free again.

    Attributes, one entry per batch: `owner` (0: free), `done`, `loss` and `right` (sums over its samples; NaN where there
    are no classes), `samples`, and `staleness`, the updates by others between reading the parameters and changing them.
    """

    KEPT = ("done", "loss", "right", "samples", "staleness")

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.owner, self.done = arrays["owner"], arrays["done"]
        self.loss, self.right, self.samples = arrays["loss"], arrays["right"], arrays["samples"]
        self.staleness, self._counters, self._signal = arrays["staleness"], arrays["counters"], arrays["signal"]

    @staticmethod
    def blank(batches: int, workers: int) -> dict[str, np.ndarray]:
        """The arrays of an empty board, to be put into shared memory."""
        return {
            "owner": np.zeros(batches, np.int64),
            "done": np.zeros(batches, bool),
            "loss": np.zeros(batches),
            "right": np.zeros(batches),
            "samples": np.zeros(batches, np.int32),
            "staleness": np.zeros(batches, np.int32),
            "counters": np.zeros((workers + 1) * SPACED, np.int64),
            "signal": np.zeros(1, np.int64),
        }

    def claim(self, worker: int, start: int = 0) -> int:
        """Take the first free batch from `start` on, or else the first of all; −1 if none is free."""
        place = kernels.lock_free.claim(self.owner, start, len(self.owner), worker)
        return place if place >= 0 or not start else kernels.lock_free.claim(self.owner, 0, start, worker)

    def release(self, worker: int) -> int:
        """Free the batches that this worker, which has ended, took and did not finish; returns how many."""
        undone = np.flatnonzero((self.owner == worker) & ~self.done)
        self.owner[undone] = 0
        return len(undone)

    def note(self, batch: int, loss: float, right: float, samples: int, staleness: int) -> None:
        """A batch is done."""
        self.loss[batch], self.right[batch] = loss, right
        self.samples[batch], self.staleness[batch] = samples, staleness
        self.done[batch] = True  # last: whoever sees it sees the rest

    def sums(self, batches: slice) -> np.ndarray:
        """Loss, right predictions and samples of these batches, added up: (3,)."""
        return np.array([self.loss[batches].sum(), self.right[batches].sum(), self.samples[batches].sum()])

    def state_dict(self) -> dict[str, np.ndarray]:
        """What was done, and what came of it."""
        return {name: getattr(self, name).copy() for name in self.KEPT}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a `state_dict`: what was not done then is free. ValueError if it is of another number of batches."""
        if len(state["done"]) != len(self.done):
            raise ValueError(f"Board: the state has {len(state['done'])} batches, this run {len(self.done)}")
        for name in self.KEPT:
            getattr(self, name)[...] = state[name]
        self.owner[...] = self.done

    @property
    def count(self) -> int:
        """Batches that are done."""
        return int(self.done.sum())

    @property
    def seen(self) -> int:
        """Samples of the batches that are done."""
        return int(self.samples[self.done_now].sum())

    @property
    def done_now(self) -> np.ndarray:
        """A copy of `done`, to choose entries by. NumPy counts a mask and then copies what it chooses: if another process
        marked one more in between, it would write beyond the end of its memory.
        """
        return self.done.copy()

    @property
    def staleness_now(self) -> np.ndarray:
        """The staleness of the updates so far."""
        return self.staleness[self.done_now]

    @property
    def updates(self) -> int:
        """Updates of the parameters so far, by all workers: each counts its own, so that none is lost."""
        return int(self._counters.sum())

    def count_update(self, worker: int) -> None:
        self._counters[worker * SPACED] += 1

    def begin(self) -> None:
        """All are there: off they go together."""
        self._signal[0] = GO

    def hold(self) -> None:
        """All should wait, after the batch they are at, until it begins again."""
        self._signal[0] = WAIT

    @property
    def held(self) -> bool:
        """It has not begun, or is held."""
        return bool(self._signal[0] == WAIT)

    @property
    def at_rest(self) -> bool:
        """Whether nobody is at a batch."""
        return not np.any((self.owner != 0) & ~self.done)

    def stop(self) -> None:
        """All should stop, after the batch they are at."""
        self._signal[0] = STOP

    @property
    def stopped(self) -> bool:
        return bool(self._signal[0] == STOP)
