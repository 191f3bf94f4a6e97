"""A run: carry out a recipe, write down what was found, and use what was learned.

`train` trains, cross-validates and leaves a folder; `classify` uses the folder's checkpoint on image files.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
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
from tinymm.nn import Conv2d, ConvReLUPool, LogisticRegression, Module
from tinymm.recipes import Preparation, Recipe, Shape, Trained, load_data, make_model, train_model
from tinymm.splits import Fold, StratifiedKFold, train_test_split
from tinymm.training import History
from tinymm.validation import CrossValidation, cross_validate


@dataclass
class Run:
    """What a run found, before it is written down."""

    recipe: Recipe
    data: Dataset
    cleaning: CleaningReport
    trained: Trained
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray]  # images, labels, predictions
    validation: CrossValidation | None
    notes: str
    seconds: float


def train(
    recipe: Recipe, output: str | os.PathLike[str] = "runs", name: str | None = None, progress: bool = True
) -> Path:
    """Do what the recipe says and return the new folder `output`/`name` with all that was found.

    A fifth of the data, drawn in proportion to the classes, is held out while the model trains on the rest; then k-fold
    cross-validation trains k fresh models. The folder holds metrics.json, learning_curves.png, confusion_matrix.png,
    filters.png, checkpoint.npz and report.html; it appears when it is complete. Ctrl-C ends the training early and
    keeps what was trained. FileExistsError if the folder exists; ValueError for data that cannot be trained on.
    """
    started = time.perf_counter()
    recipe = recipe.complete()
    data, cleaning = load_data(recipe)
    Preparation(recipe.model, data.x.shape[1:])  # refuses what the model cannot read
    splits = _split(recipe, data)
    folder = _new_folder(output, name or f"{recipe.model}-{Path(recipe.data).stem}-{time.strftime('%Y%m%d-%H%M%S')}")

    (x, held_x, y, held_y), folds = splits
    classes = len(data.class_names)
    title = "training" if progress else None
    trained = train_model(recipe, x, y, classes, (held_x, held_y), title, recipe.seed)
    predictions = trained.probabilities(held_x).argmax(axis=1)
    notes, validation = "", None
    if trained.history.interrupted:
        complete = len(trained.history.get("train_loss", []))
        notes = f"Training was interrupted after {complete} complete epochs of {recipe.epochs}."
    elif folds:
        validation = _cross_validate(recipe, data, folds, progress)
        if validation is None:
            notes = "The cross-validation was interrupted, so the scores are those on the held-out fifth of the data."
    run = Run(
        *(recipe, data, cleaning, trained, (held_x, held_y, predictions), validation, notes),
        seconds=time.perf_counter() - started,
    )
    return _write(run, folder)


def _split(recipe: Recipe, data: Dataset) -> tuple[list[np.ndarray], list[Fold]]:
    held = train_test_split(data.x, data.y, test_size=0.2, stratify=data.y, random_state=recipe.seed)
    if not recipe.folds:
        return held, []
    splitter = StratifiedKFold(recipe.folds, shuffle=True, random_state=recipe.seed)
    return held, list(splitter.split(data.x, data.y))


def _cross_validate(recipe: Recipe, data: Dataset, folds: list[Fold], progress: bool) -> CrossValidation | None:
    """The scores over the folds; None if Ctrl-C interrupted them."""
    done = iter(range(1, len(folds) + 1))

    def train_and_predict(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray) -> np.ndarray:
        fold = next(done)
        title = f"fold {fold}/{len(folds)}" if progress else None
        trained = train_model(recipe, x_train, y_train, len(data.class_names), None, title, recipe.seed + fold)
        if trained.history.interrupted:
            raise KeyboardInterrupt
        return trained.probabilities(x_test).argmax(axis=1)

    try:
        return cross_validate(train_and_predict, data.x, data.y, cv=folds)
    except KeyboardInterrupt:
        return None


def _new_folder(output: str | os.PathLike[str], name: str) -> Path:
    """Where the run will be, checked before the work and not yet made."""
    folder = Path(output) / name
    if folder.exists():
        raise FileExistsError(f"{folder} exists: choose another name, so that nothing is overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(folder.parent, os.W_OK):
        raise PermissionError(f"{folder.parent} cannot be written to: choose another output folder")
    return folder


# ---------------------------------------------------------------------------------------------------------
# What a run leaves
# ---------------------------------------------------------------------------------------------------------


def _write(run: Run, folder: Path) -> Path:
    """Write everything into a folder beside the final one, then give it its name."""
    staging = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        _write_checkpoint(run, staging / "checkpoint.npz")
        numbers = json.dumps(_numbers(run), indent=2, ensure_ascii=False)
        write_atomically(staging / "metrics.json", (numbers + "\n").encode())
        _write_report(run, _pictures(run, staging), staging / "report.html")
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _truth_and_predictions(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Of every sample by a model that had not seen it; of the held-out part if there was no cross-validation."""
    if run.validation is not None:
        return run.data.y, run.validation.predictions
    return run.held_out[1], run.held_out[2]


def _numbers(run: Run) -> dict[str, Any]:
    truth, predictions = _truth_and_predictions(run)
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
        "seconds": round(run.seconds, 1),
        "versions": _versions(),
    }
    if run.notes:
        numbers["notes"] = run.notes
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
    """Write the pictures as PNG files; returns them by caption."""
    from tinymm import plots

    truth, predictions = _truth_and_predictions(run)
    matrix = metrics.confusion_matrix(truth, predictions, labels=_labels(run))
    names = run.data.class_names
    axes: dict[str, tuple[str, Any]] = {}
    if run.trained.history:
        axes["Learning curves"] = "learning_curves", plots.learning_curves(run.trained.history)
    axes["Confusion matrix"] = "confusion_matrix", plots.confusion_matrix(matrix, names)
    weight = _filters(run.trained.model, run.trained.preparation.input_shape)
    if weight is not None:
        axes["Filters of the first layer"] = "filters", plots.filters(weight)
    images = run.data.x if run.validation is not None else run.held_out[0]
    wrong = np.flatnonzero(truth != predictions)[:32]
    if len(wrong):
        shown = [np.array(names, dtype=object)[labels[wrong]] for labels in (truth, predictions)]
        axes["Mistakes"] = "mistakes", plots.images(images[wrong], *shown)
    pictures = {caption: plots.png(ax) for caption, (_, ax) in axes.items()}
    for caption, (name, _) in axes.items():
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
    arguments = [f"--{key.replace('_', '-')} {value}" for key, value in asdict(run.recipe).items() if key != "augment"]
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
        notes=run.notes,
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
    path = Path(path)
    path = path / "checkpoint.npz" if path.is_dir() else path
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


def classify(path: str | os.PathLike[str], image_paths: list[str]) -> tuple[np.ndarray, list[str]]:
    """The probabilities (images, classes) that the checkpoint's model gives to image files, and the class names.

    An image of the training images' size is taken as it is; from any other the ink is cut out and brought to that
    size. Dark ink on light paper is turned around. FileNotFoundError or ValueError names the first image that cannot
    be read.
    """
    trained, names = load_trained(path)
    channels, rows, columns = trained.preparation.image_shape
    images = []
    for image_path in image_paths:
        image = bright_ink(read_image(image_path, grey=channels == 1)[None])
        if image.shape[2:] != (rows, columns):
            margin = 4 if (rows, columns) == (28, 28) else 0  # as MNIST and the UCI digits have it
            image = (
                frame_ink(image, (rows, columns), margin) if channels == 1 else resize(image, (rows, columns), "area")
            )
        images.append(image[0])
    return trained.probabilities(np.stack(images).astype(np.float32)), names
