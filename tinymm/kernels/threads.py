"""Shares the work of a kernel among a few plain Python threads.

A kernel holds no global lock and does a part of its work: `kernel(start, stop, *args)`. `run` cuts the
whole, `range(count)`, into shards; the calling thread and its helpers take shards until none is left. Where the
cuts fall never depends on how many threads there are, and sums over shards (`run_sum`) are added in the order of
the shards: the same bits come out with one thread and with twenty.

Shards are taken in machine code from an atomic counter, because a thread that asks for Python's global lock in
vain falls asleep, and to wake it costs more than many a shard. For the same reason whoever has nothing to do looks
out for news for about a millisecond before it goes to sleep. A child made by `fork` makes its own helpers.
"""

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from tinymm.kernels import jit

MOST_SHARDS = 16  # enough to even out the load of a laptop's cores
MOST_PARTIAL_SUMS = 8  # each needs memory for a whole result
LOOK_OUT = 20_000  # looks for a new job before falling asleep, about a millisecond
PAUSE = 50e-6  # seconds, between looks of plain Python: it must let go of the lock that the others need
WAIT = 100_000  # looks for the end of the others' work: who falls asleep here wakes up late, and on another CPU

_pool: "_Pool"
_bell: np.ndarray  # goes up by one when there is a new job
_indivisible: threading.Lock  # what plain Python has for an atomic instruction
_num_threads: int
_least_shards = 1

NEXT, SHARDS, COUNT, WORKING = range(4)  # places in the job's array of integers


def _add(array, index, value):
    """array[index] += value in one indivisible step; returns the old value."""
    with _indivisible:
        old = int(array[index])
        array[index] = old + value
    return old


@jit.instructions(_add, returns=types.int64)
def _(context, builder, signature, arguments):
    pointer = _element(context, builder, signature, arguments)
    return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")


def _look(array, index):
    """array[index], read anew from memory, after a short pause."""
    time.sleep(PAUSE)
    return int(array[index])


@jit.instructions(_look, returns=types.int64)
def _(context, builder, signature, arguments):
    if builder.module.triple.startswith(("x86_64", "i686")):
        pause = ir.FunctionType(ir.VoidType(), [])
        builder.call(cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), [])
    pointer = _element(context, builder, signature, arguments)
    return builder.load_atomic(pointer, "acquire", 8)


def _element(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


@jit.kernel(borrows=True)
def _join(leading, job, bell):
    """Say that one more thread is at work; returns what the bell says."""
    if leading:
        _add(bell, 0, 1)  # in here Python's lock is free: helpers who hear the bell get it at once
    else:
        _add(job, WORKING, 1)
    return _look(bell, 0)


@jit.kernel(borrows=True)
def _leave(leading, job, bell, heard):
    """The leader looks out for the end of the others' work, a helper for the next job."""
    if leading:
        for _ in range(WAIT):
            if _look(job, WORKING) == 0:
                break
    else:
        _add(job, WORKING, -1)
        for _ in range(LOOK_OUT):
            if _look(bell, 0) != heard:
                break


@jit.kernel(borrows=True)
def _withdraw(job):
    """After an error: take no more shards."""
    job[NEXT] = job[SHARDS]
    _add(job, WORKING, -1)


# The two functions below are patterns: each kernel gets an instance (see `jit.instance`).
def _take_shards(leading, job, bell, *args):
    heard = _join(leading, job, bell)
    shards, count = job[SHARDS], job[COUNT]
    shard = _add(job, NEXT, 1)
    while shard < shards:
        kernel(count * shard // shards, count * (shard + 1) // shards, *jit.borrowed(args))  # noqa: F821
        shard = _add(job, NEXT, 1)
    _leave(leading, job, bell, heard)


def _take_sums(leading, job, bell, totals, *args):
    heard = _join(leading, job, bell)
    shards, count = job[SHARDS], job[COUNT]
    shard = _add(job, NEXT, 1)
    while shard < shards:
        kernel(count * shard // shards, count * (shard + 1) // shards, totals[shard], *jit.borrowed(args))  # noqa: F821
        shard = _add(job, NEXT, 1)
    _leave(leading, job, bell, heard)


# The number of the CPU that the calling thread is on; only Linux tells.
_cpu: Callable[[], int] = getattr(ctypes.CDLL(None), "sched_getcpu", lambda: -1) if os.name == "posix" else lambda: -1


def _leave_cpu(cpu: int) -> None:
    """Go to another CPU if on this one. Linux often wakes a helper where the leader is, and leaves both there for long."""
    if cpu >= 0 and _cpu() == cpu:
        others = os.sched_getaffinity(os.getpid()) - {cpu}
        if others:
            os.sched_setaffinity(0, others)


class _Job:
    """A kernel's worker, its arguments and its counters: next shard, shards, count, helpers at work."""

    def __init__(self, worker: Any, count: int, shards: int, args: tuple):
        self.worker, self.cpu = worker, -1
        self.args: tuple | None = args
        self.counters = np.array([0, shards, count, 0])
        self.error: BaseException | None = None

    def lead(self, helpers: int) -> None:
        """Do the job with so many helpers. Returns, or raises, when no other thread works on it any more."""
        args, interrupt = self.args or (), None
        try:
            if helpers > 0:
                self.cpu = _cpu()
                _pool.ask(self, helpers)
            self.worker(True, self.counters, _bell, *args)
        except BaseException as error:
            interrupt = error
        while True:
            try:
                self.counters[NEXT] = self.counters[SHARDS]
                while self.counters[WORKING] > 0:
                    time.sleep(PAUSE)
                self.args = None  # a helper that comes late keeps no array alive
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt or self.error:
            raise interrupt or self.error  # type: ignore[misc]

    def help(self) -> None:
        """Do shards of the job; an error is kept for the leader."""
        args = self.args
        if args is None:
            return
        try:
            _leave_cpu(self.cpu)
            self.worker(False, self.counters, _bell, *args)
        except BaseException as error:
            self.error = error
            _withdraw(self.counters)


class _Pool:
    """Helpers that sleep until there is a job."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.helpers = 0
        self.growing = threading.Lock()

    def ask(self, job: _Job, helpers: int) -> None:
        """Ask so many helpers to join the job; make those that are missing."""
        if self.helpers < helpers:
            with self.growing:
                while self.helpers < helpers:
                    threading.Thread(target=self._serve, name="tinymm", daemon=True).start()
                    self.helpers += 1
        for _ in range(helpers):
            self.jobs.put(job)

    def _serve(self) -> None:
        while True:
            self.jobs.get().help()


def _default_num_threads() -> int:
    asked = os.environ.get("TINYMM_NUM_THREADS", "")
    if asked:
        if not asked.isdecimal() or int(asked) < 1:
            raise ValueError(f"TINYMM_NUM_THREADS is {asked!r}, expected a whole number of 1 or more: mend or unset it")
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Let kernels use so many threads, the calling one among them. Results do not depend on it.

    Raises ValueError if `count` is not a whole number of 1 or more.
    """
    global _num_threads
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"set_num_threads: got {count!r}, expected a whole number of 1 or more: try 1")
    _num_threads = count


def get_num_threads() -> int:
    """The number of threads that kernels may use.

    At first it is the environment variable TINYMM_NUM_THREADS, or else the number of CPUs this process may use.
    """
    return _num_threads


def run(kernel: Callable[..., Any], count: int, *args: Any, grain: int = 1) -> None:
    """Call `kernel(start, stop, *args)` for shards that cover `range(count)`, on several threads.

    `kernel` is a function compiled by `jit.kernel`. `grain` is the least number of items worth a shard: work of less
    than two grains is done at once by the caller. Returns when all is done; an error in a shard is raised here.
    """
    if 0 < count < 2 * grain and _least_shards == 1:
        kernel(0, count, *args)
    elif count > 0:
        shards = _number_of_shards(count, grain, MOST_SHARDS)
        _start(jit.instance(_take_shards, kernel), count, shards, args)


def run_sum(
    kernel: Callable[..., Any], count: int, shape: tuple[int, ...], dtype: Any, *args: Any, grain: int = 1
) -> np.ndarray:
    """Like `run`, for a sum over the items: returns an array (`shape`, `dtype`) of the shards' sums added up.

    The kernel is called as `kernel(start, stop, total, *args)` and adds its items to `total`, which is zero at
    first and the shard's own.
    """
    shards = _number_of_shards(count, grain, MOST_PARTIAL_SUMS)
    totals = np.zeros((shards, *shape), dtype)
    if count > 0 and shards == 1:
        kernel(0, count, totals[0], *args)
    elif count > 0:
        _start(jit.instance(_take_sums, kernel), count, shards, (totals, *args))
    result = totals[0]
    for total in totals[1:]:
        result += total
    return result


def _number_of_shards(count: int, grain: int, most: int) -> int:
    return max(min(count // max(grain, 1), most), _least_shards)


@contextmanager
def sharing_all() -> Iterator[None]:
    """Share even the smallest work, to compile what large work needs."""
    global _least_shards
    _least_shards = 2
    try:
        yield
    finally:
        _least_shards = 1


def _start(worker: Any, count: int, shards: int, args: tuple) -> None:
    _Job(worker, count, shards, args).lead(min(_num_threads, shards) - 1)


def _start_afresh() -> None:
    global _pool, _bell, _indivisible
    _indivisible = threading.Lock()
    _pool = _Pool()
    _bell = np.zeros(1, np.int64)


_num_threads = _default_num_threads()
_start_afresh()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
