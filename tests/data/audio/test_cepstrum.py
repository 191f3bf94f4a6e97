import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.audio.cepstrum import dct_matrix, deltas, mfcc, normalize_features
from tinymm.data.audio.spectrogram import LogMel

dtypes = st.sampled_from([np.float32, np.float64])


def random_features(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(2, 3, shape).astype(dtype)


def test_dct_is_orthonormal_and_equals_scipy():
    fft = pytest.importorskip("scipy.fft")
    np.testing.assert_allclose(dct_matrix(7, 7).T @ dct_matrix(7, 7), np.eye(7), atol=1e-12)
    np.testing.assert_allclose(dct_matrix(7, 5), fft.dct(np.eye(7), norm="ortho")[:, :5], atol=1e-12)


def test_mfcc_equals_librosa():
    librosa = pytest.importorskip("librosa")
    sound = np.random.default_rng(0).normal(size=(2, 4000))
    decibels = LogMel(8000)(sound) * (10 / np.log(10))  # librosa's logarithm
    theirs = librosa.feature.mfcc(S=decibels.transpose(0, 2, 1), n_mfcc=13)
    np.testing.assert_allclose(mfcc(decibels), theirs.transpose(0, 2, 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_deltas_equal_librosa(width):
    librosa = pytest.importorskip("librosa")
    x = random_features(30, 5)
    theirs = librosa.feature.delta(x.T, width=2 * width + 1, mode="nearest").T
    np.testing.assert_allclose(deltas(x, width), theirs, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 20), st.integers(1, 2), st.floats(-3, 3))
def test_deltas_of_a_straight_line_are_its_slope(steps, width, slope):
    line = slope * np.arange(steps)[:, None] + 7
    np.testing.assert_allclose(deltas(line, width)[width:-width], slope, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), dtypes, st.integers(0, 100))
def test_normalized_features_have_mean_0_and_deviation_1(steps, dtype, seed):
    x = random_features(3, steps, 4, dtype=dtype, seed=seed)
    z = normalize_features(x)
    assert z.dtype == dtype
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(z.std(axis=1), 1, atol=1e-4)
    only_mean = normalize_features(x, variance=False)
    np.testing.assert_allclose(only_mean, x - x.mean(axis=1, keepdims=True), atol=1e-5)


def test_a_microphone_is_normalized_away():
    x = random_features(20, 6)
    np.testing.assert_allclose(normalize_features(x + np.arange(6.0)), normalize_features(x), atol=1e-12)


def test_what_does_not_change_becomes_0():
    for dtype in (np.float32, np.float64):
        assert not normalize_features(np.full((7, 3), 0.1, dtype)).any()
    assert not normalize_features(np.full((1, 3), 5.0)).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_empty_time(dtype):
    x, nothing = random_features(2, 9, 6, dtype=dtype), np.zeros((0, 6), dtype)
    for operation in (lambda a: mfcc(a, 4), deltas, normalize_features):
        assert operation(x).dtype == operation(nothing).dtype == dtype
        assert len(operation(nothing)) == 0
        np.testing.assert_allclose(operation(x)[1], operation(x[1]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mfcc(np.zeros((5, 4)), 5), ValueError, "n_coefficients 5 must lie between 1 and the 4 bands"),
        (lambda: mfcc(np.zeros(5)), ValueError, r"mfcc: features \(5,\) must be \(T, D\)"),
        (lambda: deltas(np.zeros((5, 4)), 0), ValueError, "deltas: width 0"),
        (lambda: deltas(np.zeros((5, 4), int)), TypeError, "deltas: features are int64"),
        (lambda: normalize_features(np.zeros((1, 1, 5, 4))), ValueError, "normalize_features: features"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
