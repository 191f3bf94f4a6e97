"""Spoken requests: how what may have been said becomes an intent, a number, a yes or no, and an answer."""

import numpy as np
import pytest

from tinymm.desk.confidence import NEVER, Confidence
from tinymm.desk.desk import Desk
from tinymm.desk.hearing import NumbersAndRequests, listen
from tinymm.transcriber import Transcript


def test_hypotheses_that_mean_the_same_add_up(desk):
    understanding = desk.understanding
    apart = understanding.heard([("where is my parcel", 0.5), ("i want my money back", 0.45)], NEVER)
    alike = understanding.heard([("where is my parcel", 0.5), ("where is my package", 0.45)], NEVER)
    assert not apart.sure and alike.sure and apart.intent == alike.intent == "delivery"
    for heard in (apart, alike):
        assert sum(p for _, p in heard.intents) == pytest.approx(1)
        assert sum(p for _, p in heard.sentiments) == pytest.approx(1)
    assert alike.text == "where is my parcel" and alike.language == "en"


def test_what_no_hypothesis_accounts_for_may_be_anything(desk):
    clear = desk.understanding.heard([("where is my parcel", 0.99)], NEVER)
    faint = desk.understanding.heard([("where is my parcel", 0.2), ("", 0.3)], NEVER)
    assert clear.intent == faint.intent == "delivery"
    assert clear.sure and not faint.sure and faint.probability < 0.3
    assert min(p for _, p in faint.intents) > 0.04


def test_a_certain_text_is_understood_as_if_it_were_typed(desk):
    heard, typed = desk.understanding.heard([("i forgot my password", 1.0)], 0.5), desk.read("i forgot my password")
    assert heard == typed


def test_a_number_is_as_likely_as_all_texts_that_hold_it(desk):
    texts = [("my order number is 4 7 1", 0.5), ("the order number is 4 7 1", 0.4), ("order number 4 1", 0.1)]
    assert desk.understanding.heard(texts, 0.85).number_sure
    assert not desk.understanding.heard(texts, 0.95).number_sure
    assert desk.understanding.heard(texts, 0.95).number == "471"


@pytest.mark.parametrize(
    ("hypotheses", "yes"),
    [
        ([("yes please", 0.95)], True),
        ([("no thank you", 0.95)], False),
        ([("yes", 0.5), ("yes please", 0.4), ("this", 0.1)], True),
        ([("yes", 0.3), ("no", 0.25)], None),  # too unclear to act on
        ([("where is my parcel", 0.95)], None),
    ],
)
def test_yes_and_no_count_when_they_were_heard_clearly(desk, hypotheses, yes):
    assert desk.understanding.heard(hypotheses, NEVER).yes is yes


class Hears:
    """A transcriber that hears the same in every sound."""

    rate = 8000

    def __init__(self, *transcript):
        self.transcript = Transcript(*transcript)

    def feed(self, samples):
        return self.transcript.text

    def finish(self):
        return self.transcript

    def reset(self):
        pass


def talking(desk, *transcript):
    """A session at a desk that hears this."""
    listening = Desk(progress=False)
    vars(listening).update(
        understanding=desk.understanding, _speech=(Hears(*transcript), *2 * [Confidence(1.0, NEVER)])
    )
    session = listening.session()
    return lambda: session.hear((np.zeros(800, np.float32), 8000), speed=0)


def test_a_clear_request_is_answered_and_its_transcript_came_before_the_end(desk):
    turn = talking(desk, "where is my parcel", 0.95)()
    assert turn.reply.act == "ask number" and turn.reply.intent == "delivery"
    assert turn.heard.partials == ((0.1, "where is my parcel"),)
    assert 0 < turn.heard.wait * 1000 <= turn.milliseconds


def test_a_number_alone_is_read_back(desk):
    turn = talking(desk, "4 7 1 1", 0.95)()
    assert (turn.reply.act, turn.reply.number, turn.understood.intent) == ("confirm", "4711", "order_number")


def test_an_unclear_request_is_asked_again_and_then_handed_over(desk):
    hear = talking(desk, "where is my parcel", 0.3)
    assert [hear().reply.act for _ in range(3)] == ["ask again", "hand over", "noted"]


def test_silence_is_asked_again_and_then_handed_over(desk):
    hear = talking(desk, "", 0.99)
    assert [hear().reply.act for _ in range(2)] == ["ask again", "hand over"]


def hears(number, sure, request):
    """What is heard where one model hears this number, so sure, and another this request."""
    return listen(NumbersAndRequests(Hears(number, sure), Hears(request, 0.8)), np.zeros(800, np.float32), 0)


@pytest.mark.parametrize("request_", ["4 7 what 1", "4 7 1", "where is it", ""])
def test_a_number_that_is_heard_clearly_is_one(request_):
    heard = hears("4 7 1 1", 0.9, request_)
    assert (heard.text, heard.confidence) == ("4 7 1 1", 0.9)


def test_a_number_that_is_heard_faintly_takes_a_second_who_hears_digits():
    assert hears("4 7 1 1", 0.4, "4 7 what 1").text == "4 7 1 1"
    assert hears("4 7 1 1", 0.4, "my order number is 4 7").text == "my order number is 4 7"
    assert hears("4 7 1 1", 0.1, "4 7 1").text == "4 7 1"


def test_a_request_is_what_the_model_for_requests_hears():
    for said in ("where is my parcel", "no 4", ""):
        heard = hears("8 8", 0.3, said)
        assert (heard.text, heard.confidence) == (said, 0.8)
    assert hears("", 0.9, "4 7").text == "4 7"


def test_partial_transcripts_are_of_what_it_seems_to_be_so_far():
    assert hears("4 7", 0.9, "4 8").partials == ((0.1, "4 7"),)
    assert hears("4 7", 0.9, "for seven").partials == ((0.1, "for seven"),)


def test_two_models_must_hear_sounds_of_one_rate():
    numbers, requests = Hears("4", 0.9), Hears("4", 0.9)
    numbers.rate = 16000
    with pytest.raises(
        ValueError, match=r"numbers hears 16,000 samples a second, but that for requests 8,000: train it"
    ):
        NumbersAndRequests(numbers, requests)
