"""Pictures: what they show, where they are drawn, and that nothing else changes."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from tinymm import plots
from tinymm.validation import KFold

matplotlib = pytest.importorskip("matplotlib")
rng = np.random.default_rng(0)

HISTORY = {
    "train_loss": [2.0, 1.0, 0.5],
    "validation_loss": [2.1, 1.2, 1.3],
    "train_accuracy": [0.2, 0.5, 0.8],
}

DRAW = {
    "learning_curves": lambda ax=None: plots.learning_curves(HISTORY, ax),
    "confusion_matrix": lambda ax=None: plots.confusion_matrix([[5, 1], [0, 7]], ["no", "yes"], ax),
    "scores_per_class": lambda ax=None: plots.scores_per_class(
        {"F1": rng.random((5, 3)), "recall": rng.random(3)}, ax=ax
    ),
    "folds": lambda ax=None: plots.folds(KFold(3).split(range(10)), ax=ax),
    "folds of classes": lambda ax=None: plots.folds(KFold(3).split(range(10)), list("aabbbabbab"), ax),
    "filters": lambda ax=None: plots.filters(rng.normal(size=(7, 1, 3, 5)), ax),
    "filters over channels": lambda ax=None: plots.filters(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), ax),
    "feature_maps": lambda ax=None: plots.feature_maps(rng.random((6, 5, 5)), ax),
    "images": lambda ax=None: plots.images(rng.random((5, 1, 8, 8)), range(5), [0, 1, 2, 3, 3], ax),
    "colour images": lambda ax=None: plots.images(rng.integers(0, 256, (2, 3, 8, 8), dtype=np.uint8), ax=ax),
}
SINGLE = sorted(set(DRAW) - {"learning_curves"})


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", DRAW)
def test_new_pictures_are_png(name):
    picture = plots.png(DRAW[name]())
    assert picture.startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", SINGLE)
def test_given_axes_are_drawn_into(name):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert DRAW[name](ax) is ax
    assert ax.has_data()


@pytest.mark.parametrize("name", DRAW)
def test_settings_stay_as_they_were(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = matplotlib.rcParams.copy()
        DRAW[name]()
    assert matplotlib.rcParams.copy() == before


def test_learning_curves_have_a_panel_per_measure_and_ring_the_best_epoch():
    loss, accuracy = plots.learning_curves(HISTORY)
    assert loss.get_title() == "Loss" and accuracy.get_title() == "Accuracy"
    assert loss.get_xlabel() == "epoch" and "nats" in loss.get_ylabel()
    entries = [text.get_text() for text in loss.get_legend().get_texts()]
    assert entries == ["train", "validation", "best: 1.2 in epoch 2"]
    assert loss.lines[2].get_xdata() == [2]


def test_learning_curves_take_gaps_and_a_single_epoch():
    (loss,) = plots.learning_curves({"validation_loss": [np.nan, 1.0, np.inf, 0.5]})
    assert "epoch 4" in loss.get_legend().get_texts()[-1].get_text()
    plots.png(plots.learning_curves({"train_loss": [1.0], "validation_loss": [np.nan]}))


def test_confusion_matrix_writes_counts_and_says_what_is_correct():
    ax = plots.confusion_matrix(np.array([[1500, 3], [0, 7]]), ["a", "b"])
    assert texts(ax) == ["1,500", "3", "7"]
    assert "1,510 samples, 99.8 % correct" in ax.get_title()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b"]
    assert texts(plots.confusion_matrix([[0.75, 0.25], [0, 1.0]])) == ["75", "25", "100"]
    assert texts(plots.confusion_matrix(np.eye(40))) == []


def test_scores_per_class_draws_mean_and_deviation_without_nan():
    scores = np.array([[0.5, np.nan], [0.7, 0.9], [0.6, np.nan]])
    ax = plots.scores_per_class({"recall": scores}, ["cat", "dog"])
    points = ax.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(points, [0.6, 0.9])
    (whiskers,) = ax.containers[0].lines[2]
    np.testing.assert_allclose(whiskers.get_segments()[0][:, 0], [0.5, 0.7])
    assert "3 folds" in ax.get_xlabel()


def test_folds_picture_shows_who_tests():
    ax = plots.folds(KFold(2).split(range(4)))
    assert ax.images[0].get_array().tolist() == [[2, 2, 1, 1], [1, 1, 2, 2]]
    ax = plots.folds(KFold(2).split(range(4)), ["b", "a", "b", "a"])
    assert ax.images[0].get_array().tolist() == [[2, 1, 2, 1], [1, 2, 1, 2]]


def test_filters_share_one_scale_around_zero():
    ax = plots.filters(np.array([-0.5, 2.0, 1.0]).reshape(3, 1, 1, 1))
    assert ax.images[0].get_clim() == (-2, 2)
    assert ax.get_title() == "3 filters of 1 × 1"
    assert "over 3 channels" in plots.filters(np.zeros((4, 3, 2, 2))).get_title()


def test_images_name_the_wrong_predictions():
    ax = plots.images(np.zeros((3, 4, 4)), ["cat", "dog", "dog"], ["cat", "cat", "dog"])
    assert texts(ax) == ["cat", "cat (not dog)", "dog"]
    assert len({text.get_color() for text in ax.texts}) == 2
    assert texts(plots.images(np.zeros((2, 4, 4)))) == ["", ""]


def test_save_writes_whole_files_only(tmp_path):
    ax = plots.filters(np.ones((2, 1, 3, 3)))
    path = plots.save(ax, tmp_path / "new folder" / "filters.png")
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    assert [p.name for p in path.parent.iterdir()] == ["filters.png"]
    with pytest.raises(ValueError, match=r"end in \.png"):
        plots.save(ax, tmp_path / "filters.jpg")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.learning_curves({}), "history is empty"),
        (lambda: plots.learning_curves({"loss": [1]}), "'loss'"),
        (lambda: plots.learning_curves(HISTORY, []), r"2 panels \(loss, accuracy\)"),
        (lambda: plots.confusion_matrix([[1, 2]]), r"not \(1, 2\)"),
        (lambda: plots.confusion_matrix([[1, -2], [0, 1]]), "counts"),
        (lambda: plots.confusion_matrix([[1, 2], [0, 1]], ["a"]), "1 class_names for 2"),
        (lambda: plots.scores_per_class({}), "one or more scores"),
        (lambda: plots.scores_per_class({"a": [0.1], "b": [0.1, 0.2]}), r"a \(1,\), b \(2,\)"),
        (lambda: plots.scores_per_class({"a": [98.0, 97.0]}), "not percentages"),
        (lambda: plots.folds([]), "there are none"),
        (lambda: plots.folds(KFold(2).split(range(4)), [1, 2]), r"4 samples, but y is \(2,\)"),
        (lambda: plots.filters(np.ones((3, 3))), r"\(O, C, kh, kw\)"),
        (lambda: plots.filters(np.full((1, 1, 2, 2), np.nan)), "no finite number"),
        (lambda: plots.feature_maps(np.ones((1, 2, 3, 4))), r"\(C, H, W\)"),
        (lambda: plots.images(np.ones((2, 8, 8, 3))), r"transpose\(0, 3, 1, 2\)"),
        (lambda: plots.images(np.ones((2, 8, 8)), labels=[1]), "2 pictures but 1 labels"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_matplotlib_is_loaded_late_and_no_window_is_opened():
    program = """
import sys
from tinymm import plots
assert "matplotlib" not in sys.modules
ax = plots.confusion_matrix([[1, 0], [0, 1]])
plots.png(ax)
assert "matplotlib.pyplot" not in sys.modules
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
ax = plots.confusion_matrix([[1, 0], [0, 1]])
assert ax.figure is plt.gcf(), "once pyplot is in use, figures are its"
"""
    subprocess.run([sys.executable, "-c", program], check=True)
