"""Asynchronous training in processes: equal to SGD with one worker, near it with two, and not stopped by a death."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tinymm import functional as F
from tinymm import nn, optim
from tinymm.data import DataLoader, StreamingLoader, write_shards
from tinymm.distributed import WorkerError, hogwild
from tinymm.models import BagOfTerms
from tinymm.sparse import CSRMatrix
from tinymm.training import NonFiniteLossError, evaluate, fit

from .samples import DieOnce, broken, clouds, dying, infinite_loss, loader, network, slow, stopped_and_resumed

SCRIPT = """
import sys
sys.path[:0] = {path!r}
from distributed.samples import loader, network, slow
from tinymm import optim
from tinymm.distributed import hogwild

if __name__ == "__main__":
    model = network()
    batches = loader(augment=slow)
    history = hogwild.fit(model, batches, optim.SGD(model.parameters(), 0.1), 100)
    print("interrupted", history.interrupted, "updates", len(history.staleness), flush=True)
"""


def train(epochs=3, workers=2, model=None, batches=None, make=optim.SGD, lr=0.1, **options):
    model = model or network()
    optimizer = make(model.parameters(), lr)
    return model, optimizer, hogwild.fit(model, batches or loader(), optimizer, epochs, workers=workers, **options)


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam], ids=["sgd", "adam"])
def test_one_worker_is_the_usual_training(make):
    schedule = {}
    ours, optimizer, history = train(
        workers=1,
        make=lambda p, lr: schedule.setdefault("ours", make(p, lr)),
        max_grad_norm=1.0,
        validation=clouds(60, 1),
    )
    model = network()
    usual = make(model.parameters(), 0.1)
    expected = fit(model, loader(), usual, 3, max_grad_norm=1.0, validation=clouds(60, 1))
    for a, b in zip(ours.parameters(), model.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(history["train_loss"], expected["train_loss"], rtol=1e-6)
    assert optimizer.steps == usual.steps and not history.staleness.any()
    for a, b in zip(optimizer.state_dict()["state"], usual.state_dict()["state"], strict=True):
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-9)


def test_two_workers_learn_as_well_and_use_every_sample():
    model, optimizer, history = train(epochs=15, progress=None)
    assert len(history["train_loss"]) == 15 and history["train_loss"][-1] < history["train_loss"][0] / 2
    assert evaluate(model, *clouds(300, 1))[1] > 0.95
    assert len(history.staleness) == 15 * 20 == optimizer.steps[0] and history.staleness.min() >= 0
    assert history.samples_per_second > 0 and history.lost == 0
    assert all(p.data.base is None or not isinstance(p.data.base, memoryview) for p in model.parameters())
    assert fit(model, loader(), optimizer, 1)["train_loss"]  # model and optimiser go on as usual


def test_a_schedule_reaches_the_workers():
    model, still = network(), network()
    optimizer = optim.SGD(model.parameters(), 0.1)
    schedule = optim.Schedule(optimizer, lambda t: float(t > 2))
    hogwild.fit(model, loader(), optimizer, 3, schedule=schedule, staleness_aware=True, workers=1)
    for a, b in zip(model.parameters(), still.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)  # at the rate 0 nothing moves
    assert schedule.t == 3 and optimizer.lr == 0.1
    hogwild.fit(model, loader(), optimizer, 1, schedule=schedule, workers=1)
    assert (model[0].weight.data != still[0].weight.data).any()


@pytest.mark.slow
def test_sparse_rows_and_running_statistics():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    dense = (rng.random((200, 30)) < 0.1) * np.float32(1)
    dense[np.arange(200), y] = 1
    model, _, _ = train(
        8, model=BagOfTerms(30, 2), batches=DataLoader(CSRMatrix.from_dense(dense), y, batch_size=10), lr=0.5
    )
    assert evaluate(model, CSRMatrix.from_dense(dense), y)[1] > 0.95
    images = rng.normal(3, 2, (40, 2, 4, 4)).astype(np.float32)
    norm = nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 2))
    train(20, model=norm, batches=DataLoader(images, np.arange(40) % 2, batch_size=20))
    np.testing.assert_allclose(norm[0].running_mean, 3, atol=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("make", [optim.Adam, optim.SGD], ids=["adam", "sgd"])
def test_a_run_that_was_stopped_goes_on(make, tmp_path):
    model, optimizer, history = stopped_and_resumed(hogwild, tmp_path / "model.npz", make=make, workers=1)
    assert history["validation_part"] == [1, 1, 2, 2, 2, 2] and optimizer.steps[0] == 6 * 20
    assert history.seen == 6 * 240 and len(history.staleness) == 6 * 20
    usual = network()
    expected = make(usual.parameters(), 0.1)
    fit(usual, loader(), expected, 6, schedule=optim.CosineLR(expected, 6))
    for ours, theirs in zip(model.parameters(), usual.parameters(), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_reads_shards_ahead(tmp_path):
    x, y = clouds()
    shards = write_shards(tmp_path / "shards", [(x, y)], shard_size=50)
    model, _, history = train(15, batches=StreamingLoader(shards, batch_size=12, buffer=100, block=10))
    assert len(history.staleness) == 15 * 20 and evaluate(model, *clouds(300, 1))[1] > 0.95


def assert_one_was_lost_and_no_sample(model, history, epochs):
    assert history.lost == 1
    assert len(history.staleness) == epochs * 20 and len(history["train_loss"]) == epochs
    assert evaluate(model, *clouds(300, 1))[1] > 0.95
    assert not multiprocessing.active_children()


def test_a_worker_that_dies_is_replaced_by_the_others_and_no_sample_is_lost(tmp_path):
    model, _, history = train(epochs=8, batches=loader(augment=DieOnce(tmp_path / "died")))
    assert_one_was_lost_and_no_sample(model, history, 8)


@pytest.mark.slow
def test_a_worker_may_be_killed_at_any_moment():
    def kill():
        while len(children := multiprocessing.active_children()) < 2:
            time.sleep(0.01)
        time.sleep(2.5)
        os.kill(children[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    model, _, history = train(epochs=12, batches=loader(augment=slow))
    killer.join()
    assert_one_was_lost_and_no_sample(model, history, 12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batches": loader(augment=dying)}, WorkerError, r"all 2 workers ended \(exit codes 3, 3\)"),
        ({"batches": loader(augment=broken)}, WorkerError, "RuntimeError: the disk is on fire"),
        ({"loss": infinite_loss}, NonFiniteLossError, "epoch 1, step .* the loss is inf"),
        ({"loss": lambda outputs, y: F.cross_entropy(outputs, y)}, TypeError, "use no lambdas"),
        ({"workers": 0}, ValueError, "at least 1 worker"),
        ({"make": optim.AsyncSGD}, ValueError, "simulates"),
    ],
    ids=["all die", "error", "not finite", "lambda", "no workers", "simulation"],
)
def test_what_goes_wrong_is_named_and_nothing_is_left(options, error, message):
    with pytest.raises(error, match=message):
        train(**options)
    assert not multiprocessing.active_children()


# --- how a run may end --------------------------------------------------------------------------------------

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc, as Linux has it")


def begin(tmp_path):
    """A script that trains for long; returns its process, those of its workers and the names of its shared memory."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(path=[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        if names := re.findall(
            r"/dev/shm/(psm_\S+) \(deleted\)", maps
        ):  # the name is gone as soon as all have attached
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            return process, [int(child) for child in children], names
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no worker was ready within a minute: {process.communicate()}")


def gone(pids, within=20):
    until = time.monotonic() + within
    while time.monotonic() < until:
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        if not any(state.exists() and ") Z " not in state.read_text() for state in states):
            return True
        time.sleep(0.05)
    return False


@needs_proc
def test_ctrl_c_ends_the_training_and_keeps_what_was_learned(tmp_path):
    process, workers, names = begin(tmp_path)
    time.sleep(0.5)
    for pid in (process.pid, *workers):  # as a terminal does: all of the group get it
        os.kill(pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert re.search(r"interrupted True updates [1-9]\d*\n", out), (out, err)
    assert err == "" and process.returncode == 0
    assert gone(workers) and not set(names) & set(os.listdir("/dev/shm"))


@pytest.mark.slow
@needs_proc
def test_nothing_is_left_when_the_parent_is_killed(tmp_path):
    process, workers, names = begin(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert gone(workers), "the workers outlived their parent"
    assert not set(names) & set(os.listdir("/dev/shm"))
