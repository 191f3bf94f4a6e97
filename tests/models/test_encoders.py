"""The encoders: features of one number, whatever follows the end of a sound or text, whoever shares the batch."""

import numpy as np
import pytest

import tinymm as tm
from tinymm.models.encoders import AudioEncoder, ImageEncoder, TextEncoder

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def hears():
    return AudioEncoder(12).eval()


@pytest.fixture(scope="module")
def reads():
    return TextEncoder(20).eval()


def test_all_give_equally_many_features(hears, reads):
    assert ImageEncoder()(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 128)
    assert hears(np.zeros((2, 9, 12), np.float32)).shape == (2, 128)
    assert reads(np.ones((2, 4), int)).shape == (2, 128)
    assert {e.size for e in (ImageEncoder, AudioEncoder, TextEncoder)} == {128}


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 11])
def test_a_sound_does_not_depend_on_what_follows_it(hears, length):
    x = rng.standard_normal((1, length, 12)).astype(np.float32)
    alone = hears(x).data
    for steps in (length, length + 1, length + 6):
        batch = np.full((2, steps, 12), np.nan, np.float32)
        batch[0, :length], batch[1] = x, 1
        together = hears(batch, np.array([length, steps])).data
        np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-6)
    assert np.abs(hears(x + 1).data - alone).max() > 1e-3


def test_garbage_after_the_end_reaches_no_gradient(hears):
    batch = rng.standard_normal((3, 7, 12)).astype(np.float32)
    lengths = np.array([7, 2, 5])
    batch[np.arange(7) >= lengths[:, None]] = np.nan
    hears.zero_grad()
    hears(batch, lengths).sum().backward()
    for name, p in hears.named_parameters():
        assert np.isfinite(p.grad).all() and np.any(p.grad), name


def test_a_sound_without_steps_gets_features_too(hears):
    silence = hears(np.zeros((2, 0, 12), np.float32)).data
    assert np.isfinite(silence).all()
    np.testing.assert_allclose(
        hears(np.ones((2, 5, 12), np.float32), np.array([0, 5])).data[:1], silence[:1], rtol=1e-5
    )


def test_a_sound_is_heard_in_order(hears):
    x = rng.standard_normal((1, 16, 12)).astype(np.float32)
    assert np.abs(hears(x).data - hears(x[:, ::-1].copy()).data).max() > 1e-3


def test_a_text_does_not_depend_on_what_follows_it(reads):
    text = np.array([[5, 7, 3]])
    alone = reads(text).data
    np.testing.assert_allclose(
        reads(np.array([[5, 7, 3, 0, 0], [2, 2, 2, 2, 2]])).data[:1], alone, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(reads(np.array([[5, 7, 3, 19, 9]]), np.array([3])).data, alone, rtol=1e-5, atol=1e-6)
    assert np.abs(reads(np.array([[3, 7, 5]])).data - alone).max() > 1e-3
    assert np.abs(reads(np.array([[5, 0, 3]])).data - alone).max() > 1e-3  # a zero inside is no end


def test_an_empty_text_gets_features_too(reads):
    features = reads(np.zeros((2, 0), int)).data
    assert features.shape == (2, 128) and np.isfinite(features).all()
    np.testing.assert_allclose(reads(np.zeros((2, 3), int)).data, features)


@pytest.mark.parametrize("make", [lambda: AudioEncoder(8), lambda: TextEncoder(9)], ids=["audio", "text"])
def test_both_precisions_and_no_samples(make):
    encoder = make().astype(np.float64)
    x = np.ones((2, 4), int) if isinstance(encoder, TextEncoder) else np.ones((2, 4, 8))
    assert encoder(x).dtype == np.float64
    assert encoder(x[:0]).shape == (0, 128)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ImageEncoder()(np.zeros((2, 1, 8, 8), np.float32)), r"image is \(2, 1, 8, 8\).*\(N, 1, 28, 28\)"),
        (lambda: AudioEncoder(8)(np.zeros((2, 8), np.float32)), r"audio is \(2, 8\).*\(N, T, 8\)"),
        (lambda: AudioEncoder(8)(np.zeros((2, 3, 9), np.float32)), r"audio is \(2, 3, 9\).*\(N, T, 8\)"),
        (lambda: AudioEncoder(8)(np.zeros((2, 3, 8), np.float32), [1, 4]), r"the lengths of audio\[1\] is 4"),
        (lambda: AudioEncoder(3), "3 bands are too few"),
        (lambda: TextEncoder(9)(np.ones(3, int)), r"text is \(3,\)"),
        (lambda: TextEncoder(9)(np.ones((1, 3), int), [4]), r"the lengths of text\[0\] is 4"),
        (lambda: TextEncoder(1), "vocabulary of 1 is too small"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_tokens_that_the_vocabulary_does_not_have():
    with pytest.raises(IndexError, match="embedding: indices run from 1 to 9"):
        TextEncoder(9)(np.array([[1, 9]]))
    with pytest.raises(TypeError, match="integers"):
        TextEncoder(9)(np.array([[1.0, 2.0]]))


def test_seeded_encoders_are_equal():
    states = []
    for _ in range(2):
        tm.manual_seed(5)
        states.append(AudioEncoder(8).state_dict())
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name])
