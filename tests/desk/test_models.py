import gzip
import hashlib
import struct

import numpy as np
import pytest

from tinymm import checkpoint
from tinymm.data.datasets import CATALOGUE, images, load_digits, load_spoken_digits
from tinymm.data.download import RemoteFile
from tinymm.data.image import resize
from tinymm.desk import measuring, models
from tinymm.desk.confidence import NEVER, RISK, Confidence
from tinymm.desk.desk import Desk
from tinymm.recipes import Recipe, cut, load_data, train_model


def test_models_are_trained_once_and_then_found(own_models, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr(models, "train_own", refuse)
    for name in models.RECIPES:
        assert models.cached(name).is_file()
        assert models.load_model(name).confidence


def test_another_recipe_is_another_model(own_models, monkeypatch):
    before = models.cached("intent")
    monkeypatch.setitem(models.RECIPES, "intent", Recipe(data="desk", model="logistic"))
    assert models.cached("intent") != before


def test_a_missing_model_is_trained_when_it_is_needed(tmp_path, own_models, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    desk = Desk(progress=False)
    desk.load()
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "tinymm" / "desk").iterdir()) == [
        "intent",
        "sentiment",
    ]


def test_a_damaged_model_is_trained_anew(own_models, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = models.cached("sentiment")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK no archive")
    assert models.load_model("sentiment", progress=False).confidence
    assert path.stat().st_size > 10_000


def test_confidence_is_chosen_on_what_was_not_trained_on(own_models):
    ready = models.load_model("intent")
    assert set(ready.confidence) == {"en", "zh"}
    for confidence in ready.confidence.values():
        assert confidence.temperature > 0 and 0.3 < confidence.threshold <= 1.01


def test_numbers_are_never_accepted_below_the_risk():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 500)
    p = np.full((500, 10), 1e-4)
    p[np.arange(500), y] = 1 - 9e-4
    confidence = models.digits_confidence(p, y)
    assert confidence.threshold >= 1 - RISK and confidence.temperature == 1


def test_of_a_model_that_hears_nothing_right_nothing_is_accepted(own_models, monkeypatch):
    monkeypatch.setattr(models, "STRINGS", 6)
    trained = models.load_model("speech").trained  # after one epoch
    recordings = load_spoken_digits().subset(np.arange(40))
    assert models.speech_confidence(trained, recordings) == Confidence(1.0, NEVER)


def test_a_model_that_is_always_right_may_be_trusted(own_models, monkeypatch):
    monkeypatch.setattr(
        models, "heard_strings", lambda trained, strings: (np.linspace(0.2, 1, 400), np.ones(400, bool))
    )
    trained = models.load_model("speech").trained
    recordings = load_spoken_digits().subset(np.arange(40))
    assert models.speech_confidence(trained, recordings).threshold < 0.4


def test_a_run_may_be_used_instead_and_gets_its_confidence_from_what_it_held_out(own_models, tmp_path):
    recipe = Recipe(data="desk", model="logistic", epochs=4)
    loaded = load_data(recipe)
    trained = train_model(recipe, loaded.data.subset(cut(recipe, loaded).train))
    checkpoint.save(trained.state_dict(), tmp_path / "own" / "checkpoint.npz")
    run = tmp_path / "own"
    ready = models.load_model("intent", run)
    assert ready.trained.recipe.model == "logistic" and set(ready.confidence) == {"en", "zh"}
    assert all(0 < confidence.threshold <= 1.01 for confidence in ready.confidence.values())


@pytest.fixture
def mnist_like(tmp_path, monkeypatch):
    """Files in MNIST's format, found as the real ones: bundled digits, 20 pixels high in frames of 28."""
    digits = load_digits()
    large = np.pad(resize(digits.x, 20), ((0, 0), (0, 0), (4, 4), (4, 4)))
    pixels = (255 * large).round().clip(0, 255).astype(np.uint8)
    parts = {
        "t10k-images-idx3-ubyte.gz": struct.pack(">4I", 0x803, len(pixels), 28, 28) + pixels.tobytes(),
        "t10k-labels-idx1-ubyte.gz": struct.pack(">2I", 0x801, len(pixels)) + digits.y.astype(np.uint8).tobytes(),
    }
    known = []
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    for name, content in parts.items():
        packed = gzip.compress(content, mtime=0)
        (tmp_path / "data" / "mnist" / name).write_bytes(packed)
        known.append(RemoteFile(name, len(packed), hashlib.sha256(packed).hexdigest()))
    monkeypatch.setitem(images.MNIST_FILES, "test", tuple(known))
    monkeypatch.setenv("TINYMM_DATA", str(tmp_path / "data"))


def digits_run(recipe, folder):
    """A run's folder with a model trained as `tinymm train` does it."""
    loaded = load_data(recipe)
    trained = train_model(recipe, loaded.data.subset(cut(recipe, loaded).train))
    checkpoint.save(trained.state_dict(), folder / "checkpoint.npz")
    return folder


def numbers_read(desk, digits, count):
    """The share of numbers drawn with `digits` that the desk reads right, and of those it is sure of, how many are right."""
    pictures, truth = measuring.draw_numbers(digits.x, digits.y, count, np.random.default_rng(0))
    seen = [desk.see(picture) for picture in pictures]
    right = np.array([found.number == number for found, number in zip(seen, truth, strict=True)])
    sure = np.array([found.number_sure for found in seen])
    return right.mean(), right[sure].mean() if sure.any() else 1.0


def test_a_run_on_mnist_reads_numbers(own_models, mnist_like, tmp_path):
    run = digits_run(Recipe(data="mnist-test", model="logistic", epochs=10), tmp_path / "mnist")
    desk = Desk(digits=run, progress=False)
    right, of_the_sure = numbers_read(desk, load_digits(), 12)
    confidence = desk.number_reader.confidence
    assert right > 0.3 and of_the_sure >= right
    assert confidence.temperature >= 1 and 1 - RISK <= confidence.threshold <= NEVER


@pytest.mark.slow
def test_a_run_on_the_real_mnist_reads_numbers(tmp_path):
    if CATALOGUE["mnist-test"].where() != "in TINYMM_DATA":
        pytest.skip("TINYMM_DATA names no folder with mnist")
    recipe = Recipe(data="mnist-test", model="cnn", epochs=5)
    desk, loaded = Desk(digits=digits_run(recipe, tmp_path / "mnist"), progress=False), load_data(recipe)
    right, of_the_sure = numbers_read(desk, loaded.data.subset(cut(recipe, loaded).held), 100)
    assert right > 0.75 and of_the_sure > 0.9
    right, of_the_sure = numbers_read(
        desk, load_digits(), 100
    )  # of 8×8 pixels, and other people's sevens: often unsure
    assert right > 0.3 and of_the_sure > 0.9


def test_runs_of_another_kind_are_refused(own_models, tmp_path):
    intent, digits = models.cached("intent"), models.cached("digits")
    with pytest.raises(
        ValueError, match=r"intent-.*npz holds a model for text, but the desk's model for digits must be"
    ):
        _ = Desk(digits=intent).number_reader
    with pytest.raises(
        ValueError, match="holds a model for image, but the desk's model for intent must be one for text"
    ):
        Desk(intent=digits).load()
    with pytest.raises(ValueError, match="the model for intent knows negative, neutral, positive, for which"):
        Desk(intent=models.cached("sentiment")).load()
    with pytest.raises(FileNotFoundError, match="gone"):
        Desk(intent=tmp_path / "gone").load()


def test_a_model_that_names_sounds_writes_no_transcripts(own_models, tmp_path):
    few = load_spoken_digits().subset(np.arange(40))
    state = train_model(Recipe(data="spoken-digits", model="cnn", epochs=1), few).state_dict()
    file = checkpoint.save(state | {"confidence": {"": Confidence().state_dict()}}, tmp_path / "names.npz")
    with pytest.raises(ValueError, match="writes no transcripts"):
        _ = Desk(speech=file).transcriber
