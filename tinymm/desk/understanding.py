"""What a text wants and in what mood, and how sure that is.

text ─ clean ─ language ─┬─ intent model ─ honest probabilities ─┐
                         ├─ sentiment model ─────────────────────┼─ Understood
                         └─ number, yes or no ───────────────────┘

Of speech there are several texts h that may have been said, each with its probability given the sound x, and so

    p(intent | x) = Σ_h p(h | x) p(intent | h) + (1 − Σ_h p(h | x)) / intents

where the last term is what none of them accounts for: it may be anything. A sound that is heard unclearly has an unclear
intent, unless all that it may be means the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinymm.data.datasets.desk import INTENTS, LANGUAGES
from tinymm.data.text import clean_text
from tinymm.desk.confidence import Confidence
from tinymm.desk.numbers import find_number
from tinymm.recipes import Trained

LONGEST = 2000  # characters that are read of one turn: what someone wants is said by then
PER_CHARACTER = 3  # Latin letters that say as much as one Chinese character

YES = {*("yes", "yeah", "yep", "yup", "right", "correct", "exactly", "sure", "ok", "okay", "indeed", "certainly")}
YES |= {
    *(
        "that's right",
        "that is right",
        "that's it",
        "yes please",
        "是",
        "是的",
        "对",
        "对的",
        "没错",
        "好",
        "好的",
        "嗯",
    )
}
NO = {*("no", "nope", "nah", "wrong", "not right", "that's wrong", "that is wrong", "no thanks")}
NO |= {*("不", "不是", "不对", "没有", "错了", "不用")}


@dataclass(frozen=True)
class Understood:
    """What was understood of one turn.

    Attributes:
        text: what was typed, or transcribed, or read off a picture; of a long text what was read.
        language: "en" or "zh".
        intents: names and probabilities, the likeliest first; from `threshold` on the first is acted on without asking.
        sentiments: the same for the mood.
        number: the digits given, "" if there are none. number_sure: they need no confirmation.
        yes: whether it says yes or no and hardly more; None if neither.
    """

    text: str
    language: str = "en"
    intents: tuple[tuple[str, float], ...] = (("other", 0.0),)
    threshold: float = 0.5
    sentiments: tuple[tuple[str, float], ...] = (("neutral", 1.0),)
    number: str = ""
    number_sure: bool = True
    yes: bool | None = None

    @property
    def intent(self) -> str:
        return self.intents[0][0]

    @property
    def probability(self) -> float:
        return self.intents[0][1]

    @property
    def sure(self) -> bool:
        return self.probability >= self.threshold

    @property
    def sentiment(self) -> str:
        return self.sentiments[0][0]

    def to_dict(self) -> dict[str, Any]:
        """For a line of the transcript: the three likeliest intents, all moods."""
        return {
            "language": self.language,
            "intents": {name: round(p, 4) for name, p in self.intents[:3]},
            "sure": self.sure,
            "sentiments": {name: round(p, 4) for name, p in self.sentiments},
            "number": self.number,
            "number_sure": self.number_sure,
        }


class Understanding:
    """Finds intent, mood and number of texts: `understanding(text, language)` is an `Understood`.

    Args:
        intent, sentiment: models for texts; the intents must be among the desk's.
        intent_confidence, sentiment_confidence: how honest and how sure each is, by language.

    ValueError: models of another sense or with other classes.
    """

    def __init__(
        self,
        intent: Trained,
        sentiment: Trained,
        intent_confidence: Mapping[str, Confidence],
        sentiment_confidence: Mapping[str, Confidence],
    ):
        check_text_model("intent", intent, INTENTS)
        check_text_model("sentiment", sentiment, ("negative", "neutral", "positive"))
        self.intent, self.sentiment = intent, sentiment
        self.intent_confidence, self.sentiment_confidence = intent_confidence, sentiment_confidence

    def __call__(self, text: str, language: str = "en") -> Understood:
        """Understand a text. `language` counts where the text has no letters of any. ValueError if it has no words."""
        text = text[:LONGEST].strip()
        cleaned = clean_text(text, placeholders=())
        if not cleaned:
            raise ValueError("nothing was said")
        if not re.search(r"\w", clean_text(text, placeholders=(), emoji=False)):
            raise ValueError("there are no words in it")
        language = language_of(cleaned) or language
        return Understood(
            text,
            language,
            _ranked(self.intent, self.intent_confidence[language], text),
            self.intent_confidence[language].threshold,
            sentiments=_ranked(self.sentiment, self.sentiment_confidence[language], text),
            number=find_number(text),
            yes=yes_or_no(cleaned),
        )

    def heard(
        self,
        hypotheses: Sequence[tuple[str, float]],
        number_threshold: float,
        language: str = "en",
    ) -> Understood:
        """Understand speech: texts that may have been said, with probabilities, the likeliest first and not empty.

        It is sure of an intent from the same probability on as of a typed one. A number that is less likely than
        `number_threshold` is to be confirmed.
        """
        text = hypotheses[0][0]
        language = language_of(text) or language
        confidence = self.intent_confidence[language]
        intents = _mixed(self.intent, confidence, hypotheses)
        sentiments = _mixed(self.sentiment, self.sentiment_confidence[language], hypotheses)
        number = find_number(text)
        likely = sum(p for other, p in hypotheses if find_number(other) == number)
        return Understood(
            text,
            language,
            _by_probability(self.intent.class_names, intents),
            confidence.threshold,
            _by_probability(self.sentiment.class_names, sentiments),
            number,
            number_sure=likely >= number_threshold,
            yes=_yes_or_no_heard(hypotheses, confidence.threshold),
        )


def check_text_model(what: str, trained: Trained, names: tuple[str, ...]) -> None:
    """ValueError unless the model reads texts and its classes are among these."""
    if trained.front_end.sense != "text":
        raise ValueError(f"the model for {what} takes {trained.front_end.sense}, but it must take text")
    if strange := sorted(set(trained.class_names) - set(names)):
        raise ValueError(
            f"the model for {what} knows {', '.join(strange[:3])}{', …' if len(strange) > 3 else ''}, for which the desk "
            f"has no answers: train it on the classes {', '.join(names)}"
        )


def language_of(text: str) -> str | None:
    """ "zh" or "en" by the letters of a text; None if it has none of either.

    >>> language_of("请把iPhone寄到北京"), language_of("where is my 包裹"), language_of("4711")
    ('zh', 'en', None)
    """
    chinese = len(re.findall(r"[\u3400-\u9fff]", text)) * PER_CHARACTER
    latin = len(re.findall(r"[A-Za-zÀ-ɏ]", text))
    if not chinese and not latin:
        return None
    return LANGUAGES[int(chinese >= latin)]


def yes_or_no(text: str) -> bool | None:
    """True for a plain yes, False for a plain no, with what may follow after a comma; None for anything else.

    >>> yes_or_no("yes, please"), yes_or_no("no, 4711"), yes_or_no("no parcel came")
    (True, False, None)
    """
    first = re.split(r"[,.!?;:，。！？；、]", text.strip(" .!,。！，").lower(), maxsplit=1)[0].strip()
    if first in YES:
        return True
    return False if first in NO else None


def _yes_or_no_heard(hypotheses: Sequence[tuple[str, float]], threshold: float) -> bool | None:
    """`yes_or_no` of speech, in which no comma follows the word, if it is likely enough."""
    answers = [(yes_or_no(re.sub(r"^(yes|no|ok) ", r"\1, ", text)), p) for text, p in hypotheses]
    first = answers[0][0]
    return first if sum(p for answer, p in answers if answer is first) >= threshold else None


def _ranked(trained: Trained, confidence: Confidence, text: str) -> tuple[tuple[str, float], ...]:
    return _by_probability(trained.class_names, _mixed(trained, confidence, [(text, 1.0)]))


def _mixed(trained: Trained, confidence: Confidence, hypotheses: Sequence[tuple[str, float]]) -> np.ndarray:
    """Probabilities (classes,) over texts of which each is so likely; what is left of 1, and "", may be anything."""
    said = [(text, p) for text, p in hypotheses if text]
    if not said:
        return np.full(len(trained.class_names), 1 / len(trained.class_names))
    weights = np.array([p for _, p in said], np.float64)
    weights /= max(weights.sum(), 1.0)  # by rounding it may be a little more
    p = confidence(trained.probabilities(np.array([text for text, _ in said], dtype=object)))
    return weights @ p + (1 - weights.sum()) / p.shape[1]


def _by_probability(names: Sequence[str], p: np.ndarray) -> tuple[tuple[str, float], ...]:
    return tuple((names[c], float(p[c])) for c in np.argsort(-p, kind="stable"))
