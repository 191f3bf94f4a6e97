"""The picture of calibration."""

import numpy as np
import pytest

from tinymm import plots
from tinymm.metrics import Reliability, expected_calibration_error, reliability_curve

pytest.importorskip("matplotlib")
rng = np.random.default_rng(0)
PROBABILITY = rng.dirichlet(np.ones(3), 60)
Y = rng.integers(3, size=60)
CURVE = reliability_curve(Y, PROBABILITY)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_curve_the_shares_and_the_gap_are_those_of_the_metric():
    ax = plots.reliability(CURVE)
    diagonal, curve = ax.lines
    np.testing.assert_allclose(diagonal.get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_allclose(curve.get_xydata(), np.stack([CURVE.confidence, CURVE.accuracy], axis=1))
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], CURVE.samples / 60)
    assert f"gap {expected_calibration_error(Y, PROBABILITY, n_bins=10):.3f}" in labels(ax)


def test_two_curves_are_told_apart_and_drawn_where_they_are_told():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    ax = plots.reliability({"before": CURVE, "after": reliability_curve(Y, (PROBABILITY + 1) / 4, n_bins=4)}, axes)
    assert ax is axes and len(ax.lines) == 3 and ax.lines[1].get_color() != ax.lines[2].get_color()
    assert [label.split(":")[0] for label in labels(ax)[1:3]] == ["before", "after"]
    one = Reliability(np.array([0.9]), np.array([1.0]), np.array([5]))  # all in one bin
    assert plots.png(plots.reliability(one)).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ({}, "expected one to 3 curves, not 0"),
        (dict.fromkeys("abcd", CURVE), "not 4"),
        ({"mine": (np.ones(2), np.ones(3), np.ones(2))}, "the curve 'mine' is no confidence"),
        ((np.ones(2), np.ones(2)), "is no confidence, accuracy and samples"),
    ],
)
def test_bad_input_is_one_clear_sentence(curves, sentence):
    with pytest.raises(ValueError, match=f"^reliability: .*{sentence}"):
        plots.reliability(curves)
