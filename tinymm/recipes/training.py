"""Training one model as a recipe says, and keeping it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinymm import functional, random
from tinymm.data.datasets import Dataset
from tinymm.nn import Module
from tinymm.nn.module import as_large_as
from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.models import MODELS
from tinymm.recipes.recipe import OPTIMIZERS, SCHEDULES, Recipe
from tinymm.recipes.task import Task
from tinymm.snapshots import Snapshots
from tinymm.training import History, fit, predict


@dataclass
class Trained:
    """A model, what stands before it, and how its training went."""

    recipe: Recipe
    front_end: FrontEnd
    model: Module
    class_names: tuple[str, ...]
    history: History

    @property
    def task(self) -> Task:
        """What the model is for."""
        return MODELS[self.front_end.sense][str(self.recipe.model)].task

    def predict(self, samples: np.ndarray) -> np.ndarray:
        """What the model makes of samples as they are in a `Dataset`: probabilities (N, classes), or transcripts (N,)."""
        return self.task.predict(self, samples)

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Of a classifier, softmax of its outputs, (N, classes), for samples as they are in a `Dataset`."""
        inputs = Inputs(self.front_end, self.front_end.prepare(samples))
        return functional.softmax(predict(self.model, inputs), axis=1)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold to use the model again."""
        return {
            "recipe": asdict(self.recipe),
            "sense": self.front_end.sense,
            "front_end": self.front_end.state_dict(),
            "model": self.model.state_dict(),
            "class_names": list(self.class_names),
            "history": dict(self.history),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Trained:
        """The model of a state, ready to use. KeyError and ValueError for a state that is none."""
        recipe, names = Recipe(**state["recipe"]), tuple(state["class_names"])
        choice = MODELS[state["sense"]][str(recipe.model)]
        front_end = choice.front_end()
        front_end.load_state_dict(state["front_end"])
        with as_large_as(state["model"]):
            model = choice.model(
                front_end, len(names), **{option: getattr(recipe, option) for option in choice.options}
            )
        model.load_state_dict(state["model"])
        return cls(recipe, front_end, model.eval(), names, History(state["history"]))


def train_model(
    recipe: Recipe,
    data: Dataset,
    validation: Dataset | None = None,
    title: str | None = None,
    seed: int = 0,
    snapshots: Snapshots | None = None,
    fit: Callable[..., History] = fit,
) -> Trained:
    """Train one model on all of `data`, as the recipe says; after each epoch it is tested on `validation`, if given,
    which is what the task's `test_set` gave.

    With a `title`, a progress bar of that name; with `snapshots`, it can be taken up again, see `fit`, which is
    `training.fit`, or what does the same in several processes. The recipe's own data, folds and seed are not looked at.
    """
    recipe = recipe.complete(data.sense)
    choice = MODELS[data.sense][str(recipe.model)]
    random.manual_seed(seed)
    front_end = choice.front_end()
    prepared = front_end.fit_prepare(data)
    options = {option: getattr(recipe, option) for option in choice.options}
    model = choice.model(front_end, len(data.class_names), **options)
    optimizer = OPTIMIZERS[recipe.optimizer][0](model.parameters(), recipe.lr)  # type: ignore[arg-type]
    batches = choice.task.batches(recipe, front_end, prepared, data, seed)
    if snapshots is not None:
        snapshots.extra = {"front_end": front_end.state_dict()}
    history = fit(
        model,
        batches,
        optimizer,
        recipe.epochs,  # type: ignore[arg-type]
        validation=None if validation is None else choice.task.validation(front_end, validation),
        loss=choice.task.loss,
        schedule=SCHEDULES[recipe.schedule](optimizer, recipe.epochs),  # type: ignore[arg-type]
        max_grad_norm=recipe.max_grad_norm,
        progress=title,
        **({} if snapshots is None else {"snapshots": snapshots}),
    )
    return Trained(recipe, front_end, model, data.class_names, history)
