"""A copy of the model in a worker of a cluster: it computes gradients, adds them up, and applies them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinymm import kernels, random
from tinymm.distributed.state import Task, bind, numbers_of
from tinymm.optim import clip_grad_norm
from tinymm.tensor import Tensor
from tinymm.training import train_step

Numbers = tuple[dict[str, np.ndarray], list[int]]  # all arrays that training changes, and the optimiser's steps


class Replica:
    """The model, its optimiser and the batches, for one thread. Gradients and parameters travel as one long vector.

    With batch normalisation each replica uses the statistics of its own part of a batch, as is usual.
    """

    def __init__(self, task: Task, number: int):
        kernels.threads.set_num_threads(1)
        random.manual_seed(int(np.random.SeedSequence((task.batches.seed, number)).generate_state(1)[0]))
        self.task, self.gradients = task, list[np.ndarray]()
        self.optimizer, self.parameters = task.optimizer, task.optimizer.parameters
        self.load(numbers_of(task.model, task.optimizer), task.optimizer.steps)
        task.model.train()

    def ready(self) -> bool:
        return True

    def load(self, numbers: dict[str, np.ndarray], steps: list[int]) -> None:
        """Go on from the numbers of another replica."""
        bind(self.task.model, self.optimizer, {name: np.array(array) for name, array in numbers.items()})
        self.optimizer.steps = list(steps)

    def state(self) -> Numbers:
        return numbers_of(self.task.model, self.optimizer), self.optimizer.steps

    # --- in step with the others --------------------------------------------------------------------------

    def part_of_gradient(self, epoch: int, batch: int, part: int, parts: int, buckets: int) -> list[Any]:
        """This replica's share of the batch's gradient, in `buckets` pieces, and (loss, right, samples) as sums.

        Part `part` of `parts` of the batch; its mean is weighted by its share of the samples, so that the sum over the
        parts is the gradient of the mean over the whole batch, whatever the sizes.
        """
        x, y = self.task.batches.at(epoch, batch)
        own = np.array_split(np.arange(len(y)), parts)[part]
        if not len(own):  # more replicas than samples
            return [*np.array_split(np.zeros_like(self._flat()), buckets), np.zeros(3)]
        gradient, sums = self._gradient(x[own], y[own])
        return [*np.array_split(gradient * gradient.dtype.type(len(own) / len(y)), buckets), sums]

    def add_up(self, *pieces: np.ndarray) -> np.ndarray:
        """The sum of one bucket over all replicas."""
        total = pieces[0].copy()
        for piece in pieces[1:]:
            total += piece
        return total

    def apply(self, rate: float, *buckets: np.ndarray) -> bool:
        """One step with the whole gradient."""
        self._put(np.concatenate(buckets), gradient=True)
        clip_grad_norm(self.parameters, self.task.max_grad_norm or np.inf)
        self.optimizer.lr = rate
        self.optimizer.step()
        return True

    # --- with a parameter server -----------------------------------------------------------------------------

    def gradient_at(self, parameters: np.ndarray, epoch: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of a batch at these parameters, and (loss, right, samples) as sums."""
        self._put(parameters)
        return self._gradient(*self.task.batches.at(epoch, batch))

    def serve(self, rate: float, gradient: np.ndarray) -> np.ndarray:
        """Apply a worker's gradient, and return the new parameters."""
        self.apply(rate, gradient)
        return self._flat()

    def parameters_now(self) -> np.ndarray:
        return self._flat()

    # --- vectors -------------------------------------------------------------------------------------------

    def _gradient(self, x: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = train_step(self.task.model, x, y, self, self.task.loss, None)  # type: ignore[arg-type]
        return np.concatenate(self.gradients), np.array(sums, dtype=float)

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self) -> None:
        """What `train_step` does last: here the gradient is kept, and applied when those of the others have come."""
        self.gradients = [
            np.zeros(p.size, p.dtype) if p.grad is None else p.grad.data.reshape(-1) for p in self.parameters
        ]

    def _flat(self) -> np.ndarray:
        return np.concatenate([parameter.data.reshape(-1) for parameter in self.parameters])

    def _put(self, vector: np.ndarray, gradient: bool = False) -> None:
        start = 0
        for parameter in self.parameters:
            piece = vector[start : start + parameter.size].reshape(parameter.shape)
            start += parameter.size
            if gradient:
                parameter.grad = Tensor(np.array(piece))
            else:
                parameter.data[...] = piece
                parameter.mark_changed()
