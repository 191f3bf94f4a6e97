"""What a run is for: what is tested and scored, what is answered, and what the report shows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.data.datasets import Dataset
from tinymm.recipes.front_end import FrontEnd
from tinymm.recipes.loading import Loaded, Parts, cut, load_data
from tinymm.training import Batches

if TYPE_CHECKING:
    from tinymm.recipes.recipe import Recipe
    from tinymm.recipes.training import Trained

MOST_MISTAKES = 32  # that a report shows

Drawing = tuple[str, Callable[[], Any]]  # the name of its file, and what returns its Axes


@dataclass(frozen=True)
class Judged:
    """How right predictions are, over one fold or more.

    Attributes:
        tested: the samples, fold after fold. predictions: (N,) of them, by models that had not seen them.
        summary: the measures by name, one number per fold (folds,); the first is the one to see first.
        table: row → column → (folds,).
        probabilities: of a classifier, (N, classes).
    """

    tested: Dataset
    predictions: np.ndarray
    summary: dict[str, np.ndarray]
    table: dict[str, dict[str, np.ndarray]]
    probabilities: np.ndarray | None = None

    @property
    def folds(self) -> int:
        return len(next(iter(self.summary.values())))


@dataclass(frozen=True)
class Answer:
    """What a model makes of one sample: a line to read, and the values by name."""

    line: str
    values: dict[str, Any]


class Task(ABC):
    """One kind of thing to learn. A model belongs to a task, see `Choice`; everything that depends on it is here.

    load ─ cut ─ batches, loss, validation: training ─ test_set ─ predict ─ judge ─ numbers, drawings, mistakes
                                                       samples ─ answers

    """

    def load(self, recipe: Recipe) -> Loaded:
        """The recipe's data, cleaned. ValueError where it cannot be trained on."""
        return load_data(recipe)

    def cut(self, recipe: Recipe, loaded: Loaded) -> Parts:
        """What is trained and what is tested on. ValueError if there are too few samples for it."""
        return cut(recipe, loaded)

    @abstractmethod
    def batches(self, recipe: Recipe, front_end: Any, prepared: Any, data: Dataset, seed: int) -> Batches:
        """What an epoch trains on: the samples of `data`, of which `prepared` is what the front end made."""

    @abstractmethod
    def loss(self, outputs: Any, y: Any) -> Any:
        """The mean loss of a batch, a scalar Tensor."""

    @abstractmethod
    def validation(self, front_end: FrontEnd, data: Dataset) -> Any:
        """What `fit` measures after each epoch, on what `test_set` gave."""

    def test_set(self, data: Dataset) -> Dataset:
        """What is tested, of samples that were held out: these themselves by default."""
        return data

    @abstractmethod
    def predict(self, trained: Trained, samples: np.ndarray) -> np.ndarray:
        """What the model makes of the samples, (N, …), as `judge` takes it."""

    @abstractmethod
    def judge(self, folds: Sequence[tuple[Dataset, np.ndarray]]) -> Judged:
        """How right the predictions are: of each fold the samples tested, and what `predict` made of them."""

    @abstractmethod
    def answers(self, trained: Trained, samples: np.ndarray, top: int) -> list[Answer]:
        """What a person is told about each sample; up to `top` possibilities, where there are several."""

    def numbers(self, judged: Judged) -> dict[str, Any]:
        """What metrics.json holds beside the scores."""
        return {}

    def drawings(self, trained: Trained, judged: Judged) -> dict[str, Drawing]:
        """The pictures of the report by caption."""
        return {}

    def mistakes(self, judged: Judged) -> str:
        """Samples that were taken for something else, in words, a line for each."""
        return ""
