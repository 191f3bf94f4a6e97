import pytest

from tinymm.data.datasets.typed import WORDS, same_when_typed, typed_digits


def test_each_language_has_ten_words():
    assert all(len(words.split()) == 10 for words, _ in WORDS.values())
    assert all(phrase.count("{}") == 1 for _, phrases in WORDS.values() for phrase in phrases)


def test_no_text_means_two_digits():
    meant = {}
    for words, phrases in WORDS.values():
        for digit, word in enumerate(words.split()):
            for phrase in phrases if word != "-" else ():
                key = same_when_typed(phrase.format(word))
                assert key and meant.setdefault(key, digit) == digit
    assert meant.keys() == {same_when_typed(form.text) for form in typed_digits()}


def test_no_two_forms_are_the_same_when_typed():
    keys = [same_when_typed(form.text) for form in typed_digits()]
    assert len(keys) == len(set(keys))


def test_every_digit_is_there_in_many_languages():
    for digit in range(10):
        families = {form.family for form in typed_digits() if form.digit == digit}
        assert {"numeral", "English", "German", "French", "Spanish", "Chinese", "Italian"} <= families
        assert ("Roman" in families) == (digit > 0)
    texts = {form.text: form.digit for form in typed_digits()}
    known = {"seven": 7, "sieben": 7, "sept": 7, "siete": 7, "七": 7, "sette": 7, "três": 3, "VII": 7, "3rd": 3}
    assert {text: texts.get(text) for text in known} == known


@pytest.mark.parametrize(
    ("one", "other"), [("Seven", "seven"), ("No. 7!", "no 7"), ("７", "7"), ("SÉTIMO", "sétimo"), ("第 七", "第七")]
)
def test_case_width_spaces_and_marks_are_not_looked_at(one, other):
    assert same_when_typed(one) == same_when_typed(other)


def test_accents_are_looked_at():
    assert same_when_typed("três") != same_when_typed("tres")
