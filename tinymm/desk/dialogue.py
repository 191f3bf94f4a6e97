"""What the desk answers: a conversation by its state and its rules, without any model.

heard ─┬─ a person has it already ─────────────────────────── noted for the person
       ├─ yes or no was asked for ─────────────────────────── what was asked about counts, or is dropped
       ├─ a number was asked for, and here is one ─────────── done
       ├─ not sure what is wanted ─ the first time ────────── asked again
       │                          └ the second time running ─ handed over to a person
       └─ sure ─ needs a number ─ known ───────────────────── done
               │                └ not known ───────────────── asked for
               └ needs none ───────────────────────────────── answered
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tinymm.desk.numbers import spaced
from tinymm.desk.phrases import PHRASES, Phrases
from tinymm.desk.understanding import Understood

PATIENCE = 1  # how often running the desk asks again before it hands over
HALF_SURE = 0.5  # of the threshold: a guess that likely is named when asking again
ANGRY = 2  # angry turns after which a person is offered
SHORTEST = 3  # digits of an order's number given along with what is wanted
# what each intent needs the number of; the others need none
NUMBER_OF = dict.fromkeys(("cancel_order", "change_address", "delivery", "invoice", "refund"), "order") | {
    "card": "card"
}


@dataclass(frozen=True)
class Reply:
    """What the desk says, and what a program behind it may act on.

    Attributes:
        act: "answer", "done" (a request is complete), "ask number", "ask again", "confirm", "hand over", "noted" (for the
            person who took over), "goodbye" or "problem".
        text: the sentence. intent, number: what the reply is about, "" where there is none.
    """

    act: str
    text: str
    intent: str = ""
    number: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value}


class Dialogue:
    """One conversation: `dialogue(understood)` is the `Reply` to each turn.

    Args:
        phrases: the sentences of each language.

    Attributes:
        language: of the last turn. handed_over: a person has the conversation.

    >>> Dialogue()(Understood("Hi", intents=(("greeting", 0.99),)))
    Reply(act='answer', text='Hello! What can I do for you?', intent='greeting', number='')
    """

    def __init__(self, phrases: Mapping[str, Phrases] = PHRASES):
        self._phrases = phrases
        self.language = "en"
        self.restart()

    def restart(self) -> None:
        """Forget all that was said: the next turn begins a new conversation."""
        self.handed_over = False
        self._numbers: dict[str, str] = {}  # of the order and of the card
        self._wanted = ""  # the intent that waits for a number
        self._unsure_of: tuple[str, str] | None = None  # "intent" or "number", and which: yes or no was asked for
        self._unclear = 0  # turns running that were not understood
        self._angry = 0

    @property
    def phrases(self) -> Phrases:
        return self._phrases[self.language]

    def __call__(self, heard: Understood) -> Reply:
        self.language = heard.language
        if self.handed_over:
            return Reply("noted", self.phrases.handed_over)
        unsure_of, self._unsure_of = self._unsure_of, None
        if unsure_of and heard.yes:
            reply = self._answer(unsure_of[1]) if unsure_of[0] == "intent" else self._take(unsure_of[1])
        elif self._takes(heard):
            if heard.sure and heard.intent in NUMBER_OF:
                self._wanted = heard.intent
            reply = self._take(heard.number) if heard.number_sure else self._confirm(heard.number)
        elif unsure_of and heard.yes is False:
            reply = self._denied(unsure_of[0])
        elif heard.sure:
            reply = self._answer(heard.intent)
        else:
            reply = self._ask_again(heard)
        return self._in_tune(reply, heard)

    def nothing_heard(self) -> Reply:
        """The reply to a sound in which nothing was understood: asked again, then handed over."""
        return Reply("noted", self.phrases.handed_over) if self.handed_over else self._unclear_turn("nothing_heard")

    def problem(self, problem: str) -> Reply:
        """The reply to a turn that could not be read at all: the reason. The conversation stays where it was."""
        return Reply("problem", problem)

    def _takes(self, heard: Understood) -> bool:
        """Whether the turn gives the number of an order or a card, and not, say, that of a house."""
        if not heard.number:
            return False
        if heard.intent == "order_number":
            return True
        if not heard.sure:
            return bool(self._wanted or heard.yes is False)  # no, 4711
        if self._wanted == heard.intent:
            return True
        return heard.intent in NUMBER_OF and heard.intent != "change_address" and len(heard.number) >= SHORTEST

    def _confirm(self, number: str) -> Reply:
        self._unsure_of = "number", number
        question = self.phrases.confirm_number.format(number=spaced(number))
        return Reply("confirm", question, self._wanted, number)

    def _take(self, number: str) -> Reply:
        self._unclear = 0
        self._numbers[NUMBER_OF.get(self._wanted, "order")] = number
        if self._wanted:
            return self._answer(self._wanted)
        return Reply("answer", self.phrases.number_alone.format(number=spaced(number)), "order_number", number)

    def _denied(self, what: str) -> Reply:
        if what == "number":
            return self._unclear_turn("number_again")
        return Reply("ask again", self.phrases.other_words)

    def _answer(self, intent: str) -> Reply:
        """Answer what is surely wanted."""
        if intent == "order_number":  # without a number in it, or it would have been taken
            return self._unclear_turn("number_again")
        self._unclear = 0
        if intent == "person":
            return self._hand_over(intent)
        if intent == "goodbye":
            self.restart()
            return Reply("goodbye", self.phrases.answers[intent], intent)
        if intent not in NUMBER_OF:
            return Reply("answer", self.phrases.answers[intent], intent)
        number = self._numbers.get(NUMBER_OF[intent], "")
        if not number:
            self._wanted = intent
            return Reply("ask number", self.phrases.ask_number[intent], intent)
        self._wanted = ""
        return Reply("done", self.phrases.with_number[intent].format(number=spaced(number)), intent, number)

    def _ask_again(self, heard: Understood) -> Reply:
        if self._wanted:
            return self._unclear_turn("number_again")
        reply = self._unclear_turn("ask_again")
        if reply.act == "ask again" and heard.probability >= HALF_SURE * heard.threshold:
            self._unsure_of = "intent", heard.intent
            question = self.phrases.confirm_intent.format(about=self.phrases.about[heard.intent])
            return Reply("ask again", question, heard.intent)
        return reply

    def _unclear_turn(self, question: str) -> Reply:
        self._unclear += 1
        if self._unclear > PATIENCE:
            return self._hand_over(self._wanted)
        return Reply("ask again", getattr(self.phrases, question), self._wanted)

    def _hand_over(self, intent: str) -> Reply:
        self.handed_over = True
        return Reply("hand over", self.phrases.hand_over, intent, next(reversed(self._numbers.values()), ""))

    def _in_tune(self, reply: Reply, heard: Understood) -> Reply:
        """The reply with a word for the mood of the turn."""
        before = after = ""
        if heard.sentiment == "negative" and reply.act != "goodbye":
            self._angry += 1
            before = self.phrases.sorry
            if self._angry >= ANGRY and reply.act != "hand over":
                after = self.phrases.offer_person
        elif heard.sentiment == "positive" and reply.act in ("done", "ask number"):
            before = self.phrases.glad
        return replace(reply, text=before + reply.text + after)
