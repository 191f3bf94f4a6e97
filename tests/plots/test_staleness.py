"""Pictures of asynchronous training: they show the numbers they were given."""

import numpy as np
import pytest

from tinymm import plots


def test_the_shares_of_each_staleness():
    ax = plots.staleness([0, 1, 1, 3])
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in ax.patches}
    assert heights == {0: 0.25, 1: 0.5, 3: 0.25}
    assert "mean 1.25, largest 3" in ax.get_legend().get_texts()[0].get_text()
    assert plots.png(ax)[:4] == b"\x89PNG"


def test_a_line_of_means_for_each_curve_in_the_order_of_staleness():
    ax = plots.accuracy_against_staleness({"plain": {4: [0.8, 0.9], 0: [0.95]}, "aware": {0: [0.9]}}, reference=0.97)
    plain, aware, reference = ax.get_lines()
    np.testing.assert_allclose(plain.get_xydata(), [[0, 0.95], [4, 0.85]])
    assert list(aware.get_ydata()) == [0.9] and list(reference.get_ydata()) == [0.97, 0.97]
    assert plots.png(ax)[:4] == b"\x89PNG"


def test_nothing_to_draw_is_named():
    with pytest.raises(ValueError, match="no curve"):
        plots.accuracy_against_staleness({})
    with pytest.raises(ValueError, match="0 or more"):
        plots.staleness([])
