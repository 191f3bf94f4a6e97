"""A recipe: what to train, on what, and how; and the ones that have a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args, get_type_hints

import numpy as np

from tinymm import optim
from tinymm.models.fusion import FUSIONS
from tinymm.recipes.loading import has_official_test, sense_of
from tinymm.recipes.models import MODEL_NAMES, MODELS
from tinymm.recipes.multimodal import SENSES
from tinymm.recipes.task import Task

# Each optimiser: how it is made for parameters and a learning rate, and its usual rate.
OPTIMIZERS: dict[str, tuple[Callable[[list, float], optim.Optimizer], float]] = {
    "gd": (optim.GD, 0.5),
    "sgd": (optim.SGD, 0.1),
    "momentum": (lambda parameters, lr: optim.SGD(parameters, lr, momentum=0.9), 0.02),
    "nesterov": (lambda parameters, lr: optim.SGD(parameters, lr, momentum=0.9, nesterov=True), 0.02),
    "adagrad": (optim.Adagrad, 0.02),
    "rmsprop": (optim.RMSprop, 0.001),
    "adam": (optim.Adam, 0.001),
    "adamw": (optim.AdamW, 0.001),
}

# Each schedule: how it is made for an optimiser and a number of epochs.
SCHEDULES: dict[str, Callable[[optim.Optimizer, int], optim.Schedule | None]] = {
    "constant": lambda optimizer, epochs: None,
    "step": lambda optimizer, epochs: optim.StepLR(optimizer, max(epochs // 3, 1), 0.3),
    "exponential": lambda optimizer, epochs: optim.ExponentialLR(optimizer, 0.05 ** (1 / epochs)),
    "cosine": lambda optimizer, epochs: optim.CosineLR(optimizer, epochs),
    "warmup": lambda optimizer, epochs: optim.WarmupLR(
        optimizer, max(epochs // 10, 1), optim.CosineLR(optimizer, max(epochs - epochs // 10, 1))
    ),
}

MODEL_OPTIONS = ("senses", "fusion", "modality_dropout")

# Each way to test: on folds in turn, on the test set that the data come with, or on whole groups in turn.
SPLITS = ("folds", "official", "groups")


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, and how. None stands for the usual value of the data, the model or the optimiser.

    data, extra_data: names of data sets, files or folders; the extra data are only trained on.
    model: a name in `MODELS[sense]`, the data's sense. epochs, lr, batch_size, augment: see there.
    split: how it is tested, one of `SPLITS`; the official test set where there is one and no folds were asked for.
    senses, fusion, modality_dropout: of models that have several senses, see `MMBigModel`; the senses are the names of
        those that it shall have, with commas between them.
    folds: of the cross-validation, 0 leaves it out; with groups, None leaves out each group by itself.

    ValueError for names that do not exist and numbers that make no sense, TypeError for what is of another type.
    """

    data: str = "digits"
    model: str | None = None
    optimizer: str = "adam"
    lr: float | None = None
    schedule: str = "cosine"
    epochs: int | None = None
    batch_size: int | None = None
    split: str | None = None
    folds: int | None = None
    extra_data: str | None = None
    augment: bool | None = None
    senses: str | None = None
    fusion: str | None = None
    modality_dropout: float | None = None
    max_grad_norm: float = 1.0
    on_problem: str = "raise"
    seed: int = 0

    def __post_init__(self) -> None:
        for option, kind in get_type_hints(Recipe).items():
            if not _is_of(kind, value := getattr(self, option)):
                raise TypeError(f"{option} is {value!r}, but it must be {getattr(kind, '__name__', kind)}")
        known: dict[str, Any] = {
            "fusion": FUSIONS,
            "model": MODEL_NAMES,
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
            "split": SPLITS,
        }
        for option, table in known.items():
            value = getattr(self, option)
            if value not in table and not (value is None and option in ("model", "split", "fusion")):
                raise ValueError(f"{option} {value!r} is unknown: choose one of {', '.join(table)}")
        for option, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("folds", 0)):
            value = getattr(self, option)
            if value is not None and value < least:
                raise ValueError(f"{option} is {value}, but it must be at least {least}")
        if self.folds == 1:
            raise ValueError("folds is 1, but cross-validation needs at least 2 (0 leaves it out)")
        if self.folds and self.split == "official":
            raise ValueError(f"folds is {self.folds}, but the official test set needs none: leave one of the two out")
        if self.senses is not None and (not self.senses or set(self.senses.split(",")) - set(SENSES)):
            raise ValueError(
                f"senses {self.senses!r} are unknown: name one or more of {', '.join(SENSES)}, as image,text"
            )
        if self.modality_dropout is not None and not 0 <= self.modality_dropout <= 1:
            raise ValueError(f"modality_dropout is {self.modality_dropout}, but it lies between 0 and 1")
        for option in ("lr", "max_grad_norm"):
            value = getattr(self, option)
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{option} is {value}, but it must be a number above 0")

    def complete(self, sense: str | None = None) -> Recipe:
        """The recipe with every None replaced by the value that will be used for data of this sense (by default theirs).

        ValueError: the model is for another sense.
        """
        sense = sense or sense_of(self.data)
        name = self.model or next(iter(MODELS[sense]))
        if name not in MODELS[sense]:
            raise ValueError(
                f"model {name!r} does not take {sense}, which {self.data} is: choose one of {', '.join(MODELS[sense])}"
            )
        choice, values = MODELS[sense][name], asdict(self)
        values["model"] = name
        values["epochs"] = self.epochs or choice.epochs
        values["lr"] = self.lr or OPTIMIZERS[self.optimizer][1] * choice.lr
        values["batch_size"] = self.batch_size or choice.batch_size
        values["augment"] = choice.augment if self.augment is None else self.augment
        for option in MODEL_OPTIONS:
            if option in choice.options:
                values[option] = choice.options[option] if values[option] is None else values[option]
            elif values[option] is not None:
                raise ValueError(f"{option} is {values[option]}, but the model {name} for {sense} has no such option")
        if self.split is None:
            values["split"] = "official" if has_official_test(self.data) and self.folds is None else "folds"
        if self.folds is None and values["split"] != "groups":
            values["folds"] = choice.folds if values["split"] == "folds" else 0
        return Recipe(**values)

    @property
    def task(self) -> Task:
        """What its model is for. ValueError: the model is for another sense."""
        complete = self.complete()
        return MODELS[sense_of(complete.data)][str(complete.model)].task


def _is_of(kind: Any, value: Any) -> bool:
    """Whether the value is what the annotation says: an integer serves as a float, but True and False as neither."""
    kinds = get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


# The recipes by name; the first is what is trained when no name is given.
RECIPES = {
    "digits": Recipe(),
    "mnist": Recipe(data="mnist-test", model="cnn"),
    "speech": Recipe(data="fsdd"),
    "speech-to-text": Recipe(data="fsdd", model="ctc"),
    "sentiment": Recipe(data="sentiment", folds=10, epochs=10, lr=0.005),
    "topic": Recipe(data="trec", model="questions"),
    "intent": Recipe(data="banking77"),
    "multimodal": Recipe(data="multimodal-digits"),
    "relations": Recipe(data="multimodal-digits", model="shared-space"),
}
