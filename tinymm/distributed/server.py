"""A parameter server: it keeps the parameters, gives out batches, and applies each gradient as it comes."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinymm.distributed.links import PATIENCE, Address, LinkError, connect, receive, send
from tinymm.distributed.replica import Numbers, Replica
from tinymm.distributed.state import Task, numbers_of
from tinymm.optim import staleness_aware_lr


class _Member(Replica):
    """What server and workers have in common: a message is a head and the body, one number for each parameter
    and each running statistic.

    To a worker: (batch), the parameters and statistics. To the server: (batch, loss, right, samples), the gradient and
    the statistics.
    """

    HEAD = 4

    def __init__(self, task: Task, number: int):
        super().__init__(task, number)
        self.head = np.zeros(self.HEAD)
        self.body = np.zeros(len(self.gradient) + sum(b.size for b in self._statistics()), self.gradient.dtype)

    def _statistics(self) -> list[np.ndarray]:
        found = numbers_of(self.task.model, self.optimizer)
        return [array for name, array in found.items() if name.startswith("buffer ")]

    def _write(self, *first: np.ndarray) -> None:
        """Fill the body: these, and the running statistics."""
        np.concatenate([a.reshape(-1) for a in (*first, *self._statistics())], out=self.body, casting="same_kind")

    def _read_statistics(self) -> None:
        start = len(self.gradient)
        for array in self._statistics():
            array[...] = self.body[start : start + array.size].reshape(array.shape)
            start += array.size


class Client(_Member):
    """A worker: it gets parameters and a batch, and gives back the gradient, as long as the server wants any."""

    def work_for(self, server: Address, secret: bytes) -> None:
        """Only an error ends this: LinkError if the server is gone."""
        with connect(server, secret) as link:
            while True:
                receive(link, self.head, self.body)
                for parameter, piece in zip(self.parameters, self.pieces(self.body), strict=True):
                    parameter.data[...] = piece
                    parameter.mark_changed()
                self._read_statistics()
                place = divmod(int(self.head[0]), len(self.task.batches))
                self.head[1:] = self.compute(place, *self.task.batches.at(*place))
                self._write(self.gradient)
                send(link, self.head, self.body)


@dataclass
class _Lent:
    """What a worker has: a batch, or None, and parameters that so many updates have made."""

    batch: int | None = None
    updates: int = 0


class Server(_Member):
    """The parameters of asynchronous training, changed by one gradient at a time, so that none is lost or counts twice."""

    def begin(self, numbers: Numbers, done: np.ndarray, secret: bytes) -> None:
        """Start with these numbers, when these batches, counted over all epochs, are done, and serve who has the secret."""
        self.load(*numbers)
        self.secret, self.updates = secret, 0
        self.left = (~done).reshape(len(self.task.rates), -1).sum(axis=1)  # batches of each epoch
        self.waiting = deque(np.flatnonzero(~done).tolist())
        self.links: dict[socket.socket, _Lent] = {}

    def serve(self, seconds: float, checkpoint: bool = False) -> tuple[np.ndarray, Numbers | None]:
        """Serve the workers for so long, or until an epoch is complete.

        Returns what was done, (n, 5): batch, loss, right, samples, staleness; and the numbers, if an epoch is complete or
        they are asked for.
        """
        done, complete, until = list[tuple[float, ...]](), False, time.monotonic() + seconds
        while (patience := until - time.monotonic()) > 0 and not complete:
            readable: list[Any] = [self.port, *self.links]
            for came in select.select(readable, [], [], patience)[0]:
                if came is self.port:
                    self._welcome()
                elif came in self.links:  # it may have been forgotten since
                    try:
                        done.append(self._take(came))
                    except LinkError:
                        self._forget(came)
                    else:
                        complete |= not self.left[int(done[-1][0]) // len(self.task.batches)]
                        self._lend(came)
        return np.array(done).reshape(-1, 5), self.state() if complete or checkpoint else None

    def _welcome(self) -> None:
        if link := self.port.accept(self.secret):
            link.settimeout(PATIENCE)  # who has begun to speak may not stop for ever
            self.links[link] = _Lent()
            self._lend(link)

    def _take(self, link: socket.socket) -> tuple[float, ...]:
        """A gradient that has come: apply it."""
        receive(link, self.head, self.body)
        batch, staleness = int(self.head[0]), self.updates - self.links[link].updates
        epoch = batch // len(self.task.batches)
        rate = self.task.rates[epoch]
        self.gradient[...] = self.body[: len(self.gradient)]
        self._read_statistics()
        self.apply(staleness_aware_lr(rate, staleness) if self.task.staleness_aware else rate)
        self.updates += 1
        self.left[epoch] -= 1
        self.links[link].batch = None
        return *self.head.tolist(), staleness

    def _lend(self, link: socket.socket) -> None:
        """Give a worker the newest parameters and a batch, if there is one."""
        if self.waiting:
            self.links[link] = _Lent(self.waiting.popleft(), self.updates)
            self.head[0] = self.links[link].batch
            self._write(*(p.data for p in self.parameters))
            try:
                send(link, self.head, self.body)
            except LinkError:
                self._forget(link)

    def _forget(self, link: socket.socket) -> None:
        """A worker is gone: another does its batch."""
        batch = self.links.pop(link).batch
        link.close()
        if batch is not None:
            self.waiting.appendleft(batch)
            for idle in [other for other, lent in self.links.items() if lent.batch is None][:1]:
                self._lend(idle)
