"""The picture of an alignment."""

import numpy as np
import pytest

from tinymm import plots

pytest.importorskip("matplotlib")
PEAKED = np.log(np.full((10, 4), 0.02) + 0.92 * np.eye(4)[[0, 2, 2, 0, 0, 2, 0, 1, 0, 0]])


def test_a_label_at_each_peak():
    features = np.random.default_rng(0).standard_normal((40, 12))
    above, below = plots.alignment(features, PEAKED, ["one", "two", "three"], hop=0.01, title="said: two two one")
    assert [text.get_text() for text in below.texts] == ["two", "two", "one"]
    assert [round(text.xy[0], 3) for text in below.texts] == [0.06, 0.22, 0.3]
    assert above.get_title() == "said: two two one" and below.get_xlim() == (0, 0.4)
    assert len(below.lines) == 3  # the blank and what is seen of the labels
    assert plots.png(above).startswith(b"\x89PNG")


def test_steps_that_go_on_after_the_sound():
    above, below = plots.alignment(np.zeros((8, 4)), PEAKED, "abc", step=0.04)
    assert above.get_xlim() == below.get_xlim() == (0, 0.4) and above.images[0].get_extent()[1] == 0.08
    assert [round(text.xy[0], 3) for text in below.texts] == [0.06, 0.22, 0.3]


def test_given_axes_are_drawn_into():
    from matplotlib.figure import Figure

    axes = Figure().subplots(2, 1)
    assert list(plots.alignment(np.zeros((8, 4)), PEAKED[:2], "abc", ax=axes)) == list(axes)
    with pytest.raises(ValueError, match="need 2 Axes, not 1"):
        plots.alignment(np.zeros((8, 4)), PEAKED, "abc", ax=axes[:1])


@pytest.mark.parametrize(
    ("features", "log_probs"),
    [
        (np.zeros((0, 4)), PEAKED),
        (np.zeros(4), PEAKED),
        (np.zeros((8, 4)), PEAKED[:, :3]),
        (np.zeros((8, 4)), PEAKED[:0]),
    ],
)
def test_shapes_that_do_not_fit(features, log_probs):
    with pytest.raises(ValueError, match=r"expected features \(T, bands\) and log_probs \(S, 4\) for 3 labels"):
        plots.alignment(features, log_probs, "abc")
