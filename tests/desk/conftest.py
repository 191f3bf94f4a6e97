"""The desk's own models, trained once for all tests here, as briefly as will do; those of text are as good as real."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tinymm.desk import models, spoken
from tinymm.desk.desk import Desk

QUICK = {
    "intent": {"epochs": 8},
    "sentiment": {"epochs": 4},
    "digits": {"model": "logistic", "epochs": 10},
    "speech": {"epochs": 1},
    "requests": {"epochs": 1},
}


@pytest.fixture(scope="session", autouse=True)
def sounds_unpacked_once():
    """The bundled sounds take half a second each time that they are made of their coefficients."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load_spoken_digits", "load_spoken_requests"):
            patch.setattr(spoken, name, cache(getattr(spoken, name)))
        yield


@pytest.fixture(scope="session")
def desk_cache(tmp_path_factory, sounds_unpacked_once):
    """A cache folder with all its models."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        use_quick_recipes(patch, folder)
        few = spoken.training_sounds()
        few = few.subset(np.isin(few.groups, np.unique(few.groups)[::20]))
        patch.setattr(models, "training_sounds", lambda: few)
        digits = spoken.training_digits()
        digits = digits.subset(np.isin(digits.groups, np.unique(digits.groups)[::20]))
        patch.setattr(models, "training_digits", lambda: digits)
        patch.setattr("tinymm.recipes.speech.SURVEY", 10)
        for name in QUICK:
            models.train_own(name, progress=False)
    return folder


def use_quick_recipes(patch, folder):
    """Have this cache folder used, and recipes that are quick; the name of a model depends on both."""
    patch.setenv("XDG_CACHE_HOME", str(folder))
    quick = {name: replace(recipe, **QUICK[name]) for name, recipe in models.RECIPES.items()}
    patch.setattr(models, "RECIPES", quick)
    patch.setattr(models, "FOLDS", 2)


@pytest.fixture
def own_models(desk_cache, monkeypatch):
    """The desk finds its models in that cache."""
    use_quick_recipes(monkeypatch, desk_cache)
    return desk_cache


@pytest.fixture(scope="session")
def desk(desk_cache):
    with pytest.MonkeyPatch.context() as patch:
        use_quick_recipes(patch, desk_cache)
        desk = Desk(progress=False)
        desk.prepare()
    return desk
