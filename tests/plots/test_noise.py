"""The picture of accuracy against noise."""

import numpy as np
import pytest

from tinymm import plots

pytest.importorskip("matplotlib")
SIGMA = [0, 0.2, 0.5]
LINES = {"image": [0.9, 0.7, 0.4], "text": [[0.6, 0.6, 0.6], [0.8, 0.6, 0.4]], "both": [0.95, 0.85, np.nan]}


def test_lines_are_means_over_seeds_and_gaps_stay_gaps():
    ax = plots.accuracy_against_noise(SIGMA, LINES, "image noise σ", fused=["both"])
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(lines["text"].get_ydata(), [0.7, 0.6, 0.5])
    np.testing.assert_allclose(lines["both"].get_xydata(), np.stack([SIGMA, LINES["both"]], axis=1))
    assert lines["both"].get_linewidth() > lines["image"].get_linewidth()
    assert ax.get_xlabel() == "image noise σ"
    low, high = ax.collections[0].get_paths()[0].vertices[:, 1].min(), 0.8  # the range over the seeds
    assert low == 0.4 and ax.collections[0].get_paths()[0].vertices[:, 1].max() == high


@pytest.mark.filterwarnings("error")
def test_levels_may_have_names_and_the_axes_may_be_given():
    from matplotlib.figure import Figure

    mine = Figure().subplots()
    levels = ["none", "σ 0.2, 5 dB, 1 error", "σ 0.5, −10 dB, 5 errors"]
    ax = plots.accuracy_against_noise(levels, LINES | {"audio": [np.nan] * 3}, ax=mine)
    assert ax is mine and [tick.get_text() for tick in ax.get_xticklabels()] == levels
    assert plots.png(ax).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("levels", "lines", "fused", "sentence"),
    [
        (SIGMA, {}, (), "there are none"),
        (SIGMA, {"image": [0.1, 0.2]}, (), r"needs 3 accuracies.*image \(1, 2\)"),
        ([], {"image": []}, (), "needs 0 accuracies"),
        (SIGMA, {"image": [90, 80, 70]}, (), "not percentages"),
        (SIGMA, LINES, ["gated"], "fused names gated, but the lines are image, text, both"),
    ],
)
def test_bad_input_is_one_clear_sentence(levels, lines, fused, sentence):
    with pytest.raises(ValueError, match=f"^accuracy_against_noise: .*{sentence}"):
        plots.accuracy_against_noise(levels, lines, fused=fused)
