"""Telling classes apart: the task of most recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm import functional, metrics
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import chain
from tinymm.data.loading import DataLoader
from tinymm.metrics import expected_calibration_error
from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.task import MOST_MISTAKES, Answer, Drawing, Judged, Task
from tinymm.validation import score_folds

if TYPE_CHECKING:
    from tinymm.recipes.recipe import Recipe
    from tinymm.recipes.training import Trained

AS_TRAINED, CALIBRATION = "as trained", "calibration error"
FEWEST_FOR_TEMPERATURE = 100  # samples; with fewer the temperature is chance
SUMMARY = {"accuracy": "accuracy", "precision": "precision_macro", "recall": "recall_macro", "F1": "f1_macro"}


class Classification(Task):
    """Each sample has one of several classes, and the model says how likely each is.

    `predict` returns these probabilities; the prediction of a `Judged` is the number of the likeliest class.
    """

    def batches(self, recipe: Recipe, front_end: FrontEnd, prepared: Any, data: Dataset, seed: int) -> DataLoader:
        return DataLoader(
            prepared,
            data.y,
            batch_size=len(data) if recipe.optimizer == "gd" else recipe.batch_size,  # type: ignore[arg-type]
            seed=seed,
            augment=front_end if recipe.augment else front_end.plainly,
        )

    def loss(self, outputs: Any, y: Any) -> Any:
        return functional.cross_entropy(outputs, y)

    def validation(self, front_end: FrontEnd, data: Dataset) -> tuple[Inputs, np.ndarray]:
        return Inputs(front_end, front_end.prepare(data.x)), data.y

    def predict(self, trained: Trained, samples: np.ndarray) -> np.ndarray:
        return trained.probabilities(samples)

    def judge(self, folds: Sequence[tuple[Dataset, np.ndarray]]) -> Judged:
        tested = chain([data for data, _ in folds])
        ends = np.cumsum([len(data) for data, _ in folds])
        places = [(np.arange(0), rows) for rows in np.split(np.arange(len(tested)), ends[:-1])]
        scores = score_folds(tested.y, places, [probabilities.argmax(axis=1) for _, probabilities in folds])
        gaps = [expected_calibration_error(data.y, p, labels=range(p.shape[1])) for data, p in folds]
        return Judged(
            tested,
            scores.predictions,
            {name: scores.scores[score] for name, score in SUMMARY.items()} | {CALIBRATION: np.array(gaps)},
            scores.table([tested.class_names[c] for c in scores.classes]),
            np.concatenate([probabilities for _, probabilities in folds]),
        )

    def answers(self, trained: Trained, samples: np.ndarray, top: int) -> list[Answer]:
        found = []
        for p in trained.probabilities(samples):
            best = {trained.class_names[c]: float(p[c]) for c in (-p).argsort()[:top]}
            line = "   ".join(f"{name} {share:6.1%}" for name, share in best.items())
            found.append(Answer(line, {"classes": {name: round(share, 6) for name, share in best.items()}}))
        return found

    def numbers(self, judged: Judged) -> dict[str, Any]:
        return {"confusion_matrix": _confusion(judged).tolist(), "calibration": calibration(judged)}

    def drawings(self, trained: Trained, judged: Judged) -> dict[str, Drawing]:
        from tinymm import plots

        matrix, names = _confusion(judged), judged.tested.class_names
        found: dict[str, Drawing] = {
            "Confusion matrix": ("confusion_matrix", lambda: plots.confusion_matrix(matrix, names))
        }
        found["Reliability"] = "reliability", lambda: plots.reliability(_reliability(judged))
        found |= trained.front_end.drawings(trained, judged.tested)
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


# --- calibration ---


def calibration(judged: Judged) -> dict[str, Any]:
    """How well the confidence of a classifier was founded, as it is and with its temperature fitted.

    The temperature is that of all samples; the error with it is honest, of each half with the other half's temperature.
    """
    y, p = judged.tested.y, _probabilities(judged)
    classes = range(p.shape[1])
    found: dict[str, Any] = {
        "expected_calibration_error": expected_calibration_error(y, p, labels=classes),
        "brier_score": metrics.brier_score_loss(y, p, labels=classes),
        "log_loss": metrics.log_loss(y, p, labels=classes),
        "reliability": {name: values.tolist() for name, values in _reliability(judged)[AS_TRAINED]._asdict().items()},
    }
    if len(y) >= FEWEST_FOR_TEMPERATURE:
        cooled = _with_temperature(p, y)
        found["temperature"] = metrics.fit_temperature(_logits(p), y)
        found["expected_calibration_error_with_temperature"] = expected_calibration_error(y, cooled, labels=classes)
    return found


def _probabilities(judged: Judged) -> np.ndarray:
    assert judged.probabilities is not None
    return judged.probabilities


def _reliability(judged: Judged) -> dict[str, metrics.Reliability]:
    y, p = judged.tested.y, _probabilities(judged)
    found = {AS_TRAINED: metrics.reliability_curve(y, p, labels=range(p.shape[1]))}
    if len(y) >= FEWEST_FOR_TEMPERATURE:
        cooled = _with_temperature(p, y)
        found["with temperature"] = metrics.reliability_curve(y, cooled, labels=range(p.shape[1]))
    return found


def _with_temperature(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Probabilities (N, K) of every second sample, with the temperature of the samples between; and the other way round."""
    z = _logits(p)
    cooled = np.empty_like(p)
    for first in (0, 1):
        mine, others = slice(first, None, 2), slice(1 - first, None, 2)
        cooled[mine] = functional.softmax(z[mine] / metrics.fit_temperature(z[others], y[others]), axis=1)
    return cooled


def _logits(p: np.ndarray) -> np.ndarray:
    """Logits with these probabilities; what was rounded to 0 is the least number above it."""
    return np.log(np.maximum(p, np.finfo(p.dtype).tiny).astype(np.float64))
