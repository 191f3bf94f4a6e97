"""The learner's desk: what is printed, what is kept, and where."""

import numpy as np
import pytest

from tinymm.lessons import check, desk, exercise, hint, progress, solution
from tinymm.lessons.exercise import find


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYMM_LESSONS", str(tmp_path / "mine"))
    monkeypatch.setattr(desk, "_hints_given", {})
    return tmp_path / "mine"


def neuron(x, w, b):
    return x @ w + b


def test_a_right_answer_is_kept_and_shown(folder, capsys):
    check("01.1", neuron)
    assert capsys.readouterr().out.startswith("✓ 01.1 right, on 20 random inputs     lesson 1: ● ○ ○")
    assert "return x @ w + b" in (folder / "answers" / "01.1.py").read_text(encoding="utf-8")
    assert desk.done() == {"01.1"}


def test_wrong_and_empty_answers_are_not_kept(folder, capsys):
    check("01.1", lambda x, w, b: x @ w)
    check("01.1", ...)
    wrong, _, empty = capsys.readouterr().out.splitlines()
    assert wrong.startswith("✗ 01.1 your answer is ") and empty.startswith("○ 01.1 not done yet")
    assert not folder.exists()


def test_an_answer_without_source_counts(folder):
    check("01.1", eval("lambda x, w, b: x @ w + b"))
    assert desk.done() == {"01.1"}


def test_a_folder_that_cannot_be_written_does_not_spoil_the_answer(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TINYMM_LESSONS", str(tmp_path / "file" / "below"))
    check("01.1", neuron)
    assert "✓" in (out := capsys.readouterr().out) and "could not be kept" in out


def test_hints_come_one_after_the_other(capsys):
    for _ in range(3):
        hint("01.1")
    one, two, end = capsys.readouterr().out.splitlines()
    assert one.startswith("hint 1 of 2: Multiply") and two.startswith("hint 2 of 2: ") and 'solution("01.1")' in end


def test_the_solution_is_shown_without_decorators(capsys):
    solution("01.1")
    out = capsys.readouterr().out
    assert out.startswith("def neuron(x, w, b):") and out == find("01.1").solved() + "\n"


def test_progress_is_a_picture_of_the_course():
    check("01.1", neuron)
    ax = progress()
    assert ax.get_title().startswith("1 of ")
    full = [line for line in ax.lines if line.get_markerfacecolor() != "white"]
    assert len(full) == 1


def test_the_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYMM_LESSONS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert desk.desk_folder() == tmp_path / "tinymm" / "lessons"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setattr("sys.platform", "darwin")
    assert desk.desk_folder().parts[-4:] == ("Library", "Application Support", "tinymm", "lessons")
    monkeypatch.setattr("sys.platform", "linux")
    assert desk.desk_folder().parts[-4:] == (".local", "share", "tinymm", "lessons")


def test_a_teachers_exercise_is_ten_lines(capsys, folder):
    @exercise("mine.1", given=lambda rng: (rng.normal(size=5),), hints=("Think.",))
    def largest(x):
        """Return the largest of x."""
        return np.max(x)

    largest.mistake("That is the smallest.", lambda x: np.min(x))
    check("mine.1", np.min)
    check("mine.1", max)
    out = capsys.readouterr().out
    assert "That is the smallest." in out and "✓ mine.1 right" in out
    assert desk.done() == {"mine.1"}
