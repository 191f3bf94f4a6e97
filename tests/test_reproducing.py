"""A run is trained again, and what differs is told."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tinymm import checkpoint, runs
from tinymm.cli import main
from tinymm.recipes import Recipe
from tinymm.reproducing import reproduce

pytestmark = pytest.mark.usefixtures("quick_pictures")


@pytest.fixture
def run(tmp_path):
    x, y = np.random.default_rng(0).random((40, 1, 5, 5), dtype=np.float32), np.arange(40) % 4
    np.savez(tmp_path / "own.npz", x=x, y=y)
    recipe = Recipe(data=str(tmp_path / "own.npz"), model="rnn", epochs=2, folds=2)
    return runs.train(recipe, tmp_path, "a", progress=False)


def test_a_run_gives_the_same_bits_again(run, tmp_path, capsys):
    assert main(["reproduce", str(run), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "equal bit for bit" in shown and "numbers, equal" in shown and "differ" not in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "own.npz"]


def test_what_differs_is_told(run, capsys):
    state = checkpoint.load(run / "checkpoint.npz")
    name = next(iter(state["model"]))
    state["model"][name].flat[0] += 0.5
    checkpoint.save(state, run / "checkpoint.npz")
    numbers = json.loads((run / "metrics.json").read_text())
    numbers["history"]["train_loss"][1] += 1
    numbers["versions"]["numpy"] = "1.0"
    (run / "metrics.json").write_text(json.dumps(numbers))
    comparison = reproduce(run, progress=False)
    assert not comparison.same and list(comparison.numbers) == ["history.train_loss.1"]
    assert comparison.weights[name] == pytest.approx(0.5) and sum(map(bool, comparison.weights.values())) == 1
    assert main(["reproduce", str(run), "--quiet"]) == 1
    shown = capsys.readouterr().out
    assert f"{name}: by up to 0.5" in shown and f"numpy was 1.0, and is {np.__version__}" in shown


def test_what_cannot_be_repeated_is_said(run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no metrics\.json"):
        reproduce(tmp_path)
    file = run / "metrics.json"
    whole = file.read_text()
    file.write_text(whole.replace('"interrupted": false', '"interrupted": true'))
    with pytest.raises(ValueError, match="was interrupted: go on with tinymm train --resume"):
        reproduce(run)
    file.write_text(whole[:100])
    with pytest.raises(ValueError, match="is damaged"):
        reproduce(run)
    file.write_text(whole)
    with np.load(tmp_path / "own.npz") as stored:
        np.savez(tmp_path / "own.npz", x=stored["x"], y=stored["y"][::-1])
    with pytest.raises(ValueError, match="have changed since"):
        reproduce(run)


@pytest.mark.slow
def test_kernels_fresh_or_kept_and_one_thread_or_two_train_the_same(tmp_path):
    x, y = np.random.default_rng(0).random((160, 1, 28, 28), dtype=np.float32), np.arange(160) % 4
    np.savez(tmp_path / "own.npz", x=x, y=y)
    weights = []
    for name, threads in (("fresh", "2"), ("kept", "2"), ("alone", "1")):
        command = [
            sys.executable,
            "-m",
            "tinymm",
            "train",
            "--data",
            "own.npz",
            "--model",
            "mmbigmodel",
            "--epochs",
            "1",
        ]
        kernels = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "TINYMM_NUM_THREADS": threads}
        subprocess.run([*command, "--name", name, "--quiet"], cwd=tmp_path, env=os.environ | kernels, check=True)
        weights.append(checkpoint.load(tmp_path / "runs" / name / "checkpoint.npz")["model"])
    for other in weights[1:]:
        for key, value in weights[0].items():
            np.testing.assert_array_equal(other[key], value, err_msg=key)
