"""What needs a process that begins from nothing: the import, the first training step, the memory of an epoch.

`python -m benchmarks.fresh WHAT PEER ARRAYS THREADS` is such a process; its last line tells what it found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import Strangers
from benchmarks.measurement import Measurement
from benchmarks.peers import PEERS
from benchmarks.processors import environment, pin
from benchmarks.rows import reference_training

STEPS = 20  # of an epoch: 1,280 images in batches of 64
LIMIT = 600.0  # seconds for one process


def measure_fresh(peers: list[str], threads: int, rounds: int, empty_cache: bool) -> Iterator[Measurement]:
    """The rows of fresh processes, for all peers in turns. Each peer keeps one cache folder, empty at first."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        np.savez(arrays, **reference_training(64).arrays())  # type: ignore[arg-type]
        caches = {peer: Path(folder) / peer for peer in peers}

        def child(what: str, peer: str) -> dict[str, Any]:
            command = [sys.executable, "-m", "benchmarks.fresh", what, peer, str(arrays), str(threads)]
            return _run(command, threads, caches[peer])

        def seconds(what: str, peer: str) -> float:
            started = time.time()
            return child(what, peer)["ended"] - started

        packages = [peer for peer in peers if not PEERS[peer].mode]  # compiled or not, the import is the same
        yield _in_turns("import", "import", packages, rounds, lambda peer: _import_time(peer, threads))
        trainers = [peer for peer in peers if PEERS[peer].trains]
        if empty_cache:
            name = "process start to end of first training step, empty cache"
            yield _in_turns(name, "first step, cache empty", trainers, 1, lambda peer: seconds("step", peer))
        else:
            _in_turns("", "", trainers, 1, lambda peer: seconds("step", peer))
        name = "process start to end of first training step, filled cache"
        yield _in_turns(name, "first step, cache filled", trainers, rounds, lambda peer: seconds("step", peer))
        found: dict[str, list[dict[str, Any]]] = {}

        def peak(peer: str) -> float:
            found.setdefault(peer, []).append(child("epoch", peer))
            return found[peer][-1]["peak"]

        name = "peak memory of a training epoch"
        whole = _in_turns(f"{name}, whole process", "peak memory", trainers, min(rounds, 3), peak, "B")
        yield whole
        grown = {peer: [f["growth"] for f in found[peer]] for peer in whole.values}
        yield Measurement(f"{name}, growth over a step of one image", "peak memory", grown, whole.void, unit="B")


def _in_turns(
    name: str, kind: str, peers: list[str], rounds: int, once: Callable[[str], float], unit: str = "s"
) -> Measurement:
    measurement = Measurement(name, kind, {peer: [] for peer in peers}, unit=unit)
    strangers = Strangers(lambda: sum(os.times()[:4]))  # this process and its children that have ended
    for _ in range(rounds):
        for peer in list(measurement.values):
            try:
                measurement.values[peer].append(once(peer))
            except ChildProcessError as reason:
                measurement.void[peer] = str(reason)
                del measurement.values[peer]
    measurement.strangers = strangers.share()
    return measurement


def _run(command: list[str], threads: int, cache: Path) -> dict[str, Any]:
    """Start a process, with a folder for whatever the frameworks cache. Raises ChildProcessError if it fails."""
    caches = {"NUMBA_CACHE_DIR": str(cache), "TORCHINDUCTOR_CACHE_DIR": str(cache)}
    surroundings = {**os.environ, **environment(threads), **caches}
    try:
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise ChildProcessError(f"no end within {LIMIT:.0f} s") from None
    if done.returncode:
        raise ChildProcessError((done.stderr.strip().splitlines() or ["it failed"])[-1][:200])
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}


def _import_time(peer: str, threads: int) -> float:
    """From the start of Python to the end of `import package`."""
    started = time.time()
    command = [sys.executable, "-c", f"import {PEERS[peer].imports or PEERS[peer].package}, time; print(time.time())"]
    with tempfile.TemporaryDirectory() as folder:
        ended = _run(command, threads, Path(folder))
    return float(ended) - started  # type: ignore[arg-type]


def main() -> None:
    what, peer, path, threads = sys.argv[1:]
    pin(int(threads))
    from benchmarks.peers import open_peer

    works, _ = open_peer(peer)
    arrays = dict(np.load(path))
    train = works["reference_training"]
    if what == "step":
        train(arrays, {}).run()
        print(json.dumps({"ended": time.time()}))
        return
    one = {**arrays, "x": arrays["x"][:1], "targets": arrays["targets"][:1]}
    train(one, {}).run()  # loads and compiles what a step needs
    peak, before = memory("VmHWM"), memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest starts again from here
    task = train(arrays, {})
    for _ in range(STEPS):
        task.run()
    highest = memory("VmHWM")
    print(json.dumps({"peak": max(peak, highest), "growth": highest - before}))


def memory(which: str) -> int:
    """Bytes: the resident memory now (VmRSS) or at its highest (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"memory: this system does not tell {which}")


if __name__ == "__main__":
    main()
