"""What stands before the models: fitted on the training part only, the same from a checkpoint, varied only if asked."""

from dataclasses import replace

import numpy as np
import pytest

from tinymm import checkpoint
from tinymm.data.datasets.dataset import as_samples
from tinymm.data.text import NGrams
from tinymm.models import BagOfTerms
from tinymm.recipes.images import ImageFrontEnd
from tinymm.recipes.sounds import SoundFrontEnd, Variation, move_bands, sample_along
from tinymm.recipes.texts import TermsFrontEnd, TokensFrontEnd
from tinymm.sparse import CSRMatrix

from .samples import images, sounds, texts


def terms():
    return TermsFrontEnd(NGrams(words=(1, 2)), NGrams(words=None, characters=(2, 3)))


FRONT_ENDS = {
    "images": (ImageFrontEnd, images),
    "enlarged digits": (lambda: ImageFrontEnd(only=(1, 28, 28)), images),
    "sounds": (SoundFrontEnd, sounds),
    "terms": (terms, texts),
    "words": (TokensFrontEnd, texts),
    "characters": (lambda: TokensFrontEnd("characters", longest=30), texts),
}
each = pytest.mark.parametrize("name", FRONT_ENDS)


def dense(x):
    return x.toarray() if isinstance(x, CSRMatrix) else x


@each
def test_fitting_prepares_as_preparing_does(name):
    make, data = FRONT_ENDS[name]
    front_end, data = make(), data()
    fitted = front_end.fit_prepare(data)
    assert len(fitted) == len(data)
    np.testing.assert_array_equal(dense(front_end(fitted[:5])), dense(front_end(front_end.prepare(data.x)[:5])))


@each
def test_a_sample_does_not_depend_on_its_batch(name):
    make, data = FRONT_ENDS[name]
    front_end, data = make(), data()
    rows = front_end.fit_prepare(data)
    together, alone = dense(front_end(rows[:6])), dense(front_end(rows[2:3]))
    np.testing.assert_allclose(together[2, : alone.shape[1]], alone[0], rtol=1e-5, atol=1e-5)


@each
def test_a_checkpoint_gives_the_same_front_end(name, tmp_path):
    make, data = FRONT_ENDS[name]
    front_end, data = make(), data()
    rows = front_end.fit_prepare(data)
    checkpoint.save(front_end.state_dict(), tmp_path / "state.npz")
    other = make()
    other.load_state_dict(checkpoint.load(tmp_path / "state.npz"))
    np.testing.assert_array_equal(dense(other(other.prepare(data.x))), dense(front_end(rows)))


@pytest.mark.parametrize("name", ["images", "sounds", "words"])
def test_variation_follows_its_generator(name):
    make, data = FRONT_ENDS[name]
    front_end = make()
    rows = front_end.fit_prepare(data())
    first, again, other = (front_end(rows[:8], np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other) and not np.array_equal(first, front_end(rows[:8]))
    assert first.shape == front_end(rows[:8]).shape and first.dtype == front_end(rows[:8]).dtype
    assert np.isfinite(first).all()


def test_images_are_standardised_by_the_training_images():
    front_end, data = ImageFrontEnd(), images()
    x = front_end(front_end.fit_prepare(data))
    assert abs(x.mean()) < 1e-5 and x.std() == pytest.approx(1, abs=1e-5)
    brighter = front_end(front_end.prepare(data.x + 1))
    assert brighter.mean() > 1


def test_a_model_of_one_shape_refuses_others():
    with pytest.raises(ValueError, match=r"mmbigmodel reads images of 1×28×28 .* but these are 1×9×9"):
        ImageFrontEnd(only=(1, 28, 28)).fit_prepare(images(shape=(1, 9, 9)))


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.5, 32), (1.0, 64)])
def test_a_share_of_the_sounds_stays_as_it_is(share, kept):
    front_end = SoundFrontEnd(variation=Variation(plain=share))
    rows = front_end.fit_prepare(sounds(64))
    same = (front_end(rows, np.random.default_rng(0)) == front_end(rows)).all(axis=(1, 2, 3))
    assert abs(same.sum() - kept) <= 10 * (0 < share < 1)


def test_sounds_of_any_length_and_loudness_become_alike():
    front_end, data = SoundFrontEnd(), sounds()
    x = front_end(front_end.fit_prepare(data))
    assert x.shape == (24, 1, 32, 40) and x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=(1, 2, 3)), 1, atol=1e-3)
    quiet = front_end(front_end.prepare(as_samples([data.x[0] / 50, data.x[0]])))
    np.testing.assert_allclose(quiet[0], quiet[1], atol=0.3)


@pytest.mark.parametrize("samples", [1, 2, 100, 100_000])
@pytest.mark.parametrize("level", [0.0, 1e-6, 1.0])
def test_sounds_that_hold_no_word_are_numbers_too(samples, level):
    front_end = SoundFrontEnd()
    sound = (level * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)
    rows = front_end.prepare(as_samples([sound, np.ones(9, np.float32)]))
    for rng in (None, np.random.default_rng(0)):
        x = front_end(rows, rng)
        assert x.shape == (2, 1, 32, 40) and np.isfinite(x).all()


def test_sampling_between_steps_and_beyond_the_ends():
    x = np.arange(6.0).reshape(1, 3, 2)
    found = sample_along(x, np.array([[-1.0, 0.5, 1.0, 9.0]]), 1)
    np.testing.assert_array_equal(found[0], [[0, 1], [1, 2], [2, 3], [4, 5]])
    across = sample_along(x, np.array([[0.25]]), 2)
    np.testing.assert_array_equal(across[0, :, 0], [0.25, 2.25, 4.25])


def test_a_longer_vocal_tract_moves_a_tone_down():
    tone = np.zeros((3, 1, 40))
    tone[:, :, 20] = 1
    moved = move_bands(tone, np.array([[1.0], [1.1], [0.9]]), 8000)
    np.testing.assert_allclose(moved[0], tone[0], atol=1e-9)
    assert moved[1, 0].argmax() < 20 < moved[2, 0].argmax()


def test_pictures_of_sounds():
    front_end, data = SoundFrontEnd(), sounds()
    front_end.fit_prepare(data)
    shown = front_end.pictures(data.x[:2])
    assert shown.shape == (2, 1, 40, 32) and shown.min() == 0 and shown.max() == 1
    low, high = shown[:, 0].mean(axis=2).argmax(axis=1)
    assert shown.dtype == np.float32 and 0 <= high < 40 and 0 <= low < 40


def test_two_classes_have_log_count_ratios_and_more_have_none():
    data = texts()
    front_end = terms()
    x = front_end.fit_prepare(data)
    good, bad = front_end.terms.index("good"), front_end.terms.index("bad")
    assert front_end.ratio.ratio[good] > 0 > front_end.ratio.ratio[bad]
    assert x.shape == (60, len(front_end.terms))
    three = replace(data, y=np.arange(60) % 3, class_names=("a", "b", "c"))
    front_end.fit_prepare(three)
    assert front_end.ratio is None


def test_terms_of_the_training_texts_only():
    front_end = terms()
    front_end.fit_prepare(texts())
    unknown = front_end.prepare(np.array(["zzz", "", "😀"], dtype=object))
    assert unknown.shape == (3, len(front_end.terms))
    assert not dense(unknown)[1:].any()


def test_words_are_numbered_and_cut():
    front_end = TokensFrontEnd(longest=4, min_count=1)
    front_end.fit_prepare(texts())
    rows = front_end.prepare(np.array(["the phone was good and more", "unheard", ""], dtype=object))
    assert rows.shape == (3, 4) and rows[0].min() > 1
    assert rows[1].tolist() == rows[2].tolist() == [1, 0, 0, 0]
    assert front_end(rows[1:]).shape == (2, 1)


def test_word_dropout_makes_words_unknown_and_never_adds_any():
    front_end = TokensFrontEnd(min_count=1, dropout=0.5)
    rows = front_end.fit_prepare(texts())
    x, varied = front_end(rows), front_end(rows, np.random.default_rng(0))
    assert set(np.unique(varied[x != varied])) == {1} and (varied[x == 0] == 0).all()
    assert 0.4 < (varied[x != 0] == 1).mean() < 0.6


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_one_sentence(text):
    with pytest.raises(ValueError, match="the text is empty"):
        terms().read(text)


def test_a_text_without_end():
    with pytest.raises(ValueError, match="2,000,000 characters"):
        terms().read("a" * 2_000_000)
    assert terms().read("a" * 1000) == "a" * 1000


def test_an_explanation_names_the_words_that_decide():
    data = texts()
    front_end = terms()
    front_end.fit_prepare(data)
    model = BagOfTerms(len(front_end.terms), 2)
    model.weight.data[1, front_end.terms.index("good")] = 1
    model.weight.data[0, front_end.terms.index("awful")] = -1  # its ratio is negative
    bad, good = front_end.explanation(model, data.class_names).splitlines()
    assert bad.startswith("bad: awful, ") and good.startswith("good: good, ") and "#" not in bad + good
    assert SoundFrontEnd().explanation(None, ()) == ""


def test_words_are_weighed_without_collecting_the_terms_again_for_each_of_them(monkeypatch):
    """Otherwise a report on some ten thousand terms takes a minute."""
    data, collected, real = texts(), [], TermsFrontEnd.terms.fget
    front_end = terms()
    front_end.fit_prepare(data)
    monkeypatch.setattr(TermsFrontEnd, "terms", property(lambda self: collected.append(self) or real(self)))
    weight, words = front_end.weights(BagOfTerms(len(real(front_end)), 2))
    assert weight.shape == (2, len(words)) and len(words) > 20 and len(collected) == 1


def test_feature_maps_are_what_the_first_convolution_answers():
    from tinymm.recipes import Recipe, train_model
    from tinymm.recipes.images import first_feature_maps

    data = images()
    trained = train_model(Recipe(model="cnn", epochs=1), data)
    x = trained.front_end(trained.front_end.prepare(data.x[:2]))
    np.testing.assert_array_equal(first_feature_maps(trained.model, x), np.asarray(trained.model.layers[0](x))[0])
    assert list(trained.front_end.drawings(trained, data)) == ["What the first convolution answers to one image"]
    plain = train_model(Recipe(model="logistic", epochs=1), data)
    assert plain.front_end.drawings(plain, data) == {}
