"""A run: carry out a recipe, write down what was found, and use what was learned.

`train` trains, cross-validates and leaves a folder; `classify` uses the folder's checkpoint on image files.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import secrets
import shlex
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinymm
from tinymm import checkpoint, metrics
from tinymm.data.cleaning import CleaningReport
from tinymm.data.datasets import Dataset
from tinymm.data.image import bright_ink, frame_ink, read_image, resize
from tinymm.files import write_atomically
from tinymm.interrupts import held_back
from tinymm.nn import Conv2d, ConvReLUPool, LogisticRegression, Module
from tinymm.recipes import Preparation, Recipe, Shape, Trained, load_data, make_model, train_model
from tinymm.splits import Fold, StratifiedKFold, train_test_split
from tinymm.training import History
from tinymm.validation import SCORES, CrossValidation, cross_validate


@dataclass
class Run:
    """What a run found, before it is written down."""

    recipe: Recipe
    data: Dataset
    cleaning: CleaningReport
    trained: Trained
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray]  # images, labels, predictions
    validation: CrossValidation | None  # over the folds that were completed
    interrupted: bool
    notes: list[str]
    seconds: float


def train(
    recipe: Recipe, output: str | os.PathLike[str] = "runs", name: str | None = None, progress: bool = True
) -> Path:
    """Do what the recipe says and return the new folder `output`/`name` with all that was found.

    A fifth of the data, drawn in proportion to the classes, is held out while the model trains on the rest; then k-fold
    cross-validation trains k fresh models. The folder holds metrics.json, learning_curves.png, confusion_matrix.png,
    filters.png, checkpoint.npz and report.html; it appears when it is complete. If another run took the name meanwhile,
    it is `name`-2. Ctrl-C ends the training early and keeps the epochs and folds that were completed; KeyboardInterrupt
    if there are none. FileExistsError if the folder exists; ValueError for data that cannot be trained on.
    """
    started = time.perf_counter()
    recipe = recipe.complete()
    name = name if name is not None else f"{recipe.model}-{Path(recipe.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = _run_folder(output, name)
    data, cleaning = load_data(recipe)
    Preparation(recipe.model, data.x.shape[1:])  # refuses what the model cannot read
    (x, held_x, y, held_y), folds = _split(recipe, data)
    with _made(folder.parent):
        load_kernels()
        classes = len(data.class_names)
        title = "training" if progress else None
        trained = train_model(recipe, x, y, classes, (held_x, held_y), title, recipe.seed)
        notes, validation, interrupted = [], None, trained.history.interrupted
        if interrupted and not trained.history:
            raise KeyboardInterrupt("nothing was trained")
        if interrupted:
            complete = len(trained.history["train_loss"])
            notes.append(f"Training was interrupted after {complete} complete epochs of {recipe.epochs}.")
        elif folds:
            validation = _cross_validate(recipe, data, folds, progress)
            complete = 0 if validation is None else len(validation.folds)
            if interrupted := complete < len(folds):
                scored = "the complete folds" if complete else "the held-out fifth of the data"
                notes.append(
                    f"The cross-validation was interrupted after {complete} complete folds of {len(folds)}: "
                    f"the scores are those on {scored}."
                )
        try:
            with held_back():
                predictions = trained.probabilities(held_x).argmax(axis=1)
                run = Run(
                    *(recipe, data, cleaning, trained, (held_x, held_y, predictions), validation, interrupted, notes),
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


def _split(recipe: Recipe, data: Dataset) -> tuple[list[np.ndarray], list[Fold]]:
    """The training and the held-out part, and the folds. ValueError if there are too few samples for them."""
    present, counts = np.unique(data.y, return_counts=True)
    if counts.min() < 2:
        rare = data.class_names[present[counts.argmin()]]
        raise ValueError(f"{data.name}: class {rare} has one sample, but it takes 2: one to learn from, one to test on")
    if math.ceil(len(data) / 5) < len(present):
        raise ValueError(
            f"{data.name}: {len(data)} samples are too few: for the fifth that is held out to have all {len(present)} "
            f"classes, it takes {5 * len(present) - 4}"
        )
    held = train_test_split(data.x, data.y, test_size=0.2, stratify=data.y, random_state=recipe.seed)
    if not recipe.folds:
        return held, []
    splitter = StratifiedKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
    return held, list(splitter.split(data.x, data.y))


def _cross_validate(recipe: Recipe, data: Dataset, folds: list[Fold], progress: bool) -> CrossValidation | None:
    """The scores over the folds. If Ctrl-C interrupts them, those of the folds completed; None if there are none."""
    done: list[np.ndarray] = []

    def train_and_predict(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray) -> np.ndarray:
        fold = len(done) + 1
        title = f"fold {fold}/{len(folds)}" if progress else None
        trained = train_model(recipe, x_train, y_train, len(data.class_names), None, title, recipe.seed + fold)
        if trained.history.interrupted:
            raise KeyboardInterrupt
        done.append(trained.probabilities(x_test).argmax(axis=1))
        return done[-1]

    try:
        return cross_validate(train_and_predict, data.x, data.y, cv=folds)
    except KeyboardInterrupt:
        return _score(data, folds[: len(done)], done) if done else None


def _score(data: Dataset, folds: list[Fold], predictions: list[np.ndarray]) -> CrossValidation:
    """The scores of some of the folds; the predictions are those of the samples tested, in the order of the data."""
    classes = np.unique(data.y)
    tested = np.concatenate([test for _, test in folds])
    scores = {
        name: np.array([score(data.y[test], p, classes) for (_, test), p in zip(folds, predictions, strict=True)])
        for name, score in SCORES.items()
    }
    return CrossValidation(scores, np.concatenate(predictions)[np.argsort(tested)], folds, classes)


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
        _write_checkpoint(run, staging / "checkpoint.npz")
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


def _unseen(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and predictions by a model that had not seen them: of the folds, or else of the held-out part."""
    if run.validation is None:
        return run.held_out
    tested = np.sort(np.concatenate([test for _, test in run.validation.folds]))
    return run.data.x[tested], run.data.y[tested], run.validation.predictions


def _numbers(run: Run) -> dict[str, Any]:
    _, truth, predictions = _unseen(run)
    numbers: dict[str, Any] = {
        "recipe": asdict(run.recipe),
        "data": {
            "name": run.data.name,
            "samples": len(run.data),
            "dropped": run.cleaning.total - len(run.data),
        },
        "held_out": {"accuracy": metrics.accuracy_score(*run.held_out[1:]), "samples": len(run.held_out[1])},
        "history": dict(run.trained.history),
        "confusion_matrix": metrics.confusion_matrix(truth, predictions, labels=_labels(run)).tolist(),
        "interrupted": run.interrupted,
        "seconds": round(run.seconds, 1),
        "versions": _versions(),
    }
    if run.notes:
        numbers["notes"] = " ".join(run.notes)
    if run.validation is not None:
        table = run.validation.table([run.data.class_names[c] for c in run.validation.classes])
        numbers["cross_validation"] = {
            "folds": len(run.validation.folds),
            "accuracy": _spread(run.validation.scores["accuracy"]),
        }
        numbers["cross_validation"] |= {
            row: {column: _spread(scores) for column, scores in columns.items()} for row, columns in table.items()
        }
    return numbers


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

    images, truth, predictions = _unseen(run)
    matrix = metrics.confusion_matrix(truth, predictions, labels=_labels(run))
    names = run.data.class_names
    drawings: dict[str, tuple[str, Callable[[], Any]]] = {}
    if run.trained.history:
        drawings["Learning curves"] = "learning_curves", lambda: plots.learning_curves(run.trained.history)
    drawings["Confusion matrix"] = "confusion_matrix", lambda: plots.confusion_matrix(matrix, names)
    weight = _filters(run.trained.model, run.trained.preparation.input_shape)
    if weight is not None:
        drawings["Filters of the first layer"] = "filters", lambda: plots.filters(weight)
    wrong = np.flatnonzero(truth != predictions)[:32]
    if len(wrong) and images.shape[1] in (1, 3):  # grey or coloured
        shown = [np.array(names, dtype=object)[labels[wrong]] for labels in (truth, predictions)]
        drawings["Mistakes"] = "mistakes", lambda: plots.images(images[wrong], *shown)
    pictures = {}
    for caption, (name, draw) in drawings.items():
        try:
            pictures[caption] = plots.png(draw())
        except Exception as error:  # whatever it is, what was learned is worth more than a picture
            run.notes.append(f"The picture {name} could not be drawn: {error}")
        else:
            write_atomically(folder / f"{name}.png", pictures[caption])
    return pictures


def _filters(model: Module, image_shape: Shape) -> np.ndarray | None:
    """The first layer's weights as little pictures, where it has such."""
    for _, module in model.named_modules():
        if isinstance(module, Conv2d | ConvReLUPool):
            return module.weight.data
        if isinstance(module, LogisticRegression):
            return module.weight.data.reshape(-1, *image_shape)
    return None


def _write_report(run: Run, pictures: dict[str, bytes], path: Path) -> None:
    from tinymm.report import write_report

    validation, held = run.validation, metrics.accuracy_score(*run.held_out[1:])
    summary: dict[str, Any] = {}
    table: dict[str, Any] = {}
    if validation is not None:
        scores = validation.scores
        summary = {"accuracy": scores["accuracy"], "precision": scores["precision_macro"]}
        summary |= {"recall": scores["recall_macro"], "F1": scores["f1_macro"]}
        table = validation.table([run.data.class_names[c] for c in validation.classes])
    summary["held-out accuracy"] = held
    parameters = sum(p.size for p in run.trained.model.parameters())
    facts = {"parameters": f"{parameters:,}", "seconds": f"{run.seconds:.0f}"}
    arguments = [
        f"--{key.replace('_', '-')} {shlex.quote(str(value))}"
        for key, value in asdict(run.recipe).items()
        if key != "augment"
    ]
    arguments.append("--augment" if run.recipe.augment else "--no-augment")
    write_report(
        path,
        f"{run.recipe.model} on {run.data.name}",
        summary=summary,
        metrics=table,
        figures=pictures,
        data=f"{run.data!r}\n{run.cleaning!r}",
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


# ---------------------------------------------------------------------------------------------------------
# Using what was learned
# ---------------------------------------------------------------------------------------------------------


def _write_checkpoint(run: Run, path: Path) -> None:
    state = {
        "recipe": asdict(run.recipe),
        "model": run.trained.model.state_dict(),
        "standardizer": run.trained.preparation.standardizer.state_dict(),
        "image_shape": list(run.data.x.shape[1:]),
        "class_names": list(run.data.class_names),
    }
    checkpoint.save(state, path)


def load_trained(path: str | os.PathLike[str]) -> tuple[Trained, list[str]]:
    """The model of a checkpoint that `train` wrote (or of its run folder), ready to use, and the class names."""
    path = _checkpoint_file(Path(path))
    state = checkpoint.load(path)
    if (
        not isinstance(state, dict)
        or not {"recipe", "model", "standardizer", "image_shape", "class_names"} <= state.keys()
    ):
        raise checkpoint.CheckpointError(f"{path} holds no trained model: give a checkpoint that tinymm train wrote")
    recipe, shape, names = Recipe(**state["recipe"]), tuple(state["image_shape"]), state["class_names"]
    model = make_model(recipe.model, shape, len(names))
    model.load_state_dict(state["model"])
    preparation = Preparation(recipe.model, shape)
    preparation.standardizer.load_state_dict(state["standardizer"])
    return Trained(model.eval(), preparation, History()), names


def _checkpoint_file(path: Path) -> Path:
    file = path / "checkpoint.npz" if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        runs = sorted(str(run.parent) for run in path.glob("*/checkpoint.npz"))
        mend = f"did you mean {' or '.join(runs[:5])}?" if runs else "give the folder of a run"
        raise FileNotFoundError(f"{path} holds no checkpoint.npz: {mend}")
    if file.is_file() and not zipfile.is_zipfile(file):
        raise checkpoint.CheckpointError(
            f"{file} is no tinymm checkpoint: give the folder of a run, or its checkpoint.npz"
        )
    return file


def classify(
    path: str | os.PathLike[str], image_paths: list[str]
) -> tuple[list[np.ndarray | ValueError | OSError], list[str]]:
    """What the checkpoint's model sees on image files: the probabilities (classes,) of each, and the class names.

    An image of the training images' size is taken as it is; from any other the ink is cut out and brought to that
    size. Dark ink on light paper is turned around. For an image that cannot be read, or has no ink, the error that says
    so comes in place of the probabilities.
    """
    trained, names = load_trained(path)
    results: list[np.ndarray | ValueError | OSError] = []
    for image_path in image_paths:
        try:
            results.append(_read_ink(image_path, trained.preparation.image_shape))
        except (ValueError, OSError) as error:
            results.append(error)
    readable = [i for i, result in enumerate(results) if isinstance(result, np.ndarray)]
    if readable:
        load_kernels()
        images = np.stack([results[i] for i in readable])  # type: ignore[misc]
        for i, probabilities in zip(readable, trained.probabilities(images), strict=True):
            results[i] = probabilities
    return results, names


def _read_ink(path: str, shape: Shape) -> np.ndarray:
    """An image file as bright ink in the shape that the model was trained on."""
    channels, rows, columns = shape
    image = bright_ink(read_image(path, grey=channels == 1)[None])
    if image.min() == image.max():
        raise ValueError(f"there is no ink on {path}")
    if image.shape[2:] != (rows, columns):
        margin = 4 if (rows, columns) == (28, 28) else 0  # as MNIST and the UCI digits have it
        image = frame_ink(image, (rows, columns), margin) if channels == 1 else resize(image, (rows, columns), "area")
    return image[0].astype(np.float32)
