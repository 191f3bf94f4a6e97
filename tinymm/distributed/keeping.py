"""Going on with a training by several workers that was stopped."""

from __future__ import annotations

from tinymm.distributed.board import Board
from tinymm.distributed.history import WorkersHistory
from tinymm.snapshots import Snapshots, Stateful


class Keeper:
    """Keeps the state of a training in `snapshots`, if that is not None, and begins by going back to what is found there.

    Unlike those of one process, a resumed training and one that was never stopped are the same but for rounding (in step),
    chance within the model, and the order of the updates (asynchronous).
    """

    def __init__(self, snapshots: Snapshots | None, history: WorkersHistory, board: Board, **parts: Stateful | None):
        self.snapshots, self.history, self.board = snapshots, history, board
        self.parts = {name: part for name, part in parts.items() if part is not None}
        position = snapshots.restore(self._all) if snapshots is not None else None
        if position is not None:
            history.update(position["history"])
            history.workers, history.lost = list(position["workers"]), int(position["lost"])
        self._seen, self._due = board.count, False

    @property
    def _all(self) -> dict[str, Stateful]:
        return {**self.parts, "board": self.board}

    def due(self) -> bool:
        """Whether it is time to keep the state; to be asked from time to time, and true until it is kept."""
        if self.snapshots is not None:
            self._due |= self.snapshots.due(self.board.count - self._seen)
            self._seen = self.board.count
        return self._due

    def keep(self, at_once: bool = False) -> None:
        """If it is time, or at once. The parts must be as they were when the board was."""
        if self.snapshots is not None and (self._due or at_once):
            history = self.history
            self.snapshots.save(self._all, history=dict(history), workers=history.workers, lost=history.lost)
            self._due = False
