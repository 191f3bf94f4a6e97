"""Synchronous training on a cluster: each replica takes a part of every batch, and all apply the same gradient.

The gradient is reduced in buckets: replica k mod n adds up bucket k of all replicas, so that every one sends and receives the
same amount. Sources: Patarasu & Yuan 2009 (reduce and gather); Li et al. 2020, "PyTorch Distributed" (buckets).
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
from tinymm.distributed.state import bind, numbers_of, task
from tinymm.distributed.team import PATIENCE, Team
from tinymm.nn import Module
from tinymm.optim import Optimizer, Schedule
from tinymm.tensor import Tensor
from tinymm.training import Validation, after_epoch, progress_bar

BUCKET = 1 << 20  # numbers in a bucket, at most
LEAST = 1 << 14  # numbers worth a bucket of their own
AHEAD = 2  # steps asked for before the results of the first are looked at


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
) -> WorkersHistory:
    """Train like `training.fit`, with every batch divided among the workers of a Ray cluster.

    The result is that of one process with the whole batch, to rounding: each worker's mean gradient counts by its share of
    the samples. (Not so for what depends on a batch as a whole or on chance within the model: batch normalisation uses
    the statistics of each part, and dropout draws anew in each worker.)

    A worker that fails, alone or with its machine, is replaced: all go back to the last checkpoint, which is taken every
    `checkpoint_every` steps and after each epoch, and repeat from there, so that every sample counts once. Until a
    replacement is ready the others go on; workers join and leave at checkpoints. `workers` may be a function of the
    epoch, 0, 1, …

    `address` joins a cluster; otherwise one is started on this machine. Ctrl-C ends the training after the present step.
    """
    wanted = workers if callable(workers) else lambda epoch: workers
    if epochs < 0 or any(wanted(epoch) < 1 for epoch in range(epochs)):
        raise ValueError("fit: there must be at least 1 worker, and 0 epochs")
    todo = task(model, batches, optimizer, epochs, loss, schedule, max_grad_norm)
    per_epoch, history = len(batches), WorkersHistory()
    results = np.zeros((epochs * per_epoch, 3))  # of each step
    bar = progress_bar(progress, len(results))
    step = 0
    with (
        cluster(address, max([wanted(epoch) for epoch in range(epochs)], default=1)) as ray,
        interrupts.noted() as came,
    ):
        team = Team(ray, todo, wanted(0))
        saved: Numbers = numbers_of(model, optimizer), list(optimizer.steps)
        try:
            if epochs:
                team.gather(saved, PATIENCE)
            history.measure(0, warm=False)
            while step < len(results) and not came:
                epoch = step // per_epoch
                end = min((epoch + 1) * per_epoch, step + (checkpoint_every or per_epoch))
                team.wanted = wanted(epoch)
                try:
                    planned = callable(workers) and step % per_epoch == 0
                    team.gather(saved, PATIENCE if planned else 0)
                    done = _steps(ray, team, todo, results, range(step, end), came, bar)
                    saved = team.state()
                except failures():
                    team.restore(saved)
                    bar.update(step - bar.n)
                    continue
                step = done
                bind(model, optimizer, saved[0])
                optimizer.steps = list(saved[1])
                history.measure(int(results[:step, 2].sum()), warm=step >= per_epoch)
                history.lost = team.lost
                if step == (epoch + 1) * per_epoch:
                    sums = results[step - per_epoch : step].sum(axis=0)
                    history.note(**after_epoch(model, sums, validation, loss))
                    history.workers.append(len(team.members))
                    if schedule is not None:
                        schedule.step()
                bar.set_postfix_str(history.line(len(team.members)), refresh=False)
        finally:
            team.end()
            bar.close()
            bind(model, optimizer, {name: np.array(array) for name, array in numbers_of(model, optimizer).items()})
            model.eval()
    history.interrupted = bool(came)
    return history


def _steps(ray: Any, team: Team, todo: Any, results: np.ndarray, steps: range, came: list[int], bar: Any) -> int:
    """Do these steps, and put (loss, right, samples) of each into `results`; returns where it stopped."""
    members, size = team.members, sum(p.size for p in todo.optimizer.parameters)
    buckets = max(-(-size // BUCKET), min(len(members), size // LEAST), 1)
    waiting: deque[tuple[int, list[Any], list[Any]]] = deque()

    def finish() -> None:
        step, sums, applied = waiting.popleft()
        results[step] = np.sum(ray.get(sums), axis=0)
        ray.get(applied)
        bar.update()

    step = steps.start
    for step in steps:
        if came:
            break
        epoch, batch = divmod(step, len(todo.batches))
        pieces = [
            member.part_of_gradient.options(num_returns=buckets + 1).remote(epoch, batch, i, len(members), buckets)
            for i, member in enumerate(members)
        ]
        whole = [members[k % len(members)].add_up.remote(*(piece[k] for piece in pieces)) for k in range(buckets)]
        applied = [member.apply.remote(todo.rates[epoch], *whole) for member in members]
        waiting.append((step, [piece[-1] for piece in pieces], applied))
        if len(waiting) > AHEAD:
            finish()
    else:
        step = steps.stop
    while waiting:
        finish()
    return step
