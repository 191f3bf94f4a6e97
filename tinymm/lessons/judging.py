"""Is an answer right, and if not, what is wrong with it, in the learner's terms?"""

from __future__ import annotations

import copy
import dis
import traceback
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Literal

import numpy as np

from tinymm.lessons.exercise import Answer, Exercise, Mistake, find

SHORT = 110  # letters of inputs that are still worth showing


@dataclass(frozen=True)
class Verdict:
    """What the judge says of one answer; true if it is right."""

    status: Literal["right", "wrong", "not done yet"]
    message: str
    mistake: Mistake | None = None  # the one that was recognised

    def __bool__(self) -> bool:
        return self.status == "right"


@dataclass(frozen=True)
class _Raised:
    """An answer that stopped with an error."""

    error: Exception


def judge(number: str, answer: Any, seed: int | None = None) -> Verdict:
    """Compare an answer with the truth on random inputs; nothing is printed or kept.

    answer: the learner's function. It gets copies of its arguments. seed: for the same inputs again.
    Raises ValueError if there is no exercise of that number.
    """
    exercise = find(number)
    if answer is None or answer is ...:
        return Verdict("not done yet", "not done yet")
    if not callable(answer):
        return Verdict(
            "wrong",
            f"this is a {type(answer).__name__}, but the function itself is judged, with inputs of its own: write "
            f'check("{number}", {exercise.name}), without brackets after the name',
        )
    if _untouched(exercise, answer):
        return Verdict("not done yet", "not done yet")
    rng = np.random.default_rng(seed)
    trials = [exercise.given(rng) for _ in range(exercise.trials)]
    truths = [_outcome(exercise.truth, trial)[0] for trial in trials]
    outcomes = [_outcome(answer, trial) for trial in trials]
    answers = [got for got, _ in outcomes]
    if all(_unfilled(got) for got in answers):
        return Verdict(
            "wrong", "your function gives nothing back, or `...`: end it with `return` and what it has computed"
        )
    wrong = [i for i in range(len(trials)) if _difference(answers[i], truths[i], exercise)]
    if not wrong:
        changed = next((changed for _, changed in outcomes if changed), None)
        if changed:
            return Verdict(
                "wrong",
                f"the numbers are right, but your function changes its input {changed} in place, and with it the array "
                f"of whoever called it: write {changed} = {changed} - …, not {changed} -= …",
            )
        return Verdict("right", "right")
    first = wrong[0]
    message = _difference(answers[first], truths[first], exercise) + _pattern_of_numbers(answers, truths, exercise)
    mistake = _recognised(exercise, trials, answers)
    if mistake is not None:
        return Verdict("wrong", f"{message}\n{mistake.hint}", mistake)
    if _constant(answers, exercise):
        return Verdict(
            "wrong",
            f"{message}\nIt is the same whatever the inputs are: compute it from {_listed(exercise.parameters)}",
        )
    inputs = ", ".join(f"{n} = {_shown(v)}" for n, v in zip(exercise.parameters, trials[first], strict=True))
    worth_showing = len(inputs) < SHORT and "an array of shape" not in inputs
    return Verdict("wrong", message + (f"\nThat was for {inputs}" if worth_showing else ""))


def _outcome(function: Answer, arguments: tuple) -> tuple[Any, str | None]:
    """What the function returns (or raises) for copies of its arguments, and which of them it has changed."""
    given = copy.deepcopy(arguments)
    try:
        with np.errstate(all="ignore"):
            result: Any = function(*given)
    except Exception as error:
        result = _Raised(error)
    names = function.__code__.co_varnames if isinstance(function, FunctionType) else [""] * len(given)
    for name, now, before in zip(names, given, arguments, strict=False):
        if isinstance(now, np.ndarray) and not np.array_equal(now, before, equal_nan=now.dtype.kind == "f"):
            return result, name
    return result, None


# --- what is different -----------------------------------------------------------------------------------------


def _difference(got: Any, want: Any, exercise: Exercise) -> str:
    """One sentence on what is wrong with `got`; empty if nothing is."""
    if isinstance(got, _Raised):
        return "" if isinstance(want, _Raised) and type(got.error) is type(want.error) else _stopped(got.error)
    if isinstance(want, _Raised):
        return f"your function gives {_shown(got)}, but a {type(want.error).__name__} is expected here"
    if not isinstance(want, tuple):
        return _part(got, want, exercise.returns[0], exercise)
    if not isinstance(got, tuple | list) or len(got) != len(want):
        came = f"{len(got)} things" if isinstance(got, tuple | list) else "one thing"
        return f"your function returns {came}, but {len(want)} are asked for: {_listed(exercise.returns)}"
    names = exercise.returns if len(exercise.returns) == len(want) else [f"value {i}" for i in range(len(want))]
    parts = (_part(g, w, name, exercise) for g, w, name in zip(got, want, names, strict=True))
    return next((part for part in parts if part), "")


def _part(got: Any, want: Any, name: str, exercise: Exercise) -> str:
    if not _numeric(want):
        same = type(got) is type(want) and got == want
        return "" if same else f"your {name} is {_shown(got)}; it should be {_shown(want)}"
    if not _numeric(got):
        return f"your {name} is {_shown(got)}, a {type(got).__name__}; it should be {_kind(want)}"
    g, w = np.asarray(got), np.asarray(want)
    if g.shape != w.shape:
        return f"your {name} has {_shape(g)}; it should have {_shape(w)}"
    close = np.isclose(g, w, rtol=exercise.rtol, atol=exercise.atol, equal_nan=True)
    if close.all():
        return ""
    return f"{_values(g, w, close, name)}{_pattern(g, w, exercise)}"


def _values(g: np.ndarray, w: np.ndarray, close: np.ndarray, name: str) -> str:
    if g.size <= 4:
        return f"your {name} is {_shown(g)}; it should be {_shown(w)}"
    place = tuple(int(i) for i in np.argwhere(~close)[0])
    wrong = "all" if not close.any() else f"{np.sum(~close)} of {g.size}"
    return f"your {name} is wrong in {wrong} places: at {list(place)} it is {_shown(g[place])}, not {_shown(w[place])}"


def _pattern(g: np.ndarray, w: np.ndarray, exercise: Exercise) -> str:
    """What all the numbers have in common: the sign, a factor, a constant."""

    def same(a: np.ndarray, b: Any) -> bool:
        return bool(np.allclose(a, b, rtol=max(exercise.rtol, 1e-6), atol=exercise.atol))

    if not (np.isfinite(w.astype(float)).all() and np.any(w)):
        return ""
    g, w = g + 0, w + 0  # true and false have no sign: 1 and 0 do
    if not np.isfinite(g.astype(float)).all():
        return " (not a number: a division by zero, or the logarithm of zero?)"
    if g.size > 1:
        if same(-g, w):
            return " (the sign is the other way round)"
        factor = float(np.vdot(w, g) / np.vdot(w, w))
        if factor and same(g, factor * w):
            return f" (all numbers are {factor:.3g} times what they should be)"
        if same(g - w, np.mean(g - w)):
            return f" (all numbers are off by {_shown(np.mean(g - w))})"
        if g.ndim == 2 and g.shape[0] == g.shape[1] and same(g.T, w):
            return " (rows and columns are exchanged)"
    return ""


def _pattern_of_numbers(answers: list[Any], truths: list[Any], exercise: Exercise) -> str:
    """The same for answers that are single numbers: what all trials have in common."""
    if not all(_numeric(a) and np.ndim(a) == 0 for a in (*answers, *truths)):
        return ""
    return _pattern(np.array(answers), np.array(truths), exercise)


# --- what kind of answer it is -----------------------------------------------------------------------------------


def _recognised(exercise: Exercise, trials: list[tuple], answers: list[Any]) -> Mistake | None:
    """The typical mistake that gives the same answers to the same inputs."""
    for mistake in exercise.mistakes:
        for trial, got in zip(trials, answers, strict=True):
            expected = _outcome(mistake.answer, trial)[0]
            if isinstance(got, _Raised) != isinstance(expected, _Raised) or _difference(got, expected, exercise):
                break
        else:
            return mistake
    return None


def _untouched(exercise: Exercise, answer: Any) -> bool:
    """Whether the answer is what the learner began with, or an empty body."""
    if not isinstance(answer, FunctionType):
        return False
    try:
        beginning = exercise.empty()
    except OSError:  # an exercise that was typed where no source is kept
        beginning = ""
    beginnings = compile(f"{beginning}\ndef empty(): ...", "", "exec").co_consts
    return _instructions(answer.__code__) in [_instructions(c) for c in beginnings if isinstance(c, CodeType)]


def _instructions(code: CodeType) -> list[tuple]:
    """What the code does, whatever its docstring says and wherever it stands."""
    return [
        (i.opname, _instructions(i.argval) if isinstance(i.argval, CodeType) else i.argval)
        for i in dis.get_instructions(code)
        if not i.opname.startswith("RESUME")
    ]


def _unfilled(got: Any) -> bool:
    return got is None or got is ... or (isinstance(got, tuple | list) and any(part is ... for part in got))


def _constant(answers: list[Any], exercise: Exercise) -> bool:
    first = answers[0]
    if isinstance(first, _Raised):
        return False
    return not any(isinstance(a, _Raised) or _difference(a, first, exercise) for a in answers[1:])


def _stopped(error: Exception) -> str:
    """An error in the learner's function, with the line that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    line = f", at `{frames[0].line}`" if frames and frames[0].line else ""
    return f"your function stops with {type(error).__name__}: {error}{line}"


# --- in words ----------------------------------------------------------------------------------------------------


def _numeric(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | str | bytes | dict | set) or value is None or callable(value):
        return False
    try:
        return np.asarray(value).dtype.kind in "biufc"
    except (ValueError, TypeError):  # a list of lists of different lengths
        return False


def _kind(value: Any) -> str:
    array = np.asarray(value)
    return f"an array of shape {array.shape}" if array.ndim else "a number"


def _shape(array: np.ndarray) -> str:
    return f"shape {array.shape}" if array.ndim else "no axes (a single number)"


def _shown(value: Any) -> str:
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, tuple):
        return f"({', '.join(_shown(part) for part in value)})"
    if not _numeric(value):
        return repr(bool(value) if isinstance(value, np.bool_) else value)
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    if array.size > 40:
        return f"an array of shape {array.shape}"
    return " ".join(np.array2string(array, precision=4, suppress_small=True, separator=", ").split())


def _listed(names: Any) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
