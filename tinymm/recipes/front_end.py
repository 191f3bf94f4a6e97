"""Front ends: from samples of one sense to the input of a model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinymm.data.datasets import Dataset

if TYPE_CHECKING:
    from tinymm.recipes.task import Drawing
    from tinymm.recipes.training import Trained


def claimed(name: str, sizes: Any, most: int) -> tuple[int, ...]:
    """Sizes that a checkpoint claims. ValueError, before memory is taken for them, if they or their product are too large."""
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes)
    if not whole or math.prod(sizes) > most:
        raise ValueError(
            f"{name} is {'×'.join(map(repr, sizes)):.80}, expected whole numbers from 1 on, of at most {most:,} in all"
        )
    return tuple(sizes)


class FrontEnd(ABC):
    """What stands before a model: it is fitted to the training samples only, and a checkpoint keeps it with the model.

        samples ─ prepare ─ rows ─ in batches: front_end(rows), or front_end(rows, rng) in training ─ input of the model

    `prepare` does once what is the same in every epoch; the call does the rest for each batch, and with a generator
    changes the samples at random in ways that leave their meaning.
    """

    sense: ClassVar[str]
    rate: int | None = None  # of sounds, samples per second

    @abstractmethod
    def fit_prepare(self, data: Dataset) -> Any:
        """Learn from the training samples, and return them prepared. ValueError for samples the model cannot take."""

    @abstractmethod
    def prepare(self, samples: np.ndarray) -> Any:
        """What is done once: samples (N, …) to N rows, which can be chosen by indices."""

    def __call__(self, rows: Any, rng: np.random.Generator | None = None) -> Any:
        """The model's input for some prepared rows; changed at random if there is an `rng`."""
        return rows

    def plainly(self, rows: Any, rng: np.random.Generator) -> Any:
        """The model's input as it is in a test: the augmentation of those who want none."""
        return self(rows)

    @abstractmethod
    def read(self, item: str) -> Any:
        """One sample like those of the training data: from a file, or of the text itself. ValueError, OSError."""

    def pictures(self, samples: np.ndarray) -> np.ndarray | None:
        """Samples as pictures (N, C, H, W) in [0, 1], for a sense that can be shown so."""
        return None

    def drawings(self, trained: Trained, tested: Dataset) -> dict[str, Drawing]:
        """Pictures, by caption, of what a classifier looks at; `tested` are samples that it had not seen."""
        return {}

    def explanation(self, model: Any, class_names: Sequence[str]) -> str:
        """In words, what the model looks at; nothing by default."""
        return ""

    @abstractmethod
    def state_dict(self) -> dict:
        """What a checkpoint must hold."""

    @abstractmethod
    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another front end of the same kind."""


class Inputs:
    """The inputs of a model, made when a batch of them is asked for: `inputs[rows]` is `front_end(prepared[rows])`."""

    def __init__(self, front_end: FrontEnd, prepared: Any):
        self.front_end, self.prepared = front_end, prepared

    def __len__(self) -> int:
        return len(self.prepared)

    def __getitem__(self, rows: Any) -> Any:
        return self.front_end(self.prepared[rows])
