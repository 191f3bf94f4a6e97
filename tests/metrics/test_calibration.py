"""Calibration against its definition, and against scikit-learn where that is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import functional as F
from tinymm import metrics
from tinymm.metrics import brier_score_loss, expected_calibration_error, fit_temperature, reliability_curve


def predictions(seed, n=40, k=3, sharpness=2.0):
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.standard_normal((n, k))
    return np.asarray(F.softmax(logits, axis=1)), rng.integers(k, size=n)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 12), st.sampled_from(["uniform", "quantile"]))
def test_the_curve_is_that_of_scikit_learn(seed, n, bins, strategy):
    judge = pytest.importorskip("sklearn.calibration")
    probability, y = predictions(seed, n)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == y
    accuracy, mean = judge.calibration_curve(right, confidence, n_bins=bins, strategy=strategy)
    curve = reliability_curve(y, probability, n_bins=bins, strategy=strategy, labels=range(3))
    np.testing.assert_allclose(curve.accuracy, accuracy)
    np.testing.assert_allclose(curve.confidence, mean)
    binary = reliability_curve(right, probability[:, 0], n_bins=bins, strategy=strategy)
    accuracy, mean = judge.calibration_curve(right, probability[:, 0], n_bins=bins, strategy=strategy)
    np.testing.assert_allclose((binary.accuracy, binary.confidence), (accuracy, mean))
    assert curve.samples.sum() == binary.samples.sum() == n


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.booleans(), st.sampled_from([True, False, "auto"]))
def test_the_brier_score_is_that_of_scikit_learn(seed, n, weighted, half):
    judge = pytest.importorskip("sklearn.metrics")
    probability, y = predictions(seed, n)
    weight = np.random.default_rng(seed).random(n) + 0.1 if weighted else None
    options = {"sample_weight": weight, "scale_by_half": half}
    ours = brier_score_loss(y, probability, labels=range(3), **options)
    np.testing.assert_allclose(ours, judge.brier_score_loss(y, probability, labels=range(3), **options))
    for truth, label in ((y == 1, None), (y == 1, False), (np.where(y == 1, "yes", "no"), "yes")):
        options["pos_label"] = label
        expected = judge.brier_score_loss(truth, probability[:, 1], **options)
        np.testing.assert_allclose(brier_score_loss(truth, probability[:, 1], **options), expected)


def test_the_expected_calibration_error_is_the_weighted_gap_of_the_bins():
    probability, y = predictions(0, 200)
    for bins, strategy in ((1, "uniform"), (7, "uniform"), (5, "quantile")):
        curve = reliability_curve(y, probability, n_bins=bins, strategy=strategy)
        gaps = np.abs(curve.accuracy - curve.confidence)
        error = expected_calibration_error(y, probability, n_bins=bins, strategy=strategy)
        assert error == pytest.approx(gaps @ curve.samples / 200)
    assert expected_calibration_error([0, 1], [[0.0, 1.0], [1.0, 0.0]]) == 1  # sure, and always wrong
    assert expected_calibration_error([0, 1], [[1.0, 0.0], [0.0, 1.0]]) == 0
    assert expected_calibration_error([0, 1], [[0.5, 0.5], [0.5, 0.5]]) == 0  # half of them right, and says so


def test_a_bin_holds_its_upper_edge_and_certainty_is_in_the_last():
    curve = reliability_curve([0, 1, 1, 1], [0.0, 0.5, 0.51, 1.0], n_bins=2)
    assert curve.samples.tolist() == [2, 2]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 5))
def test_the_temperature_has_the_least_cross_entropy_and_changes_no_prediction(seed, sharpness):
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((300, 4))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    logits = sharpness * logits

    def loss(temperature):
        return float(F.cross_entropy(logits / temperature, y).item())

    found = fit_temperature(logits, y)
    assert loss(found) <= min(loss(1.01 * found), loss(found / 1.01), loss(1.0)) + 1e-12
    assert (np.argmax(logits / found, axis=1) == logits.argmax(axis=1)).all()
    log_probabilities = np.asarray(F.log_softmax(logits, axis=1))
    assert fit_temperature(log_probabilities, y) == pytest.approx(found)


def test_the_temperature_mends_what_is_too_sure_on_samples_it_has_not_seen():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 5))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    fitted, tested = slice(0, 2000), slice(2000, 4000)
    temperature = fit_temperature(4 * logits[fitted], y[fitted])
    before, after = (np.asarray(F.softmax(4 * logits[tested] / t, axis=1)) for t in (1, temperature))
    assert temperature == pytest.approx(4, rel=0.15)
    assert expected_calibration_error(y[tested], after) < 0.05 < expected_calibration_error(y[tested], before)


def test_the_temperature_stays_finite_where_all_is_right_or_all_is_wrong():
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(logits, [0, 1]) == pytest.approx(0.01)
    assert fit_temperature(logits, [1, 0]) == pytest.approx(100)


P, Y = predictions(1, 6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: reliability_curve(Y, P, n_bins=0), "n_bins must be a whole number of at least 1, not 0"),
        (lambda: reliability_curve(Y, P, n_bins=True), "n_bins must be a whole number of at least 1, not True"),
        (lambda: reliability_curve(Y, P, n_bins=2.0), "n_bins must be a whole number of at least 1, not 2.0"),
        (lambda: reliability_curve(Y, P, strategy="equal"), "strategy 'equal' is unknown: choose one of uniform"),
        (lambda: expected_calibration_error(Y, 5 * P, labels=range(3)), r"must lie in \[0, 1\].*softmax"),
        (lambda: expected_calibration_error([], np.empty((0, 3))), "y_true is empty"),
        (lambda: reliability_curve([0, 1, 2], [0.1, 0.2, 0.3]), "stand for 2 classes, but there are 3"),
        (lambda: brier_score_loss(Y, P, scale_by_half="yes"), "scale_by_half must be"),
        (lambda: brier_score_loss([0, 1, 2], [0.1, 0.2, 0.3], pos_label=1), r"one column per class, \(N, K\)"),
        (lambda: brier_score_loss(Y, P * np.nan), "NaN"),
        (lambda: fit_temperature(P[0], Y), r"logits must be \(6, classes\)"),
        (lambda: fit_temperature(P, Y[1:]), r"logits must be \(5, classes\), one row per label, but are \(6, 3\)"),
        (lambda: fit_temperature(P[:, :0], Y), r"but are \(6, 0\)"),
        (lambda: fit_temperature(np.log(P * 0), Y), "NaN or infinity"),
        (lambda: fit_temperature(P, Y + 1), "whole numbers from 0 to 2, not such as 3"),
        (lambda: fit_temperature(P, list("abcabc")), "not such as 'a'"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_they_are_metrics():
    for name in ("reliability_curve", "expected_calibration_error", "brier_score_loss", "fit_temperature"):
        assert name in metrics.__all__


def test_an_option_may_come_from_a_file():
    """Equal text is enough; it need not be the same object."""
    for strategy in ("uniform", "quantile"):
        expected = reliability_curve(Y, P, strategy=strategy)
        np.testing.assert_equal(reliability_curve(Y, P, strategy="".join(strategy)), expected)
    assert brier_score_loss(Y > 0, P[:, 0], scale_by_half="".join("auto")) == brier_score_loss(Y > 0, P[:, 0])
