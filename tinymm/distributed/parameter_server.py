"""Asynchronous training on a cluster: one actor keeps the parameters, and workers send it gradients when they have one.

Ray starts them, and knows which are alive; batches, parameters and gradients go between `Server` and workers directly.
Sources: Dean et al. 2012, "Large scale distributed deep networks" (Downpour SGD); Li et al. 2014, "Parameter server".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import interrupts
from tinymm.data.loading import DataLoader
from tinymm.distributed.board import Board
from tinymm.distributed.cluster import cluster, failures
from tinymm.distributed.history import WorkersHistory
from tinymm.distributed.keeping import Keeper
from tinymm.distributed.links import SECRET, LinkError
from tinymm.distributed.replica import Numbers
from tinymm.distributed.server import Client, Server
from tinymm.distributed.state import bind, numbers_of, task
from tinymm.distributed.team import PATIENCE, Team
from tinymm.nn import Module
from tinymm.optim import AsyncSGD, Optimizer, Schedule
from tinymm.snapshots import Snapshots
from tinymm.tensor import Tensor
from tinymm.training import Validation, after_epoch, progress_bar

LOOK = 0.1  # seconds between looks at the progress


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
    snapshots: Snapshots | None = None,
) -> WorkersHistory:
    """Train like `training.fit`, with workers of a Ray cluster that do not wait for each other.

    A worker gets the newest parameters and a batch, and sends back its gradient, which the server applies at once. With
    `staleness_aware` a gradient that τ updates have overtaken goes with η / max(1, τ) (Zhang et al. 2016).

    The batch of a worker that fails goes to another, and a new one is started. If the server fails, a new one goes on from
    the checkpoint of the last epoch, and the batches since then are done again: every sample counts once. `address`
    joins a cluster; otherwise one is started on this machine. Ctrl-C ends the training within a moment. With `snapshots`
    it goes on from what is kept there.
    """
    if workers < 1 or epochs < 0:
        raise ValueError(f"fit: {workers} workers, {epochs} epochs: there must be at least 1 worker, and 0 epochs")
    if isinstance(optimizer, AsyncSGD):
        raise ValueError("fit: AsyncSGD simulates other workers; here they are real: give SGD")
    todo = task(model, batches, optimizer, epochs, loss, schedule, max_grad_norm, staleness_aware)
    history, board = WorkersHistory(), Board(Board.blank(epochs * len(batches), 0))
    keeper = Keeper(snapshots, history, board, model=model, optimizer=optimizer, schedule=schedule)
    bar = progress_bar(progress, epochs * len(batches), board.count)
    with cluster(address, workers) as ray, interrupts.noted() as came:
        team = Team(ray, todo, workers, Client)
        run = _Run(ray, team, board, (numbers_of(model, optimizer), list(optimizer.steps)))
        epoch = len(history.get("train_loss", ()))
        try:
            if epoch < epochs:
                team.gather(run.numbers, PATIENCE)
            history.measure(board.seen, warm=False)
            while epoch < epochs:
                kept = run.turn(checkpoint=keeper.due() or bool(came))
                bar.update(board.count - bar.n)
                history.measure(board.seen, warm="train_loss" in history)
                history.staleness, history.lost = board.staleness_now, team.lost
                bar.set_postfix_str(history.line(len(team.members)), refresh=False)
                if kept:
                    bind(model, optimizer, run.numbers[0])
                    optimizer.steps = list(run.numbers[1])
                while (
                    epoch < epochs and board.done[part := slice(epoch * len(batches), (epoch + 1) * len(batches))].all()
                ):
                    history.note(**after_epoch(model, board.sums(part), validation, loss))
                    history.workers.append(len(team.members))
                    if schedule is not None:
                        schedule.step()
                    epoch += 1
                if kept:
                    keeper.keep(bool(came))
                    if came:
                        break
        finally:
            team.end()
            team.discard(run.server)
            bar.close()
            bind(model, optimizer, {name: np.array(array) for name, array in numbers_of(model, optimizer).items()})
            model.eval()
    history.interrupted = bool(came)
    return history


class _Run:
    """The server, and who works for it. `numbers` and `done` are the checkpoint from which a new server would go on."""

    def __init__(self, ray: Any, team: Team, board: Board, numbers: Numbers):
        self.ray, self.team, self.board = ray, team, board
        self.numbers, self.done = numbers, board.state_dict()
        self.busy: dict[Any, Any] = {}  # what a worker answers when it ends → the worker
        self._start()

    def _start(self) -> None:
        """Start a server with the numbers of the checkpoint, and take up what was not done then."""
        self.board.load_state_dict(self.done)
        self.server, self.secret = self.team.start(Server, cpus=0), secrets.token_bytes(SECRET)
        self.server.begin.remote(self.numbers, self.board.done, self.secret)
        self.address = self.ray.get(self.server.ready.remote())
        self._found = self.server.serve.remote(LOOK)

    def turn(self, checkpoint: bool) -> bool:
        """See that all workers are at work, and take what was done; whether it ended with a checkpoint.

        There is one whenever an epoch is complete; otherwise, if it is asked for, at the end of the next turn.
        """
        self.team.gather(self.numbers)
        for worker in set(self.team.members) - set(self.busy.values()):
            self.busy[worker.work_for.remote(self.address, self.secret)] = worker
        for answer in self.ray.wait(list(self.busy), num_returns=len(self.busy), timeout=0)[0]:
            self._ended(answer)
        found, self._found = self._found, self.server.serve.remote(LOOK, checkpoint)
        try:
            done, numbers = self.ray.get(found)
        except failures():
            self.team.lost += 1
            self._start()
            return False
        for batch, loss, right, samples, staleness in done:
            self.board.note(int(batch), loss, right, int(samples), int(staleness))
        if numbers is not None:
            self.numbers, self.done = numbers, self.board.state_dict()
        return numbers is not None

    def _ended(self, answer: Any) -> None:
        """A worker works no more: it has failed or met an error, or the server is gone."""
        worker = self.busy.pop(answer)
        try:
            self.ray.get(answer)
        except LinkError:
            return
        except failures():
            self.team.lost += 1
            self.team.members.remove(worker)
            self.team.discard(worker)
