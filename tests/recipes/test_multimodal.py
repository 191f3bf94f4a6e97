"""Models of several senses: trained, kept, and used with whatever senses there are."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from tinymm import checkpoint, runs
from tinymm.data.datasets import ALL_THREE, Senses, load_multimodal_digits, open_dataset
from tinymm.data.datasets.dataset import as_samples
from tinymm.models import MMBigModel
from tinymm.models.fusion import FUSIONS
from tinymm.recipes import RECIPES, Recipe, Trained, cut, load_data, loading, train_model
from tinymm.recipes.multimodal import LEVELS, MultimodalFrontEnd, accuracies_by_senses

from .samples import together

pytestmark = pytest.mark.usefixtures("quick_pictures")

QUICK = Recipe(data="multimodal-digits", epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def trained():
    return train_model(replace(QUICK, epochs=12, lr=0.003), together(48), seed=0)


def without(data, *missing):
    return as_samples([sample._replace(**dict.fromkeys(missing)) for sample in data.x])


def test_a_data_set_of_all_three_senses_is_one_like_the_others():
    data = together()
    assert data.sense == ALL_THREE and "24 samples of audio and image and text" in repr(data)
    assert data.subset([3, 1]).x[0].text == data.x[3].text
    train, test = load_multimodal_digits()
    whole = open_dataset("multimodal-digits")
    assert len(whole) == len(train) + len(test) and whole.x[0].text == train.text[0]
    loaded = load_data(RECIPES["multimodal"])
    parts = cut(RECIPES["multimodal"], loaded)
    assert set(loaded.data.index[parts.held]) == set(test.image_number) and not parts.folds
    assert not set(loaded.data.groups[parts.held]) & set(loaded.data.groups[parts.train])  # no voice in both


def test_equal_data_have_equal_fingerprints_whatever_is_missing():
    data = together()
    assert data.sha256() == together().sha256() != together(seed=1).sha256()
    for sense in Senses._fields:
        silenced = data.x.copy()
        silenced[3] = silenced[3]._replace(**{sense: None})
        other = replace(data, x=silenced)
        assert other.sha256() != data.sha256() and other.sha256() == replace(data, x=silenced.copy()).sha256()


def test_the_recipe_joins_senses_as_the_model_does_by_itself():
    recipe, usual = RECIPES["multimodal"].complete(), inspect.signature(MMBigModel).parameters
    assert (recipe.fusion, recipe.modality_dropout) == (usual["fusion"].default, usual["modality_dropout"].default)


@pytest.mark.parametrize("name", ["multimodal", "relations"])
def test_the_main_job_trains_and_reports(name, monkeypatch, tmp_path):
    parts = {"train": together(40), "test": together(16, seed=1)}
    monkeypatch.setitem(loading.OFFICIAL, "multimodal-digits", parts.__getitem__)
    folder = runs.train(replace(RECIPES[name], epochs=1, batch_size=8), tmp_path, progress=False)
    assert (folder / "report.html").is_file() and (folder / "checkpoint.npz").is_file()


def test_it_learns_and_needs_no_particular_sense(trained):
    data = together(48, seed=1)
    assert np.mean(trained.probabilities(data.x).argmax(axis=1) == data.y) > 0.9
    for missing in (["image"], ["audio"], ["text"], ["image", "audio"], ["image", "text"], ["audio", "text"]):
        p = trained.probabilities(without(data, *missing))
        assert p.shape == (48, 2) and np.isfinite(p).all()


def test_a_missing_sense_changes_nothing_for_the_other_samples(trained):
    data = together(6, seed=2)
    mixed = data.x.copy()
    mixed[1], mixed[4] = mixed[1]._replace(audio=None), mixed[4]._replace(image=None, text=None)
    together_p, whole = trained.probabilities(mixed), trained.probabilities(data.x)
    np.testing.assert_allclose(together_p[[0, 2, 3, 5]], whole[[0, 2, 3, 5]], rtol=2e-3, atol=1e-5)
    alone = trained.probabilities(as_samples([mixed[4]]))
    np.testing.assert_allclose(together_p[4], alone[0], rtol=2e-3, atol=1e-5)


def test_some_training_sounds_have_no_noise():
    """After a beep that ends in silence, frames are equal to the last bit only where no noise was added."""
    sound = np.sin(np.arange(4000, dtype=np.float32)) * (np.arange(4000) < 2000)
    data = replace(together(4), x=as_samples([sample._replace(audio=sound) for sample in together(4).x]))
    front_end = MultimodalFrontEnd()
    rows = np.repeat(front_end.fit_prepare(data), 30)
    features, lengths = front_end(rows, np.random.default_rng(0))["audio"]
    before, last = (features[np.arange(len(rows)), lengths - back] for back in (6, 5))  # the last ones see the end
    silent = ((before == last) & (last != 0)).sum(axis=1) > 20  # a few bands may be masked
    assert 0.1 < silent.mean() < 0.4


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_comes_back_from_its_checkpoint(fusion, tmp_path):
    data = together(16)
    made = train_model(replace(QUICK, fusion=fusion, modality_dropout=0.1), data, seed=1)
    checkpoint.save(made.state_dict(), tmp_path / "trained.npz")
    again = Trained.from_state(checkpoint.load(tmp_path / "trained.npz"))
    np.testing.assert_array_equal(again.probabilities(data.x), made.probabilities(data.x))
    assert (again.recipe.fusion, again.recipe.modality_dropout) == (fusion, 0.1)


def test_it_can_be_trained_with_some_of_the_senses():
    data = together(16)
    made = train_model(replace(QUICK, senses="image,text"), data)
    assert set(made.model.model.encoders) == {"image", "text"}
    np.testing.assert_array_equal(made.probabilities(data.x), made.probabilities(without(data, "audio")))
    with pytest.raises(ValueError, match="trained with image and text: give it one of these"):
        made.probabilities(without(data, "image", "text"))


def test_training_varies_the_samples_and_testing_does_not():
    front_end, data = MultimodalFrontEnd(), together(8)
    rows = front_end.fit_prepare(data)
    a, b = front_end(rows), front_end(rows)
    np.testing.assert_array_equal(a["image"], b["image"])
    np.testing.assert_array_equal(a["audio"][0], b["audio"][0])
    varied = [front_end(rows, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    for sense in ("image", "text"):
        np.testing.assert_array_equal(varied[0][sense], varied[1][sense])
    assert not np.array_equal(varied[0]["image"], varied[2]["image"])
    assert not np.array_equal(varied[0]["image"], a["image"])
    assert data.x[0].image.max() <= 1  # the samples themselves stay as they are


def test_the_front_end_needs_every_sense_in_training():
    data = together(8)
    with pytest.raises(ValueError, match="triples: no sample has audio"):
        MultimodalFrontEnd().fit_prepare(replace(data, x=without(data, "audio")))


def test_accuracy_against_noise_is_measured_by_the_senses_used(trained):
    found = accuracies_by_senses(trained, together(20, seed=3))
    assert set(found) == {"image", "audio", "text", "together"}
    assert all(len(values) == len(LEVELS) and 0 <= min(values) <= max(values) <= 1 for values in found.values())


def test_what_is_given_is_read_by_what_it_is(tmp_path, trained):
    front_end = trained.front_end
    assert front_end.read("some words") == Senses(text="some words")
    with pytest.raises(OSError, match=r"a\.png"):
        front_end.read(str(tmp_path / "a.png"))
    with pytest.raises((OSError, ImportError), match=r"a\.wav|soundfile"):
        front_end.read(Senses(audio=str(tmp_path / "a.wav"), text="one"))
    with pytest.raises(ValueError, match="nothing was given"):
        front_end.read(Senses())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"senses": "image,smell"}, "senses 'image,smell' are unknown: name one or more of image, audio, text"),
        ({"senses": ""}, "senses '' are unknown"),
        ({"fusion": "cold"}, "fusion 'cold' is unknown: choose one of early, late, gated, low-rank"),
        ({"modality_dropout": 1.5}, "modality_dropout is 1.5, but it lies between 0 and 1"),
        ({"data": "digits", "fusion": "late"}, "fusion is late, but the model mmbigmodel for image has no such option"),
        ({"model": "shared-space", "fusion": "late"}, "the model shared-space for all three has no such option"),
    ],
)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(ValueError, match=words):
        replace(RECIPES["multimodal"], **options).complete()
