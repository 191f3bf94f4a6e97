"""A transcriber from the command line: trained, evaluated, used on files; and how transcripts are judged."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tinymm.cli import main
from tinymm.data.datasets import Dataset
from tinymm.data.datasets.strings import Joining
from tinymm.recipes import MODELS, Recipe, loading
from tinymm.recipes.speech import SpeechFrontEnd, StringBatches
from tinymm.recipes.transcription import Transcription

pytestmark = pytest.mark.usefixtures("quick_pictures")

WORDS = ("low", "mid", "high")


def buzz(turns):
    """A tone with overtones, so that a masked band does not make it silent."""
    return np.sign(np.sin(2 * np.pi * turns))


def tones(n=45, rate=8000):
    """Three words, each a tone of its own, from five speakers."""
    random, y, x = np.random.default_rng(0), np.arange(n) % 3, []
    for label in y:
        time = np.arange(int(random.uniform(0.15, 0.25) * rate)) / rate
        x.append((0.2 * np.hanning(len(time)) * buzz((300, 500, 800)[label] * time)).astype(np.float32))
    groups = np.array([f"speaker {i // 3 % 5}" for i in range(n)])
    return Dataset(x, y, WORDS, "Tones", "made here", "none", groups=groups, rate=rate)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "open_dataset", lambda *_: tones())
        options = ["--data", "spoken-digits", "--epochs", "40", "--lr", "0.005", "--batch-size", "4", "--quiet"]
        assert main(["train", "speech-to-text", *options, "--output", str(output), "--name", "tones"]) == 0
    return output / "tones"


def test_a_run_leaves_error_rates_and_a_picture_of_an_alignment(run):
    files = {path.name for path in run.iterdir()}
    assert files >= {"checkpoint.npz", "metrics.json", "report.html", "learning_curves.png", "alignment.png"}
    numbers = json.loads((run / "metrics.json").read_text())
    held = numbers["held_out"]
    assert held["what"].startswith("what was held out (speaker ") and held["samples"] == 18
    assert held["word error rate"] < 0.2 and 0 <= held["character error rate"] < 0.3 and "accuracy" not in held
    assert sum(numbers["edits"].values()) == pytest.approx(held["word error rate"] * numbers["words"])
    assert len(numbers["history"]["validation_word_error_rate"]) == 40
    page = (run / "report.html").read_text()
    assert "word error rate" in page and "A string heard right" in page and "--model ctc" in page
    assert "7 words" in page and "Confusion" not in page


def test_evaluating_repeats_the_score(run, monkeypatch, capsys):
    monkeypatch.setattr(loading, "open_dataset", lambda *_: tones())
    assert main(["evaluate", str(run), "--json"]) == 0
    found, held = json.loads(capsys.readouterr().out), json.loads((run / "metrics.json").read_text())["held_out"]
    assert {name: found[name] for name in held if name != "what"} == {k: v for k, v in held.items() if k != "what"}
    assert main(["evaluate", str(run), "--data", "spoken-digits"]) == 0
    shown = capsys.readouterr().out
    assert "word error rate on all of Tones, joined, 90 samples" in shown and "wrong strings" in shown
    monkeypatch.undo()
    assert main(["evaluate", str(run), "--data", "digits"]) == 2
    assert "does not fit a model for audio with 3" in capsys.readouterr().err


def test_predicting_files(run, tmp_path, capsys):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("scipy")
    data = tones()
    sound = np.concatenate([data.x[i] for i in (0, 4, 2)])
    files = {
        "plain": (sound, 8000),
        "stereo": (np.stack([sound, sound], axis=1), 8000),
        "fast": (np.concatenate([tones(rate=16000).x[i] for i in (0, 4, 2)]), 16000),
        "one": (np.array([0.5]), 8000),
        "silent": (np.zeros(4000), 8000),
        "long": (np.tile(sound, 900), 8000),
    }
    for name, (samples, rate) in files.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, rate)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "plain.wav").read_bytes()[:30])
    paths = [str(tmp_path / f"{name}.wav") for name in (*files, "cut", "missing")]
    assert main(["predict", str(run), *paths]) == 2
    out, error = capsys.readouterr()
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines()}
    for name in ("plain", "stereo", "fast"):
        assert lines[f"{name}.wav"].startswith("low mid high ") and lines[f"{name}.wav"].endswith("%")
    assert set(lines) == {"plain.wav", "stereo.wav", "fast.wav", "one.wav"}
    assert error.count("\n") == 4 and all(f"{name}.wav" in error for name in ("silent", "cut", "missing"))
    assert re.search(r"long.wav lasts \d+ s: cut it into pieces of at most 300 s", error)
    assert main(["predict", str(run), paths[0], "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["transcript"] == "low mid high" and 0 < row["confidence"] <= 1


def test_without_a_network_the_bundled_voices_are_named(monkeypatch, tmp_path, capsys):
    def no_network(part):
        raise ConnectionError("fsdd cannot be downloaded: put it into TINYMM_DATA")

    monkeypatch.setitem(loading.OFFICIAL, "fsdd", no_network)
    assert main(["train", "speech-to-text", "--output", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert "TINYMM_DATA" in error and "--data spoken-digits" in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_whole_speakers_are_held_out():
    data, task = tones(), Transcription()
    parts = task.cut(Recipe(data="spoken-digits", model="ctc"), loading.Loaded(data, None))
    assert not set(data.groups[parts.train]) & set(data.groups[parts.held]) and parts.folds == []
    parts = task.cut(Recipe(data="spoken-digits", model="ctc", folds=3), loading.Loaded(data, None))
    assert len(parts.folds) == 3


def test_the_test_strings_are_always_the_same():
    task = Transcription()
    both = [task.test_set(tones()) for _ in range(2)]
    assert both[0].y.tolist() == both[1].y.tolist() and len(both[0]) == 90
    assert all(np.array_equal(a, b) for a, b in zip(both[0].x, both[1].x, strict=True))
    alone = Transcription(Joining(most=1)).test_set(tones())
    assert alone.y.tolist()[:3] == list(WORDS) and len(alone) == 45


def test_error_rates_are_those_of_all_words_together():
    data = replace(tones(3), y=np.array(["low mid", "high", "mid mid mid"], dtype=object))
    judged = Transcription().judge([(data, np.array(["low", "high", "mid low mid mid"], dtype=object))])
    assert judged.summary["word error rate"].tolist() == [2 / 6]
    assert judged.summary["wrong strings"].tolist() == [2 / 3]
    assert list(judged.table) == ["1 word", "2 words", "3 words", "all"]
    assert judged.table["2 words"]["word error rate"].tolist() == [0.5]
    task = Transcription()
    assert task.numbers(judged) == {"edits": {"substitutions": 0, "insertions": 1, "deletions": 1}, "words": 6}
    assert task.mistakes(judged) == "low mid, heard as low\nmid mid mid, heard as mid low mid mid"
    folds = task.judge([(data, data.y), (data, np.array(["", "", ""], dtype=object))])
    assert folds.summary["word error rate"].tolist() == [0, 1] and folds.folds == 2 and len(folds.tested) == 6


def test_strings_are_new_in_every_epoch_and_equal_for_equal_seeds():
    front_end = SpeechFrontEnd()
    data = front_end.fit_prepare(tones())
    epochs = []
    for seed in (0, 0, 1):
        batches = StringBatches(front_end, data, 4, seed)
        assert len(batches) == 3 and batches.strings == 11
        epochs.append([[(x.shape, y.labels.tolist()) for x, y in batches] for _ in range(2)])
    assert epochs[0] == epochs[1] != epochs[2] and epochs[0][0] != epochs[0][1]
    x, y = next(iter(batches))
    assert x.dtype == np.float32 and x.shape[2] == 40 and len(y) == len(x)
    assert (y.steps <= -(-x.shape[1] // 4) + 5).all() and (y.labels > 0).sum() == y.lengths.sum()


def test_features_are_standardised_by_the_training_sounds():
    front_end = SpeechFrontEnd()
    data = front_end.fit_prepare(tones())
    strings = Joining()(data, 100, np.random.default_rng(3))
    features = np.concatenate(list(front_end.prepare(strings.x)))
    assert np.abs(features.mean(axis=0)).max() < 0.2 and features.std() == pytest.approx(1, abs=0.1)
    again = SpeechFrontEnd()
    again.load_state_dict(front_end.state_dict())
    assert again.labels.names == ("high", "low", "mid")
    np.testing.assert_array_equal(again.prepare(data.x)[0], front_end.prepare(data.x)[0])


def test_the_models_that_transcribe():
    names = [name for name, choice in MODELS["audio"].items() if isinstance(choice.task, Transcription)]
    assert names == ["ctc", "ctc-bidirectional", "ctc-requests", "ctc-characters"]
    recipe = Recipe(data="fsdd", model="ctc").complete()
    assert recipe.split == "official" and recipe.augment and isinstance(recipe.task, Transcription)
    assert Recipe(data="spoken-digits", model="ctc").complete().folds == 0
