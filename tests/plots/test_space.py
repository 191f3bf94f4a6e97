"""The picture of the shared space."""

import numpy as np
import pytest

from tinymm import plots

pytest.importorskip("matplotlib")
rng = np.random.default_rng(0)
POINTS = {"image": rng.standard_normal((6, 5)), "audio": rng.standard_normal((4, 5)).astype(np.float32)}
LABELS = {"image": [0, 1, 2, 0, 1, 2], "audio": [0, 1, 2, 0]}


def drawn(ax):
    return np.concatenate([np.asarray(dots.get_offsets()) for dots in ax.collections])


def test_points_lie_along_the_principal_components():
    ax = plots.shared_space(POINTS, LABELS)
    x = np.concatenate([p / np.linalg.norm(p, axis=1, keepdims=True) for p in POINTS.values()])
    x -= x.mean(axis=0)
    variances, directions = np.linalg.eigh(x.T @ x)  # in rising order
    expected = x @ directions[:, :-3:-1]
    found = drawn(ax)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-6, atol=1e-9)  # a direction has no sign
    assert f"{variances[-1] / variances.sum():.0%}" in ax.get_xlabel()
    assert f"{variances[-2] / variances.sum():.0%}" in ax.get_ylabel()


def test_colours_are_classes_marks_are_senses_and_names_stand_amid_their_class():
    ax = plots.shared_space(POINTS, LABELS, ["zero", "one", "two"])
    image, audio = (dots.get_facecolors() for dots in ax.collections)
    assert (image[0] == image[3]).all() and (image[1] == audio[1]).all() and (image[0] != image[1]).any()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["image", "audio"]
    assert [text.get_text() for text in ax.texts] == ["zero", "one", "two"]
    every = np.concatenate([LABELS["image"], LABELS["audio"]])
    np.testing.assert_allclose(ax.texts[1].get_position(), drawn(ax)[every == 1].mean(axis=0))


def test_it_is_a_picture_drawn_where_it_is_told():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plots.shared_space(POINTS, LABELS, ax=ax) is ax
    assert plots.png(plots.shared_space(POINTS, LABELS)).startswith(b"\x89PNG\r\n")
    many = {"text": rng.standard_normal((40, 3))}
    assert len(plots.shared_space(many, {"text": np.arange(40)}).texts) == 40
    plots.png(plots.shared_space({"text": np.ones((3, 2))}, {"text": [0, 0, 1]}))  # all in one place


@pytest.mark.parametrize(
    ("points", "labels", "sentence"),
    [
        ({}, {}, "got nothing"),
        ({"image": np.ones((2, 3)), "audio": np.ones((2, 4))}, LABELS, r"image \(2, 3\), audio \(2, 4\)"),
        ({"image": np.ones(3)}, {"image": [0]}, r"image \(3,\)"),
        ({"image": np.ones((2, 3))}, {"audio": [0, 1]}, r"the labels are audio \(2,\)"),
        ({"image": np.ones((2, 3))}, {"image": [0]}, r"the labels are image \(1,\)"),
        ({"image": np.ones((1, 3))}, {"image": [0]}, r"the points are \(1, 3\)"),
        ({"image": np.ones((3, 1))}, {"image": [0, 1, 2]}, r"the points are \(3, 1\)"),
        ({"image": np.full((2, 3), np.nan)}, {"image": [0, 1]}, "NaN or infinity"),
    ],
)
def test_bad_input_is_one_clear_sentence(points, labels, sentence):
    with pytest.raises(ValueError, match=f"^shared_space: .*{sentence}") as caught:
        plots.shared_space(points, labels)
    assert "\n" not in str(caught.value)
