"""A run: carry out a recipe, and write down what was found in a folder. `tinymm.prediction` uses what was learned."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinymm
from tinymm import checkpoint
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.dataset import as_samples
from tinymm.data.image.cleaning import CleaningReport
from tinymm.distributed import Engine, WorkersHistory
from tinymm.files import write_atomically
from tinymm.interrupts import held_back
from tinymm.nn import Conv2d, ConvReLUPool, LogisticRegression
from tinymm.recipes import Judged, Loaded, Parts, Recipe, Task, Trained, train_model
from tinymm.recipes.images import ImageFrontEnd
from tinymm.recipes.task import Drawing
from tinymm.resuming import Unfinished, begun, taken_up
from tinymm.run_folder import fill, free_folder, made
from tinymm.snapshots import Snapshots
from tinymm.splits import Fold
from tinymm.training import History, progress_bar

HERE = Engine()  # this process


@dataclass
class Run:
    """What a run found, before it is written down."""

    recipe: Recipe
    engine: Engine
    data: Dataset
    cleaning: CleaningReport
    trained: Trained
    parts: Parts
    held: Judged  # on what was held out, as one fold
    validation: Judged | None  # over the folds that were completed
    interrupted: bool
    notes: list[str]
    seconds: float
    data_sha256: str

    @property
    def task(self) -> Task:
        return self.trained.task

    @property
    def judged(self) -> Judged:
        """Of the folds, or else of the held-out part."""
        return self.validation or self.held


def train(
    recipe: Recipe,
    output: str | os.PathLike[str] = "runs",
    name: str | None = None,
    progress: bool = True,
    snapshot_steps: int | None = None,
    engine: Engine = HERE,
) -> Path:
    """Do what the recipe says and return the new folder `output`/`name` with all that was found.

    The model learns from one part of the data and is tested on the other: a fifth drawn in proportion to the classes,
    or the official test set. Then k-fold cross-validation, if the recipe has folds, trains k fresh models. The folder
    holds metrics.json, learning_curves.png, checkpoint.npz, report.html and the pictures of its task; it appears when it
    is complete. If another run took the name meanwhile, it is `name`-2. Ctrl-C ends the training early and keeps the
    epochs and folds that were completed; KeyboardInterrupt if there are none. FileExistsError if the folder exists;
    ValueError for data that cannot be trained on.

    Until it is complete, `output`/`name`.unfinished holds what `resume` needs to go on if the process is stopped; it
    is brought up to date every `snapshot_steps` steps, or every ten seconds. `engine` says in which processes it is
    trained.
    """
    recipe = recipe.complete()
    name = name if name is not None else f"{recipe.model}-{Path(recipe.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = free_folder(output, name)
    loaded = recipe.task.load(recipe)
    parts = recipe.task.cut(recipe, loaded)
    with made(folder.parent), begun(folder) as work, engine.open():
        facts = {"recipe": asdict(recipe), "engine": asdict(engine), "versions": versions()}
        work.begin(facts | {"data_sha256": loaded.sha256(), "stopped": 0})
        return _carry_out(recipe, loaded, parts, work, folder, progress, snapshot_steps, engine)


def resume(run: str | os.PathLike[str], progress: bool = True, snapshot_steps: int | None = None) -> Path:
    """Go on with a run that was stopped, by whatever it was, and return its folder when it is complete.

    It ends with the same weights and scores, bit for bit, as if it had never been stopped; if several processes train
    together, as nearly as two such runs ever do. FileNotFoundError if there
    is nothing to go on with; ValueError if the run is complete, or its data have changed; BlockingIOError if another
    process is at it.
    """
    with taken_up(Path(run)) as work:
        recipe, engine, facts = begun_with(work)
        loaded = recipe.task.load(recipe)
        if loaded.sha256() != facts["data_sha256"]:
            raise ValueError(
                f"resume: the data {recipe.data} are no longer those that the run began with: bring them back, or train anew"
            )
        work.begin(facts | {"stopped": facts["stopped"] + 1})
        parts = recipe.task.cut(recipe, loaded)
        with engine.open():
            return _carry_out(recipe, loaded, parts, work, work.run_folder, progress, snapshot_steps, engine)


def begun_with(work: Unfinished) -> tuple[Recipe, Engine, dict[str, Any]]:
    """What a run that was stopped began with: its recipe, where it was trained, and all that is written down.

    ValueError if it was not written by this version, or has been damaged.
    """
    facts = work.facts or {}
    try:
        recipe, engine = Recipe(**facts["recipe"]), Engine(**facts.get("engine", {}))
        kinds = {"data_sha256": str, "stopped": int, "versions": dict}
        if wrong := [name for name, kind in kinds.items() if not isinstance(facts[name], kind)]:
            raise ValueError(f"{wrong[0]} is {facts[wrong[0]]!r}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"resume: {work.folder / 'run.json'} is damaged or of another version ({error}): train anew"
        ) from None
    return recipe, engine, facts


def _carry_out(
    recipe: Recipe,
    loaded: Loaded,
    parts: Parts,
    work: Unfinished,
    folder: Path,
    progress: bool,
    snapshot_steps: int | None,
    engine: Engine,
) -> Path:
    """Do what is not done yet, and write it all down."""
    started, task, notes = time.perf_counter(), recipe.task, work.notes(versions())
    load_kernels()
    held = task.test_set(loaded.data.subset(parts.held))
    trained = _train_once(recipe, loaded.training(parts.train), held, progress, work, snapshot_steps, engine)
    validation, interrupted = None, trained.history.interrupted
    if interrupted and not trained.history:
        raise KeyboardInterrupt("nothing was trained")
    if interrupted:
        complete = len(trained.history["train_loss"])
        notes.append(f"Training was interrupted after {complete} complete epochs of {recipe.epochs}.")
    elif parts.folds:
        validation = _cross_validate(recipe, loaded, parts.folds, progress, work, snapshot_steps, engine)
        complete = 0 if validation is None else validation.folds
        if interrupted := complete < len(parts.folds):
            scored = "the complete folds" if complete else f"{parts.held_name} of the data"
            notes.append(
                f"The cross-validation was interrupted after {complete} complete folds of {len(parts.folds)}: "
                f"the scores are those on {scored}."
            )

    def write(staging: Path) -> None:
        _write(run, staging)
        if interrupted:
            work.move_into(staging)

    try:
        with held_back():
            on_held = task.judge([(held, trained.predict(held.x))])
            run = Run(
                *(
                    recipe,
                    engine,
                    loaded.data,
                    loaded.cleaning,
                    trained,
                    parts,
                    on_held,
                    validation,
                    interrupted,
                    notes,
                ),
                seconds=time.perf_counter() - started,
                data_sha256=(work.facts or {})["data_sha256"],
            )
            folder = fill(folder, write, replace=work.inside_a_run)
            work.complete = True
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{folder} is complete") from None
    return folder


def _train_once(
    recipe: Recipe,
    data: Dataset,
    held: Dataset,
    progress: bool,
    work: Unfinished,
    snapshot_steps: int | None,
    engine: Engine,
) -> Trained:
    """The model of the run, if it is not trained already."""
    if (state := work.result("model")) is not None:
        return Trained.from_state(state)
    title = "training" if progress else None
    snapshots = work.snapshots("model", snapshot_steps)
    trained = train_model(recipe, data, held, title, recipe.seed, snapshots, engine.fit)
    if not trained.history.interrupted:
        work.keep("model", trained.state_dict())
    return trained


def load_kernels() -> None:
    """Import Numba, which an interrupt would leave half imported."""
    with held_back():
        importlib.import_module("tinymm.kernels.jit")


def _cross_validate(
    recipe: Recipe,
    loaded: Loaded,
    folds: list[Fold],
    progress: bool,
    work: Unfinished,
    snapshot_steps: int | None,
    engine: Engine,
) -> Judged | None:
    """The scores over the folds. If Ctrl-C interrupts them, those of the folds completed; None if there are none."""
    task, done = recipe.task, list[tuple[Dataset, np.ndarray]]()
    fit = HERE.fit if engine.distributed else engine.fit  # a cluster takes whole folds, side by side
    titles = [
        f"fold {fold}/{len(folds)}" if progress and not engine.distributed else None
        for fold in range(1, len(folds) + 1)
    ]
    missing = []
    for fold, (train, test) in enumerate(folds, 1):
        if work.result(f"fold-{fold}") is None:
            # A fold that a cluster trains may be on another machine, and is trained anew if it is not complete.
            snapshots = None if engine.distributed else work.snapshots(f"fold-{fold}", snapshot_steps)
            missing.append((fold, titles[fold - 1], snapshots, train, test))
    bar = progress_bar("folds" if progress and engine.distributed else None, len(missing))
    try:
        found = engine.map(_train_fold, missing, recipe, loaded, fit)
        for fold, (_, test) in enumerate(folds, 1):
            predictions = work.result(f"fold-{fold}")
            if predictions is None:
                predictions = next(found)
                if predictions is None:
                    break
                bar.update()
                work.keep(f"fold-{fold}", predictions if predictions.dtype != object else predictions.tolist())
            held = task.test_set(loaded.data.subset(test))
            done.append((held, as_samples(predictions) if isinstance(predictions, list) else predictions))
    except KeyboardInterrupt:  # between two trainings
        pass
    finally:
        bar.close()
    return task.judge(done) if done else None


def _train_fold(
    fold: int,
    title: str | None,
    snapshots: Snapshots | None,
    train: np.ndarray,
    test: np.ndarray,
    recipe: Recipe,
    loaded: Loaded,
    fit: Callable[..., History],
) -> np.ndarray | None:
    """What a model that is trained on one part of a fold makes of the other; None if Ctrl-C came."""
    trained = train_model(recipe, loaded.training(train), None, title, recipe.seed + fold, snapshots, fit)
    held = recipe.task.test_set(loaded.data.subset(test))
    return None if trained.history.interrupted else trained.predict(held.x)


def _shared(run: Run) -> dict[str, Any]:
    """How several workers shared the training, if they did."""
    history = run.trained.history
    return {"workers": run.engine.workers, **history.facts()} if isinstance(history, WorkersHistory) else {}


# ---------------------------------------------------------------------------------------------------------
# What a run leaves
# ---------------------------------------------------------------------------------------------------------


def _write(run: Run, folder: Path) -> None:
    checkpoint.save(run.trained.state_dict(), folder / "checkpoint.npz")
    pictures = _pictures(run, folder)
    numbers = json.dumps(_numbers(run), indent=2, ensure_ascii=False)
    write_atomically(folder / "metrics.json", (numbers + "\n").encode())
    _write_report(run, pictures, folder / "report.html")


def _numbers(run: Run) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        "recipe": asdict(run.recipe),
        "data": {
            "name": run.data.name,
            "samples": len(run.data),
            "dropped": run.cleaning.total - len(run.data),
            "sha256": run.data_sha256,
        },
        "held_out": {
            "what": run.parts.held_name,
            "samples": len(run.held.tested),
            **{name: float(values.mean()) for name, values in run.held.summary.items()},
        },
        "history": dict(run.trained.history),
        **run.task.numbers(run.judged),
        "interrupted": run.interrupted,
        "seconds": round(run.seconds, 1),
        "command": _command(run),
        **({"shared": shared} if (shared := _shared(run)) else {}),
        "versions": versions(),
    }
    if run.notes:
        numbers["notes"] = " ".join(run.notes)
    if run.validation is not None:
        numbers["cross_validation"] = {
            "folds": run.validation.folds,
            "of": len(run.parts.folds),
            **{name: _spread(values) for name, values in run.validation.summary.items()},
            **{
                row: {column: _spread(values) for column, values in columns.items()}
                for row, columns in run.validation.table.items()
            },
        }
    return numbers


def _spread(scores: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation over the folds, and the folds themselves."""
    defined = scores[~np.isnan(scores)]
    deviation = defined.std(ddof=1) if len(defined) > 1 else 0.0
    mean = float(defined.mean()) if len(defined) else None
    return {
        "mean": mean,
        "std": float(deviation),
        "folds": [None if np.isnan(s) else float(s) for s in scores],
    }


def _pictures(run: Run, folder: Path) -> dict[str, bytes]:
    """Write the pictures as PNG files; returns them by caption. One that cannot be drawn is noted and left out."""
    from tinymm import plots

    drawings: dict[str, Drawing] = {}
    if run.trained.history:
        drawings["Learning curves"] = "learning_curves", lambda: plots.learning_curves(run.trained.history)
    stale = getattr(run.trained.history, "staleness", ())
    if len(stale):
        drawings["Staleness of the updates"] = "staleness", lambda: plots.staleness(stale)
    drawings |= run.task.drawings(run.trained, run.judged)
    weight = _filters(run.trained)
    if weight is not None:
        drawings["Filters of the first layer"] = "filters", lambda: plots.filters(weight)
    pictures = {}
    for caption, (name, draw) in drawings.items():
        try:
            pictures[caption] = plots.png(draw())
        except Exception as error:  # whatever it is, what was learned is worth more than a picture
            run.notes.append(f"The picture {name} could not be drawn: {error}")
        else:
            write_atomically(folder / f"{name}.png", pictures[caption])
    return pictures


def _filters(trained: Trained) -> np.ndarray | None:
    """The first layer's weights as little pictures, where it has such."""
    for _, module in trained.model.named_modules():
        if isinstance(module, Conv2d | ConvReLUPool):
            return module.weight.data
        if isinstance(module, LogisticRegression) and isinstance(trained.front_end, ImageFrontEnd):
            return module.weight.data.reshape(-1, *trained.front_end.input_shape)
    return None


def _write_report(run: Run, pictures: dict[str, bytes], path: Path) -> None:
    from tinymm.report import write_report

    summary: dict[str, Any] = dict(run.judged.summary)
    if run.validation is not None:
        first, value = next(iter(run.held.summary.items()))
        summary[f"held-out {first}"] = value
    parameters = sum(p.size for p in run.trained.model.parameters())
    facts = {"parameters": f"{parameters:,}", "seconds": f"{run.seconds:.0f}"} | _shared(run)
    write_report(
        path,
        f"{run.recipe.model} on {run.data.name}",
        summary=summary,
        metrics=run.judged.table,
        figures=pictures,
        explanation=run.trained.front_end.explanation(run.trained.model, run.data.class_names),
        mistakes=run.task.mistakes(run.judged),
        data=f"{run.data!r}\n{run.cleaning!r}\ntested on {_tested(run)}",
        configuration=asdict(run.recipe) | facts,
        command=_command(run),
        versions=versions(),
        notes="\n".join(run.notes),
    )


def _command(run: Run) -> str:
    """What to type to train the same again."""
    recipe = run.recipe
    arguments = [
        f"--{key.replace('_', '-')} {shlex.quote(str(value))}"
        for key, value in asdict(recipe).items()
        if key != "augment" and value is not None
    ]
    arguments += ["--augment" if recipe.augment else "--no-augment", *run.engine.arguments()]
    return " ".join(["tinymm train", *arguments])


def versions() -> dict[str, str]:
    """Of everything that a run's numbers depend on."""
    from importlib.metadata import version

    return {
        "tinymm": tinymm.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in ("numpy", "numba", "matplotlib")},
    }


def _tested(run: Run) -> str:
    if run.validation is None:
        return f"{run.parts.held_name}, {len(run.parts.held):,} samples"
    kind = "whole groups" if run.recipe.split == "groups" else "samples"
    return f"{run.validation.folds} folds of {kind}"
