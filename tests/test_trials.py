"""Trying recipes: the best comes first, one that diverges last, and what a run is tested on is not touched."""

import numpy as np
import pytest

from tinymm import trials as room
from tinymm.distributed import Engine
from tinymm.recipes import Recipe
from tinymm.trials import Trial, grid, trials

BASE = Recipe(model="logistic", optimizer="sgd", epochs=2, folds=0)


def test_the_best_comes_first_and_the_test_set_is_not_touched(monkeypatch):
    used = []
    usual = room.train_model

    def watched(recipe, data, **options):
        used.append(data)
        return usual(recipe, data, **options)

    monkeypatch.setattr(room, "train_model", watched)
    found = trials(grid(BASE, lr=[1e-5, 0.5]))
    assert [trial.recipe.lr for trial in found] == [0.5, 1e-5]
    assert found[0].measure == "accuracy" and found[0].value > 0.9 > found[1].value
    loaded = BASE.task.load(BASE)
    held = {x.tobytes() for x in loaded.data.x[BASE.task.cut(BASE, loaded).held]}
    assert len(used) == 2 and not held & {x.tobytes() for x in used[0].x}


def test_the_order_of_values_of_errors_and_of_failures():
    found = [
        Trial(BASE, "", np.nan, "the loss is inf"),
        Trial(BASE, "word error rate", 0.3),
        Trial(BASE, "word error rate", 0.1),
    ]
    assert [trial.value for trial in sorted(found, key=room._worth)][:2] == [0.1, 0.3]
    assert np.isnan(sorted(found, key=room._worth)[-1].value)


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match="there are none"):
        trials([])
    with pytest.raises(ValueError, match="differ in their data"):
        trials(grid(BASE, seed=[0, 1]))


@pytest.mark.slow
def test_side_by_side_on_a_cluster_they_are_the_same():
    pytest.importorskip("ray")
    recipes = grid(BASE, lr=[0.01, 0.5])
    try:
        found = trials(recipes, Engine(workers=2, distributed="ray"))
    except ConnectionError as error:
        pytest.skip(str(error))
    assert found == trials(recipes)
