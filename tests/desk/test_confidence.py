import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.desk.confidence import NEVER, Confidence, binomial_bound, threshold_at_risk


def test_the_bound_is_that_of_the_beta_distribution():
    beta = pytest.importorskip("scipy.stats").beta
    for mistakes, count, delta in ((0, 100, 0.05), (3, 50, 0.1), (40, 400, 0.01), (5, 6, 0.1), (0, 1, 0.5)):
        assert binomial_bound(mistakes, count, delta) == pytest.approx(
            beta.ppf(1 - delta, mistakes + 1, count - mistakes)
        )


def test_where_all_is_wrong_nothing_is_bounded():
    assert binomial_bound(4, 4, 0.1) == 1


def test_mistakes_above_the_threshold_stay_rare():
    """The guarantee: over many draws of held-out samples the true risk is exceeded in at most a share delta of them."""
    rng = np.random.default_rng(0)
    exceeded = 0
    for _ in range(100):
        confidence = rng.random(400)
        right = rng.random(400) < confidence  # calibrated: the risk above t is (1 − t) / 2
        threshold = threshold_at_risk(confidence, right, risk=0.15, delta=0.1)
        exceeded += threshold < NEVER and (1 - threshold) / 2 > 0.15
    assert exceeded <= 15


def test_more_risk_is_a_lower_threshold():
    rng = np.random.default_rng(1)
    confidence = rng.random(2000)
    right = rng.random(2000) < confidence
    strict, loose = (threshold_at_risk(confidence, right, risk) for risk in (0.15, 0.3))
    assert loose < strict < 1


def test_if_nothing_is_reliable_nothing_is_sure():
    assert threshold_at_risk(np.linspace(0, 1, 50), np.zeros(50, bool)) == NEVER
    assert threshold_at_risk(np.ones(1), np.ones(1, bool)) == NEVER  # one sample proves little


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(0, 999), st.floats(0.01, 0.9), st.floats(0.01, 0.9))
def test_the_threshold_is_a_confidence_that_came_or_never(count, seed, risk, delta):
    rng = np.random.default_rng(seed)
    confidence, right = rng.random(count).round(1), rng.random(count) < 0.8
    threshold = threshold_at_risk(confidence, right, risk, delta)
    assert threshold == NEVER or threshold in confidence


@pytest.mark.parametrize(
    ("confidence", "right", "risk"),
    [([], [], 0.1), ([0.5], [True, False], 0.1), ([0.5], [True], 0), ([0.5], [True], 1)],
)
def test_wrong_arguments(confidence, right, risk):
    with pytest.raises(ValueError, match="threshold_at_risk"):
        threshold_at_risk(np.array(confidence), np.array(right), risk)


def test_the_temperature_makes_too_sure_probabilities_honest():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 4))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    too_sure = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    confidence = Confidence.fit(too_sure, y, risk=0.2)
    assert confidence.temperature == pytest.approx(3, rel=0.1)
    p = confidence(too_sure)
    assert p.sum(axis=1) == pytest.approx(1) and abs(p.max(axis=1).mean() - (p.argmax(axis=1) == y).mean()) < 0.03
    assert (p.argmax(axis=1) == too_sure.argmax(axis=1)).all()


def test_a_certainty_is_survived():
    assert Confidence(temperature=0.5)(np.array([1.0, 0.0])) == pytest.approx([1, 0])
    assert Confidence(**Confidence(2.0, 0.3).state_dict()) == Confidence(2.0, 0.3)
