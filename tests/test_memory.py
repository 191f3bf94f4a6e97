"""Freed memory is kept: training does not wait for the system to clear the same pages again in every step."""

import subprocess
import sys

import pytest

from tinymm.memory import keep_freed_memory

ROUNDS = """
import resource
import numpy as np
{first}

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    arrays = [np.ones(700_000, np.float32) for _ in range(6)]  # 2.7 MB each, as of a small convolution

step()
before = faults()
for _ in range(20):
    step()
print(faults() - before)
"""


def faults(first):
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(
    not keep_freed_memory(), reason="for Linux with glibc, and an environment that does not choose itself"
)
def test_arrays_that_come_again_and_again_cost_no_page_faults():
    assert faults("import tinymm") < 200 < faults("") / 5


def test_the_choice_of_the_environment_stands(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not keep_freed_memory()


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
