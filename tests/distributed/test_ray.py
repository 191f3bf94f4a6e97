"""Training on a Ray cluster: equal to one process, and no sample lost when a worker dies."""

import os
import time

import numpy as np
import pytest

from tinymm import optim
from tinymm.distributed import Engine, parameter_server, synchronous
from tinymm.distributed.parallel import parallel
from tinymm.training import NonFiniteLossError, evaluate, fit

from .samples import DieOnce, broken, clouds, infinite_loss, loader, network, slow, stopped_and_resumed

pytestmark = pytest.mark.slow


TESTS = os.path.dirname(os.path.dirname(__file__))
PATH = os.pathsep.join([TESTS, os.path.dirname(TESTS), os.environ.get("PYTHONPATH", "")])


@pytest.fixture(scope="module", autouse=True)
def cluster():
    global ray  # not before it is needed: it takes seconds to load
    ray = pytest.importorskip("ray")
    try:
        start("local", num_cpus=3, include_dashboard=False, object_store_memory=100_000_000)
    except Exception as error:
        pytest.skip(f"Ray cannot start here: {error}")
    yield
    ray.shutdown()


def start(address, **options):
    environment = {"env_vars": {"PYTHONPATH": PATH, "TINYMM_NUM_THREADS": "1"}}
    ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env=environment, **options)


def train(way, epochs=3, make=optim.SGD, batches=None, **options):
    model = network()
    optimizer = make(model.parameters(), 0.1)
    return model, optimizer, way.fit(model, batches or loader(), optimizer, epochs, **options)


def usual(epochs=3, make=optim.SGD, **options):
    model = network()
    return model, fit(model, loader(), make(model.parameters(), 0.1), epochs, **options)


def near(ours, theirs, tolerance=1e-5):
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["sgd", "adam"])
def test_workers_in_step_have_the_loss_curve_of_one_process(make):
    options = {"max_grad_norm": 0.5, "validation": clouds(60, 1)}
    ours, optimizer, history = train(synchronous, make=make, workers=2, **options)
    theirs, expected = usual(make=make, **options)
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
    near(ours, theirs, 1e-4)
    assert optimizer.steps[0] == 60 and history.workers == [2, 2, 2] and history.seen == 3 * 240 and not history.lost


def test_workers_join_and_leave_at_checkpoints():
    ours, _, history = train(synchronous, 4, workers=lambda epoch: (1, 3, 3, 2)[epoch], checkpoint_every=7)
    near(ours, usual(4)[0])
    assert history.workers == [1, 3, 3, 2] and history.seen == 4 * 240


@pytest.mark.parametrize("way", [synchronous, parameter_server], ids=["in step", "server"])
def test_a_worker_that_dies_costs_no_sample(way, tmp_path):
    ours, _, history = train(way, 8, batches=loader(augment=DieOnce(tmp_path / "died")), workers=2)
    assert (tmp_path / "died").exists() and history.lost == 1
    assert history.seen == 8 * 240 and len(history["train_loss"]) == 8
    if way is synchronous:
        near(ours, usual(8)[0])
    assert evaluate(ours, *clouds(300, 1))[1] == pytest.approx(evaluate(usual(8)[0], *clouds(300, 1))[1], abs=0.02)


def test_a_parameter_server_learns_as_well_and_knows_the_staleness():
    model, optimizer, history = train(parameter_server, 8, workers=2, staleness_aware=True, validation=clouds(60, 1))
    assert evaluate(model, *clouds(300, 1))[1] > 0.95
    assert len(history.staleness) == 8 * 20 == optimizer.steps[0] and 0 < history.staleness.mean() < 3
    one, _, history = train(parameter_server, 3, workers=1)
    near(one, usual(3)[0])
    assert not history.staleness.any()


@pytest.mark.parametrize("way", [synchronous, parameter_server], ids=["in step", "server"])
def test_a_run_that_was_stopped_goes_on(way, tmp_path):
    ours, optimizer, history = stopped_and_resumed(way, tmp_path / "model.npz", workers=2)
    assert history["validation_part"] == [1, 1, 2, 2, 2, 2] and history.workers == [2] * 6
    assert history.seen == 6 * 240 and optimizer.steps[0] == 6 * 20
    if way is synchronous:
        model = network()
        usual = optim.SGD(model.parameters(), 0.1)
        fit(model, loader(), usual, 6, schedule=optim.CosineLR(usual, 6))
        near(ours, model)


def test_a_server_that_dies_goes_on_from_the_checkpoint(monkeypatch):
    turn, killed = parameter_server._Run.turn, []

    def kill_once(run, checkpoint):
        kept = turn(run, checkpoint)
        if 20 < run.board.count < 160 and not killed:
            killed.append(ray.kill(run.server))
        return kept

    monkeypatch.setattr(parameter_server._Run, "turn", kill_once)
    model, optimizer, history = train(parameter_server, 8, batches=loader(augment=slow), workers=2)
    assert killed and history.seen == 8 * 240 and optimizer.steps[0] == 8 * 20
    assert evaluate(model, *clouds(300, 1))[1] > 0.95


@pytest.mark.parametrize("way", [synchronous, parameter_server], ids=["in step", "server"])
def test_errors_of_workers_are_raised_here(way):
    with pytest.raises(RuntimeError, match="the disk is on fire"):
        train(way, batches=loader(augment=broken))
    with pytest.raises(NonFiniteLossError, match="the loss is inf"):
        train(way, loss=infinite_loss)
    with pytest.raises(ValueError, match="at least 1 worker"):
        train(way, workers=0)


def test_pieces_of_work_in_parallel_come_in_order():
    for _ in range(100):  # a piece that is cancelled as it comes would end this process
        assert list(parallel(divmod, [(1,), (7,)], 3)) == [(0, 1), (2, 1)]
    assert list(parallel(divmod, [(i,) for i in range(7)], 3, workers=2)) == [divmod(i, 3) for i in range(7)]
    with pytest.raises(ZeroDivisionError):
        list(parallel(divmod, [(1,)], 0))
    assert list(Engine(workers=2, distributed="ray").map(divmod, [(5,), (9,)], 4)) == [(1, 1), (2, 1)]


def test_a_killed_node_is_survived(tmp_path):
    from ray.cluster_utils import Cluster

    ray.shutdown()
    options = {"include_dashboard": False, "object_store_memory": 80_000_000}
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **options})
    try:
        second = nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
        start(nodes.address)
        killed = []

        def kill_once(model):
            if not killed:
                killed.append(nodes.remove_node(second, allow_graceful=False))
                time.sleep(5)  # its worker, which talks to the other directly, goes on until it sees what happened
            return {"loss": 0.0}

        ours, _, history = train(synchronous, 4, workers=2, validation=kill_once)
        if history.workers[0] < 2:
            pytest.skip("the worker on the second node was not ready within a minute")
        assert killed and history.seen == 4 * 240 and history.lost >= 1
        assert history.workers[0] == 2 and history.workers[-1] == 1
        near(ours, usual(4)[0])
    finally:
        ray.shutdown()
        nodes.shutdown()
