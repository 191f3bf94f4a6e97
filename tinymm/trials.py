"""Trying recipes: which learning rate, which optimiser? One after the other, or side by side on a cluster."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinymm.distributed import Engine
from tinymm.files import write_atomically
from tinymm.recipes import Loaded, Recipe, train_model
from tinymm.run_folder import fill, free_folder, made
from tinymm.training import progress_bar

SHARE = 5  # one sample in so many of those to learn from is kept to compare the recipes on


@dataclass(frozen=True)
class Trial:
    """What became of a recipe: the value of a measure, on samples it did not learn from. NaN if its training failed."""

    recipe: Recipe
    measure: str
    value: float
    problem: str = ""
    seconds: float = field(default=0.0, compare=False)


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
    done = list[Trial]()
    with progress_bar("trials" if progress else None, len(todo)) as bar:
        try:
            for trial in engine.map(_try, [(recipe,) for recipe in todo], loaded, rows[kept:], rows[:kept]):
                done.append(trial)
                best = min(done, key=_worth)
                bar.set_postfix_str(f"best {best.measure} {best.value:.2%}" if best.measure else "", refresh=False)
                bar.update()
        except KeyboardInterrupt:
            if not done:
                raise KeyboardInterrupt("no trial was complete") from None
    return sorted(done, key=_worth)


def _try(recipe: Recipe, loaded: Loaded, train: np.ndarray, kept: np.ndarray) -> Trial:
    task, began = recipe.task, time.perf_counter()
    try:
        trained = train_model(recipe, loaded.training(train), seed=recipe.seed)
    except ArithmeticError as error:  # it diverged
        return Trial(recipe, "", np.nan, str(error), time.perf_counter() - began)
    if trained.history.interrupted:
        raise KeyboardInterrupt
    held = task.test_set(loaded.data.subset(kept))
    measure, values = next(iter(task.judge([(held, trained.predict(held.x))]).summary.items()))
    return Trial(recipe, measure, float(np.mean(values)), seconds=time.perf_counter() - began)


def _worth(trial: Trial) -> tuple[bool, float]:
    """For sorting: the best first, those that failed last; of an error less is better."""
    return bool(np.isnan(trial.value)), trial.value if "error" in trial.measure else -trial.value


@dataclass
class Comparison:
    """What trials found: the best first. `varied` are the options in which they differ."""

    trials: list[Trial]
    varied: list[str]
    folder: Path
    best: str  # the command that trains with the best settings
    wanted: int

    @property
    def interrupted(self) -> bool:
        return len(self.trials) < self.wanted

    def rows(self) -> list[tuple[str, ...]]:
        """A table: its head, and a row for each trial."""
        measure = next((trial.measure for trial in self.trials if trial.measure), "score")
        rows = [(*(name.replace("_", "-") for name in self.varied), measure, "seconds")]
        for trial in self.trials:
            settings = (_shown(getattr(trial.recipe, name)) for name in self.varied)
            value = "failed" if np.isnan(trial.value) else f"{trial.value:.2%}"
            rows.append((*settings, value, f"{trial.seconds:.1f}"))
        return rows

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
        lines += [f"failed: {problem}" for problem in dict.fromkeys(t.problem for t in self.trials if t.problem)]
        if self.interrupted:
            lines.append(f"{len(self.trials)} of {self.wanted} trials were complete when Ctrl-C came.")
        lines += [f"To train with the best: {self.best}"] if self.best else []
        return "\n".join([*lines, f"{self.folder / 'report.html'} shows everything."])


def carry_out(
    recipe: Recipe,
    varied: Mapping[str, Sequence[Any]],
    output: str | os.PathLike[str] = "runs",
    name: str | None = None,
    progress: bool = True,
    engine: Engine | None = None,
    repeat: str = "",
    best: Callable[[dict[str, Any]], str] = str,
) -> Comparison:
    """Try the recipe with every combination of these values, and write what was found into the new folder `output`/`name`.

    It holds trials.json, trials.png and report.html. `repeat` is the command that does it again, and `best` makes the one
    that trains with given settings. Ctrl-C keeps the trials that are complete; KeyboardInterrupt if there are none.
    FileExistsError if the folder exists; ValueError as in `trials`.
    """
    recipes = grid(recipe, **varied)
    complete = recipes[0].complete()
    name = (
        name
        if name is not None
        else (f"trials-{complete.model}-{Path(complete.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    )
    folder = free_folder(output, name)
    with made(folder.parent):
        began = time.perf_counter()
        found = trials(recipes, engine, progress)
        winner = {option: getattr(found[0].recipe, option) for option in varied} if not found[0].problem else None
        comparison = Comparison(found, list(varied), folder, "" if winner is None else best(winner), len(recipes))
        facts = {"trials": f"{len(found)} of {len(recipes)}", "seconds": f"{time.perf_counter() - began:.0f}"}
        comparison.folder = fill(folder, lambda staging: _write(comparison, facts, repeat, staging))
    return comparison


def _write(comparison: Comparison, facts: dict[str, str], repeat: str, folder: Path) -> None:
    from tinymm import plots
    from tinymm.report import write_report
    from tinymm.runs import versions

    found, (head, *rows) = comparison.trials, comparison.rows()
    numbers = [
        {"recipe": asdict(t.recipe), "measure": t.measure, "value": None if np.isnan(t.value) else t.value}
        | {"seconds": round(t.seconds, 1), "problem": t.problem}
        for t in found
    ]
    about = {"varied": comparison.varied, "of": comparison.wanted, "command": repeat, "best": comparison.best}
    text = json.dumps(about | {"trials": numbers, "versions": versions()}, indent=2, ensure_ascii=False)
    write_atomically(folder / "trials.json", (text + "\n").encode())
    names = [", ".join(f"{o} {v}" for o, v in zip(head, row, strict=False) if o in head[:-2]) for row in rows]
    pictures = {}
    if measured := {name: t.value for name, t in zip(names, found, strict=True) if not np.isnan(t.value)}:
        axes = plots.trials(measured, head[-2])
        pictures = {"The trials": plots.png(axes)}
        write_atomically(folder / "trials.png", pictures["The trials"])
    fixed = asdict(found[0].recipe)
    write_report(
        folder / "report.html",
        f"Trials of {fixed['model']} on {fixed['data']}",
        summary={f"best {head[-2]}": rows[0][-2], **dict(zip(head[:-2], rows[0], strict=False))}
        if comparison.best
        else {},
        metrics={name: dict(zip(head[-2:], row[-2:], strict=True)) for name, row in zip(names, rows, strict=True)},
        figures=pictures,
        notes="\n".join(dict.fromkeys(f"failed: {t.problem}" for t in found if t.problem)),
        data=f"{fixed['data']}: compared on one sample in {SHARE} of those to learn from; the test set was not touched",
        configuration={option: value for option, value in fixed.items() if option not in comparison.varied} | facts,
        command="\n".join(filter(None, [repeat, f"with the best: {comparison.best}" if comparison.best else ""])),
        versions=versions(),
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else {True: "yes", False: "no"}.get(value, str(value))
