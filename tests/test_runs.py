"""What becomes of a run that meets another, is interrupted, or cannot draw."""

import json
import os
import shlex
import signal

import numpy as np
import pytest

from tinymm import cli, plots, runs
from tinymm.cli import main
from tinymm.recipes import Recipe

pytestmark = pytest.mark.usefixtures("quick_pictures")

RECIPE = Recipe(model="logistic", epochs=1, folds=0)
FILES = {"checkpoint.npz", "metrics.json", "report.html"}


def interrupted_in(monkeypatch, call, epochs):
    """Let the `call`-th training be interrupted after so many epochs."""
    real, calls = runs.train_model, []

    def train_model(*arguments):
        trained = real(*arguments)
        calls.append(trained)
        if len(calls) == call:
            trained.history.interrupted = True
            for name in list(trained.history):
                trained.history[name] = trained.history[name][:epochs]
                if not epochs:
                    del trained.history[name]
        return trained

    monkeypatch.setattr(runs, "train_model", train_model)


def test_ctrl_c_before_anything_began(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parser", interrupted)
    assert main(["train"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted: nothing was written"


def test_a_run_without_a_complete_epoch_leaves_nothing(monkeypatch, tmp_path, capsys):
    interrupted_in(monkeypatch, 1, epochs=0)
    arguments = ["train", "--model", "logistic", "--epochs", "1", "--quiet"]
    assert main([*arguments, "--output", str(tmp_path / "deep" / "runs")]) == 130
    assert capsys.readouterr().err.strip() == "interrupted: nothing was trained"
    assert not (tmp_path / "deep").exists()


def test_the_complete_folds_count(monkeypatch, tmp_path, capsys):
    interrupted_in(monkeypatch, 4, epochs=1)
    arguments = ["train", "--model", "logistic", "--epochs", "2", "--quiet", "--output", str(tmp_path), "--name", "a"]
    assert main(arguments) == 130
    assert "5-fold cross-validation on UCI digits, 2 folds of it" in capsys.readouterr().out
    numbers = json.loads((tmp_path / "a" / "metrics.json").read_text())
    scores = numbers["cross_validation"]["accuracy"]["folds"]
    matrix = np.array(numbers["confusion_matrix"])
    assert len(scores) == 2 and numbers["interrupted"] and "after 2 complete folds of 5" in numbers["notes"]
    assert 700 < matrix.sum() < 740 and np.trace(matrix) / matrix.sum() == pytest.approx(np.mean(scores), abs=1e-3)


def test_ctrl_c_while_the_run_is_written_waits(monkeypatch, tmp_path, capsys):
    real = plots.confusion_matrix
    monkeypatch.setattr(plots, "confusion_matrix", lambda *a: signal.raise_signal(signal.SIGINT) or real(*a))
    arguments = ["train", "--model", "logistic", "--epochs", "1", "--folds", "0", "--quiet"]
    assert main([*arguments, "--output", str(tmp_path), "--name", "a"]) == 130
    assert capsys.readouterr().err.strip() == f"interrupted: {tmp_path / 'a'} is complete"
    assert {path.name for path in (tmp_path / "a").iterdir()} >= FILES


def test_two_runs_of_one_name_both_stay(monkeypatch, tmp_path):
    real = runs._pictures

    def quicker(run, folder):
        if not (tmp_path / "a").exists():
            monkeypatch.setattr(runs, "_pictures", real)
            assert runs.train(RECIPE, tmp_path, "a", progress=False) == tmp_path / "a"
        return real(run, folder)

    monkeypatch.setattr(runs, "_pictures", quicker)
    assert runs.train(RECIPE, tmp_path, "a", progress=False) == tmp_path / "a-2"
    assert sorted(os.listdir(tmp_path)) == ["a", "a-2"]
    for name in ("a", "a-2"):
        assert {path.name for path in (tmp_path / name).iterdir()} >= FILES


def test_a_picture_that_fails_costs_nothing_else(monkeypatch, tmp_path):
    def broken(*arguments):
        raise RuntimeError("no colours")

    monkeypatch.setattr(plots, "filters", broken)
    folder = runs.train(RECIPE, tmp_path, "a", progress=False)
    assert {path.name for path in folder.iterdir()} >= {*FILES, "confusion_matrix.png"}
    assert not (folder / "filters.png").exists()
    for name in ("report.html", "metrics.json"):
        assert "The picture filters could not be drawn: no colours" in (folder / name).read_text()


def test_images_of_two_channels_and_a_path_with_a_space(tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / "my data.npz"
    np.savez(path, x=random.random((40, 2, 5, 5), dtype=np.float32), y=np.arange(40) % 4)
    folder = runs.train(Recipe(data=str(path), model="logistic", epochs=1, folds=2), tmp_path, "a", progress=False)
    assert not (folder / "mistakes.png").exists()
    assert "notes" not in json.loads((folder / "metrics.json").read_text())
    assert f"--data {shlex.quote(str(path))}".replace("'", "&#x27;") in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("labels", "words"),
    [([0] * 9 + [1], "class 1 has one sample"), ([0, 1, 2] * 3, "9 samples are too few.*it takes 11")],
)
def test_too_few_samples(tmp_path, labels, words):
    x = np.random.default_rng(0).random((len(labels), 1, 5, 5), dtype=np.float32)
    np.savez(tmp_path / "few.npz", x=x, y=labels)
    with pytest.raises(ValueError, match=words):
        runs.train(Recipe(data=str(tmp_path / "few.npz"), model="logistic", folds=0), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
