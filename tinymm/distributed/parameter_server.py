"""Asynchronous training on a cluster: one actor keeps the parameters, and workers send it gradients when they have one.

Sources: Dean et al. 2012, "Large scale distributed deep networks" (Downpour SGD); Li et al. 2014, "Parameter server".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import interrupts
from tinymm.data.loading import DataLoader
from tinymm.distributed.cluster import cluster, failures
from tinymm.distributed.history import WorkersHistory
from tinymm.distributed.replica import Numbers
from tinymm.distributed.state import Task, bind, numbers_of, task
from tinymm.distributed.team import PATIENCE, Team
from tinymm.nn import Module
from tinymm.optim import AsyncSGD, Optimizer, Schedule, staleness_aware_lr
from tinymm.tensor import Tensor
from tinymm.training import Validation, after_epoch, progress_bar


def fit(
    model: Module,
    batches: DataLoader,
    optimizer: Optimizer,
    epochs: int,
    validation: Validation = None,
    loss: Callable[[Tensor, np.ndarray], Tensor] = F.cross_entropy,
    schedule: Schedule | None = None,
    max_grad_norm: float | None = None,
    progress: str | None = None,
    workers: int = 2,
    staleness_aware: bool = False,
    address: str | None = None,
) -> WorkersHistory:
    """Train like `training.fit`, with workers of a Ray cluster that do not wait for each other.

    A worker gets the newest parameters and a batch, and sends back its gradient, which the server applies at once. With
    `staleness_aware` a gradient that τ updates have overtaken goes with η / max(1, τ) (Zhang et al. 2016).

    The batch of a worker that fails goes to another, and a new one is started. If the server fails, a new one goes on from
    the checkpoint of the last epoch, and the batches since then are done again: every sample counts once. `address`
    joins a cluster; otherwise one is started on this machine. Ctrl-C ends the training after the batches under way.
    """
    if workers < 1 or epochs < 0:
        raise ValueError(f"fit: {workers} workers, {epochs} epochs: there must be at least 1 worker, and 0 epochs")
    if isinstance(optimizer, AsyncSGD):
        raise ValueError("fit: AsyncSGD simulates other workers; here they are real: give SGD")
    todo = task(model, batches, optimizer, epochs, loss, schedule, max_grad_norm, staleness_aware)
    history = WorkersHistory()
    bar = progress_bar(progress, epochs * len(batches))
    with cluster(address, workers) as ray, interrupts.noted() as came:
        team = Team(ray, todo, workers)
        run = _Run(ray, team, todo, (numbers_of(model, optimizer), list(optimizer.steps)))
        try:
            if epochs:
                team.gather(run.saved[0], PATIENCE)
            history.measure(0, warm=False)
            for epoch in range(epochs):
                while not (run.finished(epoch) and run.save()) and not came:
                    run.turn()
                    bar.update(int(run.done.sum()) - bar.n)
                    history.measure(int(run.results[run.done, 2].sum()), warm=epoch > 0)
                    history.staleness, history.lost = run.staleness[run.done], team.lost
                    bar.set_postfix_str(history.line(len(team.members)), refresh=False)
                if came:
                    run.save()
                    break
                bind(model, optimizer, run.saved[0][0])
                part = slice(epoch * len(batches), (epoch + 1) * len(batches))
                history.note(**after_epoch(model, run.results[part].sum(axis=0), validation, loss))
                history.workers.append(len(team.members))
                if schedule is not None:
                    schedule.step()
        finally:
            team.end()
            team.discard(run.server)
            bar.close()
            numbers, steps = run.saved[0]
            bind(model, optimizer, {name: np.array(array) for name, array in numbers.items()})
            optimizer.steps = list(steps)
            model.eval()
    history.interrupted = bool(came)
    return history


class _Run:
    """Which batches wait, which are with which worker, and which are done.

    `saved`: the checkpoint, the server's numbers and what was done when they were such.
    """

    def __init__(self, ray: Any, team: Team, todo: Task, numbers: Numbers):
        self.ray, self.team, self.todo = ray, team, todo
        batches = len(todo.rates) * len(todo.batches)
        self.done, self.results = np.zeros(batches, bool), np.zeros((batches, 3))
        self.staleness = np.zeros(batches, np.int32)
        self.updates = 0  # that a server was asked for
        self.saved: tuple[Numbers, np.ndarray] = numbers, self.done.copy()
        self.under_way: dict[Any, tuple[Any, int, int, Any]] = {}  # sums → worker, batch, updates it saw, gradient
        self._serve()

    def _serve(self) -> None:
        """Start a server with the numbers of the checkpoint, and take up what was not done then."""
        numbers, done = self.saved
        self.server = self.team.start(cpus=0)
        self.server.load.remote(*numbers)
        self.newest = self.server.parameters_now.remote()
        self.done = done.copy()
        self.waiting = deque(np.flatnonzero(~done).tolist())
        self.under_way.clear()

    def finished(self, epoch: int) -> bool:
        each = len(self.todo.batches)
        return bool(self.done[epoch * each : (epoch + 1) * each].all())

    def turn(self) -> None:
        """Give every idle worker a batch, and take the gradients that have come."""
        self.team.gather(self.saved[0])
        busy = {worker for worker, *_ in self.under_way.values()}
        for worker in self.team.members:
            if worker not in busy and self.waiting:
                batch = self.waiting.popleft()
                place = divmod(batch, len(self.todo.batches))
                gradient, sums = worker.gradient_at.options(num_returns=2).remote(self.newest, *place)
                self.under_way[sums] = worker, batch, self.updates, gradient
        ready, _ = self.ray.wait(list(self.under_way), num_returns=1, timeout=1.0)
        for sums in ready:
            self._take(sums)

    def _take(self, sums: Any) -> None:
        worker, batch, read, gradient = self.under_way.pop(sums)
        try:
            self.results[batch] = self.ray.get(sums)
        except failures():
            self._lost(worker, batch)
            return
        staleness = self.updates - read
        rate = self.todo.rates[batch // len(self.todo.batches)]
        rate = staleness_aware_lr(rate, staleness) if self.todo.staleness_aware else rate
        self.newest = self.server.serve.remote(rate, gradient)
        self.updates += 1
        self.staleness[batch], self.done[batch] = staleness, True

    def _lost(self, worker: Any, batch: int) -> None:
        """Either this worker has failed or, as it got no parameters, the server."""
        self.team.lost += 1
        try:
            self.ray.get(self.server.ready.remote())
        except failures():
            self._serve()
            return
        self.waiting.appendleft(batch)
        self.team.members.remove(worker)
        self.team.discard(worker)

    def save(self) -> bool:
        """Take a checkpoint; False if the server has failed, and a new one goes on from the checkpoint before."""
        try:
            numbers, steps = self.ray.get(self.server.state.remote())
        except failures():
            self.team.lost += 1
            self._serve()
            return False
        self.saved = (numbers, steps), self.done.copy()
        return True
