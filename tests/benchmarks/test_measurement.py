import pytest

from benchmarks.goals import Goal
from benchmarks.measurement import Measurement, exponent


def measured(**values):
    return Measurement("row", "kind", values=values, flops=100.0, traffic=10.0)


def test_median_and_spread():
    row = measured(tinymm=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert row.median("tinymm") == 3
    assert row.spread("tinymm") == pytest.approx(1 / 3)  # quartiles 2 and 4
    assert measured(tinymm=[1.0]).spread("tinymm") == 0


def test_ratio_is_taken_round_by_round():
    row = measured(tinymm=[1.0, 10.0, 2.0], torch=[2.0, 20.0, 40.0])
    assert row.ratio("torch") == 2  # the median of 2, 2 and 20


def test_fastest_peer():
    row = measured(tinymm=[1.0], torch=[3.0], jax=[2.0])
    assert row.fastest_peer() == "jax"
    assert measured(tinymm=[1.0]).fastest_peer() is None


def test_share_is_of_the_limit_that_binds():
    row = measured(tinymm=[4.0])
    assert row.share(rate=50, bandwidth=100) == pytest.approx(0.5)
    assert row.share(rate=1000, bandwidth=5) == pytest.approx(0.5)
    assert Measurement("import", "import", {"tinymm": [1.0]}).share(1, 1) is None


def test_judge():
    row = measured(tinymm=[1.0], torch=[3.0], jax=[2.0])
    assert row.judge(Goal(2.0)) is True
    assert row.judge(Goal(2.5)) is False
    assert row.judge(Goal(2.5, against="torch")) is True
    assert row.judge(Goal(2.5, against="tensorflow")) is None
    assert row.judge(Goal(most=0.5)) is False
    assert row.judge(None) is None
    assert measured(torch=[1.0]).judge(Goal(1.0)) is None


def test_a_disturbed_row_is_not_judged():
    row = measured(tinymm=[1.0], torch=[3.0])
    row.strangers = 0.01
    assert row.judge(Goal(2.0)) is True
    row.strangers = 0.3
    assert row.judge(Goal(2.0)) is None


def test_exponent():
    assert exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)
    assert exponent([1, 2, 4, 8], [5, 5, 5, 5]) == pytest.approx(0)
