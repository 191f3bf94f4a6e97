"""The picture of words by weight."""

import numpy as np
import pytest

from tinymm import plots

pytest.importorskip("matplotlib")
TERMS = ["bad", "good", "fine", "awful"]
WEIGHT = np.array([[2.0, -1.0, -3.0, 1.0], [-2.0, 4.0, 0.5, -1.0]])


def shown(ax):
    return [label.get_text() for label in ax.get_yticklabels()], [bar.get_width() for bar in ax.patches]


def test_each_class_shows_what_speaks_for_it_the_heaviest_first():
    no, yes = plots.heaviest_terms(WEIGHT, TERMS, ["no", "yes"])
    assert shown(no) == (["bad", "awful"], [2, 1])
    assert shown(yes) == (["good", "fine"], [4, 0.5])
    assert (no.get_title(), yes.get_title()) == ("no", "yes")
    assert no.get_xlim() == yes.get_xlim()
    assert shown(plots.heaviest_terms(WEIGHT, TERMS, most=1)[0]) == (["bad"], [2])


def test_what_no_font_has_is_left_out_rather_than_drawn_as_boxes(monkeypatch):
    from tinymm.plots import text

    monkeypatch.setattr(text, "OTHER_SCRIPTS", ())
    ax = plots.heaviest_terms([[3.0, 1.0]], ["\U000f1234", "naïve"])[0]
    assert shown(ax) == (["naïve"], [1])


@pytest.mark.filterwarnings("error")
def test_it_is_a_picture_drawn_where_it_is_told():
    from matplotlib.figure import Figure

    mine = Figure().subplots(2)
    assert (plots.heaviest_terms(WEIGHT, TERMS, ax=mine) == mine).all()
    many = np.random.default_rng(0).standard_normal((7, 40))
    axes = plots.heaviest_terms(many, [f"$ $_{i} 退款" for i in range(40)])
    assert len(axes) == 7 and plots.png(axes).startswith(b"\x89PNG\r\n")
    plots.png(plots.heaviest_terms(-np.ones((1, 2)), ["a", "b"]))  # nothing speaks for it


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.heaviest_terms(WEIGHT, TERMS[:3]), r"must be \(classes, 3\).* not \(2, 4\)"),
        (lambda: plots.heaviest_terms(WEIGHT[0], TERMS), r"not \(4,\)"),
        (lambda: plots.heaviest_terms(WEIGHT * np.nan, TERMS), "finite"),
        (lambda: plots.heaviest_terms(WEIGHT, TERMS, ["no"]), "1 class_names for 2 classes"),
        (lambda: plots.heaviest_terms(WEIGHT, TERMS, most=0), "most is 0"),
        (lambda: plots.heaviest_terms(WEIGHT, TERMS, ax=[None]), "2 classes need as many Axes, not 1"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^heaviest_terms: .*{sentence}"):
        call()
