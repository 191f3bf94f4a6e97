"""Training one model as a recipe says, and keeping it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinymm import functional, random
from tinymm.data.datasets import Dataset
from tinymm.data.loading import DataLoader
from tinymm.nn import Module
from tinymm.recipes.front_end import FrontEnd, Inputs
from tinymm.recipes.models import MODELS
from tinymm.recipes.recipe import OPTIMIZERS, SCHEDULES, Recipe
from tinymm.training import History, fit, predict


@dataclass
class Trained:
    """A model, what stands before it, and how its training went."""

    recipe: Recipe
    front_end: FrontEnd
    model: Module
    class_names: tuple[str, ...]
    history: History

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """softmax of the model's outputs, (N, classes), for samples as they are in a `Dataset`."""
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
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Trained:
        """The model of a state, ready to use. KeyError and ValueError for a state that is none."""
        recipe, names = Recipe(**state["recipe"]), tuple(state["class_names"])
        choice = MODELS[state["sense"]][str(recipe.model)]
        front_end = choice.front_end()
        front_end.load_state_dict(state["front_end"])
        model = choice.model(front_end, len(names))
        model.load_state_dict(state["model"])
        return cls(recipe, front_end, model.eval(), names, History())


def train_model(
    recipe: Recipe,
    data: Dataset,
    validation: Dataset | None = None,
    title: str | None = None,
    seed: int = 0,
) -> Trained:
    """Train one model on all of `data`, as the recipe says; after each epoch it is tested on `validation`, if given.

    With a `title`, a progress bar of that name. The recipe's own data, folds and seed are not looked at.
    """
    recipe = recipe.complete(data.sense)
    choice = MODELS[data.sense][str(recipe.model)]
    random.manual_seed(seed)
    front_end = choice.front_end()
    prepared = front_end.fit_prepare(data)
    model = choice.model(front_end, len(data.class_names))
    optimizer = OPTIMIZERS[recipe.optimizer][0](model.parameters(), recipe.lr)  # type: ignore[arg-type]
    batches = DataLoader(
        prepared,
        data.y,
        batch_size=len(data) if recipe.optimizer == "gd" else recipe.batch_size,  # type: ignore[arg-type]
        seed=seed,
        augment=front_end if recipe.augment else lambda rows, rng: front_end(rows),
    )
    history = fit(
        model,
        batches,
        optimizer,
        recipe.epochs,  # type: ignore[arg-type]
        validation=None if validation is None else (Inputs(front_end, front_end.prepare(validation.x)), validation.y),
        schedule=SCHEDULES[recipe.schedule](optimizer, recipe.epochs),  # type: ignore[arg-type]
        max_grad_norm=recipe.max_grad_norm,
        progress=title,
    )
    return Trained(recipe, front_end, model, data.class_names, history)
