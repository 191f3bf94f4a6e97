import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.standardizing import Standardizer

AXES = {"pixel": (0,), "channel": (0, 2, 3), "all": (0, 1, 2, 3)}


def images(seed=0, dtype=np.float64, n=7):
    return np.random.default_rng(seed).uniform(-3, 5, (n, 2, 3, 4)).astype(dtype)


@pytest.mark.parametrize("per", AXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_is_0_and_deviation_1(per, dtype):
    z = Standardizer(per).fit_transform(images(dtype=dtype))
    assert z.dtype == dtype
    np.testing.assert_allclose(z.mean(axis=AXES[per]), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=AXES[per]), 1, atol=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(list(AXES)))
def test_inverse_undoes(seed, per):
    x = images(seed)
    standardizer = Standardizer(per).fit(images(seed + 1))
    np.testing.assert_allclose(standardizer.inverse_transform(standardizer.transform(x)), x, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e20])
def test_constant_features_become_0(value):
    x = images(dtype=np.float32)
    x[:, 0, 1, 2] = value
    z = Standardizer("pixel").fit_transform(x)
    assert np.isfinite(z).all()
    np.testing.assert_array_equal(z[:, 0, 1, 2], 0)
    np.testing.assert_array_equal(Standardizer("all").fit_transform(np.full((3, 1, 2, 2), value)), 0)


def test_the_test_set_has_no_say():
    standardizer = Standardizer().fit(images(0))
    mean = standardizer.mean.copy()
    standardizer.transform(images(1))
    np.testing.assert_array_equal(standardizer.mean, mean)


def test_many_samples_are_summed_in_pieces():
    x = np.random.default_rng(0).normal(1000, 0.1, (3000, 1, 2, 2)).astype(np.float32)
    standardizer = Standardizer("channel").fit(x)
    np.testing.assert_allclose(standardizer.std.item(), x.astype(np.float64).std(), rtol=1e-9)


def test_equal_to_scikit_learn():
    theirs = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    x = images().reshape(7, -1)
    x[:, 3] = 0.1
    np.testing.assert_allclose(Standardizer("pixel").fit_transform(x), theirs.fit_transform(x), atol=1e-12)


def test_a_channel_fits_images_of_any_size():
    standardizer = Standardizer("channel").fit(images())
    assert standardizer.transform(np.zeros((1, 2, 9, 9))).shape == (1, 2, 9, 9)
    with pytest.raises(ValueError, match=r"transform: x \(1, 3, 9, 9\) does not fit"):
        standardizer.transform(np.zeros((1, 3, 9, 9)))


def test_missing_values_stay_missing():
    x = images()
    standardizer = Standardizer().fit(x)
    x[0, 0, 0, 0] = np.nan
    assert np.isnan(standardizer.transform(x)).sum() == 1


@pytest.mark.parametrize("per", AXES)
def test_state_goes_to_another(per):
    one, other = Standardizer(per).fit(images()), Standardizer()
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(other.transform(images(1)), one.transform(images(1)))
    other.load_state_dict(Standardizer(per).state_dict())
    with pytest.raises(RuntimeError):
        other.transform(images())


def test_wrong_states():
    standardizer = Standardizer()
    with pytest.raises(ValueError, match="mean, std missing"):
        standardizer.load_state_dict({"per": "all"})
    with pytest.raises(ValueError, match="same shape"):
        standardizer.load_state_dict({"per": "all", "mean": np.zeros((1, 1)), "std": np.ones(1)})
    with pytest.raises(ValueError, match="positive"):
        standardizer.load_state_dict({"per": "all", "mean": np.zeros(1), "std": np.zeros(1)})
    with pytest.raises(ValueError, match="unknown"):
        standardizer.load_state_dict({"per": "row", "mean": np.zeros(1), "std": np.ones(1)})


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"per='row' is unknown.*'pixel', 'channel', 'all'"):
        Standardizer("row")
    for method in ("transform", "inverse_transform"):
        with pytest.raises(RuntimeError, match=f"{method}: not fitted yet: call fit"):
            getattr(Standardizer(), method)(images())
    with pytest.raises(TypeError, match=r"fit: x is uint8.*/ 255"):
        Standardizer().fit(np.zeros((2, 1, 2, 2), np.uint8))
    with pytest.raises(ValueError, match="empty"):
        Standardizer().fit(np.zeros((0, 1, 2, 2)))
    with pytest.raises(ValueError, match="first axis of samples"):
        Standardizer().fit(np.zeros(3))
    with pytest.raises(ValueError, match=r"NaN or infinite.*clean"):
        Standardizer().fit(np.full((2, 1, 2, 2), np.inf))


def test_repr_tells_the_state():
    assert "not fitted" in repr(Standardizer())
    assert "mean 2" in repr(Standardizer("all").fit(np.array([[1.0], [3.0]])))
    assert "(2, 3, 4)" in repr(Standardizer("pixel").fit(images()))
