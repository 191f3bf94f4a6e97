import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.text import characters, clean_text, words

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("I don't know", ["I", "don't", "know"]),
        ("so-called 'best'...", ["so", "-", "called", "'", "best", "'", ".", ".", "."]),
        ("请把iphone6寄到北京", ["请", "把", "iphone6", "寄", "到", "北", "京"]),
        ("𠮷野家で", ["𠮷", "野", "家", "で"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("to <email>,<number>", ["to", "<email>", ",", "<number>"]),
        ("snake_case", ["snake", "_", "case"]),
    ],
)
def test_words_of_any_script(text, expected):
    assert words(text) == expected


@given(anything)
@settings(max_examples=100, deadline=None)
def test_words_and_characters_leave_nothing_out(text):
    cleaned = clean_text(text)
    assert "".join(words(cleaned)) == cleaned.replace(" ", "")
    assert "".join(characters(cleaned)) == cleaned
    assert set(words(cleaned, punctuation=False)) <= set(words(cleaned))


def test_words_without_punctuation_keep_emoji_and_chinese():
    assert words("well, 好! 😀 <url> :)", punctuation=False) == ["well", "好", "😀", "<url>"]


def test_characters_keep_placeholders_whole():
    assert characters("a <number>\n") == ["a", " ", "<number>", "\n"]


def test_what_is_no_text_gets_one_sentence():
    with pytest.raises(TypeError, match=r"words: got list"):
        words(["abc"])
    with pytest.raises(TypeError, match=r"characters: got bytes.*decode_text"):
        characters(b"abc")
