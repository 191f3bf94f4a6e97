"""A run that was stopped, even by force, goes on to the same end."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinymm as tm
from tinymm import checkpoint, optim, runs
from tinymm.cli import main
from tinymm.recipes import Recipe

pytestmark = pytest.mark.usefixtures("quick_pictures")

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(tm.__file__).parents[1])}
RECIPE = Recipe(model="logistic", epochs=2, folds=2)  # 45 steps an epoch, and 23 in each of the folds
FILES = {"checkpoint.npz", "metrics.json", "report.html"}


class Stopped(BaseException):
    """The process ends here."""


def stopped_after(monkeypatch, steps):
    real, left = optim.Optimizer.step, [steps]

    def step(self):
        if not left[0]:
            raise Stopped
        left[0] -= 1
        real(self)

    monkeypatch.setattr(optim.Optimizer, "step", step)


def found(folder):
    """What must be the same: the weights bit for bit, and all that was measured."""
    numbers = json.loads((folder / "metrics.json").read_text())
    for name in ("seconds", "notes"):
        numbers.pop(name, None)
    model = checkpoint.load(folder / "checkpoint.npz")["model"]
    return {name: array.tobytes() for name, array in model.items()} | dict(_leaves(numbers))


def _leaves(tree, path=""):
    """Each number by where it is, so that a difference is named in a line."""
    if isinstance(tree, dict | list):
        for name, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _leaves(branch, f"{path}/{name}")
    else:
        yield path, tree


def differences(one, other):
    return {
        name: (one.get(name), other.get(name)) for name in one.keys() | other.keys() if one.get(name) != other.get(name)
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return found(runs.train(RECIPE, tmp_path_factory.mktemp("whole"), "a", progress=False))


@pytest.mark.filterwarnings("ignore:what was done so far is kept")
def test_stopped_in_every_part_it_goes_on_to_the_same_end(tmp_path, monkeypatch, whole):
    for turn, stop in enumerate((30, 40, 50, 7, 30)):  # twice in the model, then in the folds
        with monkeypatch.context() as patch:
            stopped_after(patch, stop)
            with pytest.raises(Stopped):
                if turn == 0:
                    runs.train(RECIPE, tmp_path, "a", progress=False, snapshot_steps=4)
                else:
                    runs.resume(tmp_path / "a", progress=False, snapshot_steps=4)
        assert [path.name for path in tmp_path.iterdir()] == ["a.unfinished"]
    folder = runs.resume(tmp_path / "a.unfinished", progress=False)
    assert folder == tmp_path / "a" and found(folder) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["notes"] == "The run was stopped and taken up again 5 times."
    assert numbers["data"]["sha256"] and numbers["versions"]["numpy"] == np.__version__
    assert numbers["command"].startswith("tinymm train --data digits --model logistic")


def test_what_is_damaged_is_trained_again(tmp_path, monkeypatch, whole):
    stopped_after(monkeypatch, 95)
    with pytest.raises(Stopped), pytest.warns(UserWarning, match=r"kept: tinymm train --resume .*a$"):
        runs.train(RECIPE, tmp_path, "a", progress=False, snapshot_steps=1)
    monkeypatch.undo()
    done = tmp_path / "a.unfinished" / "model.done.npz"
    done.write_bytes(done.read_bytes()[:500])
    for name in ("fold-1.npz", "fold-1.previous.npz"):
        (tmp_path / "a.unfinished" / name).write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="anew"):
        assert found(runs.resume(tmp_path / "a", progress=False)) == whole


def test_a_run_that_ctrl_c_ended_can_be_taken_up_again(tmp_path, monkeypatch, capsys, whole):
    real, count = optim.Adam.step, iter(range(1000))
    with monkeypatch.context() as patch:
        patch.setattr(
            optim.Adam, "step", lambda self: (real(self), next(count) == 60 and signal.raise_signal(signal.SIGINT))
        )
        folder = runs.train(RECIPE, tmp_path, "a", progress=False)
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["interrupted"] and {path.name for path in folder.iterdir()} >= {*FILES, "unfinished"}
    assert main(["train", "--resume", str(folder), "--quiet"]) == 0
    assert "2-fold cross-validation" in capsys.readouterr().out
    assert found(folder) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and not (folder / "unfinished").exists()


@pytest.mark.filterwarnings("ignore:what was done so far is kept")
def test_what_cannot_be_taken_up_is_said(tmp_path, monkeypatch, capsys):
    x, y = np.random.default_rng(0).random((40, 1, 5, 5), dtype=np.float32), np.arange(40) % 4
    np.savez(tmp_path / "own.npz", x=x, y=y)
    recipe = Recipe(data=str(tmp_path / "own.npz"), model="logistic", epochs=3, folds=0)
    output = tmp_path / "runs"
    with monkeypatch.context() as patch:
        stopped_after(patch, 2)
        with pytest.raises(Stopped):
            runs.train(recipe, output, "a", progress=False, snapshot_steps=1)
    with pytest.raises(FileExistsError, match=r"a\.unfinished is a run that was stopped: go on with .* --resume .*a, "):
        runs.train(recipe, output, "a", progress=False)
    with pytest.raises(FileNotFoundError, match=r"no run .*b that was stopped: did you mean .*a\?"):
        runs.resume(output / "b")
    with runs.taken_up(output / "a"), pytest.raises(BlockingIOError, match="another process is training"):
        (output / "a.unfinished" / "kept.npz").write_bytes(b"")
        runs.resume(output / "a")
    runs.train(recipe, output, "c", progress=False)
    with pytest.raises(ValueError, match=r"c is complete: there is nothing to go on with"):
        runs.resume(output / "c")


def test_changed_data_are_refused_and_nothing_is_lost(tmp_path, monkeypatch):
    x, y = np.random.default_rng(0).random((40, 1, 5, 5), dtype=np.float32), np.arange(40) % 4
    np.savez(tmp_path / "own.npz", x=x, y=y)
    recipe = Recipe(data=str(tmp_path / "own.npz"), model="logistic", epochs=3, folds=0)
    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="is kept"):
        stopped_after(patch, 2)
        with pytest.raises(Stopped):
            runs.train(recipe, tmp_path / "runs", "a", progress=False, snapshot_steps=1)
    np.savez(tmp_path / "own.npz", x=x, y=y[::-1])
    with pytest.raises(ValueError, match="are no longer those"), pytest.warns(UserWarning, match="is kept"):
        runs.resume(tmp_path / "runs" / "a")
    np.savez(tmp_path / "own.npz", x=x, y=y)
    assert runs.resume(tmp_path / "runs" / "a", progress=False) == tmp_path / "runs" / "a"


def test_options_beside_resume_are_refused(tmp_path, capsys):
    assert main(["train", "--resume", str(tmp_path), "--batch-size", "3"]) == 2
    assert "--resume goes on with the run's own recipe and name: leave out --batch-size" in capsys.readouterr().err
    assert main(["train", "--snapshot-steps", "0"]) == 2
    assert "--snapshot-steps is 0" in capsys.readouterr().err


def killed(arguments, folder, after, threads):
    """Run the command, and end it by force so many seconds after it has kept something new; the exit status."""

    def newest():
        return max((path.stat().st_mtime_ns for path in folder.glob("*.npz")), default=0)

    before = newest()
    options = ["--quiet", "--snapshot-steps", "1"]
    command = [sys.executable, "-W", "error::UserWarning", "-m", "tinymm", *arguments, *options]
    environment = ENVIRONMENT | {"TINYMM_NUM_THREADS": str(threads)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and newest() == before:
        time.sleep(0.005)
    time.sleep(after)
    process.kill()
    _, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no SIGKILL")
@pytest.mark.parametrize(
    ("model", "epochs", "kills"), [("logistic", 8, 2), pytest.param("cnn", 24, 20, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path, model, epochs, kills):
    """The CNN draws random numbers, augments its images and keeps statistics of its batches.

    The number of threads changes from one life to the next, and may.
    """
    runs.train(Recipe(model=model, epochs=epochs, folds=2), tmp_path, "whole", progress=False)
    recipe = ["--model", model, "--epochs", str(epochs), "--folds", "2"]
    moments = random.Random(0)
    arguments, done = ["train", *recipe, "--output", str(tmp_path), "--name", "a"], 0
    while done < kills:
        status = killed(arguments, tmp_path / "a.unfinished", moments.uniform(0, 0.4), 1 + done % 3)
        assert status == -signal.SIGKILL, f"it came to its end after {done} of {kills} kills: give it more epochs"
        done, arguments = done + 1, ["train", "--resume", str(tmp_path / "a")]
    runs.resume(tmp_path / "a", progress=False)
    assert not differences(found(tmp_path / "a"), found(tmp_path / "whole"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "whole"]
