import numpy as np
import pytest

from tinymm.data.datasets import Dataset, load_digits, load_multimodal_digits, pair_digits
from tinymm.data.datasets.typed import same_when_typed, typed_digits

SOURCE = ("Name", "source", "licence")


def images(n=200):
    """Image i shows the number i, and its digit is i mod 10."""
    x = np.arange(n, dtype=np.float32)[:, None, None, None] / n
    return Dataset(x, np.arange(n) % 10, tuple("0123456789"), *SOURCE)


def sounds(voices=10, times=2):
    """Each voice says each digit twice; the sound tells the digit and the voice."""
    rows = [(digit, voice) for digit in range(10) for voice in range(voices) for _ in range(times)]
    return Dataset(
        [np.array(row, np.float32) for row in rows],
        *(np.array([digit for digit, _ in rows]), tuple("0123456789"), *SOURCE),
        groups=np.array([f"voice {voice}" for _, voice in rows]),
        rate=8000,
    )


@pytest.fixture(scope="module", params=["stand-in", "bundled"])
def parts(request):
    return pair_digits(images(), sounds(), seed=1) if request.param == "stand-in" else load_multimodal_digits(seed=1)


def contents(part, sense):
    return {sample.tobytes() for sample in getattr(part, sense)}


def test_training_and_test_share_no_image_voice_or_sound(parts):
    train, test = parts
    assert not set(train.image_number) & set(test.image_number)
    assert not contents(train, "image") & contents(test, "image")
    assert not set(train.voice) & set(test.voice)
    assert not contents(train, "audio") & contents(test, "audio")


@pytest.mark.parametrize("seed", range(5))
def test_training_and_test_share_no_typed_form_before_or_after_errors(seed):
    train, test = pair_digits(images(2000), sounds(), seed)
    for field in ("text", "form"):
        keys = [{same_when_typed(text) for text in getattr(part, field)} for part in (train, test)]
        assert not keys[0] & keys[1]
    everything = [{same_when_typed(t) for t in (*part.text, *part.form)} for part in (train, test)]
    assert not everything[0] & everything[1]


def test_no_text_is_one_for_another_digit():
    meant = {same_when_typed(form.text): form.digit for form in typed_digits()}
    for part in pair_digits(images(2000), sounds(), 3):
        for text, digit in zip(part.text, part.y, strict=True):
            assert meant.setdefault(same_when_typed(text), digit) == digit


def test_all_senses_show_the_same_digit():
    meant = {form.text: form.digit for form in typed_digits()}
    for part in pair_digits(images(), sounds(), 2):
        np.testing.assert_array_equal(part.image_number % 10, part.y)
        assert [int(sound[0]) for sound in part.audio] == part.y.tolist()
        assert [f"voice {int(sound[1])}" for sound in part.audio] == part.voice.tolist()
        assert [meant[form] for form in part.form] == part.y.tolist()
        np.testing.assert_array_equal(part.image[:, 0, 0, 0], images().x[part.image_number, 0, 0, 0])


def test_a_fifth_of_the_images_of_each_digit_and_of_the_voices_is_the_test(parts):
    train, test = parts
    whole = len(train) + len(test)
    assert abs(len(test) / whole - 0.2) < 0.01
    assert set(test.y) == set(range(10)) == set(train.y)
    voices = len(set(train.voice)), len(set(test.voice))
    assert abs(voices[1] / sum(voices) - 0.2) < 0.05


def test_every_language_is_in_both_parts_and_every_word_in_training():
    known = {form.text: form for form in typed_digits()}
    train, test = pair_digits(images(4000), sounds(), 0)
    for part in (train, test):
        assert {known[form].family for form in part.form} == {form.family for form in typed_digits()}
    trained = {(known[form].digit, known[form].family) for form in train.form}
    assert trained == {(form.digit, form.family) for form in typed_digits()}


def test_typing_errors_are_in_both_parts_but_not_in_all_texts():
    for part in pair_digits(images(2000), sounds(), 0):
        wrong = [
            same_when_typed(text) != same_when_typed(form) for text, form in zip(part.text, part.form, strict=True)
        ]
        assert 0.2 < np.mean(wrong) < 0.5
    families = {form.text: form.family for form in typed_digits()}
    for text, form in zip(part.text, part.form, strict=True):
        if families[form] == "Roman":
            assert same_when_typed(text) == same_when_typed(form)


def test_equal_seeds_give_equal_sets():
    one, same, other = (pair_digits(images(), sounds(), seed) for seed in (0, 0, 1))
    for a, b in zip(one, same, strict=True):
        assert a.text.tolist() == b.text.tolist() and a.voice.tolist() == b.voice.tolist()
        np.testing.assert_array_equal(a.image, b.image)
    assert one.train.text.tolist() != other.train.text.tolist()
    assert set(one.test.image_number) != set(other.test.image_number)


def test_shapes_are_as_described(parts):
    for part in parts:
        n = len(part)
        assert part.image.shape[0] == n and part.image.ndim == 4 and part.image.dtype == np.float32
        assert part.audio.shape == part.text.shape == part.form.shape == part.y.shape == part.voice.shape == (n,)
        assert all(sound.dtype == np.float32 and sound.ndim == 1 for sound in part.audio)
        assert all(isinstance(text, str) and text for text in part.text)
        assert part.y.dtype == np.int64 and part.rate == 8000
        assert list(part.senses) == ["image", "audio", "text"]
        assert "\n" not in repr(part) and f"{n:,} samples" in repr(part)


def test_one_sense_alone_is_a_dataset():
    train, _ = pair_digits(images(), sounds())
    for name in ("image", "audio", "text"):
        data = train.sense(name)
        assert data.sense == name and len(data) == len(train) and data.y is train.y
    assert train.sense("audio").rate == 8000 and train.sense("audio").groups is train.voice
    with pytest.raises(ValueError, match="there is no sense 'smell': choose one of image, audio, text"):
        train.sense("smell")


def test_a_subset_keeps_what_belongs_together():
    train, _ = pair_digits(images(), sounds())
    part = train.subset(train.y == 7)
    assert len(part) == 16 and set(part.y) == {7} and all(sound[0] == 7 for sound in part.audio)
    assert part.text.tolist() == train.text[train.y == 7].tolist() and part.class_names == train.class_names
    assert len(train.subset([])) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i, s: (i, s.subset(s.groups == "voice 1")), "fewer than two voices"),
        (lambda i, s: (i.subset(i.y != 3), s), r"the images have labels \[0 1 2 4"),
        (lambda i, s: (i, s.subset(s.y < 9)), "the sounds have labels"),
        (lambda i, s: (s, i), "got audio and image, expected images first"),
        (lambda i, s: (i.subset(range(10)), s), "digit 0 has no images for the train set"),
        (lambda i, s: (i, s.subset((s.y != 5) | (s.groups == "voice 1"))), "digit 5 has no voices for the"),
    ],
)
def test_what_cannot_be_paired_is_one_sentence(change, words):
    with pytest.raises(ValueError, match=f"pair_digits: .*{words}"):
        pair_digits(*change(images(), sounds()))


def test_real_images_are_all_different():
    """Two images alike could be in both parts."""
    x = load_digits().x
    assert len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)
