"""A run: carry out a recipe, and write down what was found in a folder. `tinymm.prediction` uses what was learned."""

from __future__ import annotations

import importlib
import json
import os
import platform
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinymm
from tinymm import checkpoint, metrics
from tinymm.data.datasets import Dataset
from tinymm.data.image.cleaning import CleaningReport
from tinymm.files import write_atomically
from tinymm.interrupts import held_back
from tinymm.nn import Conv2d, ConvReLUPool, LogisticRegression
from tinymm.recipes import Loaded, Parts, Recipe, Trained, cut, load_data, train_model
from tinymm.recipes.images import ImageFrontEnd
from tinymm.splits import Fold
from tinymm.validation import CrossValidation, cross_validate, score_folds

MOST_MISTAKES = 32  # that a report shows
PLAIN = {"accuracy": "accuracy", "precision": "precision_macro", "recall": "recall_macro", "F1": "f1_macro"}


@dataclass
class Run:
    """What a run found, before it is written down."""

    recipe: Recipe
    data: Dataset
    cleaning: CleaningReport
    trained: Trained
    parts: Parts
    held: CrossValidation  # on what was held out, as one fold
    validation: CrossValidation | None  # over the folds that were completed
    interrupted: bool
    notes: list[str]
    seconds: float


def train(
    recipe: Recipe, output: str | os.PathLike[str] = "runs", name: str | None = None, progress: bool = True
) -> Path:
    """Do what the recipe says and return the new folder `output`/`name` with all that was found.

    The model learns from one part of the data and is tested on the other: a fifth drawn in proportion to the classes,
    or the official test set. Then k-fold cross-validation, if the recipe has folds, trains k fresh models. The folder
    holds metrics.json, learning_curves.png, confusion_matrix.png, checkpoint.npz and report.html, and for images
    filters.png and mistakes.png; it appears when it is complete. If another run took the name meanwhile, it is
    `name`-2. Ctrl-C ends the training early and keeps the epochs and folds that were completed; KeyboardInterrupt if
    there are none. FileExistsError if the folder exists; ValueError for data that cannot be trained on.
    """
    started = time.perf_counter()
    recipe = recipe.complete()
    name = name if name is not None else f"{recipe.model}-{Path(recipe.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = _run_folder(output, name)
    loaded = load_data(recipe)
    data, parts = loaded.data, cut(recipe, loaded)
    with _made(folder.parent):
        load_kernels()
        title = "training" if progress else None
        held = data.subset(parts.held)
        trained = train_model(recipe, loaded.training(parts.train), held, title, recipe.seed)
        notes, validation, interrupted = [], None, trained.history.interrupted
        if interrupted and not trained.history:
            raise KeyboardInterrupt("nothing was trained")
        if interrupted:
            complete = len(trained.history["train_loss"])
            notes.append(f"Training was interrupted after {complete} complete epochs of {recipe.epochs}.")
        elif parts.folds:
            validation = _cross_validate(recipe, loaded, parts.folds, progress)
            complete = 0 if validation is None else len(validation.folds)
            if interrupted := complete < len(parts.folds):
                scored = "the complete folds" if complete else f"{parts.held_name} of the data"
                notes.append(
                    f"The cross-validation was interrupted after {complete} complete folds of {len(parts.folds)}: "
                    f"the scores are those on {scored}."
                )
        try:
            with held_back():
                predictions = trained.probabilities(held.x).argmax(axis=1)
                on_held = score_folds(data.y, [(parts.train, parts.held)], [predictions])
                run = Run(
                    *(recipe, data, loaded.cleaning, trained, parts, on_held, validation, interrupted, notes),
                    seconds=time.perf_counter() - started,
                )
                folder = _write(run, folder)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{folder} is complete") from None
    return folder


def load_kernels() -> None:
    """Import Numba, which an interrupt would leave half imported."""
    with held_back():
        importlib.import_module("tinymm.kernels.jit")


def _cross_validate(recipe: Recipe, loaded: Loaded, folds: list[Fold], progress: bool) -> CrossValidation | None:
    """The scores over the folds. If Ctrl-C interrupts them, those of the folds completed; None if there are none."""
    data, done = loaded.data, list[np.ndarray]()

    def train_and_predict(train: np.ndarray, _: np.ndarray, test: np.ndarray) -> np.ndarray:
        fold = len(done) + 1
        title = f"fold {fold}/{len(folds)}" if progress else None
        trained = train_model(recipe, loaded.training(train), None, title, recipe.seed + fold)
        if trained.history.interrupted:
            raise KeyboardInterrupt
        done.append(trained.probabilities(data.x[test]).argmax(axis=1))
        return done[-1]

    try:
        return cross_validate(train_and_predict, np.arange(len(data)), data.y, cv=folds)
    except KeyboardInterrupt:
        return score_folds(data.y, folds[: len(done)], done) if done else None


# ---------------------------------------------------------------------------------------------------------
# What a run leaves
# ---------------------------------------------------------------------------------------------------------


def _run_folder(output: str | os.PathLike[str], name: str) -> Path:
    """Where the run will be. ValueError for a name that is no name of a folder, FileExistsError if it is taken."""
    if not name or name.startswith(".") or set(name) & {"/", "\\"} or len(name.encode()) > 200:
        raise ValueError(f"name {name!r} is not the name of a folder: take letters and digits, - and _")
    folder = Path(output) / name
    if os.path.lexists(folder):
        raise FileExistsError(f"{folder} exists: choose another name, so that nothing is overwritten")
    return folder


@contextmanager
def _made(parent: Path) -> Iterator[None]:
    """Make the folder that runs go into; if the block fails, take away what was made. OSError if it cannot be used."""
    new = [folder for folder in (parent, *parent.parents) if not os.path.lexists(folder)]
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(f"output {parent} cannot be made a folder ({error.strerror}): choose another") from None
    try:
        if not os.access(parent, os.W_OK):
            raise PermissionError(f"output {parent} cannot be written to: choose another")
        yield
    except BaseException:
        for folder in new:
            with suppress(OSError):  # another run is in it
                folder.rmdir()
        raise


def _write(run: Run, folder: Path) -> Path:
    """Write everything into a folder beside the final one, then give it its name; returns the final one."""
    staging = folder.with_name(f".{secrets.token_hex(8)}.part")
    staging.mkdir(parents=True)
    try:
        checkpoint.save(run.trained.state_dict(), staging / "checkpoint.npz")
        pictures = _pictures(run, staging)
        numbers = json.dumps(_numbers(run), indent=2, ensure_ascii=False)
        write_atomically(staging / "metrics.json", (numbers + "\n").encode())
        _write_report(run, pictures, staging / "report.html")
        return _settle(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _settle(staging: Path, folder: Path) -> Path:
    """Rename `staging` to `folder`, or to folder-2, folder-3, … if another run was quicker."""
    final, number = folder, 1
    while True:
        try:
            return staging.rename(final)
        except OSError:
            if not os.path.lexists(final):
                raise
        number += 1
        final = folder.with_name(f"{folder.name}-{number}")


def _unseen(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the data and predictions by a model that had not seen them: of the folds, or else of the held-out part."""
    scores = run.validation or run.held
    return np.sort(np.concatenate([test for _, test in scores.folds])), scores.predictions


def _numbers(run: Run) -> dict[str, Any]:
    rows, predictions = _unseen(run)
    matrix = metrics.confusion_matrix(run.data.y[rows], predictions, labels=_labels(run))
    numbers: dict[str, Any] = {
        "recipe": asdict(run.recipe),
        "data": {
            "name": run.data.name,
            "samples": len(run.data),
            "dropped": run.cleaning.total - len(run.data),
        },
        "held_out": {
            "what": run.parts.held_name,
            "samples": len(run.parts.held),
            **{name: float(run.held.mean[score]) for name, score in PLAIN.items()},
        },
        "history": dict(run.trained.history),
        "confusion_matrix": matrix.tolist(),
        "interrupted": run.interrupted,
        "seconds": round(run.seconds, 1),
        "versions": _versions(),
    }
    if run.notes:
        numbers["notes"] = " ".join(run.notes)
    if run.validation is not None:
        numbers["cross_validation"] = {
            "folds": len(run.validation.folds),
            "of": len(run.parts.folds),
            "accuracy": _spread(run.validation.scores["accuracy"]),
        }
        numbers["cross_validation"] |= {
            row: {column: _spread(scores) for column, scores in columns.items()}
            for row, columns in _table(run, run.validation).items()
        }
    return numbers


def _table(run: Run, scores: CrossValidation) -> dict[str, dict[str, np.ndarray]]:
    return scores.table([run.data.class_names[c] for c in scores.classes])


def _labels(run: Run) -> list[int]:
    return list(range(len(run.data.class_names)))


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

    rows, predictions = _unseen(run)
    truth, names = run.data.y[rows], run.data.class_names
    matrix = metrics.confusion_matrix(truth, predictions, labels=_labels(run))
    drawings: dict[str, tuple[str, Callable[[], Any]]] = {}
    if run.trained.history:
        drawings["Learning curves"] = "learning_curves", lambda: plots.learning_curves(run.trained.history)
    drawings["Confusion matrix"] = "confusion_matrix", lambda: plots.confusion_matrix(matrix, names)
    weight = _filters(run.trained)
    if weight is not None:
        drawings["Filters of the first layer"] = "filters", lambda: plots.filters(weight)
    wrong = np.flatnonzero(truth != predictions)[:MOST_MISTAKES]
    shown = run.trained.front_end.pictures(run.data.x[rows[wrong]]) if len(wrong) else None
    if shown is not None:
        labels = [np.array(names, dtype=object)[labels[wrong]] for labels in (truth, predictions)]
        drawings["Mistakes"] = "mistakes", lambda: plots.images(shown, *labels)
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


def _mistakes(run: Run) -> str:
    """Texts that were taken for something else, a line for each."""
    rows, predictions = _unseen(run)
    wrong = np.flatnonzero(run.data.y[rows] != predictions)[:MOST_MISTAKES]
    names, texts = run.data.class_names, run.data.x[rows[wrong]]
    if run.data.sense != "text":
        return ""
    lines = [
        f"{names[truth]}, taken for {names[taken]}: {' '.join(text.split()):.200}"
        for truth, taken, text in zip(run.data.y[rows[wrong]], predictions[wrong], texts, strict=True)
    ]
    return "\n".join(lines)


def _write_report(run: Run, pictures: dict[str, bytes], path: Path) -> None:
    from tinymm.report import write_report

    scores = run.validation or run.held
    summary: dict[str, Any] = {name: scores.scores[score] for name, score in PLAIN.items()}
    if run.validation is not None:
        summary["held-out accuracy"] = run.held.mean["accuracy"]
    parameters = sum(p.size for p in run.trained.model.parameters())
    facts = {"parameters": f"{parameters:,}", "seconds": f"{run.seconds:.0f}"}
    arguments = [
        f"--{key.replace('_', '-')} {shlex.quote(str(value))}"
        for key, value in asdict(run.recipe).items()
        if key != "augment" and value is not None
    ]
    arguments.append("--augment" if run.recipe.augment else "--no-augment")
    write_report(
        path,
        f"{run.recipe.model} on {run.data.name}",
        summary=summary,
        metrics=_table(run, scores),
        figures=pictures,
        explanation=run.trained.front_end.explanation(run.trained.model, run.data.class_names),
        mistakes=_mistakes(run),
        data=f"{run.data!r}\n{run.cleaning!r}\ntested on {_tested(run)}",
        configuration=asdict(run.recipe) | facts,
        command=f"tinymm train {' '.join(arguments)}",
        versions=_versions(),
        notes="\n".join(run.notes),
    )


def _versions() -> dict[str, str]:
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
    return f"{len(run.validation.folds)} folds of {kind}"
