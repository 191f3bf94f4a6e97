"""`tinymm lessons`: the course, how far one has come, and opening a lesson in Jupyter."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

EXAMPLES = """\
examples:
  tinymm lessons                the lessons, how long each takes, and how far you have come
  tinymm lessons 3              copy lesson 3 into your folder, unless it is there, and open it in Jupyter
  tinymm lessons 3 --solution   the same with all exercises solved
  tinymm lessons 3 --fresh      begin it again; what you have written is kept under another name
  TINYMM_LESSONS=~/course tinymm lessons 3
                                with a folder of your own choice
"""


def add_lessons(commands: argparse._SubParsersAction) -> None:
    """Add the command `lessons` to the parser."""
    lessons = commands.add_parser(
        "lessons",
        help="learn how all of this works, in Jupyter",
        description="The course: from a neuron to a model that sees, reads and hears. Your copies of the lessons, and the "
        "answers that were right, are kept in a folder of your own.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lessons.add_argument("lesson", nargs="?", type=int, metavar="LESSON", help="the number of a lesson to open")
    lessons.add_argument("--solution", action="store_true", help="open a copy with all exercises solved")
    lessons.add_argument("--fresh", action="store_true", help="begin again, keeping the old copy under another name")
    lessons.add_argument("--no-open", dest="open", action="store_false", help="only copy it, and say where it is")
    lessons.set_defaults(run=_lessons)


def _lessons(options: argparse.Namespace) -> int:
    if options.lesson is None:
        if options.solution or options.fresh or not options.open:
            raise ValueError("which lesson? Name its number, such as `tinymm lessons 1`")
        return _list()
    from tinymm.lessons.notebooks import copy_lesson

    path, new = copy_lesson(options.lesson, options.solution, options.fresh)
    print(f"{path} ({'new' if new else 'your copy, as you left it'})")
    return _open(path) if options.open else 0


def _list() -> int:
    from tinymm.lessons.desk import desk_folder, done, marks
    from tinymm.lessons.exercise import course

    solved = done()
    lessons = course()
    width = max(len(lesson.title) for lesson in lessons)
    exercises = max(len(lesson.exercises) for lesson in lessons)
    for lesson in lessons:
        row = f"{lesson.number:>2}  {lesson.title:<{width}}  {lesson.minutes} min  "
        print(f"{row}{marks(lesson, solved):<{2 * exercises - 1}}  {lesson.question}")
    known = {e.number for lesson in lessons for e in lesson.exercises}
    minutes = sum(lesson.minutes for lesson in lessons)
    print(
        f"{len(known & solved)} of {len(known)} exercises solved; the whole course takes about {minutes / 60:.0f} hours."
    )
    first = next((a.number for a in lessons if {e.number for e in a.exercises} - solved), lessons[0].number)
    print(f"`tinymm lessons {first}` opens lesson {first}. Your folder is {desk_folder()}.")
    return 0


def _open(notebook: Path) -> int:
    """Open the notebook in JupyterLab or Jupyter Notebook, whichever is there; ends when that does."""
    found = next((module for module in ("jupyterlab", "notebook") if find_spec(module)), None)
    if found is None:
        print(
            'tinymm lessons: Jupyter is not installed: pip install "tinymm[lessons]", or open the file in an editor that '
            "shows notebooks",
            file=sys.stderr,
        )
        return 2
    return subprocess.run([sys.executable, "-m", found, str(notebook)], check=False).returncode
