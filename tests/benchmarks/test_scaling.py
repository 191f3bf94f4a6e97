"""The cost model of several workers: its limits, and that it agrees with a simulation that follows every event."""

import numpy as np
import pytest

from benchmarks import scaling
from benchmarks.scaling import WAYS, Costs, report, simulate, winner

COSTS = Costs(message=1e-4, bandwidth=1e9, compute=0.02, spread=0.1)


@pytest.mark.parametrize("way", WAYS)
def test_free_messages_make_workers_add_up_and_one_worker_waits_for_nobody(way):
    free = Costs(message=0, bandwidth=np.inf, compute=0.02, spread=1e-9, update=0, late=np.inf, large=np.inf)
    assert free.rate(way, 1, 1e6) == pytest.approx(50)
    assert free.rate(way, 64, 1e6) == pytest.approx(64 * 50)
    assert free.progress(way, 64, 1e6) == pytest.approx(64 * 50)
    assert free.rate(way, 4, 1e6, processors=2) == pytest.approx(2 * 50)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("workers", [1, 3, 30, 300])
@pytest.mark.parametrize("parameters", [1e4, 1e6])
def test_the_model_is_near_the_simulation(way, workers, parameters):
    assert simulate(COSTS, way, workers, parameters) == pytest.approx(COSTS.rate(way, workers, parameters), rel=0.4)


def test_one_server_is_the_limit_and_large_models_want_their_gradients_shared():
    server = 1 / (2 * COSTS.message + 2 * COSTS.moving(1e6) + COSTS.update * 1e6)
    assert COSTS.rate("asynchronous", 1000, 1e6) == pytest.approx(server)
    assert winner(COSTS.rate, 100, 1e8) == "all-reduce" and winner(COSTS.rate, 5, 1e4) == "asynchronous"
    assert COSTS.slowest(100) > COSTS.slowest(10) > COSTS.slowest(1)


def test_the_report_states_the_error(monkeypatch):
    monkeypatch.setattr(scaling, "WORKERS", (1, 2, 8, 50))
    text = report(COSTS, [("all-reduce", 2, 90.0, 100.0), ("asynchronous", 2, 120.0, 100.0)])
    assert "| all-reduce | 2 | 90.0 | 100.0 | -10% |" in text
    assert "Mean absolute error 15%, largest 20%." in text
