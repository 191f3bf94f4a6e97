"""The task of telling classes apart: what it judges, and how well founded its confidence is."""

from dataclasses import replace

import numpy as np
import pytest

from tinymm import metrics
from tinymm.recipes.classification import CLASSIFICATION, calibration

from .samples import images


def judged(n=400, sureness=3.0, folds=2, seed=0):
    """Predictions of a model that is `sureness` times too sure, fold after fold."""
    rng = np.random.default_rng(seed)
    data = images(n)
    logits = rng.standard_normal((n, 2))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    p = np.exp(sureness * logits)
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    parts = np.array_split(np.arange(n), folds)
    return CLASSIFICATION.judge([(replace(data, y=y).subset(rows), p[rows]) for rows in parts])


def test_each_fold_has_its_scores_and_its_calibration_error():
    found = judged()
    assert found.folds == 2 and set(found.summary) == {"accuracy", "precision", "recall", "F1", "calibration error"}
    first = slice(0, 200)
    y, p = found.tested.y, found.probabilities
    assert found.summary["accuracy"][0] == (p[first].argmax(axis=1) == y[first]).mean()
    assert found.summary["calibration error"][0] == metrics.expected_calibration_error(y[first], p[first])
    np.testing.assert_array_equal(found.predictions, p.argmax(axis=1))


def test_the_temperature_mends_what_is_too_sure():
    numbers = calibration(judged(2000))
    assert numbers["temperature"] == pytest.approx(3, rel=0.15)
    after, before = (numbers[f"expected_calibration_error{end}"] for end in ("_with_temperature", ""))
    assert after < 0.4 * before
    assert sum(numbers["reliability"]["samples"]) == 2000


def test_a_class_that_is_never_tested_and_certainty_are_no_trouble():
    data = images(8)
    p = np.zeros((8, 3), np.float32)
    p[:, 0] = 1
    numbers = CLASSIFICATION.numbers(CLASSIFICATION.judge([(replace(data, class_names=("a", "b", "c")), p)]))
    assert numbers["calibration"]["expected_calibration_error"] == 0.5
    assert np.shape(numbers["confusion_matrix"]) == (3, 3) and "temperature" not in numbers["calibration"]
    many = replace(images(400), class_names=("a", "b", "c"))
    found = calibration(CLASSIFICATION.judge([(many, np.repeat(p, 50, axis=0))]))
    assert np.isfinite(found["temperature"])
