"""Rounds in which the frameworks take turns: one works, the others sleep."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import Strangers
from benchmarks.measurement import Measurement
from benchmarks.peers import Arrays
from benchmarks.processors import environment
from benchmarks.rows import Row
from benchmarks.worker import serve

TOLERANCE = 1e-3  # the largest difference, as a share of the largest element: float32 over thousands of sums
PATIENCE = 300.0  # seconds to wait for an answer: to compile may take long
FAREWELL = 10.0  # seconds to wait for the end of a process


class Refused(Exception):
    """The peer has no answer; the message says why."""


class Worker:
    """The coordinator's side of a framework's process. A process that died is started anew with the next row."""

    def __init__(self, peer: str, threads: int):
        self.peer, self.threads, self.version = peer, threads, ""
        self.idle = 0.0  # the most processor time it took while another's turn was on
        self.burnt = 0.0  # its processor time so far
        self.process: Any = None
        self.start()

    def start(self) -> None:
        """Begin, without waiting: several may start at once."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = (theirs, self.peer, self.threads)
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        with surroundings(environment(self.threads)):
            self.process.start()
        theirs.close()
        self.greeted, self.lost = False, False

    def greet(self) -> None:
        """Wait until the framework is imported. Raises Refused if it cannot be."""
        if self.lost:
            self.stop()
            self.start()
        if not self.greeted:
            self.version = self._answer()["version"]
            self.greeted = True

    def ask(self, *command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer. Raises Refused."""
        self.greet()
        return self._answer(*command)

    def _answer(self, *command: Any) -> dict[str, Any]:
        self.lost = True  # until there is an answer
        try:
            if command:
                self.connection.send(command)
            if not self.connection.poll(PATIENCE):
                raise Refused(f"no answer within {PATIENCE:.0f} s")
            answer = self.connection.recv()
        except (EOFError, OSError):
            raise Refused("its process ended") from None
        self.lost = False
        if "error" in answer:
            raise Refused(answer["error"])
        self.burnt = answer.get("burnt", 0.0)
        return answer

    def stop(self) -> None:
        """End the process: politely, so that the framework can tidy up, and otherwise by force."""
        with contextlib.suppress(OSError):
            self.connection.send(("quit",))
        self.process.join(0 if self.lost else FAREWELL)
        self.process.terminate()
        self.process.join()
        self.connection.close()


@contextlib.contextmanager
def surroundings(changes: dict[str, str]) -> Any:
    """These environment variables while a process starts."""
    before = os.environ.copy()
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure(row: Row, workers: dict[str, Worker], rounds: int) -> Measurement:
    """All workers that have this work, in turns; `rounds` rounds count, after one that warms up.

    Who fails, or whose results differ from those of the first worker, is void and takes no part.
    """
    measurement = Measurement(row.name, row.kind, flops=row.flops, traffic=row.traffic)
    repeats = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, **row.arrays())  # type: ignore[arg-type]
        expected: Arrays | None = None
        for name, worker in workers.items():
            try:
                results = worker.ask("open", row.work, row.options, str(path))["results"]
                if expected is None:
                    expected = results
                if difference := disagreement(results, expected):
                    raise Refused(difference)
                repeats[name] = worker.ask("calibrate")["repeats"]
            except Refused as reason:
                if str(reason) != f"KeyError: {row.work!r}":  # it does not have this work
                    measurement.void[name] = str(reason)
    times: dict[str, list[float]] = {name: [] for name in repeats}
    strangers = Strangers(lambda: time.process_time() + sum(worker.burnt for worker in workers.values()))
    for _ in range(rounds + 1):
        for name in list(times):
            try:
                answer = workers[name].ask("time", repeats[name])
                times[name].append(answer["seconds"])
                workers[name].idle = max(workers[name].idle, answer["idle"])
            except Refused as reason:
                measurement.void[name] = str(reason)
                del times[name]
    measurement.strangers = strangers.share()
    for name in times:
        workers[name].ask("close")
    measurement.values = {name: seconds[1:] for name, seconds in times.items()}
    return measurement


def disagreement(results: Arrays, expected: Arrays) -> str:
    """Empty if all results agree, otherwise the first that does not."""
    for name, truth in expected.items():
        if name not in results:
            return f"{name} is missing"
        if results[name].shape != truth.shape:
            return f"{name} is {results[name].shape}, expected {truth.shape}"
        largest = float(np.max(np.abs(truth), initial=0.0))
        difference = float(np.max(np.abs(results[name] - truth), initial=0.0))
        if not difference <= TOLERANCE * max(largest, float(np.finfo(np.float32).tiny)):
            return f"{name} differs by {difference:.2g} where the largest element is {largest:.2g}"
    return ""
