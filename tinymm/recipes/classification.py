"""Telling classes apart: the task of most recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm import functional, metrics
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import chain
from tinymm.data.loading import DataLoader
from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.task import MOST_MISTAKES, Answer, Drawing, Judged, Task
from tinymm.validation import score_folds

if TYPE_CHECKING:
    from tinymm.recipes.recipe import Recipe
    from tinymm.recipes.training import Trained

SUMMARY = {"accuracy": "accuracy", "precision": "precision_macro", "recall": "recall_macro", "F1": "f1_macro"}


class Classification(Task):
    """Each sample has one of several classes, and the model says how likely each is. Predictions are class numbers."""

    def batches(self, recipe: Recipe, front_end: FrontEnd, prepared: Any, data: Dataset, seed: int) -> DataLoader:
        return DataLoader(
            prepared,
            data.y,
            batch_size=len(data) if recipe.optimizer == "gd" else recipe.batch_size,  # type: ignore[arg-type]
            seed=seed,
            augment=front_end if recipe.augment else lambda rows, rng: front_end(rows),
        )

    def loss(self, outputs: Any, y: Any) -> Any:
        return functional.cross_entropy(outputs, y)

    def validation(self, front_end: FrontEnd, data: Dataset) -> tuple[Inputs, np.ndarray]:
        return Inputs(front_end, front_end.prepare(data.x)), data.y

    def predict(self, trained: Trained, samples: np.ndarray) -> np.ndarray:
        return trained.probabilities(samples).argmax(axis=1)

    def judge(self, folds: Sequence[tuple[Dataset, np.ndarray]]) -> Judged:
        tested = chain([data for data, _ in folds])
        ends = np.cumsum([len(data) for data, _ in folds])
        places = [(np.arange(0), rows) for rows in np.split(np.arange(len(tested)), ends[:-1])]
        scores = score_folds(tested.y, places, [predictions for _, predictions in folds])
        return Judged(
            tested,
            scores.predictions,
            {name: scores.scores[score] for name, score in SUMMARY.items()},
            scores.table([tested.class_names[c] for c in scores.classes]),
        )

    def answers(self, trained: Trained, samples: np.ndarray, top: int) -> list[Answer]:
        found = []
        for p in trained.probabilities(samples):
            best = {trained.class_names[c]: float(p[c]) for c in (-p).argsort()[:top]}
            line = "   ".join(f"{name} {share:6.1%}" for name, share in best.items())
            found.append(Answer(line, {"classes": {name: round(share, 6) for name, share in best.items()}}))
        return found

    def numbers(self, judged: Judged) -> dict[str, Any]:
        return {"confusion_matrix": _confusion(judged).tolist()}

    def drawings(self, trained: Trained, judged: Judged) -> dict[str, Drawing]:
        from tinymm import plots

        matrix, names = _confusion(judged), judged.tested.class_names
        found: dict[str, Drawing] = {
            "Confusion matrix": ("confusion_matrix", lambda: plots.confusion_matrix(matrix, names))
        }
        wrong = _wrong(judged)
        shown = trained.front_end.pictures(judged.tested.x[wrong]) if len(wrong) else None
        if shown is not None:
            labels = [np.array(names, dtype=object)[y[wrong]] for y in (judged.tested.y, judged.predictions)]
            found["Mistakes"] = "mistakes", lambda: plots.images(shown, *labels)
        return found

    def mistakes(self, judged: Judged) -> str:
        """Texts that were taken for something else."""
        tested, names = judged.tested, judged.tested.class_names
        if tested.sense != "text":
            return ""
        return "\n".join(
            f"{names[tested.y[i]]}, taken for {names[judged.predictions[i]]}: {' '.join(tested.x[i].split()):.200}"
            for i in _wrong(judged)
        )


CLASSIFICATION = Classification()


def _confusion(judged: Judged) -> np.ndarray:
    labels = list(range(len(judged.tested.class_names)))
    return metrics.confusion_matrix(judged.tested.y, judged.predictions, labels=labels)


def _wrong(judged: Judged) -> np.ndarray:
    return np.flatnonzero(judged.tested.y != judged.predictions)[:MOST_MISTAKES]
