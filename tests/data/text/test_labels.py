"""Labels: words or characters by number, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.text.labels import BLANK, Labels


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("abc 退", min_size=1).map(lambda t: " ".join(t.split())), min_size=1).filter(any))
def test_what_was_seen_comes_back(texts):
    for kind in ("words", "characters"):
        labels = Labels.of(texts, kind)
        for text in texts:
            numbers = labels.encode(text)
            assert BLANK not in numbers and labels.decode(numbers) == text
            assert labels.decode([0, *numbers, 0]) == text
        again = Labels.from_state(labels.state_dict())
        assert (again.names, again.kind, len(again)) == (labels.names, kind, len(labels.names) + 1)


def test_numbers_begin_after_the_blank():
    labels = Labels(["a", "b"])
    assert labels.encode("b a b").tolist() == [2, 1, 2] and labels.encode("").dtype == np.int64
    assert repr(labels) == "Labels(2 words: a b)"


def test_spaces_at_the_ends_are_none():
    labels = Labels([" ", "a"], "characters")
    assert labels.decode([1, 2, 1, 1, 2, 1]) == "a a"


@pytest.mark.parametrize(
    ("names", "kind", "words"),
    [
        ([], "words", "0 names"),
        (["a", "a"], "words", "2 names, 1 different"),
        (["a b"], "words", "'a b' is not one of words"),
        (["ab"], "characters", "'ab' is not one of characters"),
        (["a"], "phones", "kind 'phones' is unknown"),
        (["a"], "phonemes", "are not the phonemes of the pronunciations"),
    ],
)
def test_names_that_are_none(names, kind, words):
    with pytest.raises(ValueError, match=words):
        Labels(names, kind)


def test_what_is_not_known():
    with pytest.raises(ValueError, match=r"the transcript 'a x' holds 'x', which is none of Labels\(1 words: a\)"):
        Labels(["a"]).encode("a x")
