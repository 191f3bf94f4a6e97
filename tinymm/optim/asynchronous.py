"""Asynchronous gradient descent, simulated: every gradient arrives some steps after it was computed.

Where several workers share one model, a worker's gradient belongs to the parameters it read, and by the time it is
applied, others have changed them. Here one process does the same with a delay drawn from a distribution, so that
the effect can be studied and repeated bit for bit. `tinymm.distributed` does it with real processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinymm.optim.optimizers import SGD
from tinymm.tensor import Tensor


def staleness_aware_lr(lr: float, staleness: int) -> float:
    """η / max(1, τ): the rate for a gradient that τ updates have overtaken. Source: Zhang et al. 2016, eq. 6."""
    return lr / max(1, staleness)


@dataclass(frozen=True)
class Delay:
    """How many steps a gradient is under way: a distribution of whole numbers ≥ 0 with this mean.

        constant     d = mean: as of mean + 1 equal workers that take turns
        uniform      0, 1, …, 2·mean, each as often
        geometric    P(d) = p (1 − p)ᵈ with p = 1 / (1 + mean): workers without memory, a few very late
        poisson      P(d) = e⁻ᵐ mᵈ / d! with m = mean: many workers, each as likely to be next

    ValueError for another kind, and for a mean that is negative or, where the mean or twice the mean must be whole, not.

    >>> [Delay("uniform", 2).draw(np.random.default_rng(i)) for i in range(5)]
    [4, 2, 4, 4, 3]
    """

    kind: str = "constant"
    mean: float = 0

    def __post_init__(self) -> None:
        if self.kind not in ("constant", "uniform", "geometric", "poisson"):
            raise ValueError(f"Delay: kind {self.kind!r} is unknown: choose constant, uniform, geometric or poisson")
        steps = {"constant": self.mean, "uniform": 2 * self.mean}.get(self.kind, 0)
        if not 0 <= self.mean < np.inf or steps != int(steps):
            raise ValueError(
                f"Delay: mean is {self.mean}, but it must be 0 or more"
                + (", and whole (for uniform, half a step is allowed)" if steps else "")
            )

    def draw(self, rng: np.random.Generator) -> int:
        """One delay, in steps."""
        if self.kind == "uniform":
            return int(rng.integers(0, int(2 * self.mean), endpoint=True))
        if self.kind == "geometric":
            return int(rng.geometric(1 / (1 + self.mean))) - 1
        return int(rng.poisson(self.mean)) if self.kind == "poisson" else int(self.mean)


@dataclass
class _UnderWay:
    """Gradients, by the number of their parameter, that were computed after so many updates and arrive in step `due`."""

    due: int
    read: int
    gradients: dict[int, np.ndarray]


class AsyncSGD(SGD):
    """Asynchronous stochastic gradient descent, simulated: g is the gradient at parameters of τ updates ago.

        θₖ₊₁ ← θₖ − η ∇L(θₖ₋τ),    with `staleness_aware`:    θₖ₊₁ ← θₖ − η / max(1, τ) ∇L(θₖ₋τ)

    Use it like any optimiser. `step()` sends the gradient on its way and applies those that arrive, in the order in
    which they were sent; the parameters are always the newest. With the delay 0 it is SGD, bit for bit. `staleness` lists
    the measured τ of each update so far: with a constant delay d they are 0, 1, …, d, d, d, …, as when d + 1 workers
    begin together. What is still under way at the end is lost as if the workers were stopped, unless `drain()` waits for it.

    `delay` is a `Delay`, or a whole number for a constant one; equal seeds give equal runs. Momentum and weight decay as
    in SGD, by the arriving gradient. Sources: Bertsekas & Tsitsiklis 1989, chapter 7; Dean et al. 2012 (Downpour SGD);
    staleness-aware rate: Zhang, Gupta, Lian & Liu 2016, "Staleness-aware async-SGD for distributed deep learning".
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        delay: Delay | int = 1,
        staleness_aware: bool = False,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(parameters, lr, momentum, nesterov, weight_decay)
        self._require(seed=seed)
        self.delay = delay if isinstance(delay, Delay) else Delay("constant", delay)
        self.staleness_aware, self.seed = staleness_aware, seed
        self.sent = 0  # gradients so far
        self.staleness: list[int] = []  # of each update so far
        self._under_way: list[_UnderWay] = []

    def step(self) -> None:
        """Send the present gradient on its way, and update the parameters with those that arrive in this step."""
        gradients = {i: p.grad.data.copy() for i, p in enumerate(self.parameters) if p.grad is not None}
        for i, gradient in gradients.items():
            self._check(i, self.parameters[i].data, gradient)
        delay = self.delay.draw(np.random.default_rng((self.seed, self.sent)))
        self._under_way.append(_UnderWay(self.sent + delay, len(self.staleness), gradients))
        self._receive(until=self.sent)
        self.sent += 1

    def drain(self) -> None:
        """Apply all gradients that are still under way, in the order in which they would have arrived."""
        for due in sorted({item.due for item in self._under_way}):
            self._receive(due)

    def _receive(self, until: int) -> None:
        arrived = [item for item in self._under_way if item.due <= until]
        self._under_way = [item for item in self._under_way if item.due > until]
        usual = self.lr
        for item in arrived:
            staleness = len(self.staleness) - item.read
            self.lr = staleness_aware_lr(usual, staleness) if self.staleness_aware else usual
            try:
                self._apply(item.gradients)
            finally:
                self.lr = usual
            self.staleness.append(staleness)

    def state_dict(self) -> dict[str, Any]:
        """SGD's state, and copies of the gradients under way."""
        under_way = [
            {"due": item.due, "read": item.read, "gradients": {i: g.copy() for i, g in item.gradients.items()}}
            for item in self._under_way
        ]
        own = {"sent": self.sent, "staleness": list(self.staleness), "under_way": under_way}
        return super().state_dict() | own

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, bit for bit. ValueError if it does not fit; then nothing changes."""
        if missing := {"sent", "staleness", "under_way"} - state.keys():
            raise ValueError(f"AsyncSGD: the state lacks {', '.join(sorted(missing))}: is it of another optimiser?")
        super().load_state_dict(state)
        self.sent, self.staleness = int(state["sent"]), [int(tau) for tau in state["staleness"]]
        self._under_way = [
            _UnderWay(item["due"], item["read"], {i: np.array(g) for i, g in item["gradients"].items()})
            for item in state["under_way"]
        ]
