"""Models that hear."""

import numpy as np
import pytest

import tinymm as tm
from tinymm.models import SpeechCNN, SpeechCRNN


@pytest.mark.parametrize("make", [lambda: SpeechCNN(16, 24, 7), lambda: SpeechCRNN(24, 7)])
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


def test_too_few_steps_for_the_poolings():
    with pytest.raises(ValueError, match="SpeechCNN: 7 steps of 40 bands are too few"):
        SpeechCNN(7)
