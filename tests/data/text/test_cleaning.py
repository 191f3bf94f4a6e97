import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinymm.data.text import clean_text, words

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)  # lone surrogates too
pieces = st.sampled_from(
    ["a@b.co", "www.x.de/a", "http://", "4,5", "1.2", "é", "e\u0301", "\u200d", "好", "😀", "<url>", "@", "."]
)
MEGABYTE = 1_000_000


@given(anything | st.lists(pieces | anything, max_size=8).map("".join))
@example("\u0130")
@example("e\u200d\u0301")
@settings(max_examples=200, deadline=None)
def test_cleaning_twice_is_cleaning_once_and_gives_one_line_in_normal_form(text):
    for options in ({}, {"lower": False, "placeholders": ()}, {"emoji": False}):
        once = clean_text(text, **options)
        assert clean_text(once, **options) == once
        assert unicodedata.is_normalized("NFKC", once)
        assert once == " ".join(once.split())
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in once)
        once.encode("utf-8")  # no lone surrogate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \r\n\t\x00 ", ""),
        ("Ｆｕｌｌ　ｗｉｄｔｈ，ﬁne", "full width,fine"),
        ("one\x85two\r\nthree\u2028four", "one two three four"),
        ("zero\u200bwidth\ufeff and soft\u00adhyphen", "zerowidth and softhyphen"),
        ("Don’t say “no”", 'don\'t say "no"'),
        ("cafe\u0301", "café"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("👍🏽 ❤️ 👨\u200d👩\u200d👧", "👍 ❤ 👨👩👧"),
        ("write to Me.Too@shop-24.co.uk.", "write to <email>."),
        ("see https://a.com/x?y=1, or www.b.de!", "see <url>, or <url>!"),
        ("看www.a.com吧，邮箱abc@x.com。", "看<url>吧,邮箱<email>。"),
        ("4 7 1", "<number> <number> <number>"),
        ("at 12:30 on 2024-01-02 for $5,000.50.", "at <number> on <number> for $<number>."),
        ("iphone6 2nd 3.5kg x_1", "iphone6 2nd 3.5kg x_1"),
        ("我有３个", "我有<number>个"),
    ],
)
def test_cleaning(text, expected):
    assert clean_text(text) == expected


def test_cleaning_leaves_undone_what_is_not_wanted():
    assert clean_text("Call ME 42 😀", lower=False, placeholders=("email",), emoji=False) == "Call ME 42"
    assert clean_text("good😀bad", emoji=False) == "good bad"


def test_only_emoji_is_a_text_too():
    assert words(clean_text("😀😀 👍🏿")) == ["😀", "😀", "👍"]
    assert words(clean_text("😀😀", emoji=False)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0327" * (MEGABYTE // 2),  # would be sorted
        "a." * (MEGABYTE // 2) + "@",
        "a@" * (MEGABYTE // 2),
        "www." + "." * MEGABYTE,
        "1." * (MEGABYTE // 2) + "a",
        "好" * MEGABYTE,
        "don't " * (MEGABYTE // 6),
    ],
    ids=lambda text: ascii(text[:8]),
)
def test_a_megabyte_of_anything_is_cleaned_and_cut_up_in_a_moment(text):
    """In seconds, not hours: what takes quadratic time would not come back."""
    cleaned = clean_text(text)
    assert len("".join(words(cleaned))) == len(cleaned.replace(" ", ""))


def test_every_character_of_the_first_two_planes_can_be_cleaned():
    everything = "".join(map(chr, range(0x20000)))
    cleaned = clean_text(everything)
    assert clean_text(cleaned) == cleaned
    assert "".join(words(cleaned)) == cleaned.replace(" ", "")


def test_wrong_arguments_of_cleaning_get_one_sentence():
    with pytest.raises(TypeError, match=r"clean_text: got bytes.*decode_text"):
        clean_text(b"abc")
    with pytest.raises(ValueError, match=r"clean_text: placeholders 'phone'"):
        clean_text("a", placeholders=("phone",))
    with pytest.raises(ValueError, match=r"clean_text: placeholders 'email'.*as a tuple"):
        clean_text("a", placeholders="email")
