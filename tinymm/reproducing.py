"""Training a run again from what its folder records, and comparing."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinymm import checkpoint
from tinymm.prediction import load_trained
from tinymm.recipes import Recipe
from tinymm.runs import train, versions

MEASURED = ("held_out", "history", "cross_validation")  # in metrics.json


@dataclass(frozen=True)
class Comparison:
    """A run and its repetition.

    Attributes:
        weights: for each array of the model the greatest difference, 0 where all bits are equal.
        numbers: by name, those of the scores and the history that differ, before and after.
        compared: how many scores and numbers of the history there are.
        versions: by name, those that differ, before and now.
    """

    weights: dict[str, float]
    numbers: dict[str, tuple[Any, Any]]
    compared: int
    versions: dict[str, tuple[str | None, str | None]]

    @property
    def same(self) -> bool:
        """Whether the weights and all that was measured are equal, bit for bit."""
        return not self.numbers and not any(self.weights.values())

    def __str__(self) -> str:
        moved = {name: difference for name, difference in self.weights.items() if difference}
        lines = [f"weights: {len(self.weights)} arrays, " + (f"{len(moved)} differ" if moved else "equal bit for bit")]
        lines += [f"  {name}: by up to {difference:.3g}" for name, difference in moved.items()]
        lines.append(
            f"scores and history: {self.compared} numbers, "
            + (f"{len(self.numbers)} differ" if self.numbers else "equal")
        )
        lines += [f"  {name}: {before} before, {after} now" for name, (before, after) in self.numbers.items()]
        lines += [f"{name} was {before}, and is {now}" for name, (before, now) in self.versions.items()]
        return "\n".join(lines)


def reproduce(run: str | os.PathLike[str], progress: bool = True) -> Comparison:
    """Train the run in this folder again, by its recipe, and compare; nothing is left of the repetition.

    FileNotFoundError: it is no run's folder. ValueError: the run was interrupted, or trained by several processes, or its
    data have changed since. CheckpointError: its checkpoint is damaged.
    """
    folder = Path(run)
    recipe, before = recorded(folder)
    if "shared" in before:
        raise ValueError(
            f"reproduce: several processes trained {folder}, whose sums come in another order each time: no other run has "
            "the same bits"
        )
    if before["interrupted"]:
        raise ValueError(f"reproduce: {folder} was interrupted: go on with tinymm train --resume {folder} first")
    weights = load_trained(folder / "checkpoint.npz").model.state_dict()
    found, learned = recipe.task.load(recipe).sha256(), before["data"]["sha256"]
    if found != learned:
        raise ValueError(
            f"reproduce: the data {recipe.data} have changed since: SHA-256 {found[:12]}…, and {learned[:12]}… then"
        )
    with tempfile.TemporaryDirectory() as place:
        again = train(recipe, place, "again", progress)
        after = json.loads((again / "metrics.json").read_text(encoding="utf-8"))
        weights_again = checkpoint.load(again / "checkpoint.npz")["model"]
    then, now = (dict(_flat({name: n.get(name) for name in MEASURED})) for n in (before, after))
    names, installed = then.keys() | now.keys(), versions()
    return Comparison(
        {name: _difference(array, weights_again.get(name)) for name, array in weights.items()},
        {name: (then.get(name), now.get(name)) for name in sorted(names) if then.get(name) != now.get(name)},
        len(names),
        {
            name: (version, installed.get(name))
            for name, version in before["versions"].items()
            if version != installed.get(name)
        },
    )


def recorded(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe of the run in this folder, and its metrics.json. FileNotFoundError or ValueError if that is none."""
    file = folder / "metrics.json"
    if not file.is_file():
        raise FileNotFoundError(f"reproduce: {folder} holds no metrics.json: give the folder of a run")
    try:
        numbers = dict(json.loads(file.read_text(encoding="utf-8")))
        recipe, kinds = Recipe(**numbers["recipe"]), {"interrupted": bool, "versions": dict, "data": dict}
        if wrong := [name for name, kind in kinds.items() if not isinstance(numbers[name], kind)]:
            raise ValueError(f"{wrong[0]} is {numbers[wrong[0]]!r}")
        if not isinstance(digest := numbers["data"]["sha256"], str):
            raise ValueError(f"the SHA-256 of the data is {digest!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"reproduce: {file} is damaged or of another version ({error})") from None
    return recipe, numbers


def _flat(value: Any, name: str = "") -> Any:
    """(name, number) for every number in nested dicts and lists: ("history.train_loss.0", 2.3)."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def _difference(before: np.ndarray, after: np.ndarray | None) -> float:
    """The greatest, 0 if all bits are equal, ∞ if there is nothing to compare."""
    if after is None or before.shape != after.shape or before.dtype != after.dtype:
        return np.inf
    if before.tobytes() == after.tobytes():
        return 0.0
    return float(np.max(np.abs(before - after), initial=0)) or np.finfo(float).tiny
