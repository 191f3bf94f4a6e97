"""The data of a recipe: opened, cleaned, and cut into what is trained on and what is tested on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.data.audio import resample
from tinymm.data.datasets import (
    CATALOGUE,
    Dataset,
    fetch_banking77,
    fetch_fsdd,
    fetch_trec,
    load_multimodal_digits,
    open_dataset,
)
from tinymm.data.datasets.dataset import ALL_THREE, chain
from tinymm.data.image.cleaning import CleaningReport, clean
from tinymm.splits import Fold, GroupKFold, LeaveOneGroupOut, StratifiedKFold, train_test_split

if TYPE_CHECKING:
    from tinymm.recipes.recipe import Recipe

# The data sets with a training and a test set that everyone uses: how to get "train" and "test".
OFFICIAL: dict[str, Callable[[str], Dataset]] = {
    "fsdd": fetch_fsdd,
    "banking77": fetch_banking77,
    "trec": fetch_trec,
    "multimodal-digits": lambda part: getattr(load_multimodal_digits(), part).together(),
}
SHORT_NAMES = {"desk": "desk-requests"}

# What makes a sample useless, by sense; images have a cleaning of their own.
PROBLEMS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "audio": {
        "missing values": lambda sound: not np.isfinite(sound).all(),
        "silent": lambda sound: not len(sound) or sound.min() == sound.max(),
    },
    "text": {"empty": lambda text: not text.strip()},
    ALL_THREE: {"without any sense": lambda senses: not senses.given},
}


def has_official_test(name: str) -> bool:
    return name in OFFICIAL


def sense_of(name: str) -> str:
    """What the samples of a data set are; files and folders of one's own hold images."""
    entry = CATALOGUE.get(SHORT_NAMES.get(name, name))
    return entry.sense if entry else "image"


@dataclass(frozen=True)
class Parts:
    """What a recipe trains and tests on, as rows of the data.

    Attributes:
        train, held: for the model that is kept, and for its test. held_name: what the second is.
        folds: of the cross-validation, or none.
    """

    train: np.ndarray
    held: np.ndarray
    held_name: str
    folds: list[Fold]


@dataclass(frozen=True)
class Loaded:
    """The data of a recipe, clean: what is tested, what is only trained on, and the report on both."""

    data: Dataset
    cleaning: CleaningReport
    official: np.ndarray | None = None  # (N,) bool, the official test set
    extra: Dataset | None = None

    def sha256(self) -> str:
        """The SHA-256 of all samples and labels."""
        parts = [self.data] if self.extra is None else [self.data, self.extra]
        return hashlib.sha256("".join(part.sha256() for part in parts).encode()).hexdigest()

    def training(self, rows: np.ndarray) -> Dataset:
        """These rows of the data, and all of the extra data."""
        part = self.data.subset(rows)
        return joined(part, self.extra) if self.extra is not None else part


def load_data(recipe: Recipe) -> Loaded:
    """The recipe's data, cleaned. ValueError where it cannot be trained on, with the reason."""
    recipe = recipe.complete()
    official = None
    if recipe.split == "official":
        if recipe.data not in OFFICIAL:
            raise ValueError(
                f"split is official, but {recipe.data} has no official test set: choose folds, or data out of "
                f"{', '.join(OFFICIAL)}"
            )
        train, test = (OFFICIAL[recipe.data](part) for part in ("train", "test"))
        data = replace(joined(train, test), name=train.name.removesuffix(" train"))
        official = np.arange(len(data)) >= len(train)
    else:
        data = open_dataset(SHORT_NAMES.get(recipe.data, recipe.data), recipe.on_problem)
    data, report = _cleaned(data, recipe.on_problem)
    if official is not None:
        official = official[report.kept]
    present = np.unique(data.y)
    if len(present) < 2:
        only = data.class_names[present[0]]
        raise ValueError(f"{data.name}: all samples are of one class ({only}): there is nothing to tell apart")
    if (recipe.folds or 0) > len(data):
        raise ValueError(f"{recipe.folds} folds are more than the {len(data)} samples: use fewer folds")
    extra = None
    if recipe.extra_data is not None:
        extra, _ = _cleaned(open_dataset(SHORT_NAMES.get(recipe.extra_data, recipe.extra_data)), recipe.on_problem)
        joined(data.subset([0]), extra)  # refuses what does not belong together
    return Loaded(data, report, official, extra)


def _cleaned(data: Dataset, on_problem: str) -> tuple[Dataset, CleaningReport]:
    if data.sense == "image":
        x, y, report = clean(
            data.x, data.y, n_classes=len(data.class_names), on_problem=on_problem, names=data.files or None
        )
        return Dataset(x, y, data.class_names, data.name, data.source, data.licence), report
    found = {name: np.array([wrong(x) for x in data.x], bool) for name, wrong in PROBLEMS[data.sense].items()}
    problems = {name: np.flatnonzero(bad) for name, bad in found.items() if bad.any()}
    kept = np.flatnonzero(~np.any(list(found.values()), axis=0))
    report = CleaningReport(len(data), problems, kept, data.files or None)
    if problems and (on_problem == "raise" or not len(kept)):
        all_found = "; ".join(f"{len(who)} {name} ({report.called(who)})" for name, who in problems.items())
        mend = "mend them, or leave them out with on_problem='drop'" if len(kept) else "no sample would be left"
        raise ValueError(f"{data.name}: of {len(data)} samples, {all_found}: {mend}")
    return data.subset(kept), report


def joined(first: Dataset, second: Dataset) -> Dataset:
    """Both sets in one, under the name of the first. ValueError: other classes, another sense or images of another size."""
    if (first.class_names, first.sense, first.x.shape[1:]) != (second.class_names, second.sense, second.x.shape[1:]):
        raise ValueError(
            f"{second.name} ({second.sense}, {len(second.class_names)} classes) cannot be added to {first.name} "
            f"({first.sense}, {len(first.class_names)} classes): both need the same classes, sense and size of image"
        )
    if second.rate != first.rate:
        sounds = [resample(sound, second.rate, first.rate) for sound in second.x]  # type: ignore[arg-type]
        second = replace(second, x=sounds, rate=first.rate)  # type: ignore[arg-type]
    return chain([first, second])


def cut(recipe: Recipe, loaded: Loaded) -> Parts:
    """What is trained and what is tested on. ValueError if there are too few samples for it."""
    recipe, data = recipe.complete(), loaded.data
    if loaded.official is not None:
        train, held = np.flatnonzero(~loaded.official), np.flatnonzero(loaded.official)
        return Parts(train, held, "the official test set", [])
    if recipe.split == "groups":
        return _cut_groups(recipe, data)
    present, counts = np.unique(data.y, return_counts=True)
    if counts.min() < 2:
        rare = data.class_names[present[counts.argmin()]]
        raise ValueError(f"{data.name}: class {rare} has one sample, but it takes 2: one to learn from, one to test on")
    if math.ceil(len(data) / 5) < len(present):
        raise ValueError(
            f"{data.name}: {len(data)} samples are too few: for the fifth that is held out to have all {len(present)} "
            f"classes, it takes {5 * len(present) - 4}"
        )
    rows = np.arange(len(data))
    train, held = train_test_split(rows, test_size=0.2, stratify=data.y, random_state=recipe.seed)
    folds: list[Fold] = []
    if recipe.folds:
        folds = list(StratifiedKFold(recipe.folds, shuffle=True, random_state=recipe.seed).split(rows, data.y))
    return Parts(train, held, "the held-out fifth", folds)


def _cut_groups(recipe: Recipe, data: Dataset) -> Parts:
    """Whole groups in the folds; the first fold's model is the one that is kept."""
    if data.groups is None:
        raise ValueError(f"split is groups, but {data.name} has none, such as speakers: choose folds")
    splitter = GroupKFold(recipe.folds) if recipe.folds else LeaveOneGroupOut()
    folds = list(splitter.split(data.x, data.y, data.groups))
    train, held = folds[0]
    names = np.unique(data.groups[held])
    called = ", ".join(map(str, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Parts(train, held, f"what was held out ({called})", folds)
