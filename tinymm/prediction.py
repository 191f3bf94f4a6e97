"""Using what was learned: a run's model on files and texts, or on a whole data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinymm import checkpoint
from tinymm.data.audio import resample
from tinymm.data.datasets import ALL_THREE, Senses
from tinymm.data.datasets.dataset import as_samples
from tinymm.recipes import Answer, Judged, Recipe, Trained
from tinymm.recipes.images import ImageFrontEnd
from tinymm.runs import load_kernels


def load_trained(path: str | os.PathLike[str]) -> Trained:
    """The model of a checkpoint that `train` wrote (or of its run folder), ready to use."""
    path = _checkpoint_file(Path(path))
    try:
        state = checkpoint.load(path)
    except checkpoint.CheckpointError as error:
        raise checkpoint.CheckpointError(f"{error}: give the folder of a run, or its checkpoint.npz") from None
    try:
        return Trained.from_state(state)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError) as error:
        raise checkpoint.CheckpointError(
            f"{path} holds no trained model of this version ({error}): give a checkpoint that tinymm train wrote"
        ) from None


def _checkpoint_file(path: Path) -> Path:
    file = path / "checkpoint.npz" if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        runs = sorted(str(run.parent) for run in path.glob("*/checkpoint.npz"))
        mend = f"did you mean {' or '.join(runs[:5])}?" if runs else "give the folder of a run"
        raise FileNotFoundError(f"{path} holds no checkpoint.npz: {mend}")
    return file


def answer(
    path: str | os.PathLike[str], items: Sequence[str | Senses], top: int = 2
) -> tuple[list[Answer | ValueError | OSError], str]:
    """What the checkpoint's model makes of image files, sound files or texts: an `Answer` to each.

    An item may also be the `Senses` of one sample, each a file or the text, for a model that has several or that one.
    For an item that cannot be read the error that says so comes in its place. Returns also the model's sense.
    """
    trained = load_trained(path)
    results: list[Answer | ValueError | OSError | None] = []
    samples = []
    for item in items:
        try:
            samples.append(_read(trained, item))
            results.append(None)
        except (ValueError, OSError) as error:
            results.append(error)
    answers: Iterator[Answer] = iter(())
    if samples:
        load_kernels()
        stacked = np.stack(samples) if trained.front_end.sense == "image" else as_samples(samples)
        answers = iter(trained.task.answers(trained, stacked, top))
    return [next(answers) if result is None else result for result in results], trained.front_end.sense


def _read(trained: Trained, item: str | Senses) -> Any:
    """The sample that an item stands for. ValueError: it is of another sense than the model's; or as in `read`."""
    front_end = trained.front_end
    own = trained.recipe.senses.split(",") if trained.recipe.senses else [front_end.sense]
    if front_end.sense == ALL_THREE:
        sample = front_end.read(item)  # type: ignore[arg-type]
        given = sample.given
    else:
        sample, given = item, item.given if isinstance(item, Senses) else (front_end.sense,)
    if strange := set(given) - set(own):
        raise ValueError(
            f"the model takes {' and '.join(own)}, but {' and '.join(sorted(strange))} was given: leave it out"
        )
    if front_end.sense == ALL_THREE:
        return sample
    return front_end.read(getattr(item, front_end.sense) if isinstance(item, Senses) else item)


def evaluate(path: str | os.PathLike[str], data: str | None = None) -> tuple[Judged, str]:
    """The scores of a run's model: on what was held out when it was trained, or on all of another data set.

    Sounds of another rate and images of another size are brought to what the model was trained on. Returns the scores, of
    one fold, and what was tested on. ValueError if the model is for another sense or other classes.
    """
    trained = load_trained(path)
    task = trained.task
    load_kernels()
    if data is None:
        loaded = task.load(trained.recipe)
        parts = task.cut(trained.recipe, loaded)
        tested, what = loaded.data.subset(parts.held), parts.held_name
    else:
        tested, what = task.load(Recipe(data=data, folds=0, on_problem="drop")).data, "all"
    if tested.sense != trained.front_end.sense or tested.class_names != trained.class_names:
        raise ValueError(
            f"data {tested.name} ({tested.sense}, {len(tested.class_names)} classes) does not fit a model for "
            f"{trained.front_end.sense} with {len(trained.class_names)} classes: choose data with the same classes"
        )
    if tested.rate != trained.front_end.rate:
        sounds = [resample(sound, tested.rate, trained.front_end.rate) for sound in tested.x]  # type: ignore[arg-type]
        tested = replace(tested, x=sounds, rate=trained.front_end.rate)  # type: ignore[arg-type]
    if isinstance(trained.front_end, ImageFrontEnd):
        tested = replace(tested, x=trained.front_end.sized(tested.x))
    tested = task.test_set(tested)
    return task.judge([(tested, trained.predict(tested.x))]), what
