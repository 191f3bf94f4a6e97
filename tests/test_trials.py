"""Trying recipes: the best comes first, one that diverges last, and what a run is tested on is not touched."""

import json
import shlex

import numpy as np
import pytest

from tinymm import cli
from tinymm import trials as room
from tinymm.cli import main
from tinymm.cli_trials import varied_of
from tinymm.distributed import Engine
from tinymm.recipes import Recipe
from tinymm.trials import Trial, grid, trials

pytestmark = pytest.mark.usefixtures("quick_pictures")

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


def test_the_command_compares_and_says_what_to_train(tmp_path, capsys):
    options = ["trials", "--model", "logistic", "--epochs", "2", "--vary", "lr=0.00001,0.1", "--vary", "augment=no"]
    assert main([*options, "--output", str(tmp_path), "--name", "tried", "--quiet"]) == 0
    printed = capsys.readouterr().out
    best = "tinymm train digits --model logistic --epochs 2 --lr 0.1 --no-augment"
    assert [line.split()[:2] for line in printed.splitlines()[:3]] == [
        ["lr", "augment"],
        ["0.1", "no"],
        ["1e-05", "no"],
    ]
    assert f"To train with the best: {best}" in printed
    found = json.loads((tmp_path / "tried" / "trials.json").read_text())
    assert found["best"] == best and [trial["recipe"]["lr"] for trial in found["trials"]] == [0.1, 1e-5]
    assert found["trials"][0]["value"] > 0.9 and found["trials"][0]["measure"] == "accuracy"
    page = (tmp_path / "tried" / "report.html").read_text()
    assert "image/png" in page and found["command"].startswith(
        "tinymm trials digits --model logistic --epochs 2 --vary"
    )
    again = cli._parser().parse_args(shlex.split(found["command"])[1:])
    assert varied_of(again.vary) == {"lr": [1e-5, 0.1], "augment": [False]}
    assert main([*options, "--output", str(tmp_path), "--name", "tried"]) == 2
    assert "exists: choose another name" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_complete(monkeypatch, tmp_path):
    usual, tried = room._try, []

    def stopped(*args):
        tried.append(args)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return usual(*args)

    monkeypatch.setattr(room, "_try", stopped)
    found = room.carry_out(BASE, {"lr": [0.1, 0.2, 0.3]}, tmp_path, "some")
    assert found.interrupted and len(found.trials) == 1 and "1 of 3 trials were complete" in str(found)
    tried[:] = [None]
    with pytest.raises(KeyboardInterrupt, match="no trial was complete"):
        room.carry_out(BASE, {"lr": [0.1, 0.2]}, tmp_path, "none")
    assert [folder.name for folder in tmp_path.iterdir()] == ["some"]


@pytest.mark.parametrize(
    "texts, message",
    [
        ([], "nothing is varied"),
        (["lr"], "no values"),
        (["lr=, ,"], "no values"),
        (["lr=fast"], "'fast' is not a number"),
        (["epochs=1.5"], "'1.5' is not a whole number"),
        (["augment=maybe"], "not yes or no"),
        (["speed=1"], "no option of a recipe: choose one of model, optimizer, lr"),
        (["seed=0,1"], "compared on the same seed"),
    ],
)
def test_what_cannot_be_varied_is_named(texts, message):
    with pytest.raises(ValueError, match=message):
        varied_of(texts)


def test_values_are_of_the_kind_of_their_option_and_may_have_commas():
    assert varied_of(["batch-size=8,16", "augment=yes,no", "batch_size=32,8"]) == {
        "batch_size": [8, 16, 32],
        "augment": [True, False],
    }
    assert varied_of(["senses=image,text;audio"]) == {"senses": ["image,text", "audio"]}


@pytest.mark.slow
def test_side_by_side_on_a_cluster_they_are_the_same():
    pytest.importorskip("ray")
    recipes = grid(BASE, lr=[0.01, 0.5])
    try:
        found = trials(recipes, Engine(workers=2, distributed="ray"))
    except ConnectionError as error:
        pytest.skip(str(error))
    assert found == trials(recipes)
