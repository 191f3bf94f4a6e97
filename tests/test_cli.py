"""The command line as a person uses it: the main job, prediction, and every wrong input."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tinymm import runs
from tinymm.cli import main
from tinymm.data.datasets import load_digits

QUICK = ["--model", "logistic", "--epochs", "2", "--folds", "2", "--quiet"]


def images(n=40, shape=(1, 8, 8)):
    random = np.random.default_rng(0)
    return random.random((n, *shape), dtype=np.float32), np.arange(n) % 4


def saved(folder, x, y, **more):
    path = folder / "own.npz"
    np.savez(path, x=x, y=y, **more)
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One real run of the command: logistic regression on the bundled digits."""
    output = tmp_path_factory.mktemp("runs")
    options = ["--model", "logistic", "--epochs", "15", "--folds", "3", "--quiet"]
    assert main(["train", *options, "--output", str(output), "--name", "digits"]) == 0
    return output / "digits"


def test_a_run_leaves_all_its_files_and_nothing_else(run):
    assert sorted(p.name for p in run.iterdir()) == [
        *("checkpoint.npz", "confusion_matrix.png", "filters.png", "learning_curves.png"),
        *("metrics.json", "mistakes.png", "reliability.png", "report.html"),
    ]
    assert [p.name for p in run.parent.iterdir()] == ["digits"]
    for picture in run.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_scores_are_right_and_complete(run):
    numbers = json.loads((run / "metrics.json").read_text())
    scores = numbers["cross_validation"]
    assert scores["folds"] == 3 and len(scores["accuracy"]["folds"]) == 3
    assert scores["accuracy"]["mean"] == pytest.approx(np.mean(scores["accuracy"]["folds"]))
    assert scores["accuracy"]["std"] == pytest.approx(np.std(scores["accuracy"]["folds"], ddof=1))
    assert scores["accuracy"]["mean"] > 0.93
    for row in (*"0123456789", "macro average"):
        assert set(scores[row]) == {"precision", "recall", "F1"}
    matrix = np.array(numbers["confusion_matrix"])
    assert matrix.sum() == 1797
    assert np.trace(matrix) / 1797 == pytest.approx(scores["accuracy"]["mean"], abs=1e-3)
    assert len(numbers["history"]["validation_loss"]) == 15
    assert numbers["recipe"]["lr"] == 0.01 and numbers["recipe"]["epochs"] == 15


def test_the_report_is_complete_in_itself(run):
    page = (run / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 4
    assert "tinymm train --data digits --model logistic" in page
    assert 'src="http' not in page and 'href="http' not in page
    assert "macro average" in page and "cleaning: 1,797 samples" in page


def test_predict_reads_digits_from_image_files(run, tmp_path, capsys):
    from PIL import Image

    digits = load_digits()
    paths = []
    for i in range(10):
        enlarged = np.kron(digits.x[i, 0], np.ones((12, 12)))
        paper = 1 - np.pad(enlarged, 30)  # dark ink on white paper, with a margin
        paths.append(str(tmp_path / f"digit-{i}.png"))
        Image.fromarray((paper * 255).astype(np.uint8)).save(paths[-1])
    assert main(["predict", str(run), *paths, "--json", "--top", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)
    right = [next(iter(row["classes"])) == str(digits.y[i]) for i, row in enumerate(rows)]
    assert [row["image"] for row in rows] == paths
    assert sum(right) >= 8
    assert main(["predict", str(run / "checkpoint.npz"), paths[0]]) == 0
    assert "digit-0.png" in (shown := capsys.readouterr().out) and "%" in shown


def test_own_folder_of_images(tmp_path, capsys):
    from PIL import Image

    random = np.random.default_rng(0)
    for name, wide in (("wide", True), ("tall", False)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(12):
            page = np.full((60, 60), 255, np.uint8)
            row, column = random.integers(5, 15, 2)
            height, width = (8, 40) if wide else (40, 8)
            page[row : row + height, column : column + width] = random.integers(0, 90, (height, width))
            Image.fromarray(page).save(tmp_path / "images" / name / f"{i}.png")
    status = main(
        [
            "train",
            "--data",
            str(tmp_path / "images"),
            *QUICK,
            "--output",
            str(tmp_path / "runs"),
            "--name",
            "bars",
        ]
    )
    assert status == 0, capsys.readouterr().err
    numbers = json.loads((tmp_path / "runs" / "bars" / "metrics.json").read_text())
    assert set(numbers["cross_validation"]) >= {"wide", "tall"}


def test_problems_in_a_folder_name_the_files_and_the_option(tmp_path, capsys):
    from PIL import Image

    for name in ("up", "down"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / name / f"{name}{i}.png")
    assert main(["train", "--data", str(tmp_path), *QUICK, "--output", str(tmp_path / "runs")]) == 2
    assert "conflicting labels (down/down0.png, down/down1.png" in capsys.readouterr().err
    Image.fromarray(np.eye(28, dtype=np.uint8)[::-1] * 255).save(tmp_path / "up" / "up0.png")
    Image.fromarray(np.tri(28, dtype=np.uint8) * 255).save(tmp_path / "up" / "up1.png")
    assert main(["train", "--data", str(tmp_path), *QUICK, "--output", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert "1 duplicate (down/down1.png)" in error and "leave them out with --on-problem drop" in error


def test_equal_seeds_give_equal_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "_pictures", lambda *_: {})
    results = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["train", *QUICK, "--seed", seed, "--output", str(tmp_path), "--name", name]) == 0
        numbers = json.loads((tmp_path / name / "metrics.json").read_text())
        results.append((numbers["history"], numbers["confusion_matrix"]))
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *((["--name", name], f"--name '{name}' is not the name") for name in ("", ".", "..", ".a", "a/b", "../a")),
        (["--folds", "1"], "--folds is 1"),
        (["--folds", "-3"], "folds is -3"),
        (["--folds", "2000"], "2000 folds are more than the 1797 samples"),
        (["--epochs", "0"], "epochs is 0"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--lr", "-1"], "lr is -1.0"),
        (["--lr", "nan"], "lr is nan"),
        (["--seed", "-1"], "seed is -1"),
        (["--data", "no-such-data"], "there is no data set or file 'no-such-data'"),
    ],
)
def test_senseless_options_are_one_sentence_and_status_2(tmp_path, capsys, options, words):
    assert main(["train", *QUICK, *options, "--output", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and error.startswith("tinymm train: ")
    assert not (tmp_path / "runs").exists()


def bad_data():
    x, y = images()
    nan = x.copy()
    nan[3, 0, 2, 2] = np.nan
    yield (
        "wrong channel order",
        (x.transpose(0, 2, 3, 1), y),
        "channels come second, try images.transpose(0, 3, 1, 2)",
    )
    yield "no image axes", (x.reshape(40, 64), y), "need 4 axes"
    yield "floats not scaled", (x * 255, y), "try images.astype(np.float32) / 255"
    yield "integers not scaled", ((x * 255).astype(np.uint8), y), "scale them first"
    yield "labels outside", (x, np.where(y == 3, 9, y)), "run from 0 to 9, but there are 4"
    yield "negative labels", (x, y - 1), "run from -1 to 2"
    yield "fractional labels", (x, y + 0.5), "invalid label"
    yield "one class", (x, y * 0), "one class"
    yield "NaN pixels", (nan, y), "missing values"
    yield "empty", (x[:0], y[:0]), "there are no images"
    yield "lengths", (x, y[:-1]), "40 samples but 39 labels"


@pytest.mark.parametrize(("what", "data", "words"), [pytest.param(*row, id=row[0]) for row in bad_data()])
def test_bad_data_is_one_sentence_and_status_2(tmp_path, capsys, what, data, words):
    path = saved(tmp_path, *data)
    assert main(["train", "--data", path, *QUICK, "--output", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_bad_samples_can_be_left_out(tmp_path, capsys):
    x, y = images(60)
    x[3, 0, 2, 2] = np.nan
    path = saved(tmp_path, x, y)
    options = ["--data", path, *QUICK, "--on-problem", "drop", "--output", str(tmp_path), "--name", "kept"]
    assert main(["train", *options]) == 0, capsys.readouterr().err
    numbers = json.loads((tmp_path / "kept" / "metrics.json").read_text())
    assert numbers["data"]["dropped"] == 1 and numbers["data"]["samples"] == 59


def test_the_model_must_fit_the_images(tmp_path, capsys):
    path = saved(tmp_path, *images(shape=(1, 9, 9)))
    assert main(["train", "--data", path, "--quiet", "--output", str(tmp_path / "runs")]) == 2
    assert "mmbigmodel reads images of 1×28×28" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_nothing_is_overwritten(run, capsys):
    before = (run / "report.html").read_bytes()
    assert main(["train", *QUICK, "--output", str(run.parent), "--name", run.name]) == 2
    assert "exists: choose another name" in capsys.readouterr().err
    assert (run / "report.html").read_bytes() == before


def test_predict_refuses_what_it_cannot_read(run, tmp_path, capsys):
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for arguments, words in (
        ([str(run), "missing.png"], "missing.png"),
        ([str(run), str(text)], "text.png"),
        ([str(tmp_path / "none.npz"), str(text)], "there is no file"),
        ([str(text), str(text)], "no tinymm checkpoint"),
        ([str(run), str(text), "--top", "0"], "--top is 0"),
        ([str(run.parent), str(text)], f"did you mean {run}?"),
    ):
        assert main(["predict", *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1 and "pickle" not in error


def test_predict_says_what_it_can_of_many_images(run, tmp_path, capsys):
    from PIL import Image

    paths = []
    for folder in ("a", "b", "blank"):
        (tmp_path / folder).mkdir()
        paths.append(str(tmp_path / folder / "digit.png"))
        page = np.full((40, 40), 255, np.uint8)
        page[5:35, 18:22] = 0 if folder != "blank" else 255
        Image.fromarray(page).save(paths[-1])
    assert main(["predict", str(run), *paths, "missing.png"]) == 2
    out, error = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == paths[:2]
    assert f"there is no ink on {paths[2]}" in error and "missing.png" in error and error.count("\n") == 2
    assert main(["predict", str(run), paths[2], paths[0], "--json"]) == 2
    assert [row["image"] for row in json.loads(capsys.readouterr().out)] == paths[:1]


def test_help_tells_the_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert re.search(r"[0-9]+ for mmbigmodel, [0-9]+ for cnn", shown) and "(default: 0)" in shown
    assert "None" not in shown and "(N, C, H, W) floats from 0 to 1" in shown


def test_a_terminal_without_the_letters(tmp_path):
    command = [sys.executable, "-m", "tinymm", "train", *QUICK, "--output", str(tmp_path), "--name", "plain"]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}, timeout=120)
    assert done.returncode == 0 and b" ? " in done.stdout, done.stderr


def test_an_output_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "runs"):
        assert main(["train", *QUICK, "--output", str(output)]) == 2
        error = capsys.readouterr().err
        assert f"--output {output} cannot be made a folder" in error and error.count("\n") == 1


def test_unknown_options_and_commands_exit_with_2(capsys):
    for arguments in (["train", "--modle", "cnn"], ["train", "--model", "vgg"], ["fly"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
    capsys.readouterr()


def test_a_reader_that_has_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "tinymm", "data", "list"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_another_broken_pipe_is_told(monkeypatch, capsys):
    def lost(*arguments, **options):
        raise BrokenPipeError("the worker is gone")

    monkeypatch.setattr("tinymm.prediction.load_trained", lost)
    assert main(["predict", "run", "text"]) == 2
    assert capsys.readouterr().err == "tinymm predict: the worker is gone\n"


def test_help_is_shown_without_a_command(capsys):
    assert main([]) == 0
    assert "tinymm train" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_keeps_what_was_trained(tmp_path):
    command = [sys.executable, "-m", "tinymm", "train", "--model", "logistic", "--epochs", "100000", "--folds", "0"]
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path), "--name", "cut"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = ""
    while "/100000:" not in seen:  # training is under way
        seen += process.stderr.read(1)
        assert process.poll() is None and len(seen) < 100_000, seen
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after" in out
    assert (tmp_path / "cut" / "checkpoint.npz").is_file() and (tmp_path / "cut" / "report.html").is_file()
