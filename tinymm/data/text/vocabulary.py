"""A vocabulary: which words a model knows, and the number of each."""

import operator
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

PADDING, UNKNOWN = 0, 1  # the indices of what fills short sequences up, and of words that are not known
_SPECIAL = ("<padding>", "<unknown>")


class Vocabulary:
    """Numbers for words: 0 is padding, 1 an unknown word, then the words from the most frequent one on.

    Fit it on the training texts only. Words that are equally frequent come in the order of their code points, so the
    numbers do not depend on the order of the texts.

    Args:
        min_count: words that occur less often are unknown.
        max_size: at most so many words, the most frequent ones; padding and unknown come on top. None: all.

    Attributes:
        words: every index's word; the first two are `<padding>` and `<unknown>`.
        counts: how often each occurred in the texts of `fit`; of `<unknown>`, all words left out.

    >>> vocabulary = Vocabulary(min_count=2).fit([["where", "is", "my", "card"], ["is", "it", "my", "turn"]])
    >>> vocabulary.words, vocabulary.counts
    (('<padding>', '<unknown>', 'is', 'my'), (0, 4, 2, 2))
    >>> vocabulary.encode(["my", "card"])
    array([3, 1])
    """

    def __init__(self, min_count: int = 1, max_size: int | None = None):
        self.min_count = _whole("min_count", min_count, 1)
        self.max_size = None if max_size is None else _whole("max_size", max_size, 0)
        self._take(_SPECIAL, (0, 0))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._index

    def __repr__(self) -> str:
        return f"Vocabulary({len(self) - 2:,} words, min_count={self.min_count}, max_size={self.max_size})"

    def fit(self, documents: Iterable[Sequence[str]]) -> "Vocabulary":
        """Count the words of the documents, each a sequence of words, and number them; return self.

        TypeError: a document is a string, not a sequence of words.
        """
        counter: Counter[str] = Counter()
        for i, document in enumerate(documents):
            if isinstance(document, str):
                raise TypeError(
                    f"Vocabulary.fit: document {i} is a str, expected its words: cut it up first, try words(text)"
                )
            counter.update(document)
        total = counter.total()
        for special in _SPECIAL:
            del counter[special]
        ranked = sorted(((-n, word) for word, n in counter.items() if n >= self.min_count))[: self.max_size]
        kept = tuple(-n for n, _ in ranked)
        self._take((*_SPECIAL, *(word for _, word in ranked)), (0, total - sum(kept), *kept))
        return self

    def encode(self, document: Iterable[str]) -> np.ndarray:
        """The number of each word, (length,) int64; unknown words are 1. TypeError for a string."""
        if isinstance(document, str):
            raise TypeError("Vocabulary.encode: got a str, expected its words: cut it up first, try words(text)")
        return np.array([self._index.get(word, UNKNOWN) for word in document], np.int64)

    def decode(self, indices: Iterable[int]) -> list[str]:
        """The words of the numbers, without padding. IndexError for a number that no word has."""
        found = []
        for index in indices:
            if not 0 <= index < len(self.words):
                raise IndexError(f"Vocabulary.decode: index {index}, but the words have 0 to {len(self.words) - 1}")
            if index != PADDING:
                found.append(self.words[index])
        return found

    def state_dict(self) -> dict:
        """What a checkpoint or a JSON file must hold: plain lists, strings and numbers."""
        return {
            "min_count": self.min_count,
            "max_size": self.max_size,
            "words": list(self.words),
            "counts": list(self.counts),
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another Vocabulary. A missing or wrong entry is a ValueError."""
        if missing := self.state_dict().keys() - state.keys():
            raise ValueError(f"Vocabulary.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        words, counts = tuple(state["words"]), tuple(state["counts"])
        if words[:2] != _SPECIAL or len(set(words)) != len(words) or len(counts) != len(words):
            raise ValueError(
                f"Vocabulary.load_state_dict: {len(words)} words and {len(counts)} counts: expected "
                "<padding>, <unknown> and then different words, each with its count"
            )
        fresh = Vocabulary(state["min_count"], state["max_size"])
        self.min_count, self.max_size = fresh.min_count, fresh.max_size
        self._take(words, counts)

    def _take(self, words: tuple[str, ...], counts: tuple[int, ...]) -> None:
        self.words, self.counts = words, counts
        self._index = {word: index for index, word in enumerate(words) if index > UNKNOWN}


def _whole(name: str, value: int, least: int) -> int:
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"Vocabulary: {name} {value!r} must be a whole number") from None
    if value < least:
        raise ValueError(f"Vocabulary: {name} {value} must be at least {least}")
    return value
