"""Pictures with sliders, and without."""

import sys

import pytest

from tinymm.lessons import explore
from tinymm.lessons.sliders import STILL


def test_outside_a_notebook_the_first_picture_is_drawn(monkeypatch):
    drawn = []
    explore(lambda **values: drawn.append(values), rate=(0.0, 1.0, 0.5), steps=(1, 9, 3))
    assert drawn == [{"rate": 0.5, "steps": 3}]


def test_a_first_value_outside_its_slider_is_refused():
    with pytest.raises(ValueError, match=r"rate begins at 2.0, outside of 0.0 … 1.0"):
        explore(print, rate=(0.0, 1.0, 2.0))


@pytest.fixture
def notebook(monkeypatch):
    monkeypatch.delenv(STILL, raising=False)
    monkeypatch.setattr(sys.modules["tinymm.lessons.sliders"], "_in_notebook", lambda: True)


def test_in_a_notebook_there_are_sliders(notebook, monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets")
    found = {}
    monkeypatch.setattr(ipywidgets, "interact", lambda f, **sliders: found.update(sliders))
    explore(print, rate=(0.0, 1.0, 0.5), steps=(1, 9, 3))
    assert isinstance(found["steps"], ipywidgets.IntSlider) and found["rate"].max == 1.0 and found["rate"].value == 0.5


def test_without_ipywidgets_it_says_what_to_install(notebook, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    drawn = []
    explore(lambda rate: drawn.append(rate), rate=(0.0, 1.0, 0.5))
    assert drawn == [0.5] and 'pip install "tinymm[lessons]"' in capsys.readouterr().out


def test_a_still_picture_can_be_asked_for(notebook, monkeypatch):
    monkeypatch.setenv(STILL, "1")
    drawn = []
    explore(lambda rate: drawn.append(rate), rate=(0.0, 1.0, 0.5))
    assert drawn == [0.5]
