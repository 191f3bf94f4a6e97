"""The replicas of a run on a cluster: they join, leave, fail, and are replaced."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from tinymm.distributed.cluster import failures
from tinymm.distributed.links import SECRET, Address
from tinymm.distributed.replica import Numbers, Replica

PATIENCE = 60.0  # seconds for the first replicas to start
ANSWER = 60.0  # seconds in which a living replica answers


class ClusterError(ConnectionError):
    """No worker could be started on the cluster."""


class Team:
    """Up to `wanted` replicas of this kind. `members` have the present numbers; others are on their way.

    `lost` counts those that failed.
    """

    def __init__(self, ray: Any, task: Any, wanted: int, kind: type[Replica]):
        self.ray, self.wanted, self.kind, self.lost, self.started = ray, wanted, kind, 0, 0
        self.task = ray.put(task)
        self.members: list[Any] = []
        self._joining: dict[Any, Any] = {}  # what it answers when it is ready → the replica
        self._addresses: dict[Any, Address] = {}
        self.seconds = np.inf  # that a step took lately
        self._ring: list[Any] = []  # the members that work in step, in their order

    def start(self, kind: type[Replica], cpus: float = 1) -> Any:
        """A new replica, which may have to wait for a free processor."""
        self.started += 1
        make = self.ray.remote(kind).options(num_cpus=cpus, max_restarts=0)
        return make.remote(self.task, self.started)

    def gather(self, numbers: Numbers, patience: float = 0.0) -> list[Any]:
        """Let those join who are ready, with these numbers, and those leave who are too many; returns who joined.

        Missing ones are started. It waits for all at most `patience` seconds, but for the first up to a minute;
        ClusterError if there is none then.
        """
        for extra in self.members[self.wanted :]:
            self.ray.kill(extra)
        self.members = self.members[: self.wanted]
        while len(self.members) + len(self._joining) < self.wanted:
            replica = self.start(self.kind)
            self._joining[replica.ready.remote()] = replica
        began, joined = time.monotonic(), list[Any]()
        while self._joining:
            left = (patience if self.members or joined else max(patience, PATIENCE)) - (time.monotonic() - began)
            ready, _ = self.ray.wait(list(self._joining), num_returns=1, timeout=max(left, 0.0))
            if not ready:
                break
            replica = self._joining.pop(ready[0])
            try:
                self._addresses[replica] = self.ray.get(ready[0])
                self.ray.get(replica.load.remote(*numbers))
                joined.append(replica)
            except failures():
                self.lost += 1
        self.members += joined
        if not self.members:
            raise ClusterError(
                f"fit: no worker could start on the cluster within {PATIENCE:.0f} s: has it free processors?"
            )
        return joined

    def form_ring(self) -> None:
        """Let all members know of each other, if they are not those that did."""
        if self._ring != self.members:
            self._ring = []  # none until it is complete
            addresses, secret = [self._addresses[member] for member in self.members], secrets.token_bytes(SECRET)
            self.answers(member.form_ring.remote(i, addresses, secret) for i, member in enumerate(self.members))
            self._ring = list(self.members)

    def answers(self, asked: Iterable[Any]) -> list[Any]:
        """What all have answered. If one met an error of its own, that is raised, and not that others then missed it."""
        found, missed = list[Any](), list[Exception]()
        for answer in list(asked):
            try:
                found.append(self.ray.get(answer))
            except failures() as error:
                missed.append(error)
        if missed:
            raise missed[0]
        return found

    def restore(self, numbers: Numbers) -> None:
        """After a failure: find out who is still there, and bring them back to these numbers."""
        self._ring, living = [], []
        for member in self.members:
            try:
                self.ray.get(member.load.remote(*numbers), timeout=ANSWER)
                living.append(member)
            except (*failures(), self.ray.exceptions.GetTimeoutError):
                self.lost += 1
                self.discard(member)
        self.members = living

    def discard(self, member: Any) -> None:
        with suppress(Exception):  # it may be gone already
            self.ray.kill(member)

    def state(self) -> Numbers:
        """The numbers of the first, with running statistics averaged over all."""
        states = self.answers(member.state.remote() for member in self.members)
        numbers, steps = {name: np.array(array) for name, array in states[0][0].items()}, states[0][1]
        for name in numbers:
            if name.startswith("buffer "):
                numbers[name] = np.mean([state[0][name] for state in states], axis=0, dtype=numbers[name].dtype)
        return numbers, list(steps)

    def end(self) -> None:
        for member in (*self.members, *self._joining.values()):
            self.discard(member)
        self.members, self._joining = [], {}
