"""Models that read texts."""

import numpy as np
import pytest

import tinymm as tm
from tinymm.models import BagOfTerms, TextRNN
from tinymm.sparse import CSRMatrix


def test_a_bag_of_terms_is_logistic_regression():
    random = np.random.default_rng(0)
    model = BagOfTerms(5, 3)
    model.weight.data[:] = random.standard_normal((3, 5))
    x = np.where(random.random((4, 5)) < 0.5, random.random((4, 5)), 0).astype(np.float32)
    logits = model(CSRMatrix.from_dense(x))
    np.testing.assert_allclose(logits.data, x @ model.weight.data.T + model.bias.data, rtol=1e-5, atol=1e-6)
    logits.sum().backward()
    np.testing.assert_allclose(model.weight.grad.data, np.tile(x.sum(0), (3, 1)), rtol=1e-5)


def test_two_classes_have_two_logits():
    assert BagOfTerms(4, 2)(CSRMatrix.from_dense(np.ones((3, 4), np.float32))).shape == (3, 2)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_what_fills_a_short_text_up_changes_nothing(cell):
    tm.manual_seed(0)
    model = TextRNN(20, 4, cell).eval()
    short = np.array([[5, 6, 7], [8, 0, 0]])
    longer = np.pad(short, ((0, 0), (0, 6)))
    assert model(short).shape == (2, 4)
    np.testing.assert_allclose(model(longer).data, model(short).data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_order_of_words_and_every_word_count(cell):
    tm.manual_seed(0)
    model = TextRNN(20, 4, cell).eval()
    texts = np.array([[5, 6, 7, 8], [8, 7, 6, 5], [5, 6, 7, 9], [9, 6, 7, 8]])
    logits = model(texts).data
    assert len(np.unique(logits.round(6), axis=0)) == 4


def test_a_text_without_words():
    assert np.isfinite(TextRNN(20, 4).eval()(np.zeros((2, 3), np.int64)).data).all()


def test_an_unknown_cell():
    with pytest.raises(ValueError, match="cell 'elman' is unknown: choose one of rnn, lstm, gru"):
        TextRNN(20, 4, "elman")
