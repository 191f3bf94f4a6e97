"""The conversation, without any model."""

import pytest

from tinymm.data.datasets.desk import INTENTS
from tinymm.desk.dialogue import NUMBER_OF, Dialogue
from tinymm.desk.numbers import find_number
from tinymm.desk.phrases import PHRASES
from tinymm.desk.understanding import Understood, yes_or_no


def heard(intent="other", p=0.95, text="...", sentiment="neutral", language="en", **more):
    more.setdefault("number", find_number(text))
    more.setdefault("yes", yes_or_no(text))
    return Understood(text, language, ((intent, p),), 0.6, ((sentiment, 0.9),), **more)


def acts(dialogue, *turns):
    return [dialogue(turn).act for turn in turns]


def test_what_needs_no_number_is_answered_at_once():
    for intent in set(INTENTS) - set(NUMBER_OF) - {"goodbye", "order_number", "person"}:
        reply = Dialogue()(heard(intent))
        assert (reply.act, reply.intent, reply.text) == ("answer", intent, PHRASES["en"].answers[intent])


@pytest.mark.parametrize("intent", NUMBER_OF)
def test_a_request_is_complete_when_its_number_is_there(intent):
    dialogue = Dialogue()
    assert dialogue(heard(intent)).act == "ask number"
    reply = dialogue(heard("order_number", text="4711"))
    assert (reply.act, reply.intent, reply.number) == ("done", intent, "4711") and "4 7 1 1" in reply.text


def test_the_number_may_come_along_or_before():
    assert Dialogue()(heard("cancel_order", text="cancel order 4711")).act == "done"
    dialogue = Dialogue()
    first = dialogue(heard("order_number", text="4711"))
    assert (first.act, first.number) == ("answer", "4711")
    assert dialogue(heard("delivery")).number == "4711"


def test_a_number_that_was_asked_for_counts_even_if_the_turn_is_unclear():
    dialogue = Dialogue()
    assert acts(dialogue, heard("card"), heard("delivery", 0.3, "it ends in 4456")) == ["ask number", "done"]


def test_the_number_of_an_order_is_not_that_of_a_card():
    dialogue = Dialogue()
    dialogue(heard("delivery"))
    dialogue(heard("order_number", text="4711"))
    assert dialogue(heard("card")).act == "ask number"
    assert dialogue(heard("order_number", text="4456")).number == "4456"
    assert dialogue(heard("refund")).number == "4711"


def test_a_house_number_is_no_order():
    assert Dialogue()(heard("change_address", text="My new address is 1400 Rose Lane")).act == "ask number"


def test_another_wish_while_a_number_is_asked_for():
    dialogue = Dialogue()
    assert acts(dialogue, heard("delivery"), heard("opening_hours")) == ["ask number", "answer"]
    assert dialogue(heard("order_number", text="4711")).intent == "delivery"


def test_unclear_is_asked_again_and_then_handed_over():
    dialogue = Dialogue()
    assert acts(dialogue, *[heard(p=0.1)] * 4) == ["ask again", "hand over", "noted", "noted"]
    assert dialogue.handed_over


def test_who_has_no_number_gets_a_person():
    dialogue = Dialogue()
    without = heard("order_number", text="I cannot find the order number")
    assert acts(dialogue, heard("delivery"), without, without) == ["ask number", "ask again", "hand over"]


def test_a_clear_turn_in_between_begins_the_patience_anew():
    unclear, clear = heard(p=0.1), heard("thanks")
    assert acts(Dialogue(), unclear, clear, unclear, clear) == ["ask again", "answer"] * 2


def test_a_likely_guess_is_named_and_yes_confirms_it():
    dialogue = Dialogue()
    reply = dialogue(heard("refund", 0.5))
    assert reply.act == "ask again" and "a refund" in reply.text
    assert dialogue(heard("thanks", 0.2, "yes, please")).intent == "refund"


def test_an_unlikely_guess_is_not_named():
    reply = Dialogue()(heard("refund", 0.2))
    assert reply.text == PHRASES["en"].ask_again


def test_no_to_a_guess_asks_for_other_words_and_then_hands_over():
    dialogue = Dialogue()
    assert acts(dialogue, heard("refund", 0.5), heard(p=0.3, text="no"), heard(p=0.3)) == [
        *("ask again", "ask again", "hand over"),
    ]


def test_other_words_after_a_guess_are_understood():
    dialogue = Dialogue()
    assert acts(dialogue, heard("refund", 0.5), heard("opening_hours")) == ["ask again", "answer"]


def test_yes_without_a_question_confirms_nothing():
    assert Dialogue()(heard(p=0.3, text="yes")).act == "ask again"


def test_an_unsure_number_is_read_back():
    dialogue = Dialogue()
    dialogue(heard("invoice"))
    reply = dialogue(heard("order_number", 0.7, "4711", number_sure=False))
    assert reply.act == "confirm" and "4 7 1 1" in reply.text
    assert dialogue(heard(p=0.3, text="yes")).act == "done"


def test_no_to_a_number_asks_for_it_again_and_a_better_one_replaces_it():
    unsure = heard("order_number", 0.7, "4711", number_sure=False)
    dialogue = Dialogue()
    assert acts(dialogue, heard("invoice"), unsure, heard(p=0.3, text="no")) == ["ask number", "confirm", "ask again"]
    assert dialogue(heard("order_number", text="4712")).number == "4712"
    dialogue = Dialogue()
    acts(dialogue, heard("invoice"), unsure)
    assert dialogue(heard("other", 0.3, "no, 4712")).number == "4712"


def test_a_wish_for_a_person_is_granted_with_the_number():
    dialogue = Dialogue()
    dialogue(heard("order_number", text="4711"))
    reply = dialogue(heard("person"))
    assert (reply.act, reply.number) == ("hand over", "4711")


def test_nothing_heard_counts_as_unclear():
    dialogue = Dialogue()
    assert [dialogue.nothing_heard().act for _ in range(3)] == ["ask again", "hand over", "noted"]


def test_a_problem_leaves_the_conversation_where_it_was():
    dialogue = Dialogue()
    dialogue(heard("delivery"))
    assert dialogue.problem("The file is gone.").text == "The file is gone."
    assert dialogue(heard("order_number", text="4711")).act == "done"


def test_goodbye_forgets_everything():
    dialogue = Dialogue()
    dialogue(heard("order_number", text="4711"))
    assert dialogue(heard("goodbye")).act == "goodbye"
    assert dialogue(heard("delivery")).act == "ask number"


def test_anger_is_met_with_regret_and_then_with_a_person():
    dialogue = Dialogue()
    first, second = (dialogue(heard("delivery", sentiment="negative")).text for _ in range(2))
    phrases = PHRASES["en"]
    assert first.startswith(phrases.sorry) and phrases.offer_person not in first
    assert second.startswith(phrases.sorry) and second.endswith(phrases.offer_person)


def test_the_answer_is_in_the_language_of_the_turn():
    dialogue = Dialogue()
    dialogue(heard("delivery"))
    assert dialogue(heard("order_number", text="四七一一", language="zh")).text.startswith("已为您查询")


def test_each_language_has_a_sentence_for_each_intent():
    for phrases in PHRASES.values():
        assert set(phrases.about) == set(INTENTS)
        assert set(phrases.ask_number) == set(phrases.with_number) == set(NUMBER_OF)
        assert set(phrases.answers) | set(NUMBER_OF) | {"order_number", "person"} == set(INTENTS)
