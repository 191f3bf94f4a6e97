"""A worker process of asynchronous training: it takes batches and changes the shared parameters until none is left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from tinymm import kernels, random
from tinymm.data.loading import DataLoader
from tinymm.data.prefetching import ahead
from tinymm.distributed.board import Board
from tinymm.distributed.shared import Layout, SharedArrays
from tinymm.distributed.state import Task, bind
from tinymm.optim import GD, SGD, staleness_aware_lr
from tinymm.training import NonFiniteLossError, train_step

PAUSE = 0.002  # seconds between looks for a batch that a dead worker may have left


def work(number: int, task: Task, handle: tuple[str, Layout], report: Connection) -> None:
    """What a worker process does; it says `ready`, then `done`, or what went wrong: (name of the error, its text)."""
    if parent := parent_process():
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        kernels.threads.set_num_threads(1)
        random.manual_seed(int(np.random.SeedSequence((task.batches.seed, number)).generate_state(1)[0]))
        block = SharedArrays.attach(*handle)
        bind(task.model, task.optimizer, block)
        task.batches.arrays = tuple(block.get(f"data {i}", a) for i, a in enumerate(task.batches.arrays))
        report.send("ready")
        _train(number, task, Board(block))
        report.send("done")
    except Exception as error:
        report.send((type(error).__name__, str(error)))
    report.close()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _train(number: int, task: Task, board: Board) -> None:
    task.model.train()
    racing = Racing(number, task, board)
    for place, batch in ahead(_claimed(number, task.batches, board), task.batches.prefetch):
        racing.begin(task.rates[place // len(task.batches)])
        try:
            x, y = batch
            sums = train_step(task.model, x, y, racing, task.loss, task.max_grad_norm)  # type: ignore[arg-type]
        except NonFiniteLossError as error:
            epoch, step = divmod(place, len(task.batches))
            raise NonFiniteLossError(f"epoch {epoch + 1}, step {step + 1} of {len(task.batches)}: {error}") from None
        board.note(place, *sums, staleness=racing.staleness)


def _claimed(number: int, batches: DataLoader, board: Board) -> Iterator[tuple[int, tuple]]:
    """Batches, as long as there are any, those that other workers left behind too."""
    place = 0
    while not board.stopped:
        place = -1 if board.held else board.claim(number, max(place, 0))
        if place >= 0:
            yield place, batches.at(*divmod(place, len(batches)))
        elif board.done.all():
            return
        else:
            time.sleep(PAUSE)


class Racing:
    """An optimiser whose parameters others change too: knows how stale its gradient is, and counts its updates."""

    def __init__(self, number: int, task: Task, board: Board):
        self.number, self.board, self.optimizer = number, board, task.optimizer
        self.staleness_aware, self.parameters = task.staleness_aware, task.optimizer.parameters
        self.rate, self.read, self.staleness = 0.0, 0, 0
        self.steps = list(self.optimizer.steps)  # before this run
        plain = type(self.optimizer) in (SGD, GD) and not (self.optimizer.weight_decay or self.optimizer.momentum)  # type: ignore[attr-defined]
        if plain:
            self.optimizer.update = self._descend  # type: ignore[assignment, method-assign]

    def begin(self, rate: float) -> None:
        """The parameters are about to be read."""
        self.rate, self.read = rate, self.board.updates

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def step(self) -> None:
        updates = self.board.updates
        self.staleness = updates - self.read
        self.optimizer.lr = staleness_aware_lr(self.rate, self.staleness) if self.staleness_aware else self.rate
        self.optimizer.steps = [steps + updates for steps in self.steps]
        self.optimizer.step()
        self.board.count_update(self.number)

    def _descend(self, thetas: list[np.ndarray], gradients: list[np.ndarray], steps: list[int]) -> None:
        """SGD that leaves alone what its gradient leaves alone."""
        for theta, gradient in zip(thetas, gradients, strict=True):
            rate = theta.dtype.type(self.optimizer.lr)
            kernels.lock_free.descend(theta.reshape(-1), np.ravel(gradient), rate)
