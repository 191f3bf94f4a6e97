from dataclasses import replace

import pytest

from benchmarks import accuracy
from benchmarks.accuracy import Row, measure
from benchmarks.scoreboard import load
from tinymm.recipes import Recipe

ROW = Row(Recipe(model="logistic", folds=3, epochs=1))


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of all trainings; from the moment when there are `at_most`, Ctrl-C."""
    seeds, real = [], accuracy.train_model

    def train_model(recipe, data, **options):
        if len(seeds) == seeds_at_most[0]:
            raise KeyboardInterrupt
        seeds.append(options["seed"])
        return real(recipe, data, **options)

    seeds_at_most = [100]
    monkeypatch.setattr(accuracy, "train_model", train_model)
    return seeds, seeds_at_most


def test_a_measurement_goes_on_after_the_folds_that_are_there(trainings, tmp_path, capsys):
    seeds, at_most = trainings
    measure("digits", ROW, 2, tmp_path / "whole")
    assert seeds == [0, 1, 2, 1, 2, 3]
    (whole,) = load(tmp_path / "whole" / "accuracy.json")
    assert len(whole.finished) == 2 and whole.folds == 3 and whole.measure == "accuracy"

    seeds.clear()
    at_most[0] = 4
    with pytest.raises(KeyboardInterrupt):
        measure("digits", ROW, 2, tmp_path)
    assert [len(values) for values in load(tmp_path / "accuracy.json")[0].found.values()] == [3, 1]
    assert "| 1 |" in (tmp_path / "accuracy.md").read_text(encoding="utf-8")  # one seed is finished

    at_most[0] = 100
    measure("digits", ROW, 2, tmp_path, resume=True)
    assert seeds == [0, 1, 2, 1, 2, 3]
    (resumed,) = load(tmp_path / "accuracy.json")
    assert resumed.found == whole.found
    measure("digits", ROW, 2, tmp_path, resume=True)
    assert len(seeds) == 6
    capsys.readouterr()
    measure("digits", ROW, 1, tmp_path)  # from the beginning
    assert len(seeds) == 9 and list(load(tmp_path / "accuracy.json")[0].found) == [0]


def test_a_row_is_tested_on_another_data_set_as_a_whole(trainings, tmp_path):
    row = Row(replace(ROW.recipe, folds=0), tested_on="digits")
    measure("digits", row, 1, tmp_path)
    (score,) = load(tmp_path / "accuracy.json")
    assert score.folds == 1 and score.tested == "digits" and 0.5 < score.mean <= 1
