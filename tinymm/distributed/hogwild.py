"""Hogwild!: processes that change one model's parameters in shared memory without locks.

Source: Niu, Recht, Ré & Wright (2011), "Hogwild!: a lock-free approach to parallelizing stochastic gradient descent".
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinymm import functional as F
from tinymm import interrupts
from tinymm.data.loading import DataLoader
from tinymm.distributed.board import Board
from tinymm.distributed.crew import Crew
from tinymm.distributed.history import WorkersHistory
from tinymm.distributed.keeping import Keeper
from tinymm.distributed.shared import SharedArrays
from tinymm.distributed.state import bind, numbers_of, task
from tinymm.nn import Module
from tinymm.optim import AsyncSGD, Optimizer, Schedule
from tinymm.snapshots import Snapshots
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
    snapshots: Snapshots | None = None,
) -> WorkersHistory:
    """Train like `training.fit`, in so many processes at once, each with one thread.

    Each worker takes a batch, computes the gradient at the shared parameters as they are, and changes them, while others
    do the same. The optimiser's state, such as momentum, is shared too. Plain SGD writes only where its gradient is not
    zero, so that with sparse data workers seldom meet. With `staleness_aware` a gradient that τ updates have
    overtaken goes with η / max(1, τ) (Zhang et al. 2016). The order of the updates is up to the processes, so two
    runs differ a little; `optim.AsyncSGD` simulates the same reproducibly.

    A worker that dies, however that happens, does not stop the run: others take its batches, and every sample of every
    epoch is used. Ctrl-C ends the training after the batches under way. After each epoch the validation data are tested
    with the parameters of that moment. The workers are started afresh: what they are given must be picklable (classes
    and functions of a module, no lambdas), and a script must call this under `if __name__ == "__main__":`. (Only who is
    killed in the instant between changing the parameters and marking the batch as done has it used twice.)

    With `snapshots` it goes on from what is kept there; while they are written, the workers wait.

    NonFiniteLossError as in `training.fit`; WorkerError with the worker's own error, or if all workers died. ValueError for
    no epochs or workers, TypeError for what cannot be given to another process.
    """
    if workers < 1 or epochs < 0:
        raise ValueError(f"fit: {workers} workers, {epochs} epochs: there must be at least 1 worker, and 0 epochs")
    if isinstance(optimizer, AsyncSGD):
        raise ValueError("fit: AsyncSGD simulates other workers; here they are real: give SGD")
    todo = task(model, batches, optimizer, epochs, loss, schedule, max_grad_norm, staleness_aware)
    history, blank = WorkersHistory(), Board.blank(epochs * len(batches), workers)
    keeper = Keeper(snapshots, history, Board(blank), model=model, optimizer=optimizer, schedule=schedule)
    steps = list(optimizer.steps)
    own = numbers_of(model, optimizer)
    plain = {f"data {i}": a for i, a in enumerate(batches.arrays) if type(a) is np.ndarray and not a.dtype.hasobject}
    apart = copy.copy(batches)
    apart.arrays = tuple(None if f"data {i}" in plain else a for i, a in enumerate(batches.arrays))  # type: ignore[misc]
    todo = replace(todo, batches=apart)
    bar = progress_bar(progress, epochs * len(batches), keeper.board.count)
    with interrupts.noted() as came, SharedArrays(own | plain | blank) as block:
        board = keeper.board = Board(block)
        bind(model, optimizer, block)

        def look(crew: Crew) -> None:
            """Note the epochs that were completed, and show how far it has come."""
            for epoch in range(len(history.get("train_loss", ())), epochs):
                part = slice(epoch * len(batches), (epoch + 1) * len(batches))
                if not board.done[part].all():
                    break
                history.note(**after_epoch(model, board.sums(part), validation, loss))
                history.workers.append(workers - crew.lost)
                if schedule is not None:
                    schedule.step()
            bar.update(board.count - bar.n)
            history.staleness, history.lost = board.staleness_now, crew.lost
            history.measure(board.seen, warm="train_loss" in history)
            bar.set_postfix_str(history.line(workers - crew.lost), refresh=False)
            if keeper.due() and not board.stopped:
                board.hold()
                crew.look_after(board)  # a moment for those that were just taking a batch
                while not (board.at_rest or came):
                    crew.look_after(board)
                if board.at_rest:
                    keep()
                board.begin()

        def keep(at_once: bool = False) -> None:
            optimizer.steps = [before + board.updates for before in steps]
            keeper.keep(at_once)

        try:
            with Crew(workers, todo, block) as crew:
                try:
                    crew.wait_until_ready(came)
                    board.begin()
                    history.measure(board.seen, warm=False)
                    while not board.done.all() and not came:
                        crew.look_after(board)
                        look(crew)
                finally:
                    board.stop()
                crew.wait_until_done()
                look(crew)
                if came:
                    keep(at_once=True)
        finally:
            optimizer.steps = [before + board.updates for before in steps]
            bind(model, optimizer, {name: block[name].copy() for name in own})
            bar.close()
            model.eval()
    history.interrupted = bool(came)
    return history
