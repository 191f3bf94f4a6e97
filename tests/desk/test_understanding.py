import numpy as np
import pytest

from tinymm.desk.understanding import LONGEST, Understanding, language_of, yes_or_no


@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("where is my parcel", "en", "delivery"),
        ("I forgot my password", "en", "password"),
        ("我要退款", "zh", "refund"),
        ("转人工", "zh", "person"),
        ("4711", "zh", "order_number"),
    ],
)
def test_what_a_text_wants(desk, text, language, intent):
    heard = desk.read(text, language)
    assert (heard.language, heard.intent) == (language, intent)
    assert heard.sure and 0 < heard.probability <= 1
    assert sum(p for _, p in heard.intents) == pytest.approx(1)


def test_the_mood(desk):
    assert desk.read("this is the worst service ever, I am furious!!!").sentiment == "negative"
    assert desk.read("Thank you so much, that was great!").sentiment == "positive"


def test_numbers_and_yes_come_along(desk):
    assert desk.read("my order is four seven one one").number == "4711"
    assert desk.read("yes please").yes is True and desk.read("No!").yes is False


@pytest.mark.parametrize(
    ("text", "why"), [("", "nothing was said"), (" \n\t\u200b", "nothing"), ("😀👍", "no words"), ("?!…", "no words")]
)
def test_no_words(desk, text, why):
    with pytest.raises(ValueError, match=why):
        desk.read(text)


def test_of_a_long_text_the_beginning_is_read(desk):
    heard = desk.read("where is my parcel " + "x" * 1_000_000)
    assert len(heard.text) == LONGEST and heard.intent


@pytest.mark.parametrize(
    ("text", "language"), [("hello", "en"), ("你好", "zh"), ("12", None), ("我的iPhone", "zh"), ("привет", None)]
)
def test_languages(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("Yes.", True), ("对，就是这个", True), ("no", False), ("不是。", False), ("no parcel came", None), ("", None)],
)
def test_yes_and_no(text, meaning):
    assert yes_or_no(text) is meaning


def test_models_of_another_kind_are_refused(desk):
    texts, confidence = desk.understanding.intent, desk.understanding.intent_confidence
    digits = desk.number_reader.trained
    with pytest.raises(ValueError, match="the model for intent takes image"):
        Understanding(digits, texts, confidence, confidence)
    with pytest.raises(ValueError, match=r"the model for sentiment knows cancel_order, card, change_address, …"):
        Understanding(texts, texts, confidence, confidence)


def test_typing_errors_and_capitals_do_not_matter_much(desk):
    assert desk.read("WHERE IS MY PARCLE").intent == "delivery"
    assert np.isfinite(desk.read("\udcff where").probability)
