"""Sharing work: every item once, the same bits with any number of threads, and nothing lost when things go wrong."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numba import njit

from tinymm.kernels import threads


@njit(nogil=True)
def count_visits(start, stop, visits):
    for i in range(start, stop):
        visits[i] += 1


@njit(nogil=True)
def add_up(start, stop, total, values):
    for i in range(start, stop):
        total[0] += values[i]


@njit(nogil=True)
def refuse(start, stop, visits, bad):
    for i in range(start, stop):
        if i == bad:
            raise ValueError("this item is bad")
        visits[i] += 1


@njit(nogil=True)
def slow_count(start, stop, visits, turns):
    for i in range(start, stop):
        x = 0.5
        for _ in range(turns):
            x = np.cos(x)
        visits[i] += 1 if x < 1 else 2


@pytest.fixture(params=[1, 2, 5])
def num_threads(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 1000])
@pytest.mark.parametrize("grain", [1, 7, 10_000])
def test_every_item_is_visited_once(num_threads, count, grain):
    visits = np.zeros(count + 1)
    threads.run(count_visits, count, visits, grain=grain)
    np.testing.assert_array_equal(visits[:count], 1)
    assert visits[count] == 0


def test_sums_have_the_same_bits_with_any_number_of_threads():
    values = np.random.default_rng(0).standard_normal(10_001)
    before = threads.get_num_threads()
    try:
        sums = set()
        for number in (1, 2, 5):
            threads.set_num_threads(number)
            total = threads.run_sum(add_up, len(values), (1,), np.float64, values, grain=10)
            sums.add(total.item())
    finally:
        threads.set_num_threads(before)
    assert len(sums) == 1
    assert sums.pop() == pytest.approx(values.sum())


def test_sum_over_nothing_is_zero(num_threads):
    np.testing.assert_array_equal(threads.run_sum(add_up, 0, (1,), np.float64, np.zeros(0)), [0])


@pytest.mark.parametrize("bad", [0, 500, 999])
def test_error_in_any_shard_is_raised_and_the_pool_lives_on(num_threads, bad):
    with pytest.raises(ValueError, match="this item is bad"):
        threads.run(refuse, 1000, np.zeros(1000), bad)
    visits = np.zeros(1000)
    threads.run(refuse, 1000, visits, -1)
    np.testing.assert_array_equal(visits, 1)


def test_many_callers_at_once(num_threads):
    wrong = []

    def caller():
        for _ in range(200):
            visits = np.zeros(64)
            threads.run(count_visits, 64, visits)
            if not (visits == 1).all():
                wrong.append(visits)

    callers = [threading.Thread(target=caller) for _ in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert not wrong


def test_interrupt_waits_for_helpers():
    visits = np.zeros(16)
    threads.run(slow_count, 16, visits, 1)
    visits[:] = 0
    timer = threading.Timer(0.05, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        threads.run(slow_count, 16, visits, 1_000_000)
        timer.join()  # on a very fast machine the work may end before the interrupt
        time.sleep(1)
    after = visits.copy()
    time.sleep(0.05)
    np.testing.assert_array_equal(visits, after)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_of_a_fork_makes_its_own_helpers():
    threads.run(count_visits, 100, np.zeros(100))
    child = os.fork()
    if child == 0:
        visits = np.zeros(100)
        threads.run(count_visits, 100, visits)
        os._exit(0 if (visits == 1).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_set_num_threads_refuses(count):
    with pytest.raises(ValueError, match=r"set_num_threads: got .* try 1"):
        threads.set_num_threads(count)


@pytest.mark.parametrize("asked, expected", [("3", "3"), ("none", "TINYMM_NUM_THREADS is 'none'")])
def test_number_of_threads_from_the_environment(asked, expected):
    code = "from tinymm.kernels import threads; print(threads.get_num_threads())"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TINYMM_NUM_THREADS": asked},
        capture_output=True,
        text=True,
    )
    assert expected in result.stdout + result.stderr
