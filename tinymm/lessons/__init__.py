"""The course: exercises with a judge, hints, solutions, and how far you have come.

In a lesson: `check("03.2", answer)`, `hint("03.2")`, `solution("03.2")` and `progress()`. Teachers make exercises of their
own with `exercise`; `judge` gives the verdict on an answer without printing anything.
"""

from tinymm.lessons.desk import check, hint, progress, solution
from tinymm.lessons.exercise import Exercise, Lesson, Mistake, course, exercise
from tinymm.lessons.judging import Verdict, judge
from tinymm.lessons.sliders import explore

__all__ = [
    *("Exercise", "Lesson", "Mistake", "Verdict"),
    *("check", "course", "exercise", "explore", "hint", "judge", "progress", "solution"),
]
