"""Texts before a model: as weighted terms for logistic regression, or as numbered words or characters for networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.data.datasets import Dataset
from tinymm.data.text import LogCountRatio, NGrams, TfidfVectorizer, Vocabulary, clean_text, pad_sequences
from tinymm.data.text.tokenizing import TOKENIZERS
from tinymm.data.text.vocabulary import PADDING, UNKNOWN
from tinymm.models import BagOfTerms
from tinymm.recipes.front_end import FrontEnd
from tinymm.sparse import CSRMatrix

if TYPE_CHECKING:
    from tinymm.recipes.task import Drawing
    from tinymm.recipes.training import Trained

LONGEST_TEXT = 1 << 20  # characters
MOST_PANELS = 15  # classes, beyond which the words of each are listed, but not drawn
HEAVIEST = 12  # terms that a report shows for each class


class _TextFrontEnd(FrontEnd):
    sense = "text"

    def read(self, item: str) -> str:
        """The text itself. ValueError if nothing is in it, or more than a million characters."""
        return read_text(item)


def read_text(item: str) -> str:
    """The text as it was given. ValueError if nothing is in it, or more than a million characters."""
    if not item.strip():
        raise ValueError("the text is empty: write something")
    if len(item) > LONGEST_TEXT:
        raise ValueError(f"the text has {len(item):,} characters: give at most {LONGEST_TEXT:,}")
    return item


class TermsFrontEnd(_TextFrontEnd):
    """Bags of n-grams: one block of TF-IDF for each kind of term, side by side, each of length 1 in every text.

    Where there are two classes, each term is weighted by its log-count ratio besides: see `TfidfVectorizer`,
    `LogCountRatio`.

    Args:
        blocks: the kinds of terms. min_df: terms that fewer training texts have are left out.
    """

    def __init__(self, *blocks: NGrams, min_df: int = 1):
        self.vectorizers = [TfidfVectorizer(block, min_df, sublinear_tf=True) for block in blocks]
        self.ratio: LogCountRatio | None = None

    @property
    def terms(self) -> list[str]:
        """The term of each column."""
        return [term for vectorizer in self.vectorizers for term in vectorizer.terms]

    def fit_prepare(self, data: Dataset) -> CSRMatrix:
        x = _side_by_side([vectorizer.fit_transform(list(data.x)) for vectorizer in self.vectorizers])
        self.ratio = LogCountRatio().fit(x, data.y) if len(data.class_names) == 2 else None
        return self.ratio.transform(x) if self.ratio else x

    def prepare(self, samples: np.ndarray) -> CSRMatrix:
        x = _side_by_side([vectorizer.transform(list(samples)) for vectorizer in self.vectorizers])
        return self.ratio.transform(x) if self.ratio else x

    def weights(self, model: BagOfTerms) -> tuple[np.ndarray, list[str]]:
        """The weight of each word for each class, (classes, words), those of TF-IDF and log-count ratio included."""
        weight = model.weight.data * np.concatenate([np.asarray(v.tfidf.idf) for v in self.vectorizers])
        if self.ratio:
            weight *= self.ratio.ratio
        terms = self.terms
        words = [i for i, term in enumerate(terms) if term[0] not in "#?"]
        return weight[:, words], [terms[i] for i in words]

    def explanation(self, model: BagOfTerms, class_names: Sequence[str]) -> str:
        """For each class the words with the largest weights."""
        weight, words = self.weights(model)
        lines = []
        for name, row in zip(class_names, weight, strict=True):
            heaviest = [words[i] for i in np.argsort(-row, kind="stable")[:HEAVIEST]]
            lines.append(f"{name}: {', '.join(heaviest)}")
        return "\n".join(lines)

    def drawings(self, trained: Trained, tested: Dataset) -> dict[str, Drawing]:
        from tinymm import plots

        names = trained.class_names
        if len(names) > MOST_PANELS:
            return {}
        weight, words = self.weights(trained.model)  # type: ignore[arg-type]
        return {"Words by weight": ("words", lambda: plots.heaviest_terms(weight, words, names))}

    def state_dict(self) -> dict[str, Any]:
        return {
            "vectorizers": [vectorizer.state_dict() for vectorizer in self.vectorizers],
            "ratio": self.ratio.state_dict() if self.ratio else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.vectorizers = [TfidfVectorizer() for _ in state["vectorizers"]]
        for vectorizer, its_state in zip(self.vectorizers, state["vectorizers"], strict=True):
            vectorizer.load_state_dict(its_state)
        self.ratio = None
        if state["ratio"]:
            self.ratio = LogCountRatio()
            self.ratio.load_state_dict(state["ratio"])


def _side_by_side(blocks: list[CSRMatrix]) -> CSRMatrix:
    return blocks[0].hstack(*blocks[1:])


class TokensFrontEnd(_TextFrontEnd):
    """The numbers of the words or characters, (N, T) int64, filled up with 0: what an embedding reads.

    In training, `dropout` of the tokens become unknown, so that the model learns to do without each of them.
    Source: word dropout, Iyyer et al. (2015), Deep unordered composition rivals syntactic methods, ACL.

    Args:
        tokens: "words" or "characters". longest: of each text only so many tokens are read.
        min_count: tokens that occur less often in training are unknown. dropout: a share from 0 to 1.
    """

    def __init__(self, tokens: str = "words", longest: int = 64, min_count: int = 2, dropout: float = 0.1):
        self.tokens, self.longest, self.dropout = tokens, longest, dropout
        self.vocabulary = Vocabulary(min_count)

    def fit_prepare(self, data: Dataset) -> np.ndarray:
        self.vocabulary.fit(self._cut(text) for text in data.x)
        return self.prepare(data.x)

    def prepare(self, samples: np.ndarray) -> np.ndarray:
        numbers = [self.vocabulary.encode(self._cut(text)) for text in samples]
        return pad_sequences(numbers, self.longest)[0]

    def __call__(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        longest = max(int((rows != PADDING).sum(axis=1).max(initial=0)), 1)
        rows = rows[:, :longest]
        if rng is None:
            return rows
        return np.where((rows != PADDING) & (rng.random(rows.shape) < self.dropout), UNKNOWN, rows)

    def _cut(self, text: str) -> list[str]:
        return TOKENIZERS[self.tokens](clean_text(text))[: self.longest] or ["<unknown>"]

    def state_dict(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "longest": self.longest, "vocabulary": self.vocabulary.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.tokens, self.longest = state["tokens"], state["longest"]
        self.vocabulary.load_state_dict(state["vocabulary"])
