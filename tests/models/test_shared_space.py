"""The shared space: which senses it relates, and that training brings them together."""

import itertools

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F
from tinymm.metrics import recall_at_k
from tinymm.models.encoders import AudioEncoder, TextEncoder
from tinymm.models.shared_space import SharedSpace


def made():
    tm.manual_seed(0)
    return SharedSpace({"audio": AudioEncoder(5), "text": TextEncoder(8)}, size=6)


AUDIO = np.repeat(3 * np.eye(5, dtype=np.float32)[:, None], 6, axis=1)  # five tones, six steps long
TEXT = np.array([[2, 3], [3, 4], [4, 5], [5, 6], [6, 7]])


def test_each_sense_has_a_point_per_sample_and_may_come_alone():
    space = made().eval()
    points = space(audio=AUDIO, text=TEXT[:3])
    assert {sense: p.shape for sense, p in points.items()} == {"audio": (5, 6), "text": (3, 6)}
    np.testing.assert_array_equal(space(text=TEXT[:3])["text"].data, points["text"].data)
    lengths = np.full(5, 4)
    with_lengths = space(audio=(AUDIO, lengths))["audio"].data
    np.testing.assert_allclose(with_lengths, space(audio=AUDIO[:, :4].copy())["audio"].data, rtol=1e-4, atol=1e-6)


def test_the_loss_is_the_mean_over_pairs_of_senses():
    space, rng = made(), np.random.default_rng(1)
    points = {sense: rng.standard_normal((5, 6)) for sense in ("image", "audio", "text")}
    labels = np.array([0, 1, 1, 2, 0])
    expected = np.mean([F.contrastive_loss(a, b, labels, 0.2) for a, b in itertools.combinations(points.values(), 2)])
    np.testing.assert_allclose(space.loss(points, labels, 0.2), expected)


def test_after_training_each_finds_its_partner():
    space = made()
    optimizer = tm.optim.Adam(space.parameters(), lr=0.003)
    for _ in range(60):
        optimizer.zero_grad()
        loss = space.loss(space(audio=AUDIO, text=TEXT))
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None and np.any(p.grad) for p in space.parameters())
    points = {sense: p.data for sense, p in space.eval()(audio=AUDIO, text=TEXT).items()}
    own = np.arange(5)
    assert recall_at_k(points["audio"], points["text"], own, own) == 1
    assert recall_at_k(points["text"], points["audio"], own, own) == 1


def test_it_can_be_saved_and_loaded():
    first, second = made().eval(), SharedSpace({"audio": AudioEncoder(5), "text": TextEncoder(8)}, size=6).eval()
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first(text=TEXT)["text"].data, second(text=TEXT)["text"].data)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: SharedSpace({"text": TextEncoder(8)}), "1 senses"),
        (lambda: made()(image=AUDIO), "there is no sense image: it has audio, text"),
        (lambda: made().loss({"text": np.ones((2, 6))}), "got points of text"),
        (lambda: made().loss({}), "got points of nothing"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^SharedSpace.*{sentence}"):
        call()
