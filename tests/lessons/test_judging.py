"""What the judge says to the learner."""

import numpy as np
import pytest

import tinymm as tm
from tinymm.lessons import exercise, judge


def _given(rng):
    return rng.normal(size=(32, 10)), rng.normal(size=(32, 3))


@exercise("test.gradients", given=_given, returns=("gradient for W", "gradient for b"), hints=("a", "b"))
def gradients(d, x):
    """Return the gradients of x W + b."""
    return x.T @ d, d.sum(axis=0)


gradients.mistake("Sum over the batch.", lambda d, x: (x.T @ d, d))


def _buggy(x):
    return np.sum(x) / (len(x) - 1)


@exercise("test.bug", given=lambda rng: (rng.normal(size=4),), starter=_buggy)
def mean(x):
    """Return the mean."""
    total = np.sum(x)
    return total / len(x)


@exercise("test.square", given=lambda rng: (rng.normal(size=(3, 3)),))
def same(x):
    """Return x."""
    return x


@exercise("test.word", given=lambda rng: (str(rng.integers(100)),))
def word(x):
    """Return x twice."""
    return x + x


def said(number, answer):
    verdict = judge(number, answer, seed=0)
    assert not verdict
    return verdict.message


def test_a_shape_is_told_in_the_learners_terms_with_the_hint_below():
    assert said("test.gradients", lambda d, x: (x.T @ d, d)) == (
        "your gradient for b has shape (32, 10); it should have shape (10,)\nSum over the batch."
    )


def test_a_mistake_nobody_foresaw_is_described():
    for answer, words in [
        (lambda x: -x, "the sign is the other way round"),
        (lambda x: 3 * x, "all numbers are 3 times what they should be"),
        (lambda x: x + 1, "all numbers are off by 1"),
        (lambda x: x.T, "rows and columns are exchanged"),
        (lambda x: x / 0, "not a number"),
        (lambda x: x + np.eye(3), "is wrong in 3 of 9 places: at [0, 0]"),
        (lambda x: x.sum(), "has no axes (a single number); it should have shape (3, 3)"),
        (lambda x: "x", "is 'x', a str; it should be an array of shape (3, 3)"),
        (lambda x: (x, x), "it should"),
    ]:
        assert words in said("test.square", answer)


def test_what_single_numbers_have_in_common_is_seen_over_all_trials():
    assert "(all numbers are 2 times what they should be)" in said("test.bug", lambda x: 2 * np.mean(x))
    assert "(the sign is the other way round)" in said("test.bug", lambda x: -np.mean(x))
    assert "(" not in said("test.bug", lambda x: np.mean(x) ** 3).splitlines()[0]


def test_the_number_of_returned_things_is_told():
    words = said("test.gradients", lambda d, x: d.sum(axis=0))
    assert words == "your function returns one thing, but 2 are asked for: gradient for W and gradient for b"
    assert "returns 3 things" in said("test.gradients", lambda d, x: (1, 2, 3))


def test_words_are_compared_as_words():
    assert judge("test.word", lambda x: 2 * x)
    assert "That was for x = " in said("test.word", lambda x: x)


def test_an_error_in_the_function_is_shown_with_its_line():
    def answer(x):
        return x @ np.ones(7)

    words = said("test.square", answer)
    assert words.startswith("your function stops with ValueError") and "at `return x @ np.ones(7)`" in words
    assert "TypeError" in said("test.square", lambda: 0)


def test_the_function_itself_is_asked_for():
    assert 'check("test.square", same), without brackets' in said("test.square", np.ones(3))


def test_a_constant_is_named():
    assert "It is the same whatever the inputs are: compute it from x" in said("test.bug", lambda x: 7)


def test_a_forgotten_return_is_told():
    def answer(x):
        x + 1

    assert "end it with `return`" in said("test.square", answer)


def test_an_input_must_not_change():
    def answer(x):
        x += 1
        return x - 1

    assert "changes its input x in place" in said("test.square", answer)


def test_tensors_are_answers_too():
    assert judge("test.square", lambda x: tm.Tensor(x) * 1)


def test_a_planted_bug_left_as_it_was_is_not_done_yet():
    names = {"np": np}
    exec(gradients.empty() + "\n" + mean.empty(), names)
    assert "len(x) - 1" in mean.empty() and "def mean(x)" in mean.empty()
    assert judge("test.bug", names["mean"]).status == "not done yet"
    assert judge("test.gradients", names["gradients"]).status == "not done yet"
    assert judge("test.bug", np.mean)


def test_an_unknown_number_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '01\.9': this lesson has 01\.1, 01\.2"):
        judge("01.9", same)
    with pytest.raises(ValueError, match=r"write it as '03\.2'"):
        judge("1", same)


def test_an_exercise_without_source_is_judged_too():
    names = {"exercise": exercise}
    exec('@exercise("test.typed", given=lambda rng: (rng.normal(),))\ndef double(x):\n    return 2 * x', names)
    assert judge("test.typed", lambda x: x + x)
    assert judge("test.typed", lambda x: ...).status == "wrong"

    def empty(x): ...

    assert judge("test.typed", empty).status == "not done yet"


def test_true_and_false_are_compared_like_numbers():
    @exercise("test.masks", given=lambda rng: (rng.normal(size=(2, 5)),), hints=("a", "b"))
    def positive(x):
        return x > 0

    assert judge("test.masks", lambda x: x >= 0)
    verdict = judge("test.masks", lambda x: x < 0, seed=0)
    assert verdict.status == "wrong" and "your answer is wrong in all places" in verdict.message
    assert "np." not in verdict.message
