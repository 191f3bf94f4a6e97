"""`tinymm lessons` as a person uses it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tinymm import cli_lessons
from tinymm.cli import main
from tinymm.lessons import course, notebooks


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYMM_LESSONS", str(tmp_path / "mine"))
    return tmp_path / "mine"


def test_the_list_shows_every_lesson_with_progress(capsys, folder):
    (folder / "answers").mkdir(parents=True)
    (folder / "answers" / "01.2.py").touch()
    assert main(["lessons"]) == 0
    lines = capsys.readouterr().out.splitlines()
    lessons = course()
    assert len(lines) == len(lessons) + 2
    assert lines[0].startswith(" 1  A neuron ") and "25 min  ○ ● ○ ○" in lines[0]
    assert lines[-2].startswith("1 of ") and "`tinymm lessons 1` opens lesson 1" in lines[-1]


def test_a_lesson_is_copied_once_and_never_overwritten(capsys, folder):
    assert main(["lessons", "1", "--no-open"]) == 0
    path = folder / "01_a_neuron.ipynb"
    assert capsys.readouterr().out == f"{path} (new)\n"
    path.write_text("my work", encoding="utf-8")
    assert main(["lessons", "1", "--no-open"]) == 0
    assert "your copy" in capsys.readouterr().out and path.read_text(encoding="utf-8") == "my work"
    for n in (1, 2):
        assert main(["lessons", "1", "--no-open", "--fresh"]) == 0
        assert (folder / f"01_a_neuron-{n}.ipynb").exists() and path.read_text(encoding="utf-8") != "my work"
    assert (folder / "01_a_neuron-1.ipynb").read_text(encoding="utf-8") == "my work"


def test_the_solution_is_a_file_of_its_own(capsys, folder):
    assert main(["lessons", "1", "--solution", "--no-open"]) == 0
    assert "np.sum(w * x) + b" in (folder / "01_a_neuron-solution.ipynb").read_text(encoding="utf-8")


def test_jupyter_opens_the_copy(monkeypatch, folder):
    called = []
    monkeypatch.setattr(cli_lessons, "find_spec", lambda name: name == "notebook")
    monkeypatch.setattr(
        cli_lessons.subprocess, "run", lambda c, **_: called.append(c) or subprocess.CompletedProcess(c, 0)
    )
    assert main(["lessons", "1"]) == 0
    assert called == [[sys.executable, "-m", "notebook", str(folder / "01_a_neuron.ipynb")]]


def test_without_jupyter_it_says_what_to_install(monkeypatch, capsys, folder):
    monkeypatch.setattr(cli_lessons, "find_spec", lambda name: None)
    assert main(["lessons", "1"]) == 2
    out, error = capsys.readouterr()
    assert 'pip install "tinymm[lessons]"' in error and error.count("\n") == 1
    assert (folder / "01_a_neuron.ipynb").exists() and out.endswith("(new)\n")


def test_an_unknown_lesson_is_told(capsys, folder):
    assert main(["lessons", "99"]) == 2
    assert "there is no lesson 99: choose one of 1 to " in capsys.readouterr().err
    assert not folder.exists()


def test_a_package_without_notebooks_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(notebooks, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(notebooks, "files", lambda name: [])
    assert main(["lessons", "1"]) == 2
    assert "the notebooks of the course are not here" in capsys.readouterr().err


def test_notebooks_of_an_installed_wheel_are_found(monkeypatch, tmp_path):
    share = tmp_path / "share" / "tinymm" / "lessons"
    (share / "solutions").mkdir(parents=True)
    for path in (share / "01_a.ipynb", share / "solutions" / "01_a.ipynb"):
        path.touch()

    class Listed(type(Path())):
        def locate(self):
            return self

    monkeypatch.setattr(notebooks, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(notebooks, "files", lambda name: [Listed(p) for p in share.rglob("*.ipynb")])
    assert notebooks.course_notebooks() == {1: share / "01_a.ipynb"}


def test_the_other_lessons_come_along_so_that_links_work(folder):
    assert main(["lessons", "1", "--solution", "--no-open"]) == 0
    names = {path.name for path in folder.glob("*.ipynb")}
    assert names == {"01_a_neuron-solution.ipynb"} | {path.name for path in notebooks.course_notebooks().values()}


@pytest.mark.parametrize("option", ["--solution", "--fresh", "--no-open"])
def test_an_option_without_a_lesson_asks_for_one(capsys, folder, option):
    assert main(["lessons", option]) == 2
    assert "which lesson?" in capsys.readouterr().err
    assert not folder.exists()
