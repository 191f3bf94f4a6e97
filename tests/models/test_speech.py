"""Models that hear."""

import numpy as np
import pytest

import tinymm as tm
from tinymm.models import SpeechCNN, SpeechCRNN, SpeechToText


@pytest.mark.parametrize(
    "make",
    [lambda: SpeechCNN(16, 24, 7), *(lambda cell=cell: SpeechCRNN(24, 7, cell) for cell in ("rnn", "lstm", "gru"))],
)
def test_features_give_logits_and_gradients(make):
    tm.manual_seed(0)
    model = make()
    x = np.random.default_rng(0).standard_normal((3, 1, 16, 24)).astype(np.float32)
    logits = model(x)
    assert logits.shape == (3, 7) and logits.dtype == np.float32
    (logits * logits).sum().backward()
    assert all(np.abs(p.grad.data).max() > 0 for p in model.parameters())


def test_the_crnn_takes_any_number_of_steps():
    model = SpeechCRNN(24, 7).eval()
    for steps in (4, 9, 40):
        assert model(np.ones((2, 1, steps, 24), np.float32)).shape == (2, 7)


def test_the_crnn_names_the_cells_there_are():
    with pytest.raises(ValueError, match="SpeechCRNN: cell 'elman' is unknown: choose one of rnn, lstm, gru"):
        SpeechCRNN(24, 7, "elman")


def test_too_few_steps_for_the_poolings():
    with pytest.raises(ValueError, match="SpeechCNN: 7 steps of 40 bands are too few"):
        SpeechCNN(7)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_speech_to_text_gives_log_probabilities_and_gradients(bidirectional):
    tm.manual_seed(0)
    model = SpeechToText(12, 5, (4, 6), 7, bidirectional, dropout=0)
    x = np.random.default_rng(0).standard_normal((3, 21, 12)).astype(np.float32)
    y = model(x)
    assert y.shape == (3, 6 + model.EXTRA, 5) == (3, model.steps(21), 5) and y.dtype == np.float32
    np.testing.assert_allclose(np.exp(y.data).sum(axis=2), 1, rtol=1e-5)
    tm.functional.ctc_loss(y, [[1, 2], [3], []]).backward()
    assert all(np.abs(p.grad.data).max() > 0 for p in model.parameters())


@pytest.mark.parametrize("steps", [1, 3, 4, 5, 8, 9, 40])
def test_speech_to_text_takes_any_number_of_steps(steps):
    model = SpeechToText(8, 3, (2, 2), 4).eval()
    assert model(np.ones((2, steps, 8), np.float32)).shape == (2, -(-steps // 4) + model.EXTRA, 3)


def test_one_direction_hears_no_more_than_its_look_ahead():
    model = SpeechToText(8, 3, (2, 2), 4).eval()
    x = np.random.default_rng(0).standard_normal((1, 60, 8)).astype(np.float32)
    whole = model(x).data
    for step in (0, 3, 8):
        changed = x.copy()
        changed[:, 4 * step + model.LOOK_AHEAD + 1 :] += 1
        np.testing.assert_array_equal(model(changed).data[:, : step + 1], whole[:, : step + 1])
        changed[:, 4 * step + model.LOOK_AHEAD] += 10
        assert not np.array_equal(model(changed).data[:, step], whole[:, step])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(bidirectional):
    model = SpeechToText(8, 3, (2, 2), 4, bidirectional).eval()
    x = np.random.default_rng(0).standard_normal((1, 30, 8)).astype(np.float32)
    padded = np.zeros((2, 50, 8), np.float32)
    padded[0, :30], padded[1] = x[0], 1
    np.testing.assert_allclose(model(padded).data[0, : model.steps(30)], model(x).data[0], atol=1e-6)
