"""Every exercise of the course: its solution is accepted, its typical mistakes are refused, each with its own hint."""

import numpy as np
import pytest

from tinymm.lessons import course, judge
from tinymm.lessons.judging import _outcome

LESSONS = course()
EXERCISES = [e for lesson in LESSONS for e in lesson.exercises]
each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)


def few_or_many(few, many):
    """The first seeds, and the others where there is time."""
    others = pytest.param(range(few, many), marks=pytest.mark.slow)
    return pytest.mark.parametrize("seeds", [range(few), others], ids=["few", "many"])


def test_every_lesson_has_three_exercises_or_more():
    for lesson in LESSONS:
        numbers = [e.number for e in lesson.exercises]
        assert numbers == [f"{lesson.number:02d}.{i + 1}" for i in range(max(3, len(numbers)))]
        assert 20 <= lesson.minutes <= 40


@each
@few_or_many(5, 100)
def test_the_solution_is_accepted_on_many_inputs(exercise, seeds):
    for seed in seeds:
        verdict = judge(exercise.number, exercise.solution, seed)
        assert verdict, f"seed {seed}: {verdict.message}"


@each
@few_or_many(1, 4)
def test_each_typical_mistake_is_refused_with_its_own_hint(exercise, seeds):
    assert len(exercise.mistakes) >= 3
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes)
    for mistake in exercise.mistakes:
        for seed in seeds:
            verdict = judge(exercise.number, mistake.answer, seed)
            assert verdict.status == "wrong" and verdict.mistake is mistake, (mistake.hint, verdict.message)
            assert verdict.message.endswith(mistake.hint) and len(verdict.message) > len(mistake.hint) + 10


@each
@few_or_many(1, 3)
def test_constant_and_hard_coded_answers_are_refused(exercise, seeds):
    rng = np.random.default_rng(0)
    arguments = [exercise.given(rng) for _ in range(5)]
    answers = [_outcome(exercise.truth, given)[0] for given in arguments]
    for seed in seeds:
        for constant in answers:
            assert judge(exercise.number, lambda *a, constant=constant: constant, seed).status == "wrong"
        by_heart = iter(answers * 10)
        assert judge(exercise.number, lambda *a, by_heart=by_heart: next(by_heart), seed).status == "wrong"


@each
def test_an_empty_exercise_is_not_done_yet(exercise):
    names = {"np": np}
    exec(exercise.empty(), names)
    assert judge(exercise.number, names[exercise.name]).status == "not done yet"
    names = {"np": np}
    exec(f"def {exercise.name}({', '.join(exercise.parameters)}):\n    ...", names)
    if exercise.starter is None:
        assert judge(exercise.number, names[exercise.name]).status == "not done yet"
    assert judge(exercise.number, ...).status == "not done yet"


@each
def test_hints_lead_up_to_a_solution_that_fits_a_cell(exercise):
    assert len(exercise.hints) >= 2
    assert exercise.solution.__doc__, "the task stands in the docstring"
    for line in exercise.solved().splitlines() + exercise.empty().splitlines():
        assert len(line) <= 100, line
