"""Error rates of transcripts against the recursion that defines the edit distance."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import metrics
from tinymm.metrics import Edits, character_error_rate, count_edits, word_error_rate

texts = st.text("abc ", max_size=7)


def fewest(reference, hypothesis):
    """(distance, insertions + deletions), the least of all ways, tried one by one."""

    @functools.cache
    def search(i, j):
        if i == 0 or j == 0:
            return i + j, i + j
        (d0, n0), (d1, n1), (d2, n2) = search(i - 1, j - 1), search(i, j - 1), search(i - 1, j)
        return min((d0 + (reference[i - 1] != hypothesis[j - 1]), n0), (d1 + 1, n1 + 1), (d2 + 1, n2 + 1))

    return search(len(reference), len(hypothesis))


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_edits_are_the_fewest(reference, hypothesis):
    edits = count_edits(reference, hypothesis)
    assert (edits.distance, edits.insertions + edits.deletions) == fewest(reference, hypothesis)
    assert edits.insertions - edits.deletions == len(hypothesis) - len(reference)
    assert min(edits) >= 0
    assert count_edits(hypothesis, reference) == Edits(edits.substitutions, edits.deletions, edits.insertions)
    assert count_edits(list(reference), tuple(hypothesis)) == edits


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_rates_are_edits_by_tokens_of_the_corpus(pairs):
    references, hypotheses = map(list, zip(*pairs, strict=True))
    for rate, cut in ((word_error_rate, str.split), (character_error_rate, list)):
        total = sum(len(cut(r)) for r in references)
        edits = sum(fewest(cut(r), cut(h))[0] for r, h in pairs)
        expected = edits / total if total else (np.inf if edits else 0)
        assert rate(references, hypotheses) == expected
        assert rate([cut(r) for r in references], [cut(h) for h in hypotheses]) == expected


def test_each_kind_of_edit():
    assert count_edits(["turn", "left"], ["turn", "right"]) == (1, 0, 0)
    assert count_edits(["one", "two"], ["one", "or", "two"]) == (0, 1, 0)
    assert count_edits([5, 5, 7], [5, 7]) == (0, 0, 1)
    assert count_edits("ab", "ba") == (2, 0, 0)  # as cheap as leaving out and putting in
    assert count_edits("", "") == (0, 0, 0)
    assert count_edits(np.array([1, 2]), [1, 3]) == (1, 0, 0)


def test_empty_references():
    assert word_error_rate("", "") == word_error_rate(["", " "], ["", ""]) == 0
    assert word_error_rate("", "hello") == np.inf
    assert word_error_rate(["", "one two"], ["hm", "one two"]) == 0.5
    assert word_error_rate("one two", "") == character_error_rate("x", "") == 1


def test_a_rate_can_be_above_one():
    assert word_error_rate("yes", "no no no") == 3


def test_characters_of_any_script():
    assert character_error_rate("我要退货", "我要退款") == 0.25
    assert character_error_rate("a b", "ab") == pytest.approx(1 / 3)  # a space is a character
    assert character_error_rate("😀", "😀😀") == 1


def test_long_transcripts():
    text = "the quick brown fox " * 200
    assert count_edits(text, text.replace("quick ", "")) == (0, 0, 6 * 200)


@pytest.mark.parametrize("rate", [word_error_rate, character_error_rate])
@pytest.mark.parametrize(
    ("references", "hypotheses", "error", "sentence"),
    [
        (["a", "b"], ["a"], ValueError, "2 references but 1 hypotheses"),
        (["a", "b"], "a b", ValueError, "2 references but 1 hypotheses"),
        ([], [], ValueError, "references are empty"),
        (None, "a", TypeError, "references are of type NoneType"),
        ("a", [1, 2], TypeError, r"hypotheses hold 1, .*try \[hypotheses\]"),
    ],
)
def test_bad_input_is_one_clear_sentence(rate, references, hypotheses, error, sentence):
    with pytest.raises(error, match=f"^{rate.__name__}: .*{sentence}") as caught:
        rate(references, hypotheses)
    assert "\n" not in str(caught.value)


def test_names_are_offered():
    assert {"word_error_rate", "character_error_rate", "count_edits", "Edits"} <= set(metrics.__all__)
