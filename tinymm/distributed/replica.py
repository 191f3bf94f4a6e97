"""A copy of the model in a worker of a cluster: it computes gradients of its own part of the data, and applies them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinymm import kernels, random
from tinymm.data.prefetching import ahead
from tinymm.distributed.cluster import load_ray
from tinymm.distributed.links import Address, LinkError, Port
from tinymm.distributed.ring import Ring
from tinymm.distributed.state import Task, bind, numbers_of
from tinymm.optim import clip_grad_norm
from tinymm.tensor import Tensor
from tinymm.training import NonFiniteLossError, train_step

Numbers = tuple[dict[str, np.ndarray], list[int]]  # all arrays that training changes, and the optimiser's steps


class Replica:
    """The model, its optimiser and the batches, for one thread. Its gradient is one long vector, to be sent in one go.

    With batch normalisation each replica uses the statistics of its own part of a batch, as is usual.
    """

    def __init__(self, task: Task, number: int):
        kernels.threads.set_num_threads(1)
        random.manual_seed(int(np.random.SeedSequence((task.batches.seed, number)).generate_state(1)[0]))
        self.task, self.optimizer, self.parameters = task, task.optimizer, task.optimizer.parameters
        self.gradient = np.zeros(
            sum(p.size for p in self.parameters), np.result_type(*(p.dtype for p in self.parameters))
        )
        self.port = Port(load_ray().util.get_node_ip_address())
        self.load(numbers_of(task.model, task.optimizer), task.optimizer.steps)
        task.model.train()

    def ready(self) -> Address:
        """Where others reach this replica."""
        return self.port.address

    def load(self, numbers: dict[str, np.ndarray], steps: list[int]) -> None:
        """Go on from the numbers of another replica."""
        bind(self.task.model, self.optimizer, {name: np.array(array) for name, array in numbers.items()})
        self.optimizer.steps = list(steps)

    def state(self) -> Numbers:
        return numbers_of(self.task.model, self.optimizer), self.optimizer.steps

    def compute(self, place: tuple[int, int], x: Any, y: np.ndarray) -> np.ndarray:
        """Put the gradient of these samples into `gradient`; returns (loss, right, samples) as sums."""
        try:
            return np.array(train_step(self.task.model, x, y, self, self.task.loss, None), dtype=float)  # type: ignore[arg-type]
        except NonFiniteLossError as error:
            epoch, step = place
            raise NonFiniteLossError(
                f"fit: epoch {epoch + 1}, step {step + 1} of {len(self.task.batches)}: {error}"
            ) from None

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self) -> None:
        """What `train_step` does last: here the gradient is kept, until those of the others have come."""
        for parameter, piece in zip(self.parameters, self.pieces(self.gradient), strict=True):
            piece[...] = 0 if parameter.grad is None else parameter.grad.data

    def apply(self, rate: float) -> None:
        """One step of the optimiser with `gradient`."""
        for parameter, piece in zip(self.parameters, self.pieces(self.gradient), strict=True):
            parameter.grad = Tensor(piece.astype(parameter.dtype, copy=False))
        if self.task.max_grad_norm:
            clip_grad_norm(self.parameters, self.task.max_grad_norm)
        self.optimizer.lr = rate
        self.optimizer.step()

    def pieces(self, vector: np.ndarray) -> Iterator[np.ndarray]:
        """The parts of a vector that belong to the parameters, in their shapes."""
        start = 0
        for parameter in self.parameters:
            yield vector[start : start + parameter.size].reshape(parameter.shape)
            start += parameter.size


class InStep(Replica):
    """A replica that computes its share of every batch, and applies the gradient of all."""

    ring: Ring | None = None

    def form_ring(self, rank: int, addresses: list[Address], secret: bytes) -> None:
        """Take this place among these replicas."""
        self._leave()
        self.ring = Ring(self.port, rank, addresses, secret)

    def take_steps(self, first: int, end: int) -> tuple[np.ndarray, float]:
        """These steps, counted over all epochs; returns (loss, right, samples) of this replica's part of each, (n, 3), as
        sums, and how many seconds it took.

        LinkError if another replica is gone.
        """
        if self.ring is None:
            raise LinkError("the ring is broken")
        began, sums = time.perf_counter(), np.zeros((end - first, 3))
        try:
            for i, (place, share, part) in enumerate(ahead(self._parts(first, end), self.task.batches.prefetch)):
                if share:
                    sums[i] = self.compute(place, *part)
                    self.gradient *= self.gradient.dtype.type(share)
                else:  # more replicas than samples
                    self.gradient[...] = 0
                self.ring.all_reduce(self.gradient)
                self.apply(self.task.rates[place[0]])
        except BaseException:
            self._leave()  # the others shall not wait
            raise
        return sums, time.perf_counter() - began

    def _parts(self, first: int, end: int) -> Iterator[tuple[tuple[int, int], float, tuple]]:
        """The place of each step, and this replica's part of its batch: what share of the samples, and x, y.

        The mean gradient of a part, times its share, adds up to the gradient of the mean over the batch, whatever the sizes.
        """
        assert self.ring is not None
        for step in range(first, end):
            place = divmod(step, len(self.task.batches))
            whole = np.arange(len(self.task.batches.rows(*place)))
            own = np.array_split(whole, self.ring.size)[self.ring.rank]
            yield place, len(own) / len(whole), self.task.batches.at(*place, own) if len(own) else ()

    def _leave(self) -> None:
        if self.ring is not None:
            self.ring.close()
            self.ring = None
