"""The relations between senses: the task of finding what is said and written by what is seen, and the other way round."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm import functional as F
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import as_samples, chain
from tinymm.data.loading import DataLoader
from tinymm.metrics import recall_at_k
from tinymm.models.shared_space import SharedSpace
from tinymm.nn import Module
from tinymm.recipes.classification import CLASSIFICATION
from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.multimodal import SENSES, MultimodalFrontEnd, model_of
from tinymm.recipes.task import Answer, Drawing, Judged, Task
from tinymm.training import predict

if TYPE_CHECKING:
    from tinymm.recipes.recipe import Recipe
    from tinymm.recipes.training import Trained

DEPTHS = (1, 5, 10)  # k of recall@k


class Related(Module):
    """A `SharedSpace` that takes the batches of a `MultimodalFrontEnd` and gives points (N, 3, size), in the order image,
    audio, text; NaN for a sense that the model or the whole batch lacks.
    """

    def __init__(self, space: SharedSpace):
        self.space = space

    def forward(self, batch: dict[str, Any]) -> Any:
        there = [sense for sense in self.space.encoders if sense in batch]
        if not there:
            raise ValueError(f"this model was trained with {' and '.join(self.space.encoders)}: give it one of these")
        points = self.space(**{sense: batch[sense] for sense in there})
        lacking = np.full(points[there[0]].shape, np.nan, points[there[0]].dtype)
        return F.stack([points.get(sense, lacking) for sense in SENSES], axis=1)


def shared_space(front_end: MultimodalFrontEnd, classes: int, senses: str) -> Related:
    """ValueError: a single sense has no relations."""
    if "," not in senses:
        raise ValueError(f"senses {senses!r} is one alone, but relations are between two or three: add another")
    return Related(SharedSpace(model_of(senses, front_end, classes).encoders))


class Relations(Task):
    """The same thing seen, heard and read lies in one place. Predictions are points (N, 3, size), see `Related`."""

    def batches(self, recipe: Recipe, front_end: FrontEnd, prepared: Any, data: Dataset, seed: int) -> DataLoader:
        return CLASSIFICATION.batches(recipe, front_end, prepared, data, seed)

    def loss(self, outputs: Any, y: Any) -> Any:
        return SharedSpace.loss({SENSES[i]: outputs[:, i] for i in _there(outputs.data)}, y)

    def validation(self, front_end: FrontEnd, data: Dataset) -> Callable[[Module], dict[str, float]]:
        inputs = Inputs(front_end, front_end.prepare(data.x))

        def measure(model: Module) -> dict[str, float]:
            return {"recall": float(np.mean(list(_recalls(predict(model, inputs), data.y, 1).values())))}

        return measure

    def predict(self, trained: Trained, samples: np.ndarray) -> np.ndarray:
        return predict(trained.model, Inputs(trained.front_end, trained.front_end.prepare(samples)))

    def judge(self, folds: Sequence[tuple[Dataset, np.ndarray]]) -> Judged:
        table: dict[str, dict[str, np.ndarray]] = {}
        for k in DEPTHS:
            of_folds = [_recalls(points, data.y, min(k, len(data))) for data, points in folds]
            for query, item in of_folds[0]:
                row = table.setdefault(f"{query} → {item}", {})
                row[f"recall@{k}"] = np.array([recalls[query, item] for recalls in of_folds])
        summary = {f"recall@{k}": np.mean([row[f"recall@{k}"] for row in table.values()], axis=0) for k in DEPTHS}
        tested = chain([data for data, _ in folds])
        return Judged(tested, np.concatenate([points for _, points in folds]), summary, table | {"mean": summary})

    def answers(self, trained: Trained, samples: np.ndarray, top: int) -> list[Answer]:
        """Of each sense, the samples of what was held out in training that lie nearest, with their cosine."""
        loaded = self.load(trained.recipe)
        held = loaded.data.subset(self.cut(trained.recipe, loaded).held)
        library = _directions(self.predict(trained, held.x))
        found = []
        for sample in samples:
            points = _directions(self.predict(trained, as_samples([sample])))[0]
            query = _directions(np.nansum(points, axis=0))
            nearest: dict[str, Any] = {}
            for i in _there(library):
                cosines = library[:, i] @ query
                best = np.argsort(-cosines, kind="stable")[:top]
                nearest[SENSES[i]] = [_item(held, row, SENSES[i], cosines[row]) for row in best]
            line = "   ".join(f"{sense} {', '.join(_said(x) for x in items)}" for sense, items in nearest.items())
            found.append(Answer(line, {"nearest": nearest}))
        return found

    def drawings(self, trained: Trained, judged: Judged) -> dict[str, Drawing]:
        from tinymm import plots

        points = {SENSES[i]: judged.predictions[:, i] for i in _there(judged.predictions)}
        labels = dict.fromkeys(points, judged.tested.y)
        names = judged.tested.class_names
        return {"The shared space": ("shared_space", lambda: plots.shared_space(points, labels, names))}


RELATIONS = Relations()


def _there(points: np.ndarray) -> list[int]:
    """Which senses have points (N, 3, size)."""
    return [i for i in range(len(SENSES)) if not np.isnan(points[:, i]).any()]


def _recalls(points: np.ndarray, y: np.ndarray, k: int) -> dict[tuple[str, str], float]:
    """recall@k from each sense to each other, of points (N, 3, size)."""
    return {
        (SENSES[a], SENSES[b]): recall_at_k(points[:, a], points[:, b], y, y, k)
        for a, b in itertools.permutations(_there(points), 2)
    }


def _directions(points: np.ndarray) -> np.ndarray:
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-12)


def _item(held: Dataset, row: int, sense: str, cosine: float) -> dict[str, Any]:
    what: dict[str, Callable[[], str]] = {
        "image": lambda: f"image {held.index[row]}",  # type: ignore[index]
        "audio": lambda: f"said by {held.groups[row]}",  # type: ignore[index]
        "text": lambda: held.x[row].text,
    }
    return {"what": what[sense](), "class": held.class_names[held.y[row]], "cosine": round(float(cosine), 4)}


def _said(item: dict[str, Any]) -> str:
    return f"{item['class']} ({item['what']}, {item['cosine']:.2f})"
