import numpy as np
import pytest

from benchmarks.alternation import Refused, Worker, disagreement, measure
from benchmarks.processors import chosen, environment
from benchmarks.rows import convolution, matrix_product


def test_disagreement():
    truth = {"y": np.array([1.0, 100.0])}
    assert disagreement({"y": np.array([1.05, 100.0])}, truth) == ""  # within a thousandth of the largest
    assert "y differs by 0.2" in disagreement({"y": np.array([1.2, 100.0])}, truth)
    assert "y differs by nan" in disagreement({"y": np.array([np.nan, 100.0])}, truth)
    assert disagreement({}, truth) == "y is missing"
    assert "is (1,), expected (2,)" in disagreement({"y": np.ones(1)}, truth)


def test_processors():
    assert len(chosen([0, 1, 2, 3], 2)) == 2
    assert set(environment(3).values()) >= {"3"}


@pytest.fixture
def worker():
    worker = Worker("numpy", threads=1)
    yield worker
    worker.stop()


def test_measure_in_turns(worker):
    row = measure(matrix_product(8), {"numpy": worker}, rounds=3)
    assert len(row.values["numpy"]) == 3
    assert min(row.values["numpy"]) > 0
    assert not row.void

    # NumPy has no convolution: it takes no part, which is no failure
    row = measure(next(iter(convolution(1, 1, 4, 1, 3))), {"numpy": worker}, rounds=1)
    assert not row.values
    assert not row.void


def test_a_process_that_died_is_void_once_and_starts_anew(worker):
    worker.greet()
    worker.process.terminate()
    worker.process.join()
    row = measure(matrix_product(8), {"numpy": worker}, rounds=1)
    assert row.void == {"numpy": "its process ended"}
    assert measure(matrix_product(8), {"numpy": worker}, rounds=1).values["numpy"]


def test_an_error_is_one_sentence(worker):
    with pytest.raises(Refused, match="KeyError: 'nothing'"):
        worker.ask("open", "nothing", {}, "nowhere.npz")
