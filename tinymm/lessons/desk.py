"""The learner's desk: answers are judged, hints and solutions shown, progress kept in a folder of the learner's own."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinymm.files import user_folder, write_atomically
from tinymm.lessons.exercise import Lesson, course, find
from tinymm.lessons.judging import judge

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_hints_given: dict[str, int] = {}


def desk_folder() -> Path:
    """The learner's folder, with notebooks and right answers: `$TINYMM_LESSONS`, or `lessons` in the user's data folder.

    On Linux that is `~/.local/share/tinymm/lessons`; see `tinymm.files.user_folder`.
    """
    own = os.environ.get("TINYMM_LESSONS")
    return Path(own).expanduser().absolute() if own else user_folder("data") / "lessons"


def check(number: str, answer: Any) -> None:
    """Judge your answer to an exercise and say what is right or wrong with it.

    number: such as "03.2". answer: your function; it is tried on random inputs. A right answer is kept in your
    folder, as answers/03.2.py. Raises ValueError if there is no exercise of that number.
    """
    verdict = judge(number, answer)
    sign = {"right": "✓", "wrong": "✗", "not done yet": "○"}[verdict.status]
    message = verdict.message.replace("\n", "\n  ")
    if verdict:
        message = f"right, on {find(number).trials} random inputs" + _keep(number, answer)
    elif verdict.status == "not done yet":
        message += f': write {find(number).name}, then run this cell again; hint("{number}") helps'
    print(f"{sign} {number} {message}")


def hint(number: str) -> None:
    """Show the next hint for an exercise."""
    hints = find(number).hints
    given = _hints_given.get(number, 0)
    if given < len(hints):
        print(f"hint {given + 1} of {len(hints)}: {hints[given]}")
    else:
        print(f'There is no further hint. solution("{number}") shows an answer.')
    _hints_given[number] = given + 1


def solution(number: str) -> None:
    """Show an answer to an exercise. Try the hints first, and then write it again without looking."""
    print(find(number).solved())


def done() -> set[str]:
    """The numbers of the exercises that have been solved."""
    return {path.stem for path in (desk_folder() / "answers").glob("*.py")}


def marks(lesson: Lesson, solved: set[str]) -> str:
    """A lesson's exercises as circles, full when they are solved: ● ● ○."""
    return " ".join("●" if e.number in solved else "○" for e in lesson.exercises)


def progress(ax: Axes | None = None) -> Axes:
    """Draw the course: a row for each lesson, a circle for each exercise, full when you have solved it."""
    from tinymm.plots.figure import BLUE, GREY, new_figure

    lessons, solved = course(), done()
    total = sum(len(lesson.exercises) for lesson in lessons)
    if ax is None:
        ax = new_figure(6.2, 0.7 + 0.27 * len(lessons)).subplots()
    for row, lesson in enumerate(lessons):
        ax.text(-0.6, row, f"{lesson.number}  {lesson.title}", ha="right", va="center", fontsize=10)
        for column, e in enumerate(lesson.exercises):
            full = e.number in solved
            ax.plot(column, row, "o", ms=11, mfc=BLUE if full else "white", mec=BLUE if full else GREY)
    widest = max((len(lesson.exercises) for lesson in lessons), default=1)
    ax.set(xlim=(-9, max(widest, 4)), ylim=(len(lessons) - 0.4, -0.6))
    ax.set_title(f"{len({e.number for a in lessons for e in a.exercises} & solved)} of {total} exercises solved")
    ax.set_axis_off()
    return ax


def _keep(number: str, answer: Any) -> str:
    """Put a right answer into the learner's folder; returns what to say about it."""
    try:
        source = inspect.getsource(answer)
    except (OSError, TypeError):  # typed where no source is kept, or no plain function
        source = f"# {find(number).name}: right, but its source is not known\n"
    try:
        write_atomically(desk_folder() / "answers" / f"{number}.py", source.encode())
    except OSError as error:
        return f"\n  (It could not be kept: {error}. TINYMM_LESSONS can name another folder.)"
    lesson = next((a for a in course() if number.startswith(f"{a.number:02d}.")), None)
    return f"     lesson {lesson.number}: {marks(lesson, done())}" if lesson else ""
