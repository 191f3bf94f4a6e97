"""The worker processes of asynchronous training, as the process sees them that started them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from tinymm.distributed.board import Board
from tinymm.distributed.shared import SharedArrays
from tinymm.distributed.state import Task
from tinymm.distributed.worker import work
from tinymm.training import NonFiniteLossError

LOOK = 0.1  # seconds between looks at the progress
GRACE = 10.0  # seconds that workers have to end after the batch they are at
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("TINYMM", "OMP", "OPENBLAS", "MKL")}


class WorkerError(ChildProcessError):
    """A worker process met an error, or all of them died."""


@dataclass
class _Member:
    process: BaseProcess
    reports: Connection
    state: str = "starting"  # then ready, and in the end done or lost


class Crew:
    """Workers 1, 2, … for a task whose arrays are in `block`; none outlives the `with` block.

    `lost` counts those that died before they were done. TypeError if the task cannot be given to another process.
    """

    def __init__(self, workers: int, task: Task, block: SharedArrays):
        self.block, self.members = block, dict[int, _Member]()
        start = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        try:
            with _surroundings():
                for number in range(1, workers + 1):
                    reports, report = start.Pipe(duplex=False)
                    process = start.Process(target=work, args=(number, task, block.handle, report), daemon=True)
                    process.start()
                    report.close()
                    self.members[number] = _Member(process, reports)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            self.end(0)
            raise TypeError(
                f"fit: the workers cannot be given the model, the batches or the loss ({error}): define their classes and "
                "functions in a module, and use no lambdas"
            ) from None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *details: Any) -> None:
        self.end()

    def _are(self, *states: str) -> list[int]:
        return [number for number, member in self.members.items() if member.state in states]

    @property
    def lost(self) -> int:
        return len(self._are("lost"))

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers that are at work."""
        return [self.members[number].process.pid or 0 for number in self._are("starting", "ready")]

    def wait_until_ready(self, came: list[int]) -> None:
        """Wait until every worker has the shared block, whose name is then forgotten, or Ctrl-C came."""
        while self._are("starting") and not came:
            self._hear()
        if came:  # who starts late still finds the block, and in it that all is over
            return
        self.block.forget_name()
        self._demand_some(
            "began: call it under `if __name__ == '__main__':`, and define the model's classes in a module"
        )

    def look_after(self, board: Board) -> None:
        """Wait a moment; make the batches of workers that died free again. Errors of workers are raised here."""
        for number in self._hear():
            board.release(number)
        if not board.done.all():
            self._demand_some("were done: is there too little memory?")

    def wait_until_done(self) -> None:
        """Wait for the workers to end by themselves, but not for ever."""
        until = time.monotonic() + GRACE
        while self._are("starting", "ready") and time.monotonic() < until:
            self._hear()

    def end(self, grace: float = GRACE) -> None:
        """See that no worker is left, by force if need be."""
        until = time.monotonic() + grace
        for member in self.members.values():
            member.process.join(max(0.0, until - time.monotonic()))
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.reports.close()

    def _hear(self) -> list[int]:
        """Listen to the workers for a moment; returns those that have died."""
        waiting = {self.members[number].reports: number for number in self._are("starting", "ready")}
        died = []
        for reports in wait(list(waiting), LOOK) if waiting else []:
            number = waiting[reports]  # type: ignore[index]
            member = self.members[number]
            try:
                message = member.reports.recv()
            except (EOFError, OSError):  # the other end is gone, and with it the process
                member.process.join()
                member.state = "lost"
                died.append(number)
                continue
            if isinstance(message, tuple):
                name, text = message
                if name == "NonFiniteLossError":
                    raise NonFiniteLossError(f"fit: {text}")
                raise WorkerError(f"fit: worker {number} met {name}: {text}")
            member.state = message
        return died

    def _demand_some(self, what: str) -> None:
        if self.lost == len(self.members):
            codes = ", ".join(str(member.process.exitcode) for member in self.members.values())
            raise WorkerError(f"fit: all {self.lost} workers ended (exit codes {codes}) before they {what}")


@contextmanager
def _surroundings() -> Iterator[None]:
    """What a worker inherits: one thread for every library, and no Ctrl-C, which is for this process to answer."""
    usual = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in usual.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
