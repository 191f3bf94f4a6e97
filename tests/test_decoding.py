"""Decoding: greedy against its definition, chunks against the whole, beams against all alignments."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinymm as tm
from tinymm import decoding, formulas
from tinymm import functional as F
from tinymm.decoding import BeamDecoder, GreedyDecoder, greedy, prefix_beam_search


@st.composite
def speech(draw, most_steps=4, most_classes=3):
    """Log-probabilities (N, T, C), lengths and the blank."""
    samples, steps = draw(st.integers(0, 3)), draw(st.integers(0, most_steps))
    classes = draw(st.integers(1, most_classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    z = rng.normal(0, draw(st.sampled_from([0.1, 1, 5])), (samples, steps, classes))
    return (
        z - formulas.log_sum_exp(z)[..., None],
        rng.integers(0, steps + 1, samples),
        draw(st.integers(0, classes - 1)),
    )


def all_sequences(y, blank):
    """The probability of every sequence of labels: the sum over its alignments."""
    found = defaultdict(float)
    for alignment in itertools.product(range(y.shape[1]), repeat=len(y)):
        found[formulas.collapse(alignment, blank)] += np.exp(sum(y[t, k] for t, k in enumerate(alignment)))
    return found


@settings(max_examples=40, deadline=None)
@given(speech(12, 4))
def test_greedy_reads_the_best_alignment(case):
    y, lengths, blank = case
    expected = [
        list(formulas.collapse(tuple(row[:length].argmax(1).tolist()), blank)) for row, length in zip(y, lengths, strict=True)
    ]  # fmt: skip
    assert greedy(y, lengths, blank) == greedy(tm.Tensor(y), lengths.tolist(), blank) == expected


@settings(max_examples=40, deadline=None)
@given(speech(12, 4), st.lists(st.integers(0, 12), max_size=5))
def test_chunks_say_what_the_whole_says(case, cuts):
    y, _, blank = case
    for row, whole in zip(y, greedy(y, blank=blank), strict=True):
        decoder = GreedyDecoder(blank)
        said = [decoder.feed(chunk) for chunk in np.split(row, sorted(min(c, len(row)) for c in cuts))]
        assert list(itertools.chain(*said)) == decoder.labels == whole


def test_a_label_that_lasts_over_a_cut_is_said_once():
    one, blank = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    decoder = GreedyDecoder()
    assert [decoder.feed(x) for x in (one, one, blank[:0], one, blank, one)] == [[1], [], [], [], [], [1]]


@settings(max_examples=40, deadline=None)
@given(speech())
def test_a_wide_beam_is_the_sum_over_all_alignments(case):
    y, lengths, blank = case
    for row, length, found in zip(y, lengths, prefix_beam_search(y, lengths, 1000, blank), strict=True):
        expected = all_sequences(row[:length], blank)
        assert {labels for labels, _ in found} == set(expected) and len(found) == len(expected)
        for labels, score in found:
            np.testing.assert_allclose(np.exp(score), expected[labels], rtol=1e-9)
        assert [h.log_score for h in found] == sorted((h.log_score for h in found), reverse=True)


@settings(max_examples=25, deadline=None)
@given(speech(9, 4), st.integers(1, 5))
def test_a_narrow_beam_finds_less_but_nothing_false(case, width):
    y, lengths, blank = case
    for row, length, found in zip(y, lengths, prefix_beam_search(y, lengths, width, blank), strict=True):
        assert 1 <= len(found) <= width and len({h.labels for h in found}) == len(found)
        for labels, score in found:
            exact = -F.ctc_loss(row[None, :length], [labels], blank=blank, reduction="sum")
            assert score <= exact + 1e-9


@settings(max_examples=20, deadline=None)
@given(speech(), st.integers(0, 99))
def test_the_language_model_counts_every_label(case, seed):
    y, lengths, blank = case
    table = np.random.default_rng(seed).normal(size=(y.shape[2] + 1, y.shape[2]))

    def bigram(prefix):
        return table[prefix[-1] if prefix else -1]

    def bonus(labels):
        return sum(bigram(labels[:i])[label] for i, label in enumerate(labels))

    for row, length, found in zip(y, lengths, prefix_beam_search(y, lengths, 1000, blank, bigram), strict=True):
        expected = {s: np.log(p) + bonus(s) for s, p in all_sequences(row[:length], blank).items()}
        assert {s: pytest.approx(score) for s, score in expected.items()} == dict(found)
        assert found[0].log_score == max(h.log_score for h in found)


def test_the_best_labels_need_not_be_the_best_alignment():
    """Graves et al. 2006, figure 2: "nothing" is the best alignment, but "a" has three."""
    y = np.log([[[0.6, 0.4], [0.6, 0.4]]])
    assert greedy(y) == [[]]
    best = prefix_beam_search(y)[0][0]
    assert best.labels == (1,) and np.exp(best.log_score) == pytest.approx(0.64)


def test_a_language_model_can_forbid_labels():
    y = np.log([[[0.1, 0.5, 0.4]]])
    allowed = prefix_beam_search(y, language_model=lambda prefix: [0, -np.inf, 0])[0]
    assert [labels for labels, _ in allowed] == [(2,), ()]


def test_a_prefix_that_was_dropped_can_come_back():
    """Of a narrow beam every hypothesis is there once, however its prefixes left the beam and returned."""
    y = np.asarray(F.log_softmax(np.random.default_rng(0).normal(0, 3, (150, 9, 3)), 2))
    for found in prefix_beam_search(y, beam_width=6):
        assert len({h.labels for h in found}) == 6


def test_probability_zero():
    with np.errstate(divide="ignore"):
        y = np.log([[[0.0, 1.0], [0.0, 0.0]]])
    assert prefix_beam_search(y, [1]) == [[((1,), 0.0)]]
    assert prefix_beam_search(y) == [[((), -np.inf)]]


def test_what_a_loss_teaches_is_read():
    """A few steps down the CTC loss, and the decoders say the targets."""
    targets = [[1, 1, 2], [3], []]
    z = tm.Tensor(np.random.default_rng(0).normal(size=(3, 8, 4)).astype(np.float32), requires_grad=True)
    for _ in range(60):
        (gradient,) = tm.grad(F.ctc_loss(F.log_softmax(z, 2), targets, reduction="sum"), [z])
        z = tm.Tensor(z.data - gradient.data, requires_grad=True)
    assert greedy(z) == targets
    best = [found[0] for found in prefix_beam_search(F.log_softmax(z, 2).data)]
    assert [list(h.labels) for h in best] == targets and all(-0.5 < h.log_score <= 0 for h in best)


Y = np.log(np.full((2, 3, 2), 0.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: greedy(Y[0]), r"greedy: log_probs are \(3, 2\).*try log_probs\[None\]"),
        (lambda: greedy(Y * np.nan), "greedy: log_probs of sample 0 hold NaN"),
        (lambda: greedy(Y, [1]), r"greedy: lengths is int64 \(1,\)"),
        (lambda: greedy(Y, [1, 4]), r"greedy: lengths\[1\] is 4, but sample 1 has 0 to 3"),
        (lambda: greedy(Y, blank=2), "greedy: blank is 2, but it must be one of the 2 classes"),
        (lambda: GreedyDecoder().feed(Y), r"GreedyDecoder: log_probs are \(2, 3, 2\).*log_probs\[0\]"),
        (lambda: GreedyDecoder(5).feed(Y[0]), "GreedyDecoder: blank is 5"),
        (lambda: prefix_beam_search(Y, beam_width=0), "prefix_beam_search: beam_width is 0"),
        (lambda: prefix_beam_search(Y + 2), r"prefix_beam_search: log_probs go up to 1.31, .*log_softmax"),
        (lambda: prefix_beam_search(Y, language_model=lambda p: [0.0]), r"language_model gave \(1,\) scores"),
        (lambda: prefix_beam_search(Y, language_model=lambda p: [0, np.nan]), "one number below infinity"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_nan_behind_the_end_does_not_matter():
    y = Y.copy()
    y[0, 2:] = np.nan
    assert greedy(y, [2, 3]) and decoding.prefix_beam_search(y, [2, 3])


@settings(max_examples=30, deadline=None)
@given(speech(10, 4), st.lists(st.integers(0, 10), max_size=4), st.booleans())
def test_beams_of_chunks_are_those_of_the_whole(case, cuts, listens):
    y, _, blank = case
    model = (lambda prefix: np.full(y.shape[2], -0.5 * len(prefix))) if listens else None
    for row, whole in zip(y, prefix_beam_search(y, beam_width=5, blank=blank, language_model=model), strict=True):
        decoder = BeamDecoder(5, blank, model)
        for chunk in np.split(row, sorted(min(c, len(row)) for c in cuts)):
            best = decoder.feed(chunk)
        assert decoder.hypotheses() == whole and best == decoder.labels
        if whole[0].log_score > -np.inf:
            assert best == whole[0].labels


def test_a_beam_of_nothing_says_nothing():
    decoder = BeamDecoder(2)
    assert decoder.labels == () and decoder.hypotheses() == [((), 0.0)]
    assert decoder.feed(np.empty((0, 3))) == ()
    impossible = np.full((2, 3), -np.inf)
    assert decoder.feed(impossible) == decoder.feed(impossible) == ()
    assert decoder.hypotheses() == [((), -np.inf)]
    with pytest.raises(ValueError, match=r"BeamDecoder: log_probs are .* one sequence at a time"):
        decoder.feed(impossible[None])
    with pytest.raises(ValueError, match="beam_width is 0"):
        BeamDecoder(0)


def test_the_end_counts_too():
    """A language model after which nothing may end but a word of two labels."""

    class Pairs:
        def begin(self):
            return 0

        def after(self, state, label):
            return state + 1

        def scores(self, state):
            return np.zeros(3)

        def end(self, state):
            return 0.0 if state == 2 else -np.inf

    y = np.log(np.array([[0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.8, 0.1, 0.1]]))
    assert greedy(y[None]) == [[1]]
    found = prefix_beam_search(y[None], beam_width=30, language_model=Pairs())[0]
    assert {len(labels) for labels, _ in found} == {2} and found[0].labels in ((1, 2), (1, 1))
