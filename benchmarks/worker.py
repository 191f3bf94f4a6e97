"""A framework's process: it waits for a command, obeys, answers, and waits again, asleep."""

from __future__ import annotations

import math
import os
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.peers import Task, open_peer
from benchmarks.processors import pin

LEAST = 0.02  # seconds: shorter work is repeated until its time can be read off the clock
LOOK, QUIET, ENOUGH = 0.005, 0.1, 0.5  # seconds of a look, share of them that is quiet, seconds of looks at most

NOTHING = Task(lambda: None, lambda: {})  # between two rows


def serve(connection: Connection, peer: str, threads: int) -> None:
    """Commands are (name, arguments …), answers are dictionaries; an error is the answer {"error": sentence}."""
    pin(threads)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries that chat would write into the progress bar
    try:
        works, version = open_peer(peer)
    except Exception as error:
        connection.send({"error": f"does not import: {describe(error)}"})
        return
    connection.send({"version": version})
    task = NOTHING
    burnt = time.process_time()
    while True:
        name, *arguments = connection.recv()
        idle = time.process_time() - burnt  # what threads that do not sleep took from the others
        try:
            if name == "open":
                work, options, path = arguments
                task = works[work](dict(np.load(path)), options)
                answer: dict[str, Any] = {"results": task.results()}
            elif name == "calibrate":
                answer = {"repeats": calibrate(task)}
            elif name == "time":
                answer = {"seconds": timed(task, *arguments)}
            elif name == "close":
                task, answer = NOTHING, {}
            else:
                return
        except Exception as error:
            answer = {"error": describe(error)}
        fall_silent()
        burnt = time.process_time()
        connection.send({**answer, "idle": idle, "burnt": burnt})


def fall_silent() -> None:
    """Wait until the threads of this process sleep: some spin for a tenth of a second after their work."""
    for _ in range(round(ENOUGH / LOOK)):
        before = time.process_time()
        time.sleep(LOOK)
        if time.process_time() - before < QUIET * LOOK:
            return


def describe(error: BaseException) -> str:
    """One line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}".rstrip(" :")


def calibrate(task: Task) -> int:
    """How often the work must be repeated to take `LEAST` seconds."""
    task.run()
    started = time.perf_counter()
    task.run()
    repeats = math.ceil(LEAST / (time.perf_counter() - started))
    return math.ceil(repeats * LEAST / max(timed(task, repeats) * repeats, LEAST / 10))


def timed(task: Task, repeats: int) -> float:
    """Seconds of one run. The run before wakes the threads and brings the data back into the caches."""
    task.run()
    started = time.perf_counter()
    for _ in range(repeats):
        task.run()
    return (time.perf_counter() - started) / repeats
