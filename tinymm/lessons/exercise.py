"""What an exercise is: a solution, random inputs to judge by, and the typical mistakes, each with its hint.

>>> import numpy as np
>>> @exercise("example.1", given=lambda rng: (rng.normal(size=5),), hints=("Add up, then divide.",))
... def mean(x):
...     \"\"\"Return the mean of the numbers x (N,).\"\"\"
...     return np.sum(x) / len(x)
>>> mean.mistake("Divide by how many numbers there are.", lambda x: np.sum(x))
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import numpy as np

Answer = Callable[..., Any]

_EXERCISES: dict[str, Exercise] = {}
_LESSONS: dict[int, Lesson] = {}


@dataclass(frozen=True)
class Lesson:
    """One lesson of the course; its exercises are numbered 01.1, 01.2, … and stand in the same file."""

    number: int
    title: str
    minutes: int
    question: str

    def __post_init__(self) -> None:
        _LESSONS[self.number] = self

    @property
    def exercises(self) -> list[Exercise]:
        return [e for e in _EXERCISES.values() if e.number.startswith(f"{self.number:02d}.")]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and what helps them on."""

    hint: str
    answer: Answer


@dataclass
class Exercise:
    """A function to write. Made by `exercise`; calling it calls its solution."""

    number: str
    solution: Answer
    given: Callable[[np.random.Generator], tuple]
    truth: Answer
    hints: Sequence[str]
    returns: Sequence[str]
    starter: Answer | None
    rtol: float
    atol: float
    trials: int

    def __post_init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def __call__(self, *arguments: Any) -> Any:
        return self.solution(*arguments)

    def mistake(self, hint: str, answer: Answer) -> None:
        """Add a typical wrong answer: who gives it is told `hint`."""
        self.mistakes.append(Mistake(hint, answer))

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.solution.__name__

    @property
    def parameters(self) -> list[str]:
        return list(inspect.signature(self.solution).parameters)

    def solved(self) -> str:
        """The solution's source, as the solution notebook and `solution()` show it."""
        return _source(self.solution)

    def empty(self) -> str:
        """What the learner begins with: the signature and docstring with `...`, or the starter under this name."""
        if self.starter is not None:
            return _source(self.starter).replace(f"def {self.starter.__name__}(", f"def {self.name}(", 1)
        source = self.solved()
        function = ast.parse(source).body[0]
        assert isinstance(function, ast.FunctionDef)
        first = function.body[1 if ast.get_docstring(function) is not None else 0]
        kept = source.splitlines()[: first.lineno - 1]
        while kept[-1].lstrip().startswith("#"):
            kept.pop()
        return "\n".join([*kept, " " * first.col_offset + "..."])


def exercise(
    number: str,
    given: Callable[[np.random.Generator], tuple],
    *,
    truth: Answer | None = None,
    hints: Sequence[str] = (),
    returns: Sequence[str] = ("answer",),
    starter: Answer | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    trials: int = 20,
) -> Callable[[Answer], Exercise]:
    """Make the function below it, which is the solution, an exercise.

    Args:
        number: such as "03.2": the second exercise of lesson 3. Your own may have any name.
        given: makes the arguments of one trial, a tuple, from a random generator.
        truth: what answers are compared with, such as a formula of `tinymm.formulas` or a numerical gradient;
            by default the solution itself.
        hints: shown one after the other by `hint`.
        returns: what is returned, in the learner's words, one name for each part: ("gradient for W", …).
        starter: what the learner begins with instead of an empty body, for example code with a planted bug.
        rtol, atol: the error that is allowed, relative and absolute.
        trials: how many random inputs an answer must get right.
    """

    def make(solution: Answer) -> Exercise:
        made = Exercise(number, solution, given, truth or solution, hints, returns, starter, rtol, atol, trials)
        _EXERCISES[number] = made
        return made

    return make


def find(number: str) -> Exercise:
    """The exercise of that number. Raises ValueError if there is none; the message says which there are."""
    from tinymm.lessons import exercises

    if number not in _EXERCISES:
        lesson = number.partition(".")[0]
        if lesson.isdecimal() and any(m.name == f"lesson{lesson}" for m in pkgutil.iter_modules(exercises.__path__)):
            importlib.import_module(f"tinymm.lessons.exercises.lesson{lesson}")
    if number not in _EXERCISES:
        same = [n for n in _EXERCISES if n.partition(".")[0] == number.partition(".")[0]]
        known = f"this lesson has {', '.join(same)}" if same else "write it as '03.2', the second of lesson 3"
        raise ValueError(f"there is no exercise {number!r}: {known}")
    return _EXERCISES[number]


def course() -> list[Lesson]:
    """All lessons in their order, with their exercises loaded."""
    from tinymm.lessons import exercises

    for module in pkgutil.iter_modules(exercises.__path__):
        importlib.import_module(f"tinymm.lessons.exercises.{module.name}")
    return [_LESSONS[number] for number in sorted(_LESSONS)]


def _source(function: Answer) -> str:
    """The source of a function without its decorators."""
    lines = dedent(inspect.getsource(function)).splitlines()
    tree = ast.parse("\n".join(lines)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return "\n".join(lines[tree.lineno - 1 : tree.end_lineno])
