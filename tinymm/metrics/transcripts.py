"""Judging transcripts: how many edits make the hypothesis of the reference?

An edit puts another token in a token's place (substitution S), adds one (insertion I) or leaves one out (deletion
D); the edit distance is the least S + I + D that leads from the reference to the hypothesis. With N tokens in the
references,

    error rate = (S + I + D) / N

which can be above 1. Sums run over the whole corpus, so a long transcript weighs more than a short one. Nothing is
normalised: letter case, punctuation and the Unicode form count unless they are made alike before.

Sources: Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals" (1966); D. Jurafsky,
J. H. Martin, "Speech and Language Processing" (3rd edition draft), sections 2.5 and 16.5.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

Tokens = Sequence[Hashable]


class Edits(NamedTuple):
    """How many edits of each kind lead from the reference to the hypothesis."""

    substitutions: int
    insertions: int
    deletions: int

    @property
    def distance(self) -> int:
        """The edit distance S + I + D."""
        return sum(self)


def count_edits(reference: Tokens, hypothesis: Tokens) -> Edits:
    """The fewest edits that make the hypothesis of the reference; among these, those with the most substitutions.

    Both are text (its characters are the tokens) or sequences of hashable tokens. With d(i, j) the edits between the
    first i tokens of one and the first j of the other,

        d(i, j) = min(d(i−1, j−1) + [rᵢ ≠ hⱼ], d(i, j−1) + 1, d(i−1, j) + 1)

    Time and memory: one row of len(hypothesis) numbers after the other, len(reference) times. Source: R. A. Wagner,
    M. J. Fischer, "The string-to-string correction problem" (1974).

    >>> count_edits("kitten", "sitting")
    Edits(substitutions=2, insertions=1, deletions=0)
    """
    numbers: dict[Hashable, int] = {}
    r, h = (np.array([numbers.setdefault(token, len(numbers)) for token in t], int) for t in (reference, hypothesis))
    edit = len(h) + 1  # costs count insertions too, below one edit: fewest edits first, then fewest insertions
    insertions = np.arange(len(h) + 1) * (edit + 1)
    row = insertions
    for token in r:
        before = row + edit  # deletions
        before[1:] = np.minimum(before[1:], row[:-1] + edit * (h != token))
        row = np.minimum.accumulate(before - insertions) + insertions
    distance, inserted = divmod(int(row[-1]), edit)
    deleted = inserted + len(r) - len(h)
    return Edits(distance - inserted - deleted, inserted, deleted)


def word_error_rate(references: str | Sequence[str | Tokens], hypotheses: str | Sequence[str | Tokens]) -> float:
    """The share of words that are wrong, (S + I + D) / N, over all transcripts together.

    references and hypotheses: a text each, or equally many texts, cut into words at white space, or lists of words.
    A reference without words counts what was inserted; where no reference has words the rate is 0 if the hypotheses
    have none either, else ∞. ValueError if their numbers differ or there are none, TypeError for anything else.

    >>> word_error_rate("seven one five", "seven nine five")
    0.3333333333333333
    >>> word_error_rate(["one two", "three"], [["one", "two"], ["three", "three"]])
    0.3333333333333333
    """
    return _error_rate("word_error_rate", references, hypotheses, str.split)


def character_error_rate(references: str | Sequence[str | Tokens], hypotheses: str | Sequence[str | Tokens]) -> float:
    """The share of characters that are wrong, (S + I + D) / N, over all transcripts together.

    As `word_error_rate`, with texts cut into Unicode characters, spaces among them, or with lists of characters. The
    usual measure for languages that write no spaces, such as Chinese.

    >>> character_error_rate("seven", "eleven")
    0.4
    """
    return _error_rate("character_error_rate", references, hypotheses, tuple)


def _error_rate(where: str, references: object, hypotheses: object, cut: Callable[[str], Tokens]) -> float:
    refs, hyps = (
        _transcripts(where, name, given, cut)
        for name, given in (("references", references), ("hypotheses", hypotheses))
    )
    if len(refs) != len(hyps):
        raise ValueError(f"{where}: there are {len(refs)} references but {len(hyps)} hypotheses: give one for each")
    if not refs:
        raise ValueError(f"{where}: references are empty: there is nothing to score")
    edits = sum(count_edits(r, h).distance for r, h in zip(refs, hyps, strict=True))
    total = sum(map(len, refs))
    if total == 0:
        return float("inf") if edits else 0.0
    return edits / total


def _transcripts(where: str, name: str, given: object, cut: Callable[[str], Tokens]) -> list[Tokens]:
    """Each transcript as its tokens."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple | np.ndarray):
        raise TypeError(f"{where}: {name} are of type {type(given).__name__}, but must be a text or a list of them")
    for text in texts:
        if not isinstance(text, str | list | tuple | np.ndarray):
            raise TypeError(
                f"{where}: {name} hold {text!r}, but each transcript must be a text or a list of tokens: for one try "
                f"[{name}]"
            )
    return [cut(text) if isinstance(text, str) else list(text) for text in texts]
