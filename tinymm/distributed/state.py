"""All numbers that training changes, in one place: to share them, to send them, and to put them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinymm.data.loading import DataLoader
from tinymm.nn import Module
from tinymm.optim import Optimizer, Schedule


@dataclass
class Task:
    """What a worker is to do. Its arrays may be shared with other processes, or copies of its own."""

    model: Module
    optimizer: Optimizer
    batches: DataLoader
    loss: Callable
    rates: list[float]  # η of each epoch
    max_grad_norm: float | None
    staleness_aware: bool = False


def task(
    model: Module,
    batches: Any,
    optimizer: Optimizer,
    epochs: int,
    loss: Callable,
    schedule: Schedule | None,
    max_grad_norm: float | None,
    staleness_aware: bool = False,
) -> Task:
    """A `Task` of what `fit` was given. TypeError for batches that cannot be asked for by their number."""
    if not isinstance(batches, DataLoader):
        raise TypeError(
            f"fit: the batches are a {type(batches).__name__}, but several workers need a DataLoader or StreamingLoader, "
            "which any batch can be asked of: train this in one process"
        )
    first = schedule.t if schedule else 0
    rates = [schedule.base_lr * schedule.factor(first + e) if schedule else optimizer.lr for e in range(epochs)]
    return Task(model, optimizer, batches, loss, rates, max_grad_norm, staleness_aware)


def numbers_of(model: Module, optimizer: Optimizer) -> dict[str, np.ndarray]:
    """All arrays that training changes, by name: parameters, running statistics (`buffer …`), the optimiser's state."""
    return {name: array for name, array, _ in _places(model, optimizer)}


def bind(model: Module, optimizer: Optimizer, arrays: Mapping[str, np.ndarray]) -> None:
    """Make these arrays the ones that the model and the optimiser use from now on."""
    for name, _, put in list(_places(model, optimizer)):
        put(arrays[name])


def _places(model: Module, optimizer: Optimizer) -> Iterator[tuple[str, np.ndarray, Callable[[np.ndarray], None]]]:
    parameters = {id(p): p for p in (*model.parameters(), *optimizer.parameters)}
    for i, parameter in enumerate(parameters.values()):
        yield f"parameter {i}", parameter.data, partial(setattr, parameter, "data")
    for path, module in model.named_modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, np.ndarray):
                yield f"buffer {path}.{name}", value, partial(setattr, module, name)
    for i, arrays in enumerate(optimizer._state):
        for name, array in list(arrays.items()):
            yield f"state {i}.{name}", array, partial(arrays.__setitem__, name)
