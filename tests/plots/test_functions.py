"""Pictures of functions of two variables."""

import numpy as np
import pytest

import tinymm as tm


def test_paths_are_drawn_over_the_heights_with_a_ring_at_the_start():
    path = np.array([[-2.0, 1.0], [-1.0, 0.5], [0.0, 0.0]])
    ax = tm.plots.contours(lambda x, y: x**2 + y**2, x=(-3, 2), y=(-1, 1), paths={"descent": path})
    line, ring = ax.lines
    assert line.get_xydata().tolist() == path.tolist() and line.get_label() == "descent"
    assert ring.get_xydata().tolist() == [[-2.0, 1.0]]
    assert ax.get_xlim() == (-3, 2) and ax.get_ylim() == (-1, 1)


def test_a_function_of_two_numbers_will_do():
    def f(x, y):
        return 1.0 if x > y else 0.0  # refuses arrays

    with pytest.raises(ValueError, match="ambiguous"):
        f(np.ones(2), np.ones(2))
    ax = tm.plots.contours(f)
    assert ax.collections


def test_axes_that_are_given_are_used_and_returned():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert tm.plots.contours(lambda x, y: x * y, levels=[-1, 0, 1], ax=ax) is ax


@pytest.mark.parametrize(
    ("f", "paths", "words"),
    [
        (lambda x, y: x + np.nan, {}, "not a finite number anywhere"),
        (lambda x, y: x, {"p": [1.0, 2.0]}, r"path 'p' has shape \(2,\), but points are \(T, 2\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(f, paths, words):
    with pytest.raises(ValueError, match=words):
        tm.plots.contours(f, paths=paths)
