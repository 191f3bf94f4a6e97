"""The picture of trials: the best on top, and no more than fit."""

import pytest

from tinymm import plots


def test_each_trial_has_a_dot_in_the_order_given():
    ax = plots.trials({"lr 0.1": 0.97, "lr 1": 0.42}, "f1")
    dots = ax.collections[1].get_offsets()
    assert dots[:, 0].tolist() == [0.97, 0.42] and dots[0, 1] > dots[1, 1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["lr 0.1", "lr 1"] and ax.get_xlabel() == "f1"
    assert plots.png(ax).startswith(b"\x89PNG")


def test_many_are_cut_off_and_none_are_refused():
    assert len(plots.trials({f"lr {i}": 0.5 for i in range(100)}).get_yticklabels()) == 40
    with pytest.raises(ValueError, match="there are none"):
        plots.trials({})
