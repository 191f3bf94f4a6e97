"""Trying recipes: which learning rate, which optimiser? One after the other, or side by side on a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinymm.distributed import Engine
from tinymm.recipes import Loaded, Recipe, train_model
from tinymm.training import progress_bar

SHARE = 5  # one sample in so many of those to learn from is kept to compare the recipes on


@dataclass(frozen=True)
class Trial:
    """What became of a recipe: the value of a measure, on samples it did not learn from. NaN if its training failed."""

    recipe: Recipe
    measure: str
    value: float
    problem: str = ""


def grid(recipe: Recipe, **values: Sequence[Any]) -> list[Recipe]:
    """The recipe with every combination of these values.

    >>> [(r.optimizer, r.lr) for r in grid(Recipe(), optimizer=["sgd", "adam"], lr=[0.1, 0.01])]
    [('sgd', 0.1), ('sgd', 0.01), ('adam', 0.1), ('adam', 0.01)]
    """
    return [replace(recipe, **dict(zip(values, chosen, strict=True))) for chosen in itertools.product(*values.values())]


def trials(recipes: Iterable[Recipe], engine: Engine | None = None, progress: bool = False) -> list[Trial]:
    """Train each recipe and compare; the best comes first.

    They are compared on a fifth of the samples that a run would learn from: what a run is tested on is not touched, so
    that the winner's test stays honest. With `Engine(workers=4, distributed="ray")` four are trained at a time.
    ValueError for no recipes, and for recipes of different data, seeds or ways to test, which could not be compared.
    """
    engine, todo = engine or Engine(), [recipe.complete() for recipe in recipes]
    alike = {(r.data, r.extra_data, r.split, r.folds, r.seed, r.on_problem) for r in todo}
    if len(alike) != 1:
        found = "there are none" if not todo else "they differ in their data, seed or way to test"
        raise ValueError(f"trials: {found}: give recipes that can be compared, such as grid(recipe, lr=[0.1, 0.01])")
    loaded = todo[0].task.load(todo[0])
    rows = np.random.default_rng(todo[0].seed).permutation(todo[0].task.cut(todo[0], loaded).train)
    kept = len(rows) // SHARE
    done = []
    with progress_bar("trials" if progress else None, len(todo)) as bar:
        for trial in engine.map(_try, [(recipe,) for recipe in todo], loaded, rows[kept:], rows[:kept]):
            done.append(trial)
            bar.update()
    return sorted(done, key=_worth)


def _try(recipe: Recipe, loaded: Loaded, train: np.ndarray, kept: np.ndarray) -> Trial:
    task = recipe.task
    try:
        trained = train_model(recipe, loaded.training(train), seed=recipe.seed)
    except ArithmeticError as error:  # it diverged
        return Trial(recipe, "", np.nan, str(error))
    held = task.test_set(loaded.data.subset(kept))
    measure, values = next(iter(task.judge([(held, trained.predict(held.x))]).summary.items()))
    return Trial(recipe, measure, float(np.mean(values)))


def _worth(trial: Trial) -> tuple[bool, float]:
    """For sorting: the best first, those that failed last; of an error less is better."""
    return bool(np.isnan(trial.value)), trial.value if "error" in trial.measure else -trial.value
