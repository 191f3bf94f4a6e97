from dataclasses import replace

import pytest

from benchmarks.scoreboard import Score, Spent, keep, load

SCORE = Score(
    claim="speech",
    model="cnn",
    data="fsdd",
    tested="official split",
    goal=0.99,
    threads=2,
    machine="a machine",
    date="2026-01-01",
    found={0: [0.98], 1: [0.99], 2: [1.0]},
    spent=Spent(processor=90.0, clock=60.0, strangers=0.01),
)


def test_the_deviation_is_that_of_the_seeds_whose_scores_are_means_over_folds():
    score = replace(SCORE, folds=2, found={0: [0.5, 0.9], 1: [0.8, 0.8]})
    assert score.finished == pytest.approx({0: 0.7, 1: 0.8})
    assert score.figure() == "75.00 % ± 7.07"
    assert "official split, 2 folds" in score.cells()
    assert replace(SCORE, found={0: [0.5]}).figure() == "50.00 %"  # one seed has no deviation


@pytest.mark.parametrize(("measure", "goal", "reached"), [("accuracy", 0.99, True), ("accuracy", 0.995, False)])
def test_an_accuracy_must_reach_its_goal(measure, goal, reached):
    score = replace(SCORE, measure=measure, goal=goal)
    assert score.reached is reached
    assert ("reached" if reached else "missed") in score.verdict() and "≥" in score.verdict()


def test_an_error_must_stay_below_its_goal():
    score = replace(SCORE, measure="word error rate", found={0: [0.02]}, goal=0.05)
    assert score.reached and "≤ 5.0%" in score.verdict()
    assert replace(score, found={0: [0.06]}).reached is False
    assert replace(score, goal=None).reached is None and replace(score, goal=None).verdict() == ""


def test_a_clock_that_others_slowed_down_is_marked():
    assert "†" not in SCORE.cells()[-1] and "1.0 min, 2 threads" in SCORE.cells()[-1]
    assert "†" in replace(SCORE, spent=Spent(90, 60, strangers=0.5)).cells()[-1]
    assert "†" not in replace(SCORE, spent=Spent(90, 60)).cells()[-1]


def test_a_row_measured_again_takes_its_own_place(tmp_path):
    other = replace(SCORE, claim="digits")
    for score in (SCORE, replace(SCORE, model="crnn"), other):
        keep(score, tmp_path / "new", ["digits", "speech"])
    again = replace(SCORE, found={0: [0.5]})
    keep(again, tmp_path / "new", ["digits", "speech"])
    assert load(tmp_path / "new" / "accuracy.json") == [other, again, replace(SCORE, model="crnn")]
    page = (tmp_path / "new" / "accuracy.md").read_text(encoding="utf-8")
    assert "**50.00 %**" in page and page.count("| `speech` |") == 2 and "a machine." in page


def test_folds_are_added_one_by_one_and_time_is_the_mean_of_all_trainings():
    score = replace(SCORE, folds=2, found={}, spent=Spent(0, 0))
    for seed, value, seconds in ((0, 0.9, 10), (0, 0.7, 20), (1, 1.0, 60)):
        score = score.add(seed, value, Spent(seconds, 2 * seconds, strangers=seconds / 100))
    assert score.found == {0: [0.9, 0.7], 1: [1.0]} and score.finished == pytest.approx({0: 0.8})
    assert score.figure() == "80.00 %" and score.reached is False  # a seed counts once all its folds are there
    assert [score.spent.processor, score.spent.clock, score.spent.strangers] == pytest.approx([30, 60, 0.3])
    assert score.add(1, 1.0, Spent(30, 60)).spent.strangers == pytest.approx(0.3)


def test_a_row_without_a_finished_seed_is_kept_but_not_shown(tmp_path):
    keep(replace(SCORE, folds=2), tmp_path)
    assert "| `speech` |" not in (tmp_path / "accuracy.md").read_text(encoding="utf-8")
    assert load(tmp_path / "accuracy.json")[0].found == SCORE.found


def test_there_are_no_scores_without_a_file(tmp_path):
    assert load(tmp_path / "accuracy.json") == []
