"""A training that was stopped goes on to the same weights, bit for bit."""

import signal

import numpy as np
import pytest

import tinymm as tm
from tinymm import nn, snapshots
from tinymm.data import DataLoader
from tinymm.snapshots import Snapshots
from tinymm.training import fit

EPOCHS = 3
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 1, 6, 6)).astype(np.float32), RNG.integers(0, 3, 50)


class Stopped(Exception):
    """The process ends here."""


def training(optimizer=tm.optim.Adam, schedule=True, **options):
    """Everything new, as in a new process: layers that draw random numbers and keep statistics, augmented batches."""
    tm.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 3))
    )
    made = optimizer(model.parameters(), 0.01)
    batches = DataLoader(
        X, Y, batch_size=8, seed=1, augment=lambda x, rng: x + rng.normal(0, 0.1, x.shape).astype(x.dtype)
    )
    then = tm.optim.WarmupLR(made, 1, tm.optim.CosineLR(made, EPOCHS)) if schedule else None
    return lambda: (model, fit(model, batches, made, EPOCHS, (X[:9], Y[:9]), schedule=then, **options))


def stopped_after(monkeypatch, steps):
    """Let the process end after so many steps; anything but these bytes on the disk is lost."""
    real, left = tm.optim.Optimizer.step, [steps]

    def step(self):
        if not left[0]:
            raise Stopped
        left[0] -= 1
        real(self)

    monkeypatch.setattr(tm.optim.Optimizer, "step", step)


def same(a, b):
    return all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.mark.parametrize(
    "optimizer", [tm.optim.SGD, lambda p, lr: tm.optim.SGD(p, lr, 0.9), tm.optim.RMSprop, tm.optim.AdamW]
)
def test_stopped_anywhere_it_goes_on_to_the_same_weights(tmp_path, monkeypatch, optimizer):
    model, history = training(optimizer)()
    stops = [1, 4, 7, 6, 2, 100]  # the epochs have seven steps
    for stop in stops:
        with monkeypatch.context() as patch:
            stopped_after(patch, stop)
            try:
                again, taken_up = training(optimizer, snapshots=Snapshots(tmp_path / "s.npz", steps=1))()
            except Stopped:
                continue
    assert same(model.state_dict(), again.state_dict())
    assert taken_up == history and len(history["validation_loss"]) == EPOCHS


def test_steps_between_two_snapshots_are_done_again(tmp_path, monkeypatch):
    model, history = training(schedule=False)()
    options = {"schedule": False, "snapshots": Snapshots(tmp_path / "s.npz", steps=5)}
    for stop in (4, 9, 9):  # nothing kept, kept after 5, after 10 and lost after 14
        with monkeypatch.context() as patch:
            stopped_after(patch, stop)
            with pytest.raises(Stopped):
                training(**options)()
        options["snapshots"] = Snapshots(tmp_path / "s.npz", steps=5)
    again, taken_up = training(**options)()
    assert same(model.state_dict(), again.state_dict()) and taken_up == history


def test_a_damaged_snapshot_costs_only_the_steps_since_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "s.npz"
    model, _ = training()()
    stopped_after(monkeypatch, 9)
    with pytest.raises(Stopped):
        training(snapshots=Snapshots(path, steps=2))()
    monkeypatch.undo()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"s\.npz .*damaged.* is used instead"):
        again, _ = training(snapshots=Snapshots(path, steps=1000))()
    assert same(model.state_dict(), again.state_dict())
    for name in ("s.npz", "s.previous.npz"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.warns(UserWarning, match="begins anew"):
        again, _ = training(snapshots=Snapshots(path, steps=1000))()
    assert same(model.state_dict(), again.state_dict())


def test_ctrl_c_keeps_the_step_it_came_after(tmp_path):
    model, _ = training()()
    going = training(snapshots=Snapshots(tmp_path / "s.npz", seconds=1000))
    count = iter(range(100))
    real = tm.optim.Adam.step
    try:
        tm.optim.Adam.step = lambda self: (real(self), next(count) == 10 and signal.raise_signal(signal.SIGINT))[0]
        _, history = going()
    finally:
        del tm.optim.Adam.step
    assert history.interrupted and len(history["train_loss"]) == 1
    again, history = training(snapshots=Snapshots(tmp_path / "s.npz"))()
    assert same(model.state_dict(), again.state_dict()) and not history.interrupted


def test_a_finished_training_is_not_begun_again(tmp_path):
    steps = EPOCHS * 7
    model, history = training(snapshots=Snapshots(tmp_path / "s.npz", steps=steps))()
    again, same_history = training(snapshots=Snapshots(tmp_path / "s.npz"))()
    assert same(model.state_dict(), again.state_dict()) and same_history == history


def test_the_clock_decides_without_steps(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(snapshots.time, "monotonic", lambda: now[0])
    kept = Snapshots(tmp_path / "s.npz")
    due = []
    for now[0] in (1.0, 9.9, 10.0, 10.1):
        due.append(kept.due())
        if due[-1]:
            kept.save({})
    assert due == [False, False, True, False]


def test_a_full_disk_does_not_stop_the_training(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.warns(UserWarning, match="the training goes on, but cannot be taken up again"):
        _, history = training(snapshots=Snapshots(tmp_path / "file" / "s.npz", steps=10))()
    assert len(history["train_loss"]) == EPOCHS


def test_a_snapshot_of_another_model_is_refused(tmp_path):
    training(snapshots=Snapshots(tmp_path / "s.npz", steps=3))()
    model = nn.Linear(2, 2)
    optimizer = tm.optim.SGD(model.parameters(), 0.1)
    batches = DataLoader(np.zeros((4, 2), np.float32), np.zeros(4, int))
    with pytest.raises(KeyError, match="another model"):
        fit(model, batches, optimizer, 1, snapshots=Snapshots(tmp_path / "s.npz"))


def test_steps_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="steps is 0"):
        Snapshots(tmp_path / "s.npz", steps=0)
