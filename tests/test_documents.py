"""What the README files show runs: Python blocks as they stand, and commands as far as their options go."""

import re
import shlex
from pathlib import Path

import pytest

from tinymm.cli import _parser
from tinymm.lessons import course

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "lessons").glob("*.md"))]


def blocks():
    for path in DOCUMENTS:
        for i, code in enumerate(re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)):
            yield pytest.param(code, id=f"{path.relative_to(ROOT)}-{i + 1}")


def commands():
    """The lines that call tinymm, in indented blocks and in `…`."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        lines = re.findall(r"^    (.*)$", text, re.M) + re.findall(r"`(tinymm [^`\n]+)`", text)
        for line in lines:
            for call in re.findall(r"\btinymm ((?:[^&|#\n]|\\\n)+)", line):
                if "python -m" not in line and "pip" not in line.split("tinymm", 1)[0].split("&&")[-1]:
                    yield pytest.param(call.strip(), id=f"{path.relative_to(ROOT)}: {call.strip()}")


@pytest.mark.parametrize("code", list(blocks()))
def test_python_blocks_run(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README", "exec"), {})


@pytest.mark.parametrize("call", list(commands()))
def test_commands_have_these_options(call):
    words = shlex.split(call)
    try:
        _parser().parse_args(words if len(words) > 1 else [*words, "--help"])  # a name alone: there is such a command
    except SystemExit as end:
        assert end.code == 0, call


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert target.startswith("http") or (path.parent / target).exists(), target


def test_the_table_of_lessons_is_right():
    """Every lesson has its row in lessons/README.md: number, title with a link to the notebook, minutes, question."""
    text = (ROOT / "lessons" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| \[(.*)\]\((\d\d)_\w+\.ipynb\) \| (\d+) \| (.*) \|$", text, re.M)
    known = {lesson.number: lesson for lesson in course()}
    assert [int(row[0]) for row in rows] == list(known) == list(range(1, len(rows) + 1))
    for number, title, file, minutes, question in rows:
        lesson = known[int(number)]
        assert (title, int(file), int(minutes), question) == (
            lesson.title,
            lesson.number,
            lesson.minutes,
            lesson.question,
        )
