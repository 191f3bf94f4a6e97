import json

import numpy as np
import pytest

from tinymm.data.datasets import Dataset
from tinymm.desk import measuring


@pytest.fixture
def quick(monkeypatch, own_models):
    for name, value in {"TURNS": 8, "ROWS": 4, "STRINGS": 3}.items():
        monkeypatch.setattr(measuring, name, value)
    real, kept = measuring.cross_validated, {}

    def cross_validated(recipe, data, progress):
        if recipe not in kept:
            kept[recipe] = real(recipe, data, progress)
        return kept[recipe]

    monkeypatch.setattr(measuring, "cross_validated", cross_validated)


def test_the_evaluation_is_complete_and_plausible(desk, quick):
    measured = measuring.evaluate(desk)
    content = json.loads(json.dumps(measured.to_dict()))
    for what, least in (("intent", 0.6), ("sentiment", 0.6)):
        for language in ("en", "zh"):
            classes = content[f"{what}, {language}"]["rows"]
            assert set(classes["mean"]) == {"precision", "recall", "F1", "samples"}
            row = content[f"{what}, {language}: probabilities"]["rows"]["all"]
            assert row["accuracy"] > least and row["among the first two"] >= row["accuracy"]
            assert row["calibration error"] < 0.2
    assert content["intent, en"]["rows"]["mean"]["samples"] == 1262
    answered = content["intent, en: answered at once"]["rows"]
    assert answered["at most 10% mistakes"]["right of these"] > answered["at most 10% mistakes"]["right of the others"]
    assert answered["at most 3% mistakes"]["answered"] <= answered["at most 10% mistakes"]["answered"]
    assert content["numbers"]["rows"]["typed in the bundled requests"]["found"] == 1
    requests = content["spoken requests"]["rows"]
    assert {"known wordings, all", "new wordings, recorded voices"} < set(requests) and len(requests) == 6
    for row in requests.values():
        assert (
            0 < row["samples"] <= 3 and row["word error rate"] >= 0 and 0 <= row["intent"] <= 1 and row["typed"] > 0.3
        )
    assert "precision" in str(measured) and "%" in str(measured)


def test_latencies(desk, quick):
    measured = measuring.latency(desk)
    rows = measured.tables["latency"]
    assert set(rows) >= {"typed", "a picture of a number", "a spoken number: after the end of the sound"}
    assert "a spoken request: after the end of the sound" in rows
    for row in rows.values():
        assert 0 < row["median ms"] <= row["95 % ms"] <= row["longest ms"]
    assert "ms" in str(measured)


def test_thresholds_are_chosen_without_the_samples_they_are_used_on():
    """One sample's probabilities do not change whether it is answered by more than they change its own confidence."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    p = rng.dirichlet(np.ones(3), 200)
    p[np.arange(200), y] += 1
    p /= p.sum(axis=1, keepdims=True)
    data = Dataset(["x"] * 200, y, ("a", "b", "c"), "x", "x", "x", groups=np.repeat(["en", "zh"], 100))
    honest, answered = measuring._cross_fitted(data, p, 0.1)
    changed = p.copy()
    changed[0] = [0.98, 0.01, 0.01]
    again = measuring._cross_fitted(data, changed, 0.1)[0]
    assert honest.sum(axis=1) == pytest.approx(1) and answered.dtype == bool
    assert not np.allclose(again[0], honest[0])
    same = np.isclose(again, honest).all(axis=1)
    assert 15 <= same.sum() - 100 <= 25  # the other language, and the samples of its own fold


def test_drawn_numbers_are_pictures():
    digits = measuring.load_digits()
    pictures, truth = measuring.draw_numbers(digits.x, digits.y, 5, np.random.default_rng(0))
    assert all(
        p.ndim == 3 and p.shape[0] == 1 and p.dtype == np.float32 and p.min() >= 0 and p.max() <= 1 for p in pictures
    )
    assert all(t.isdecimal() and len(t) <= measuring.MOST for t in truth)
