"""A run of each sense from the command line: trained, evaluated, used on files and texts."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.recipes import samples
from tinymm import checkpoint
from tinymm.checkpoint import CheckpointError
from tinymm.cli import main
from tinymm.data.datasets import ALL_THREE, Dataset
from tinymm.prediction import load_trained
from tinymm.recipes import Recipe, Trained, loading
from tinymm.recipes.models import MODELS
from tinymm.training import History

pytestmark = pytest.mark.usefixtures("quick_pictures")

QUIET = ["--quiet", "--output"]


def tones(rate=8000, n=30):
    """Low and high tones by three speakers."""
    random, y, x = np.random.default_rng(0), np.arange(n) % 2, []
    for label in y:
        time = np.arange(int(random.uniform(0.2, 0.4) * rate)) / rate
        x.append((np.hanning(len(time)) * np.sin(2 * np.pi * (400 + 1200 * label) * time)).astype(np.float32))
        x[-1] += random.normal(0, 1e-3, len(time)).astype(np.float32)
    groups = np.array(["anna", "ben", "carl"])[np.arange(n) // 2 % 3]
    return Dataset(x, y, ("low", "high"), "Tones", "made here", "none", groups=groups, rate=rate)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    options = ["--data", "desk", "--folds", "2", "--epochs", "5", *QUIET, str(output), "--name", "desk"]
    assert main(["train", "intent", *options]) == 0
    return output / "desk"


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "open_dataset", lambda *_: tones())
        options = ["--data", "spoken-digits", "--split", "groups", "--epochs", "20", "--batch-size", "8"]
        assert main(["train", "speech", *options, *QUIET, str(output), "--name", "tones"]) == 0
    return output / "tones"


def test_a_text_run_leaves_scores_and_a_report(desk):
    assert sorted(p.name for p in desk.iterdir()) == [
        *("checkpoint.npz", "confusion_matrix.png", "learning_curves.png", "metrics.json", "reliability.png"),
        *("report.html", "words.png"),
    ]
    numbers = json.loads((desk / "metrics.json").read_text())
    assert numbers["cross_validation"]["of"] == 2 and numbers["cross_validation"]["accuracy"]["mean"] > 0.6
    assert {"delivery", "refund", "macro average"} <= set(numbers["cross_validation"])
    calibration = numbers["calibration"]
    assert 0 < calibration["expected_calibration_error_with_temperature"] < calibration["expected_calibration_error"]
    assert sum(calibration["reliability"]["samples"]) == numbers["data"]["samples"]
    assert numbers["cross_validation"]["calibration error"]["mean"] < 1
    page = (desk / "report.html").read_text()
    assert "What the model looks at" in page and "thanks: " in page
    assert "taken for" in page and "tinymm train --data desk --model logistic" in page


def test_predicting_texts(desk, capsys):
    texts = ["Where is my parcel?", "I want my money back!"]
    assert main(["predict", str(desk), *texts, "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(texts[0]) and "delivery" in lines[0] and "refund" in lines[1]
    assert main(["predict", str(desk), "", "我要退款", "😀", "--json"]) == 2
    out, error = capsys.readouterr()
    assert error.strip() == "tinymm predict: the text is empty: write something"
    assert [row["text"] for row in json.loads(out)] == ["我要退款", "😀"]


def test_evaluating_repeats_the_score_on_what_was_held_out(desk, capsys):
    held = json.loads((desk / "metrics.json").read_text())["held_out"]
    assert main(["evaluate", str(desk), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"] == held["accuracy"] and found["samples"] == held["samples"]
    assert found["scores"]["macro average"]["F1"] == pytest.approx(held["F1"])
    assert main(["evaluate", str(desk)]) == 0
    assert f"accuracy on the held-out fifth of Customer-desk requests, {held['samples']} samples" in (
        shown := capsys.readouterr().out
    )
    assert "macro average" in shown and "F1" in shown
    assert f"calibration error: {held['calibration error']:.2%}" in shown


def test_evaluating_on_data_of_another_kind(desk, capsys):
    assert main(["evaluate", str(desk), "--data", "digits"]) == 2
    assert "--data UCI digits (image, 10 classes) does not fit a model for text with 15" in capsys.readouterr().err


def test_whole_speakers_are_left_out(heard, capsys):
    numbers = json.loads((heard / "metrics.json").read_text())
    assert numbers["cross_validation"]["folds"] == 3
    assert numbers["cross_validation"]["accuracy"]["mean"] > 0.9
    assert numbers["held_out"]["what"] == "what was held out (anna)"
    assert (heard / "spectrogram.png").is_file()
    page = (heard / "report.html").read_text()
    assert "3 folds of whole groups" in page and "--split groups" in page and "--folds" not in page


def test_predicting_sounds(heard, tmp_path, capsys):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("scipy")
    paths = []
    for i, rate in enumerate((8000, 16000)):
        paths.append(str(tmp_path / f"{i}.wav"))
        soundfile.write(paths[-1], tones(rate).x[i] / 2, rate)
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 8000)
    soundfile.write(tmp_path / "short.wav", np.array([0.5]), 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([tones().x[1]] * 2, axis=1) / 2, 8000)
    paths += [str(tmp_path / f"{name}.wav") for name in ("silent", "short", "stereo", "missing")]
    assert main(["predict", str(heard), *paths, "--top", "1"]) == 2
    out, error = capsys.readouterr()
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()}
    assert lines["0.wav"] == "low" and lines["1.wav"] == lines["stereo.wav"] == "high"
    assert "silent.wav: it is silent" in error and "missing.wav" in error and "1-sample" not in error


def test_evaluating_sounds_of_another_rate(heard, monkeypatch, capsys):
    pytest.importorskip("scipy")
    monkeypatch.setattr(loading, "open_dataset", lambda *_: replace(tones(16000), name="Faster"))
    assert main(["evaluate", str(heard), "--data", "spoken-digits"]) == 0
    assert "accuracy on all of Faster, 30 samples: 100.00%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["intent", "--model", "cnn"], "--model 'cnn' does not take text, which banking77 is: choose one of logistic"),
        (["speech", "--data", "digits", "--model", "crnn"], "'crnn' does not take image"),
        (["digits", "--split", "official"], "--split is official, but digits has no official test set"),
        (["digits", "--split", "groups"], "--split is groups, but UCI digits has none"),
        (["digits", "--extra-data", "desk"], "cannot be added to UCI digits"),
        (["topic", "--split", "official", "--folds", "3"], "--folds is 3, but the official test set needs none"),
    ],
)
def test_recipes_that_make_no_sense(arguments, words, tmp_path, capsys):
    assert main(["train", *arguments, *QUIET, str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_help_names_the_recipes(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "--data sentiment --lr 0.005 --epochs 10 --folds 10" in shown and "for audio cnn, crnn" in shown


def test_damaged_checkpoints(tmp_path, capsys):
    checkpoint.save({"recipe": {}, "weights": [1]}, tmp_path / "other.npz")
    assert main(["predict", str(tmp_path / "other.npz"), "text"]) == 2
    error = capsys.readouterr().err
    assert "holds no trained model" in error and error.count("\n") == 1


CLAIMS = [
    ("image", "logistic", ("image_shape",), [1, 100_000, 100_000], r"image_shape is 1×100000×100000, expected whole"),
    ("image", "logistic", ("image_shape",), [1, 5000, 5000], r"a parameter \(2, 25000000\)"),
    ("image", "cnn", ("image_shape",), [1, 5000, 5000], r"a parameter \(128, 100000000\)"),
    ("image", "cnn", ("image_shape",), [1, -8, "8"], r"image_shape is 1×-8×'8', expected whole"),
    ("image", "rnn", ("image_shape",), [1, 10**12, 8], "image_shape is"),
    ("audio", "cnn", ("steps",), 10**5, "steps×bands is 100000×40, expected whole"),
    ("audio", "cnn", ("bands",), 20_000, r"a parameter \(128, 640000\)"),
    ("audio", "crnn", ("steps",), 10**9, "steps×bands is 1000000000×40"),
    ("audio", "crnn", ("rate",), 10**12, "rate is 1000000000000"),
    ("audio", "ctc", ("bands",), 10**9, "bands is 1000000000, expected whole numbers from 1 on, of at most 40"),
    (ALL_THREE, "mmbigmodel", ("images", "image_shape"), [3, 10**5, 10**5], "image_shape is 3×100000×100000"),
    (ALL_THREE, "shared-space", ("rate",), 10**12, "rate is 1000000000000"),
]


@pytest.mark.parametrize(("sense", "model", "where", "claim", "words"), CLAIMS)
def test_a_checkpoint_that_claims_a_huge_model_is_refused_before_memory_is_taken(
    sense, model, where, claim, words, tmp_path
):
    data = {"image": samples.images, "audio": samples.sounds, ALL_THREE: samples.together}[sense]()
    recipe = Recipe(model=model).complete(sense)
    choice = MODELS[sense][model]
    front_end = choice.front_end()
    front_end.fit_prepare(data)
    made = choice.model(front_end, 2, **{option: getattr(recipe, option) for option in choice.options})
    state = Trained(recipe, front_end, made, data.class_names, History()).state_dict()
    path = checkpoint.save(state, tmp_path / "checkpoint.npz")
    load_trained(path)
    *outer, last = where
    part = state["front_end"]
    for name in outer:
        part = part[name]
    part[last] = claim
    checkpoint.save(state, path)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=words) as caught:
            load_trained(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert str(caught.value).count("\n") == 0 and "give a checkpoint that tinymm train wrote" in str(caught.value)


def test_a_file_that_python_itself_stumbles_over_is_no_checkpoint(tmp_path):
    """An archive that claims to span several disks: found by fuzzing."""
    end = b"PK\x06\x07" + (0).to_bytes(4, "little") + (0).to_bytes(8, "little") + (9).to_bytes(4, "little")
    (tmp_path / "disks.npz").write_bytes(bytes(100) + end + b"PK\x05\x06" + b"\xff" * 16 + bytes(2))
    with pytest.raises(CheckpointError, match="give the folder of a run, or its checkpoint"):
        load_trained(tmp_path / "disks.npz")
