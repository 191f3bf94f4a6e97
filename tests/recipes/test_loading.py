"""Opening, cleaning and cutting: what is tested is never trained on."""

from dataclasses import replace

import numpy as np
import pytest

from tinymm.data.datasets import Dataset
from tinymm.recipes import Loaded, Recipe, cut, load_data, loading
from tinymm.recipes.loading import joined

from .samples import images, sounds, texts


def opened(monkeypatch, **sets):
    monkeypatch.setattr(loading, "open_dataset", lambda name, *_: sets[name])
    monkeypatch.setattr(loading, "sense_of", lambda name: sets[name].sense)
    monkeypatch.setattr("tinymm.recipes.recipe.sense_of", lambda name: sets[name].sense)


def loaded(data, **more):
    return Loaded(data, None, **more)


def test_a_fifth_is_held_out_in_proportion_to_the_classes():
    data = texts()
    parts = cut(Recipe(data="x", folds=3), loaded(data))
    assert np.array_equal(np.sort(np.concatenate([parts.train, parts.held])), np.arange(60))
    assert np.bincount(data.y[parts.held]).tolist() == [6, 6] and len(parts.folds) == 3
    assert parts.held_name == "the held-out fifth"


def test_no_folds():
    assert cut(Recipe(data="x", folds=0), loaded(texts())).folds == []


def test_the_official_test_set_is_the_test():
    official = np.arange(60) >= 50
    parts = cut(Recipe(data="x", split="official"), loaded(texts(), official=official))
    assert parts.held.tolist() == list(range(50, 60)) and parts.train.tolist() == list(range(50))
    assert parts.folds == [] and parts.held_name == "the official test set"


@pytest.mark.parametrize(("folds", "expected"), [(None, 3), (2, 2)])
def test_groups_stay_whole(folds, expected):
    data = sounds()
    parts = cut(Recipe(data="x", split="groups", folds=folds), loaded(data))
    assert len(parts.folds) == expected
    for train, test in [*parts.folds, (parts.train, parts.held)]:
        assert not set(data.groups[train]) & set(data.groups[test])
    assert "anna" in parts.held_name or folds


def test_groups_that_are_not_there():
    with pytest.raises(ValueError, match="split is groups, but opinions has none"):
        cut(Recipe(data="x", split="groups"), loaded(texts()))


def test_extra_data_are_trained_on_only(monkeypatch):
    data, extra = sounds(), replace(sounds(10, seed=1), name="more tones")
    opened(monkeypatch, mine=data, more=extra)
    found = load_data(Recipe(data="mine", extra_data="more", split="groups"))
    assert len(found.data) == 24 and len(found.training(np.array([0, 5]))) == 12
    opened(monkeypatch, mine=data, more=texts())
    with pytest.raises(ValueError, match=r"opinions \(text, 2 classes\) cannot be added to tones \(audio, 2 classes\)"):
        load_data(Recipe(data="mine", extra_data="more"))


def test_joining_brings_sounds_to_one_rate():
    pytest.importorskip("scipy")
    both = joined(sounds(4), sounds(6, rate=16000))
    assert len(both) == 10 and both.rate == 8000 and 1500 < len(both.x[9]) < 4100
    assert both.groups.tolist()[:3] == ["anna", "anna", "ben"]


def test_joining_images_keeps_their_shape():
    both = joined(images(10), images(6))
    assert both.x.shape == (16, 1, 8, 8) and both.files == () and both.groups is None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros(100, np.float32), "1 silent (sample 3)"),
        (np.zeros(0, np.float32), "1 silent (sample 3)"),
        (np.array([0.1, np.nan, 0.2], np.float32), "1 missing values (sample 3)"),
    ],
)
def test_sounds_that_are_none(monkeypatch, bad, words):
    data = sounds()
    x = data.x.copy()
    x[3] = bad
    opened(monkeypatch, mine=replace(data, x=x))
    with pytest.raises(ValueError, match=r"of 24 samples, .*on_problem='drop'") as error:
        load_data(Recipe(data="mine"))
    assert words in str(error.value)
    found = load_data(Recipe(data="mine", on_problem="drop"))
    assert len(found.data) == 23 and found.cleaning.total == 24 and len(found.data.groups) == 23


def test_empty_texts(monkeypatch):
    opened(monkeypatch, mine=Dataset(["a", " ", "b", ""], np.array([0, 1, 1, 0]), ("x", "y"), "few", "s", "l"))
    with pytest.raises(ValueError, match=r"few: of 4 samples, 2 empty \(samples 1, 3\)"):
        load_data(Recipe(data="mine", folds=0))
    assert load_data(Recipe(data="mine", folds=0, on_problem="drop")).data.x.tolist() == ["a", "b"]


def test_one_class_only(monkeypatch):
    data = texts()
    opened(monkeypatch, mine=data.subset(data.y == 1))
    with pytest.raises(ValueError, match=r"all samples are of one class \(good\)"):
        load_data(Recipe(data="mine"))


def test_no_official_test_set():
    with pytest.raises(ValueError, match="split is official, but digits has no official test set"):
        load_data(Recipe(split="official"))


def test_official_sets_are_joined_and_marked(monkeypatch):
    parts = {
        "train": replace(texts(50), name="opinions train"),
        "test": replace(texts(20, seed=1), name="opinions test"),
    }
    monkeypatch.setitem(loading.OFFICIAL, "trec", parts.__getitem__)
    found = load_data(Recipe(data="trec"))
    assert found.data.name == "opinions" and found.official.sum() == 20 and not found.official[:50].any()


def test_the_desk_by_its_short_name():
    data = load_data(Recipe(data="desk", folds=0)).data
    assert data.sense == "text" and len(data.class_names) == 15
