"""Schedules: how the learning rate changes while one trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tinymm.optim.optimizers import Optimizer


class Schedule:
    """Sets an optimiser's learning rate to η₀ · factor(t), where t counts the calls of `step()`.

    Call `step()` once per epoch (or per batch, if the schedule was made for batches). η₀ is the rate the optimiser
    had when the schedule was made. Any function of t will do: `Schedule(optimizer, lambda t: 1 / (1 + t))`.
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]):
        self.optimizer, self.factor = optimizer, factor
        self.base_lr, self.t = optimizer.lr, 0
        self._apply()

    def _apply(self) -> None:
        self.optimizer.lr = self.base_lr * self.factor(self.t)

    def step(self) -> None:
        """Go on to the next t."""
        self.t += 1
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """t and η₀."""
        return {"t": self.t, "base_lr": self.base_lr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self.t, self.base_lr = int(state["t"]), float(state["base_lr"])
        self._apply()


class StepLR(Schedule):
    """η = η₀ · γ^⌊t / step_size⌋. ValueError for a step_size below 1. Source: He et al. 2016, section 3.4 (γ = 0.1)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        if step_size < 1:
            raise ValueError(f"StepLR: step_size is {step_size}, but it must be 1 or more")
        super().__init__(optimizer, lambda t: gamma ** (t // step_size))


class ExponentialLR(Schedule):
    """η = η₀ · γᵗ, the continuous form of `StepLR`."""

    def __init__(self, optimizer: Optimizer, gamma: float):
        super().__init__(optimizer, lambda t: gamma**t)


class CosineLR(Schedule):
    """η = η_min + (η₀ − η_min) · (1 + cos(π t / T)) / 2 for t up to T, then η_min. Source: Loshchilov & Hutter 2017."""

    def __init__(self, optimizer: Optimizer, total: int, min_lr: float = 0.0):
        if total < 1:
            raise ValueError(f"CosineLR: total is {total}, but it must be 1 or more")
        low = min_lr / optimizer.lr if optimizer.lr else 0.0
        super().__init__(optimizer, lambda t: low + (1 - low) * (1 + math.cos(math.pi * min(t / total, 1))) / 2)


class WarmupLR(Schedule):
    """η = η₀ · (t + 1) / warmup for the first `warmup` steps, then another schedule's factor (1 if none).

    `then` is made for the same optimiser, e.g. `WarmupLR(opt, 5, then=CosineLR(opt, 50))`; its t begins after the
    warm-up. Source: Goyal et al. 2017.
    """

    def __init__(self, optimizer: Optimizer, warmup: int, then: Schedule | None = None):
        if warmup < 1:
            raise ValueError(f"WarmupLR: warmup is {warmup}, but it must be at least 1 step")
        if then is not None:
            optimizer.lr = then.base_lr
        after = then.factor if then is not None else (lambda t: 1.0)
        super().__init__(optimizer, lambda t: (t + 1) / warmup if t < warmup else after(t - warmup))
