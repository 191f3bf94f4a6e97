"""What a training needs to go on exactly where it was stopped, kept in a file from time to time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tinymm import checkpoint, random


class Stateful(Protocol):
    """What can be kept and go on: a model, an optimiser, a schedule, a `DataLoader`."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> None: ...


@dataclass
class Snapshots:
    """Where the state of a training is kept, and how often.

    Attributes:
        path: the file; the one before it is kept beside it, see `checkpoint.save`.
        steps: keep it after every so many steps; None goes by the clock.
        seconds: otherwise, keep it when so much time has passed.
        extra: what is written with it, such as the state of what prepares the data.
    """

    path: Path
    steps: int | None = None
    seconds: float = 10.0
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"Snapshots: steps is {self.steps}, but it must be at least 1")
        self._steps_since, self._saved_at = 0, time.monotonic()

    def due(self, steps: int = 1) -> bool:
        """Whether it is time for the next one; to be asked after each step, or after so many."""
        self._steps_since += steps
        if self.steps is not None:
            return self._steps_since >= self.steps
        return time.monotonic() - self._saved_at >= self.seconds

    def save(self, parts: Mapping[str, Stateful], **position: Any) -> None:
        """Keep the state of all parts, that of tinymm's random numbers, and the position.

        A warning if it cannot be written: the training is worth more.
        """
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"random": random.get_state(), "position": position, **self.extra}
        try:
            checkpoint.save(state, self.path, keep_previous=True)
        except OSError as error:
            warnings.warn(f"{error}; the training goes on, but cannot be taken up again from here", stacklevel=2)
        self._steps_since, self._saved_at = 0, time.monotonic()

    def restore(self, parts: Mapping[str, Stateful]) -> dict[str, Any] | None:
        """Bring all parts and tinymm's random numbers to the state that was kept; returns the position, None without one.

        If the newest file is damaged, the one before it counts; if both are, a warning says that the training begins
        anew. KeyError, ValueError: the state is of other parts.
        """
        if not self.path.is_file() and not checkpoint.previous(self.path).is_file():
            return None
        try:
            state = checkpoint.load(self.path, or_previous=True)
        except checkpoint.CheckpointError as error:
            warnings.warn(f"{error}; the training begins anew", stacklevel=2)
            return None
        for name, part in parts.items():
            part.load_state_dict(state[name])
        random.set_state(state["random"])
        return state["position"]

    def remove(self) -> None:
        """Take the files away."""
        for path in (self.path, checkpoint.previous(self.path)):
            path.unlink(missing_ok=True)
