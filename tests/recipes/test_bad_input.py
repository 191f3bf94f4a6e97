"""What people really give to `tinymm predict` and `tinymm evaluate`: an answer, or one clear sentence, whatever it is."""

import json

import numpy as np
import pytest

from tinymm import checkpoint
from tinymm.cli import main
from tinymm.recipes import Recipe, loading, train_model

from .samples import images, sounds, texts, together

pytestmark = pytest.mark.usefixtures("quick_pictures")

RATE = 8000
TONE = (0.4 * np.sin(2 * np.pi * 500 * np.arange(RATE // 3) / RATE)).astype(np.float32)
EMOJI = "😀🎉👍🏽"
LONG = "great " * (1_000_000 // 6)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A trained model of each sense, and one of all three."""
    made = {
        "image": (Recipe(model="cnn", epochs=3), images()),
        "audio": (Recipe(model="cnn", epochs=3, batch_size=8), sounds()),
        "text": (Recipe(model="logistic", epochs=3), texts()),
        "words": (Recipe(model="gru", epochs=1), texts()),
        "all": (Recipe(epochs=2, batch_size=8), together()),
        "relations": (Recipe(data="multimodal-digits", model="shared-space", epochs=1), together()),
    }
    folder, paths = tmp_path_factory.mktemp("runs"), {}
    for name, (recipe, data) in made.items():
        paths[name] = folder / name
        paths[name].mkdir()
        checkpoint.save(train_model(recipe, data).state_dict(), paths[name] / "checkpoint.npz")
    return paths


@pytest.fixture
def predicted(runs, capsys):
    """Call `tinymm predict`: its status, lines of answers and sentences of complaint; never a traceback."""

    def call(run, *arguments):
        before = sorted(path.name for path in runs[run].iterdir())
        status = main(["predict", str(runs[run]), *map(str, arguments)])
        out, error = capsys.readouterr()
        assert "Traceback" not in error and sorted(path.name for path in runs[run].iterdir()) == before
        complaints = error.splitlines()
        assert all(line.startswith("tinymm predict: ") and len(line) < 400 for line in complaints)
        assert (status == 0) == (not complaints)
        return status, out.splitlines(), complaints

    return call


# --- images ---


@pytest.fixture
def pictures(tmp_path):
    """Image files by what is the matter with them."""
    from matplotlib.image import imsave

    ink = np.zeros((30, 20))
    ink[5:25, 8:12] = 1
    drawn = {
        "another size": ink,
        "dark on light": 1 - ink,
        "coloured": np.stack([ink] * 3, axis=2),
        "with transparency": np.stack([ink] * 4, axis=2),
        "wide": np.repeat(ink, 40, axis=1),
        "one pixel": np.ones((1, 1)),
        "blank": np.zeros((28, 28)),
    }
    paths = {name: tmp_path / f"{name}.png" for name in (*drawn, "cut off", "empty", "no image", "missing", "folder")}
    for name, picture in drawn.items():
        imsave(paths[name], picture, cmap="gray", vmin=0, vmax=1)
    paths["cut off"].write_bytes(paths["wide"].read_bytes()[:60])
    paths["empty"].write_bytes(b"")
    paths["no image"].write_text("a shopping list")
    paths["folder"].mkdir()
    return paths


@pytest.mark.parametrize("run", ["image", "all"])
@pytest.mark.parametrize("name", ["another size", "dark on light", "coloured", "with transparency", "wide"])
def test_images_that_get_an_answer(run, name, predicted, pictures):
    status, lines, _ = predicted(run, pictures[name])
    assert status == 0 and len(lines) == 1


@pytest.mark.parametrize("run", ["image", "all"])
@pytest.mark.parametrize("name", ["one pixel", "blank", "cut off", "empty", "no image", "missing", "folder"])
def test_images_that_get_one_sentence(run, name, predicted, pictures):
    status, lines, complaints = predicted(run, pictures[name])
    assert (status, lines, len(complaints)) == (2, [], 1) and f"{name}.png" in complaints[0]


# --- sounds ---


@pytest.fixture
def recordings(tmp_path):
    """Sound files by what is the matter with them."""
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("scipy")
    recorded = {
        "one sample": (TONE[20:21], RATE, "PCM_16"),
        "ten samples": (TONE[20:30], RATE, "PCM_16"),
        "another rate": (np.repeat(TONE, 6), 48_000, "PCM_24"),
        "a slow rate": (TONE[::4], 2000, "PCM_U8"),
        "stereo": (np.stack([TONE, 0 * TONE], axis=1), RATE, "FLOAT"),
        "silent": (0 * TONE, RATE, "PCM_16"),
        "constant": (0 * TONE + 0.5, RATE, "PCM_16"),
        "without samples": (TONE[:0], RATE, "PCM_16"),
        "with NaN": (np.where(np.arange(len(TONE)) == 9, np.nan, TONE), RATE, "FLOAT"),
    }
    broken = ("cut header", "cut off", "empty", "no sound", "missing", "folder")
    paths = {name: tmp_path / f"{name}.wav" for name in (*recorded, *broken)}
    for name, (sound, rate, subtype) in recorded.items():
        soundfile.write(paths[name], sound, rate, subtype)
    whole = paths["another rate"].read_bytes()
    paths["cut header"].write_bytes(whole[:22])
    paths["cut off"].write_bytes(whole[: len(whole) // 2])
    paths["empty"].write_bytes(b"")
    paths["no sound"].write_text("la la la")
    paths["folder"].mkdir()
    return paths


@pytest.mark.parametrize("run", ["audio", "all"])
@pytest.mark.parametrize("name", ["ten samples", "another rate", "a slow rate", "stereo", "cut off"])
def test_sounds_that_get_an_answer(run, name, predicted, recordings):
    status, lines, _ = predicted(run, recordings[name])
    assert status == 0 and len(lines) == 1


@pytest.mark.parametrize("run", ["audio", "all"])
@pytest.mark.parametrize(
    "name",
    ["one sample", "silent", "constant", "without samples", "with NaN", "cut header", "empty", "no sound", "missing"],
)
def test_sounds_that_get_one_sentence(run, name, predicted, recordings):
    status, lines, complaints = predicted(run, recordings[name])
    assert (status, lines, len(complaints)) == (2, [], 1) and f"{name}.wav" in complaints[0]


# --- texts ---


@pytest.mark.parametrize("run", ["text", "words", "all"])
@pytest.mark.parametrize(
    "text", [EMOJI, LONG, "�", "\udcff\udcfe", "a\x00b\x07", "no\nlines\tor 退款 $ {} %s", "\u200b"]
)
def test_texts_that_get_an_answer(run, text, predicted):
    status, lines, _ = predicted(run, text)
    assert status == 0 and len(lines) == 1 and len(lines[0]) < 300


@pytest.mark.parametrize("run", ["text", "words", "all"])
@pytest.mark.parametrize(("text", "words"), [("", "empty"), (" \n\t ", "empty"), (2 * LONG, "at most 1,048,576")])
def test_texts_that_get_one_sentence(run, text, words, predicted):
    status, lines, complaints = predicted(run, text)
    assert (status, lines, len(complaints)) == (2, [], 1) and words in complaints[0]


# --- several senses ---


def test_any_senses_will_do(predicted, pictures, recordings):
    given = {"--image": pictures["wide"], "--audio": recordings["stereo"], "--text": "it was great"}
    for wanted in (["--image"], ["--text"], ["--image", "--audio"], ["--audio", "--text"], list(given)):
        arguments = [part for option in wanted for part in (option, given[option])]
        status, lines, _ = predicted("all", *arguments)
        assert status == 0 and len(lines) == 1 and lines[0].count(" + ") == len(wanted) - 1
    status, lines, _ = predicted("all", "--text", "it was great", "--json")
    (row,) = json.loads("\n".join(lines))
    assert (row["image"], row["text"]) == (None, "it was great") and set(row["classes"]) == {"no", "yes"}


def test_one_bad_sense_spoils_the_sample_but_not_the_others(predicted, pictures, recordings):
    status, lines, complaints = predicted("all", "fine", "--image", pictures["blank"], "--text", "great")
    assert status == 2 and len(lines) == 1 and lines[0].startswith("fine") and "blank.png" in complaints[0]


def test_senses_that_the_model_does_not_have(predicted, pictures):
    status, _, complaints = predicted("text", "--image", pictures["wide"])
    assert status == 2 and "the model takes text, but image was given: leave it out" in complaints[0]
    status, _, complaints = predicted("image", "--image", pictures["wide"], "--text", "seven")
    assert status == 2 and "the model takes image, but text was given" in complaints[0]
    assert predicted("text", "--text", "it was great")[0] == 0
    assert predicted("image", "--image", pictures["wide"])[0] == 0


def test_nothing_to_look_at_is_said(predicted):
    status, _, complaints = predicted("all")
    assert status == 2 and "nothing to look at was given" in complaints[0]


def test_relations_are_found_by_any_sense(predicted):
    status, lines, _ = predicted("relations", "seven", EMOJI, "--top", "1")
    assert status == 0 and len(lines) == 2 and all("image" in line and "audio" in line for line in lines)


# --- whole data sets ---


def test_evaluating_on_images_of_another_size(runs, monkeypatch, capsys):
    made = {"larger": images(shape=(1, 16, 16)), "coloured": images(shape=(3, 8, 8))}
    monkeypatch.setattr(loading, "open_dataset", lambda name, *_: made[name])
    assert main(["evaluate", str(runs["image"]), "--data", "larger", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.9
    assert main(["evaluate", str(runs["image"]), "--data", "coloured"]) == 2
    error = capsys.readouterr().err
    assert "trained on images of 1×8×8, but these are 3×8×8" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("run", "data", "words"),
    [
        ("image", "desk", "does not fit a model for image with 2 classes"),
        ("all", "digits", "does not fit a model for all three with 2 classes"),
        ("text", "multimodal-digits", "does not fit a model for text with 2 classes"),
        ("image", "nowhere.npz", "there is no data set or file 'nowhere.npz'"),
        ("image", "cut.npz", "cut.npz is damaged or no .npz file"),
        ("image", "nan.npz", "no sample would be left"),
        ("image", "flat.npz", "must have one entry per sample"),
    ],
)
def test_evaluating_on_what_does_not_fit(run, data, words, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "nan.npz", x=np.full((20, 1, 8, 8), np.nan, np.float32), y=np.arange(20) % 2)
    np.savez(tmp_path / "flat.npz", x=np.float32(1), y=np.int64(1))
    before = sorted(tmp_path.iterdir())
    assert main(["evaluate", str(runs[run]), "--data", data]) == 2
    out, error = capsys.readouterr()
    assert words in error and error.count("\n") == 1 and not out and sorted(tmp_path.iterdir()) == before
