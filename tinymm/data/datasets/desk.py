"""The customer-desk requests that come with the package: what people write or say to a shop or a bank.

from tinymm.data.datasets import load_desk_requests
requests = load_desk_requests("en")
"""

import csv
from dataclasses import dataclass

import numpy as np

from tinymm.data.datasets.images import BUNDLED
from tinymm.data.text.files import read_lines

FILE = BUNDLED / "desk_requests.tsv"
LANGUAGES = ("en", "zh")
INTENTS = (
    *("cancel_order", "card", "change_address", "delivery", "goodbye", "greeting", "invoice", "opening_hours"),
    *("order_number", "other", "password", "person", "refund", "technical_problem", "thanks"),
)
SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True, eq=False, repr=False)
class DeskRequests:
    """Requests, what each wants, and its mood.

    Attributes:
        texts: (N,) str, as written: with typing errors, capitals and emphasis. Order numbers are strings of digits,
            spelled or spoken, as a transcript has them.
        intents: (N,) int64, the index into `intent_names`. "order_number" gives the number of an order, "person" wants to
            talk to someone, "other" is for whatever no other intent covers.
        sentiments: (N,) int64, the index into `sentiment_names`: negative, neutral, positive.
        languages: (N,) str, "en" or "zh".
        intent_names, sentiment_names: the names, in the order of their numbers.
    """

    texts: np.ndarray
    intents: np.ndarray
    sentiments: np.ndarray
    languages: np.ndarray
    intent_names: tuple[str, ...] = INTENTS
    sentiment_names: tuple[str, ...] = SENTIMENTS

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return (
            f"customer-desk requests: {len(self):,} texts in {' and '.join(np.unique(self.languages))}, "
            f"{len(self.intent_names)} intents, {len(self.sentiment_names)} sentiments"
        )


def load_desk_requests(language: str | None = None) -> DeskRequests:
    """Return the bundled customer-desk requests: 2,517 texts in English and Chinese, written for this project.

    No two are the same after cleaning, so any folds keep training and test apart; stratify them by intent:
    `StratifiedKFold(5, shuffle=True, random_state=0).split(requests.texts, requests.intents)`.

    Args:
        language: "en", "zh", or None for both.

    Raises:
        ValueError: another language.

    >>> load_desk_requests()
    customer-desk requests: 2,517 texts in en and zh, 15 intents, 3 sentiments
    """
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"load_desk_requests: language {language!r} is not among them: choose 'en', 'zh' or None")
    rows = list(csv.DictReader(read_lines(FILE), delimiter="\t", quoting=csv.QUOTE_NONE))
    chosen = [row for row in rows if language in (None, row["language"])]
    return DeskRequests(
        texts=np.array([row["text"] for row in chosen]),
        intents=np.array([INTENTS.index(row["intent"]) for row in chosen], np.int64),
        sentiments=np.array([SENTIMENTS.index(row["sentiment"]) for row in chosen], np.int64),
        languages=np.array([row["language"] for row in chosen]),
    )
