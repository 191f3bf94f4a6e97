"""The notebooks are what the sources give, hold nothing of the machine they were made on, and run."""

import json
import platform
import re
from pathlib import Path

import pytest

pytest.importorskip("jupytext")
pytest.importorskip("nbclient")

from tinymm.lessons import build, course

FOLDER = Path(__file__).parents[2] / "lessons"
SOURCES = sorted(FOLDER.glob("*.py"))
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(FOLDER)))


@each_source
def test_notebooks_are_those_of_their_source(source):
    assert build.drifted(source) == [], "run `python -m tinymm.lessons.build`"


def test_there_is_a_source_for_every_notebook_and_every_lesson():
    assert {path.stem for path in NOTEBOOKS} == {path.stem for path in SOURCES}
    assert [int(s.name[:2]) for s in SOURCES if s.name[0].isdecimal()] == [lesson.number for lesson in course()]


@pytest.mark.parametrize("lesson", course(), ids=lambda lesson: lesson.title)
def test_a_lesson_has_its_title_time_exercises_and_parts(lesson):
    (source,) = FOLDER.glob(f"{lesson.number:02d}_*.py")
    text = source.read_text(encoding="utf-8")
    assert f"# # {lesson.number} · {lesson.title}\n" in text
    assert f"*{lesson.minutes} minutes" in text
    assert re.findall(r"^# exercise (\S+)$", text, re.M) == [e.number for e in lesson.exercises]
    for part in ("The question", "On real data", "Exercises", "What you now know"):
        assert f"\n# ## {part}" in text, part
    assert "\n# ### What breaks if you forget it" in text


@each_source
def test_links_between_lessons_lead_somewhere(source):
    for target in re.findall(r"\]\(([\w./]+)\)", source.read_text(encoding="utf-8")):
        assert (FOLDER / target).exists(), target


@each_notebook
def test_notebooks_are_clean_and_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 700_000
    notebook = json.loads(text)
    pictures = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["execution_count"] is None
        for output in cell["outputs"]:
            assert output["output_type"] in ("stream", "display_data")
            assert output.get("name", "stdout") == "stdout"
            data = output.get("data", {})
            pictures += "image/png" in data
            shown = "".join(output.get("text", [])) + "".join("".join(v) for k, v in data.items() if k != "image/png")
            assert not re.search(r"0x[0-9a-f]{6}|/(home|root|tmp|work|usr)/|[A-Z]:\\", shown), shown
            assert platform.node() not in shown or len(platform.node()) < 4
        source = "".join(cell["source"])
        assert max(map(len, source.splitlines())) <= 100
    assert "widget" not in json.dumps(notebook["metadata"])
    assert pictures or not path.name[0].isdecimal()


@each_source
def test_the_learners_notebook_tells_no_answer(source):
    learner, solved = build.notebooks(source)
    stored = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    exercises = [i for i, cell in enumerate(learner.cells) if "exercise" in cell.metadata.get("tags", [])]
    for i in exercises:
        assert learner.cells[i].source != solved.cells[i].source
        assert stored["cells"][i]["outputs"] == []


def test_drift_is_found(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("# %% [markdown]\n# Text\n\n# %%\n# exercise 01.1\n", encoding="utf-8")
    assert build.drifted(source) == ["mine.ipynb is missing", "mine.ipynb is missing"]
    import nbformat

    learner, _ = build.notebooks(source)
    learner.cells[0].source = "Other text"
    nbformat.write(learner, source.with_suffix(".ipynb"))
    assert "mine.ipynb is not what mine.py gives" in build.drifted(source)[0]
    assert build.main([str(source), "--check"]) == 1


def outputs(notebook, tag):
    """What the cells with that tag have printed."""
    cells = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    return ["".join(o.text for o in cell.outputs if o.output_type == "stream") for cell in cells]


@pytest.fixture
def offline(monkeypatch):
    for scheme in ("http", "https", "ftp"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("TINYMM_DATA", raising=False)


@pytest.mark.slow
@each_source
def test_the_solution_runs_from_top_to_bottom(source, offline):
    _, solved = build.notebooks(source)
    build.run(solved)
    assert all(text.startswith("✓") for text in outputs(solved, "exercise"))


@pytest.mark.slow
@each_source
def test_with_the_exercises_empty_nothing_crashes(source, offline):
    learner, _ = build.notebooks(source)
    build.run(learner)
    for text in outputs(learner, "exercise"):
        assert "not done yet" in text and "✓" not in text
