"""What a recipe accepts, and what it fills in."""

import pytest

from tinymm.recipes import MODELS, RECIPES, Recipe


def test_the_plain_recipe_is_the_reference_model_on_the_bundled_digits():
    recipe = Recipe().complete()
    assert RECIPES["digits"].complete() == recipe
    assert (recipe.data, recipe.model, recipe.split, recipe.folds) == ("digits", "mmbigmodel", "folds", 5)
    assert (recipe.epochs, recipe.lr, recipe.batch_size, recipe.augment) == (20, 0.001, 32, False)


def test_completing_twice_changes_nothing():
    for recipe in (*RECIPES.values(), Recipe(data="fsdd", split="groups")):
        complete = recipe.complete()
        assert complete.complete() == complete
        senses = {"digits": "image", "mnist-test": "image", "fsdd": "audio", "multimodal-digits": "all three"}
        assert complete.model in MODELS[senses.get(recipe.data, "text")]


@pytest.mark.parametrize(
    ("recipe", "split", "folds"),
    [
        (Recipe(data="trec"), "official", 0),
        (Recipe(data="trec", folds=4), "folds", 4),
        (Recipe(data="trec", folds=0), "folds", 0),
        (Recipe(data="fsdd", split="groups"), "groups", None),
        (Recipe(data="desk"), "folds", 5),
        (Recipe(data="some/folder"), "folds", 5),
    ],
)
def test_how_it_is_tested(recipe, split, folds):
    complete = recipe.complete()
    assert (complete.split, complete.folds) == (split, folds)


def test_the_first_model_of_a_sense_is_its_usual_one():
    for sense, models in MODELS.items():
        assert Recipe().complete(sense).model == next(iter(models))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "vgg"}, "model 'vgg' is unknown"),
        ({"split": "halves"}, "split 'halves' is unknown"),
        ({"split": "official", "folds": 5}, "folds is 5, but the official test set"),
        ({"folds": 1}, "folds is 1"),
        ({"lr": float("nan")}, "lr is nan"),
    ],
)
def test_what_makes_no_sense(values, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**values)


def test_a_model_for_another_sense():
    with pytest.raises(ValueError, match=r"model 'crnn' does not take image, which digits is: .*mmbigmodel"):
        Recipe(model="crnn").complete()
