"""Language models: what they sum to, and the same as all ways to cut labels into words."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm import formulas
from tinymm.decoding import prefix_beam_search
from tinymm.language_model import Bigrams, LexiconModel

TEXTS = st.lists(st.lists(st.sampled_from("ab12"), max_size=4).map(" ".join), min_size=1).filter(any)


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.booleans())
def test_after_each_word_something_comes(texts, alike):
    bigrams = Bigrams.of(texts, ["1 2"] if alike else [])
    assert bigrams.probabilities.sum(axis=1) == pytest.approx(1) and (bigrams.probabilities > 0).all()
    if alike and "1" in bigrams.numbers:
        for before in (None, "1", "2"):
            assert bigrams.p(before, "1") == bigrams.p(before, "2")
        assert bigrams.p("1", None) == bigrams.p("2", None)
    again = Bigrams.from_state(bigrams.state_dict())
    np.testing.assert_allclose(again.probabilities, bigrams.probabilities, rtol=1e-6)
    assert again.words == bigrams.words


def test_witten_and_bell_by_hand():
    bigrams = Bigrams.of(["a b", "a a", "a b"])  # the third adds nothing
    # of 6 words and ends: a 3 times, b once, the end twice; p(w) = (c + 1) / (6 + 3)
    assert bigrams.p(None, "a") == pytest.approx((2 + 1 * 4 / 9) / (2 + 1))
    assert bigrams.p("a", "b") == pytest.approx((1 + 3 * 2 / 9) / (3 + 3))
    assert bigrams.p("b", "b") == pytest.approx((0 + 1 * 2 / 9) / (1 + 1))


def test_what_cannot_be_estimated():
    with pytest.raises(ValueError, match="no words to learn from"):
        Bigrams.of(["", " "])
    with pytest.raises(ValueError, match="in two groups"):
        Bigrams.of(["a"], ["a b", "b c"])
    with pytest.raises(ValueError, match=r"probabilities \(2, 2\) must be \(3, 3\)"):
        Bigrams(["a", "b"], np.ones((2, 2)))


@st.composite
def lexicons(draw):
    """Up to four words of one or two of three labels; they may sound alike, or begin alike."""
    pronunciations = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), min_size=1, max_size=4))
    words = [f"w{i}" for i in range(len(pronunciations))]
    p = np.random.default_rng(draw(st.integers(0, 999))).dirichlet(np.ones(len(words) + 1), len(words) + 1)
    return Bigrams(words, p), dict(zip(words, pronunciations, strict=True))


def readings(bigrams, pronunciations, labels):
    """The probability of each word sequence with these labels."""
    found = {}
    for count in range(len(labels) + 1):
        for words in itertools.product(bigrams.words, repeat=count):
            if [label for word in words for label in pronunciations[word]] == list(labels):
                line = [None, *words, None]
                found[words] = np.prod([bigrams.p(v, w) for v, w in itertools.pairwise(line)])
    return found


@settings(max_examples=60, deadline=None)
@given(lexicons(), st.lists(st.integers(1, 3), max_size=5))
def test_labels_are_as_likely_as_all_words_that_have_them(lexicon, labels):
    bigrams, pronunciations = lexicon
    model = LexiconModel(bigrams, pronunciations, 4)
    state, total = model.begin(), 0.0
    for label in labels:
        total += model.scores(state)[label]
        state = model.after(state, label)
    total += model.end(state)
    found = readings(bigrams, pronunciations, labels)
    assert np.exp(total) == pytest.approx(sum(found.values()), rel=1e-6, abs=1e-12)
    if found:
        assert tuple(model.words(labels)) in found
        assert found[tuple(model.words(labels))] == pytest.approx(max(found.values()))


@settings(max_examples=40, deadline=None)
@given(lexicons(), st.lists(st.integers(0, 2), max_size=6))
def test_of_what_may_follow_one_thing_does(lexicon, choices):
    model = LexiconModel(*lexicon, 4)
    state = model.begin()
    for choice in choices:
        p = np.exp(model.scores(state))
        assert p.sum() + np.exp(model.end(state)) == pytest.approx(1)
        possible = np.flatnonzero(p)
        if not len(possible):
            break
        state = model.after(state, int(possible[choice % len(possible)]))


def test_weight_and_bonus():
    bigrams = Bigrams.of(["a b", "b"])
    plain = LexiconModel(bigrams, {"a": [1], "b": [2]}, 3)
    other = LexiconModel(bigrams, {"a": [1], "b": [2]}, 3, weight=0.5, bonus=2)
    state = plain.begin()
    np.testing.assert_allclose(other.scores(state)[1:], 0.5 * plain.scores(state)[1:] + 2)
    assert other.end(state) == 0.5 * plain.end(state) and other.scores(state)[0] == -np.inf


def test_a_word_that_has_only_begun_is_not_written():
    model = LexiconModel(Bigrams.of(["go home"]), {"go": [1, 2], "home": [3, 2, 1]}, 4)
    assert model.words([1, 2, 3, 2]) == ["go"] and model.words([1, 2, 3, 2, 1]) == ["go", "home"]
    assert model.words([]) == model.words([1]) == model.words([2, 2]) == []


@pytest.mark.parametrize("labels", [[], [0], [1, 4]])
def test_words_that_cannot_be_said(labels):
    with pytest.raises(ValueError, match=r"'a' has the labels \[.*\]: expected some from 1 to 3"):
        LexiconModel(Bigrams.of(["a"]), {"a": labels}, 4)


@settings(max_examples=25, deadline=None)
@given(lexicons(), st.integers(0, 999))
def test_a_wide_beam_finds_the_likeliest_words(lexicon, seed):
    """All label sequences, each by the sum over its alignments and the language model."""
    model = LexiconModel(*lexicon, 4, weight=0.8, bonus=0.5)
    z = np.random.default_rng(seed).normal(0, 2, (4, 4))
    y = z - formulas.log_sum_exp(z)[..., None]
    expected = {}
    for alignment in itertools.product(range(4), repeat=len(y)):
        labels = formulas.collapse(alignment, 0)
        expected[labels] = expected.get(labels, 0.0) + np.exp(sum(y[t, k] for t, k in enumerate(alignment)))
    for labels in expected:
        state, bias = model.begin(), 0.0
        for label in labels:
            bias += model.scores(state)[label]
            state = model.after(state, label)
        expected[labels] = np.log(expected[labels]) + bias + model.end(state)
    found = prefix_beam_search(y[None], beam_width=300, language_model=model)[0]
    possible = {labels: score for labels, score in expected.items() if score > -np.inf}
    assert {labels for labels, _ in found} == set(possible)
    for labels, score in found:
        assert score == pytest.approx(possible[labels])
