"""Numbers as people give them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.data.datasets import load_desk_requests
from tinymm.desk.numbers import CHINESE, UNITS, find_number, spaced

ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4711", "4711"),
        ("order no. 10-4471", "104471"),
        ("4 7 1", "471"),
        ("Yes, 44 107.", "44107"),
        ("１２３４", "1234"),
        ("four two seven", "427"),
        ("four, two, seven", "427"),
        ("it is double five nine", "559"),
        ("8 3 double 5", "8355"),
        ("triple seven", "777"),
        ("forty-four one oh seven", "44107"),
        ("nineteen eighty four", "1984"),
        ("three hundred and one", "301"),
        ("four thousand seven hundred eleven", "4711"),
        ("two hundred thousand", "200000"),
        ("It starts with 8 and then 1 6", "816"),
        ("not 43 but 34", "34"),
        ("My order is 12 and the card ends in 4456", "4456"),
        ("四七一一", "4711"),
        ("幺幺零", "110"),
        ("三百零一", "301"),
        ("十二", "12"),
        ("四千七百一十一", "4711"),
        ("两万三千", "23000"),
        ("前面是八，后面一六", "816"),
        ("说错了，是三四不是四三", "34"),
        ("订单 7", "7"),
        ("seven", "7"),
    ],
)
def test_a_number_is_found(text, number):
    assert find_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "🙂", "where is my parcel", "one moment please", "查一下", "five days ago", "it cost $50", "三天了"),
        *("error E18", "iphone6 is broken", "第三遍了", "is anyone there?", "double", "hundred percent sure"),
    ],
)
def test_no_number_is_found(text):
    assert not find_number(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=12), st.sampled_from(["digits", "apart", "English", "Chinese"]))
def test_every_number_in_every_spelling(digits, way):
    text = {
        "digits": "".join(map(str, digits)),
        "apart": " ".join(map(str, digits)),
        "English": " ".join(ENGLISH[d] for d in digits),
        "Chinese": "".join("零一二三四五六七八九"[d] for d in digits),
    }[way]
    assert find_number(text) == "".join(map(str, digits))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*UNITS, *CHINESE, *"十百千万-,.", "hundred", "thousand", "double", "and", "471"])))
def test_any_order_of_number_words_is_survived(words):
    found = find_number(" ".join(words))
    assert found == "" or found.isdecimal()


def test_each_bundled_request_that_gives_a_number_is_found_to():
    requests = load_desk_requests()
    gives = requests.intents == requests.intent_names.index("order_number")
    found = [bool(find_number(text)) for text in requests.texts]
    assert all(f for f, g in zip(found, gives, strict=True) if g)
    assert sum(f for f, g in zip(found, gives, strict=True) if not g) < 0.02 * (~gives).sum()


def test_a_megabyte_is_read_quickly_enough():
    assert find_number("where " * 170_000) == ""
    assert find_number("7" * 1_000_000) == "7" * 1_000_000


def test_numbers_are_read_back_digit_by_digit():
    assert spaced("471") == "4 7 1"
