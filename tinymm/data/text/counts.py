"""Bags of words: count the terms of each text, in columns that are learned or hashed.

from tinymm.data.text.counts import CountVectorizer
counts = CountVectorizer(NGrams(words=(1, 2))).fit_transform(texts)      # CSRMatrix (N, number of terms)
"""

import dataclasses
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tinymm.data.text.ngrams import NGrams
from tinymm.sparse import CSRMatrix


class CountVectorizer:
    """Count the terms of texts: x[i, j] is how often text i has term j. Terms not seen by `fit` do not count.

    Args:
        ngrams: what the terms of a text are; single words by default.
        min_df: terms that fewer texts of `fit` have are left out.
        max_features: at most so many terms, the most frequent ones. None: all.

    Attributes:
        terms: the term of each column, sorted; empty before `fit`.

    >>> vectorizer = CountVectorizer()
    >>> vectorizer.fit_transform(["My card!", "my my"]).toarray(), vectorizer.terms
    (array([[1., 1.], [0., 2.]], dtype=float32), ('card', 'my'))
    """

    def __init__(self, ngrams: NGrams | None = None, min_df: int = 1, max_features: int | None = None):
        if min_df < 1 or (max_features is not None and max_features < 1):
            raise ValueError(
                f"CountVectorizer: min_df {min_df} and max_features {max_features} must be whole numbers of 1 or more"
            )
        self.ngrams, self.min_df, self.max_features = ngrams or NGrams(), min_df, max_features
        self._take(())

    def __repr__(self) -> str:
        return f"CountVectorizer({self.ngrams}, {len(self.terms):,} terms)"

    def fit(self, texts: Sequence[str]) -> "CountVectorizer":
        """Learn the terms of the training texts; return self. ValueError if there are none."""
        self.fit_transform(texts)
        return self

    def fit_transform(self, texts: Sequence[str]) -> CSRMatrix:
        """Learn the terms of the texts and return their counts, (N, terms) float32."""
        check_texts(texts, "CountVectorizer.fit")
        documents = [self.ngrams(text) for text in texts]
        in_texts: Counter[str] = Counter()
        for document in documents:
            in_texts.update(set(document))
        kept = [term for term, n in in_texts.items() if n >= self.min_df]
        if self.max_features is not None and len(kept) > self.max_features:
            in_all = Counter(term for document in documents for term in document)
            kept = sorted(kept, key=lambda term: (-in_all[term], term))[: self.max_features]
        if not kept:
            raise ValueError(
                f"CountVectorizer.fit: no term is in {self.min_df} of the {len(documents)} texts: are they empty, or "
                "min_df too high?"
            )
        self._take(tuple(sorted(kept)))
        return self._count(documents)

    def transform(self, texts: Sequence[str]) -> CSRMatrix:
        """Count the terms of other texts, (N, terms) float32; a text without any is a row of zeros.

        RuntimeError before `fit`.
        """
        check_texts(texts, "CountVectorizer.transform")
        if not self.terms:
            raise RuntimeError("CountVectorizer.transform: not fitted yet: call fit with the training texts first")
        return self._count([self.ngrams(text) for text in texts])

    def state_dict(self) -> dict:
        """What a checkpoint or a JSON file must hold."""
        return {
            "ngrams": dataclasses.asdict(self.ngrams),
            "min_df": self.min_df,
            "max_features": self.max_features,
            "terms": list(self.terms),
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another CountVectorizer. A missing or wrong entry is a ValueError."""
        if missing := self.state_dict().keys() - state.keys():
            raise ValueError(f"CountVectorizer.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        terms = tuple(state["terms"])
        if len(set(terms)) != len(terms):
            raise ValueError("CountVectorizer.load_state_dict: a term comes twice: each column needs its own")
        fresh = CountVectorizer(_ngrams(state["ngrams"]), state["min_df"], state["max_features"])
        self.ngrams, self.min_df, self.max_features = fresh.ngrams, fresh.min_df, fresh.max_features
        self._take(terms)

    def _take(self, terms: tuple[str, ...]) -> None:
        self.terms = terms
        self._column = {term: column for column, term in enumerate(terms)}

    def _count(self, documents: list[list[str]]) -> CSRMatrix:
        column = self._column
        found = [[column[term] for term in document if term in column] for document in documents]
        return _counted(found, None, len(self.terms))


class HashingVectorizer:
    """Count terms in columns that a hash function chooses: nothing is learned, and no term is unknown.

        x[i, h(t) mod D] += ξ(t)        ξ(t) = ±1, by another bit of the hash

    Terms that share a column tend to cancel out, thanks to the sign. The hash is CRC-32 of the term's UTF-8, which is
    the same in every process and on every machine.

    Args:
        ngrams: what the terms of a text are; single words by default.
        n_features: D, the number of columns: at best a power of two.

    Source: Weinberger et al. (2009), Feature hashing for large scale multitask learning, ICML.

    >>> HashingVectorizer(n_features=8).transform(["my card", "my my"]).toarray()
    array([[ 0.,  0.,  0.,  1.,  0., -1.,  0.,  0.],
           [ 0.,  0.,  0.,  0.,  0., -2.,  0.,  0.]], dtype=float32)
    """

    def __init__(self, ngrams: NGrams | None = None, n_features: int = 2**18):
        if not 1 <= n_features <= 2**31:
            raise ValueError(f"HashingVectorizer: n_features {n_features} must be from 1 to 2³¹")
        self.ngrams, self.n_features = ngrams or NGrams(), n_features

    def __repr__(self) -> str:
        return f"HashingVectorizer({self.ngrams}, n_features={self.n_features})"

    def transform(self, texts: Sequence[str]) -> CSRMatrix:
        """The signed counts, (N, n_features) float32."""
        check_texts(texts, "HashingVectorizer.transform")
        columns, signs = [], []
        for text in texts:
            hashes = np.array([stable_hash(term) for term in self.ngrams(text)], np.int64)
            columns.append(hashes % self.n_features)
            signs.append(1 - 2 * (hashes >> 31))
        return _counted(columns, np.concatenate([*signs, []]), self.n_features)

    def state_dict(self) -> dict:
        """What a checkpoint or a JSON file must hold."""
        return {"ngrams": dataclasses.asdict(self.ngrams), "n_features": self.n_features}

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another HashingVectorizer. A missing or wrong entry is a ValueError."""
        if missing := self.state_dict().keys() - state.keys():
            raise ValueError(f"HashingVectorizer.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        fresh = HashingVectorizer(_ngrams(state["ngrams"]), state["n_features"])
        self.ngrams, self.n_features = fresh.ngrams, fresh.n_features


def stable_hash(term: str) -> int:
    """A number of 32 bits that depends on the term alone (Python's own `hash` differs from one process to the next)."""
    return zlib.crc32(term.encode("utf-8", "surrogatepass"))


def check_texts(texts: Sequence[str], where: str) -> None:
    """Refuse a single text, and no text at all."""
    if isinstance(texts, str | bytes):
        raise TypeError(f"{where}: got one {type(texts).__name__}, expected a list of texts: try [text]")
    if len(texts) == 0:
        raise ValueError(f"{where}: got no text, expected at least one")


def _ngrams(state: dict) -> NGrams:
    try:
        return NGrams(**state)
    except TypeError as error:
        raise ValueError(f"load_state_dict: ngrams {state!r} are not those of this version ({error})") from None


def _counted(columns: Sequence[Sequence[int] | np.ndarray], weights: np.ndarray | None, features: int) -> CSRMatrix:
    """One row for each list of columns: how often each occurs, or the sum of its weights; zeros are left out."""
    lengths = [len(row) for row in columns]
    flat = np.concatenate([np.asarray(row, np.int64) for row in columns])
    places = np.repeat(np.arange(len(columns)), lengths) * features + flat
    different, which = np.unique(places, return_inverse=True)
    sums = np.bincount(which, weights, len(different))
    different, sums = different[sums != 0], sums[sums != 0]
    rows = np.bincount(different // features, minlength=len(columns))
    return CSRMatrix(
        np.concatenate([[0], np.cumsum(rows)]), different % features, sums.astype(np.float32), (len(columns), features)
    )
