"""Synchronous training on a cluster: each replica takes a part of every batch, and all apply the same gradient.

Ray starts the workers, knows which are alive, and takes orders and results to and fro; the gradients go around a `Ring`
of the workers themselves.
"""

from __future__ import annotations

from collections import deque
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
from tinymm.distributed.replica import InStep, Numbers
from tinymm.distributed.state import bind, numbers_of, task
from tinymm.distributed.team import PATIENCE, Team
from tinymm.nn import Module
from tinymm.optim import Optimizer, Schedule
from tinymm.snapshots import Snapshots
from tinymm.tensor import Tensor
from tinymm.training import Validation, after_epoch, progress_bar

LOOK = 0.1  # seconds between looks at the progress
AHEAD = 2  # times that the workers are asked before they have answered


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
    workers: int | Callable[[int], int] = 2,
    address: str | None = None,
    checkpoint_every: int | None = None,
    snapshots: Snapshots | None = None,
) -> WorkersHistory:
    """Train like `training.fit`, with every batch divided among the workers of a Ray cluster.

    The result is that of one process with the whole batch, to rounding: each worker's mean gradient counts by its share of
    the samples. (Not so for what depends on a batch as a whole or on chance within the model: batch normalisation uses
    the statistics of each part, and dropout draws anew in each worker.)

    A worker that fails, alone or with its machine, is replaced: all go back to the last checkpoint, which is taken every
    `checkpoint_every` steps and after each epoch, and repeat from there, so that every sample counts once. Until a
    replacement is ready the others go on; workers join and leave at checkpoints. `workers` may be a function of the
    epoch, 0, 1, …

    `address` joins a cluster; otherwise one is started on this machine. Ctrl-C ends the training after the steps
    that were asked for, a fifth of a second's worth. With `snapshots` it goes on from what is kept there.
    """
    wanted = workers if callable(workers) else lambda epoch: workers
    if epochs < 0 or any(wanted(epoch) < 1 for epoch in range(epochs)):
        raise ValueError("fit: there must be at least 1 worker, and 0 epochs")
    todo = task(model, batches, optimizer, epochs, loss, schedule, max_grad_norm)
    per_epoch, history, board = len(batches), WorkersHistory(), Board(Board.blank(epochs * len(batches), 0))
    keeper = Keeper(snapshots, history, board, model=model, optimizer=optimizer, schedule=schedule)
    every = checkpoint_every or (snapshots and snapshots.steps) or per_epoch
    step = board.count
    bar = progress_bar(progress, len(board.done), step)

    def enough(done: int) -> bool:
        bar.update(done - bar.n)
        return keeper.due() or bool(came)

    with (
        cluster(address, max([wanted(epoch) for epoch in range(epochs)], default=1)) as ray,
        interrupts.noted() as came,
    ):
        team = Team(ray, todo, wanted(step // per_epoch), InStep)
        saved: Numbers = numbers_of(model, optimizer), list(optimizer.steps)
        try:
            if step < len(board.done):
                team.gather(saved, PATIENCE)
            history.measure(board.seen, warm=False)
            while step < len(board.done) and not came:
                epoch = step // per_epoch
                end = min((epoch + 1) * per_epoch, step + every)
                team.wanted = wanted(epoch)
                try:
                    planned = callable(workers) and step % per_epoch == 0
                    team.gather(saved, PATIENCE if planned else 0)
                    done = _take_steps(team, board, range(step, end), enough)
                    saved = team.state()
                except failures():
                    team.restore(saved)
                    board.done[step:] = False
                    bar.update(step - bar.n)
                    continue
                step = done
                bind(model, optimizer, saved[0])
                optimizer.steps = list(saved[1])
                history.measure(board.seen, warm=step >= per_epoch)
                history.lost = team.lost
                if step == (epoch + 1) * per_epoch:
                    sums = board.sums(slice(step - per_epoch, step))
                    history.note(**after_epoch(model, sums, validation, loss))
                    history.workers.append(len(team.members))
                    if schedule is not None:
                        schedule.step()
                bar.set_postfix_str(history.line(len(team.members)), refresh=False)
                keeper.keep(bool(came))
        finally:
            team.end()
            bar.close()
            bind(model, optimizer, {name: np.array(array) for name, array in numbers_of(model, optimizer).items()})
            model.eval()
    history.interrupted = bool(came)
    return history


def _take_steps(team: Team, board: Board, steps: range, enough: Callable[[int], bool]) -> int:
    """Let the team take these steps, and note them on the board; returns where it stopped.

    The workers are asked for as many steps at a time as take them about a tenth of a second, and always for the next before
    the last have come, so that they never wait for this process. When it is `enough`, after so many, they are asked no more.
    """
    team.form_ring()
    waiting: deque[tuple[int, int, list[Any]]] = deque()
    asked, done, stop = steps.start, steps.start, False
    while done < steps.stop:
        while asked < steps.stop and len(waiting) < AHEAD and not stop:
            end = min(asked + max(1, int(LOOK / team.seconds)), steps.stop)
            waiting.append((asked, end, [member.take_steps.remote(asked, end) for member in team.members]))
            asked = end
        if not waiting:
            break
        start, done, answers = waiting.popleft()
        found = team.answers(answers)
        team.seconds = max(seconds for _, seconds in found) / (done - start)
        for step, (loss, right, samples) in enumerate(sum(sums for sums, _ in found), start):
            board.note(step, loss, right, int(samples), staleness=0)
        stop |= enough(done)
    return done
