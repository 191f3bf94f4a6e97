"""Recipes: which data, which model, and how it is trained.

`Recipe` says it, `load_data` fetches and cleans, `train_model` prepares the images and trains one model on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from tinymm import functional, optim, random
from tinymm.data.augmentation import Augmentation
from tinymm.data.cleaning import CleaningReport, clean
from tinymm.data.datasets import Dataset, open_dataset
from tinymm.data.image import digits_to_28
from tinymm.data.loading import DataLoader
from tinymm.data.standardizing import Standardizer
from tinymm.models import CNN, MMBigModel, RowRNN
from tinymm.nn import LogisticRegression, Module
from tinymm.training import History, fit, predict

Shape = tuple[int, int, int]

# Each model: how it is made for images of a shape and a number of classes, how many epochs it usually trains, and by
# how much its learning rate usually differs from the optimiser's.
MODELS: dict[str, tuple[Callable[[Shape, int], Module], int, float]] = {
    "mmbigmodel": (lambda shape, classes: MMBigModel(classes), 20, 1),
    "cnn": (CNN, 20, 1),
    "rnn": (RowRNN, 20, 1),
    "logistic": (
        lambda shape, classes: LogisticRegression(int(np.prod(shape)), classes, multinomial=True),
        40,
        10,
    ),
}

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


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, and how. None stands for the usual value of the model or optimiser.

    ValueError for names that do not exist and numbers that make no sense.
    """

    data: str = "digits"
    model: str = "mmbigmodel"
    optimizer: str = "adam"
    lr: float | None = None
    schedule: str = "cosine"
    epochs: int | None = None
    batch_size: int = 32
    folds: int = 5
    augment: bool | None = None
    max_grad_norm: float = 1.0
    on_problem: str = "raise"
    seed: int = 0

    def __post_init__(self) -> None:
        for option, table in (("model", MODELS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, option) not in table:
                raise ValueError(f"{option} {getattr(self, option)!r} is unknown: choose one of {', '.join(table)}")
        for option, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("folds", 0)):
            value = getattr(self, option)
            if value is not None and value < least:
                raise ValueError(f"{option} is {value}, but it must be at least {least}")
        if self.folds == 1:
            raise ValueError("folds is 1, but cross-validation needs at least 2 (0 leaves it out)")
        for option in ("lr", "max_grad_norm"):
            value = getattr(self, option)
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{option} is {value}, but it must be a number above 0")

    def complete(self) -> Recipe:
        """The recipe with every None replaced by the value that will be used."""
        values = asdict(self)
        values["epochs"] = self.epochs or MODELS[self.model][1]
        values["lr"] = self.lr or OPTIMIZERS[self.optimizer][1] * MODELS[self.model][2]
        values["augment"] = self.model == "cnn" if self.augment is None else self.augment
        return Recipe(**values)


class Preparation:
    """From an image of the data set to the input of a model: enlarge if the model needs it, then standardise.

    Fitted on the training images only; a checkpoint keeps it with the model.
    """

    def __init__(self, model: str, image_shape: Shape):
        self.enlarge = model == "mmbigmodel" and image_shape == (1, 8, 8)
        self.standardizer = Standardizer("all")
        self.image_shape = image_shape
        self.input_shape = (1, 28, 28) if self.enlarge else image_shape
        if model == "mmbigmodel" and self.input_shape != MMBigModel.image_shape:
            raise ValueError(
                f"mmbigmodel reads images of 1×28×28 (or 8×8 digits), but these are {'×'.join(map(str, image_shape))}: "
                "choose another model, e.g. cnn, or resize the images"
            )

    def scale(self, images: np.ndarray) -> np.ndarray:
        """The images in the model's size, not yet standardised."""
        return digits_to_28(images) if self.enlarge else images

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.standardizer.transform(self.scale(images))


@dataclass
class Trained:
    """A model, the preparation of its input, and how its training went."""

    model: Module
    preparation: Preparation
    history: History

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """softmax of the model's outputs, (N, classes)."""
        return functional.softmax(predict(self.model, self.preparation(images)), axis=1)


def train_model(
    recipe: Recipe,
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    title: str | None = None,
    seed: int = 0,
) -> Trained:
    """Train one model on images x (N, C, H, W) with labels y (N,), as the recipe says."""
    recipe = recipe.complete()
    random.manual_seed(seed)
    model = make_model(recipe.model, x.shape[1:], classes)
    preparation = Preparation(recipe.model, x.shape[1:])
    images = preparation.scale(x)
    standardize = preparation.standardizer.fit(images).transform
    augmentation = Augmentation()
    optimizer = OPTIMIZERS[recipe.optimizer][0](model.parameters(), recipe.lr)  # type: ignore[arg-type]
    batches = DataLoader(
        images if recipe.augment else standardize(images),
        y,
        batch_size=len(y) if recipe.optimizer == "gd" else recipe.batch_size,
        seed=seed,
        augment=(lambda batch, rng: standardize(augmentation(batch, rng))) if recipe.augment else None,
    )
    history = fit(
        model,
        batches,
        optimizer,
        recipe.epochs,  # type: ignore[arg-type]
        validation=None if validation is None else (preparation(validation[0]), validation[1]),
        schedule=SCHEDULES[recipe.schedule](optimizer, recipe.epochs),  # type: ignore[arg-type]
        max_grad_norm=recipe.max_grad_norm,
        progress=title,
    )
    return Trained(model, preparation, history)


def make_model(name: str, image_shape: Shape, classes: int) -> Module:
    return MODELS[name][0](image_shape, classes)


def load_data(recipe: Recipe) -> tuple[Dataset, CleaningReport]:
    """The recipe's data, cleaned. ValueError where it cannot be trained on, with the reason."""
    data = open_dataset(recipe.data, recipe.on_problem)
    x, y, report = clean(
        data.x, data.y, n_classes=len(data.class_names), on_problem=recipe.on_problem, names=data.files or None
    )
    present = np.unique(y)
    if len(present) < 2:
        only = data.class_names[present[0]]
        raise ValueError(f"{data.name}: all samples are of one class ({only}): there is nothing to tell apart")
    if recipe.folds > len(y):
        raise ValueError(f"{recipe.folds} folds are more than the {len(y)} samples: use fewer folds")
    return Dataset(x, y, data.class_names, data.name, data.source, data.licence), report
