"""One way to train for all senses: every model learns, is kept, and comes back the same."""

from dataclasses import replace

import numpy as np
import pytest

from tinymm import checkpoint
from tinymm.recipes import MODELS, Inputs, Recipe, Trained, train_model
from tinymm.recipes.classification import CLASSIFICATION
from tinymm.recipes.images import ImageFrontEnd

from .samples import images, sounds, texts

DATA = {"image": images, "audio": sounds, "text": texts}
ALL = [(sense, name) for sense, models in MODELS.items() for name in models if models[name].task is CLASSIFICATION]
QUICK = {"mmbigmodel": 1}


@pytest.mark.parametrize(("sense", "name"), ALL)
def test_every_classifier_learns_and_comes_back_from_its_checkpoint(sense, name, tmp_path):
    data = DATA[sense]()
    recipe = Recipe(model=name, epochs=QUICK.get(name, 25), batch_size=8, lr=None if sense == "image" else 0.01)
    trained = train_model(recipe, data, seed=1)
    probabilities = trained.probabilities(data.x)
    assert probabilities.shape == (len(data), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    if name not in QUICK:
        assert np.mean(probabilities.argmax(axis=1) == data.y) > 0.9
    checkpoint.save(trained.state_dict(), tmp_path / "trained.npz")
    again = Trained.from_state(checkpoint.load(tmp_path / "trained.npz"))
    np.testing.assert_array_equal(again.probabilities(data.x), probabilities)
    assert again.class_names == data.class_names and again.recipe == recipe.complete(sense)


@pytest.mark.parametrize(("sense", "name"), [("audio", "cnn"), ("text", "gru"), ("text", "logistic")])
def test_equal_seeds_give_equal_models_bit_for_bit(sense, name):
    data = DATA[sense]()
    states = [train_model(Recipe(model=name, epochs=1), data, seed=seed).model.state_dict() for seed in (0, 0, 1)]
    equal = [all(np.array_equal(states[0][key], other[key]) for key in states[0]) for other in states[1:]]
    assert equal == [True, False]


def test_the_front_end_sees_the_training_samples_only():
    data = texts()
    other = replace(data, x=np.array([f"{text} unseen" for text in data.x], dtype=object))
    trained = train_model(Recipe(model="logistic", epochs=1), data, validation=other)
    assert "unseen" not in trained.front_end.terms
    assert len(trained.history["validation_loss"]) == 1


def test_inputs_are_made_batch_by_batch():
    front_end, data = ImageFrontEnd(), images()
    rows = front_end.fit_prepare(data)
    inputs = Inputs(front_end, rows)
    assert len(inputs) == 40 and inputs[3:5].shape == (2, 1, 8, 8)
    np.testing.assert_array_equal(inputs[[1, 2]], front_end(rows)[[1, 2]])


def test_gd_takes_all_samples_at_once():
    trained = train_model(Recipe(model="logistic", optimizer="gd", epochs=3), texts())
    assert len(trained.history["train_loss"]) == 3
