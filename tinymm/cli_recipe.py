"""The options of a recipe, as several commands have them."""

from __future__ import annotations

import argparse
from typing import Any


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add the name of a recipe, and an option for everything that it says."""
    from tinymm.data.datasets import ALL_THREE
    from tinymm.models.fusion import FUSIONS
    from tinymm.recipes import MODELS, OPTIMIZERS, RECIPES, SCHEDULES, SPLITS, Recipe

    usual = Recipe()
    of_senses = MODELS[ALL_THREE]["mmbigmodel"].options
    choices = [(name, choice) for models in MODELS.values() for name, choice in models.items()]
    by_sense = "; ".join(f"for {sense} {', '.join(models)}" for sense, models in MODELS.items())
    parser.add_argument(
        "recipe", nargs="?", default="digits", choices=RECIPES, metavar="RECIPE", help=f"one of {', '.join(RECIPES)}"
    )

    def add(option: str, help: str, **options: Any) -> None:
        """An option of the recipe: left out, it is what the recipe says."""
        default = getattr(usual, option.removeprefix("--").replace("-", "_"))
        help += f" (default: {default})" if default is not None else ""
        parser.add_argument(option, default=argparse.SUPPRESS, help=help.replace("%", "%%"), **options)

    add(
        "--data",
        "a name out of `tinymm data list`; a .npz file with x, (N, C, H, W) floats from 0 to 1, and y, N whole numbers "
        "from 0; or a folder with one folder of images per class, which become grey, 28×28",
    )
    add("--extra-data", "data that are trained on as well, but never tested on")
    names = list(dict.fromkeys(name for name, _ in choices))
    add("--model", f"what to train: {by_sense}; by default the first", choices=names, metavar="MODEL")
    add("--optimizer", "how to descend; gd takes all data at once", choices=OPTIMIZERS)
    add("--lr", "learning rate; by default the optimizer's usual one", type=float)
    add("--schedule", "how the learning rate changes over the epochs", choices=SCHEDULES)
    epochs = ", ".join(f"{choice.epochs} for {name}" for name, choice in MODELS["image"].items())
    add("--epochs", f"passes over the data; by default {epochs}, and so on", type=int)
    add("--batch-size", "samples per step; by default 32 for images", type=int)
    add(
        "--split",
        "what is tested: folds of the data in turn, the official test set, or whole groups, such as speakers; by default "
        "official where there is one, otherwise folds",
        choices=SPLITS,
    )
    add(
        "--folds", "folds of the cross-validation, by default 5, or with groups one for each; 0 leaves it out", type=int
    )
    augmented = " and ".join(name for name, choice in MODELS["image"].items() if choice.augment)
    add(
        "--augment",
        f"change the training samples a little: images move, sounds are varied, words left out; by default for images by "
        f"{augmented} only, and for sounds and word sequences",
        action=argparse.BooleanOptionalAction,
    )
    add("--senses", "of a model of several senses, those that it shall have, e.g. image,text; by default all three")
    add("--fusion", f"how such a model joins its senses; by default {of_senses['fusion']}", choices=FUSIONS)
    add(
        "--modality-dropout",
        f"how probably a sense is taken away in training; by default {of_senses['modality_dropout']}",
        type=float,
    )
    add("--max-grad-norm", "longer gradients are clipped to this norm", type=float)
    add("--on-problem", "what to do about bad samples", choices=("raise", "drop"))
    add("--seed", "equal seeds give equal runs", type=int)


def given_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of a recipe."""
    from tinymm.recipes import Recipe

    return {field: getattr(options, field) for field in Recipe.__dataclass_fields__ if hasattr(options, field)}


def described(recipe: Any) -> str:
    """--data digits --folds 10: what a recipe sets."""
    from tinymm.recipes import Recipe

    usual = Recipe()
    values = {field: getattr(recipe, field) for field in Recipe.__dataclass_fields__}
    changed = {name: value for name, value in values.items() if name == "data" or value != getattr(usual, name)}
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in changed.items())
