"""Weights for counted terms: TF-IDF, and the log-count ratios of naive Bayes.

vectorizer = TfidfVectorizer(NGrams(words=(1, 2), characters=(2, 5)), sublinear_tf=True)
x_train = vectorizer.fit_transform(train_texts)      # CSRMatrix (N, terms)
x_test = vectorizer.transform(test_texts)
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tinymm.data.text.counts import CountVectorizer, check_texts
from tinymm.data.text.ngrams import NGrams
from tinymm.sparse import CSRMatrix


class TfidfTransformer:
    """Weight counts so that terms that many texts have count less.

        tf = counts, or 1 + ln(counts) if `sublinear_tf`
        idf(t) = ln((1 + n) / (1 + df(t))) + 1,  or ln(n / df(t)) + 1 without `smooth_idf`
        x = tf · idf, divided by its length √Σx² if `norm` is "l2"

    n is the number of texts of `fit` and df(t) how many of them have term t.

    Args:
        norm: "l2" or None. smooth_idf, sublinear_tf: see above.

    Attributes:
        idf: (terms,) float64, None before `fit`.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), sections 6.2 and 6.4; the 1 that
    is added to idf and the smoothing are scikit-learn's, whose results these are.
    """

    def __init__(self, norm: str | None = "l2", smooth_idf: bool = True, sublinear_tf: bool = False):
        if norm not in ("l2", None):
            raise ValueError(f"TfidfTransformer: norm={norm!r} is unknown: choose 'l2' or None")
        self.norm, self.smooth_idf, self.sublinear_tf = norm, smooth_idf, sublinear_tf
        self.idf: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"TfidfTransformer(norm={self.norm!r}, smooth_idf={self.smooth_idf}, sublinear_tf={self.sublinear_tf})"

    def fit(self, counts: CSRMatrix) -> "TfidfTransformer":
        """Learn idf from the counts of the training texts (N, terms); return self.

        ValueError: no texts, or without `smooth_idf` a term that none of them has.
        """
        n = len(counts)
        if n == 0:
            raise ValueError("TfidfTransformer.fit: got no texts, expected at least one")
        df = np.bincount(counts.indices[counts.values != 0], minlength=counts.shape[1])
        if self.smooth_idf:
            self.idf = np.log((1 + n) / (1 + df)) + 1
        elif (df == 0).any():
            raise ValueError(
                f"TfidfTransformer.fit: no text has term {int(np.argmin(df))}, so its idf is infinite: try smooth_idf=True"
            )
        else:
            self.idf = np.log(n / df) + 1
        return self

    def transform(self, counts: CSRMatrix) -> CSRMatrix:
        """The weighted counts, in their precision. A text without terms stays a row of zeros.

        RuntimeError before `fit`, ValueError for another number of terms or, with `sublinear_tf`, negative counts.
        """
        if self.idf is None:
            raise RuntimeError("TfidfTransformer.transform: not fitted yet: call fit with the training texts first")
        if self.sublinear_tf:
            if counts.values.min(initial=1) <= 0:
                raise ValueError(
                    "TfidfTransformer.transform: some counts are not positive and have no logarithm (hashed ones have "
                    "signs): try sublinear_tf=False"
                )
            counts = counts.with_values(np.log(counts.values) + 1)
        x = counts.scale_columns(self.idf)
        return normalize_rows(x) if self.norm else x

    def fit_transform(self, counts: CSRMatrix) -> CSRMatrix:
        """Learn idf from the counts, then weight them."""
        return self.fit(counts).transform(counts)

    def state_dict(self) -> dict:
        """What a checkpoint must hold."""
        return {
            "norm": self.norm,
            "smooth_idf": self.smooth_idf,
            "sublinear_tf": self.sublinear_tf,
            "idf": None if self.idf is None else self.idf.tolist(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another TfidfTransformer. A missing or wrong entry is a ValueError."""
        if missing := self.state_dict().keys() - state.keys():
            raise ValueError(f"TfidfTransformer.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        self.norm = TfidfTransformer(state["norm"]).norm
        self.smooth_idf, self.sublinear_tf = bool(state["smooth_idf"]), bool(state["sublinear_tf"])
        self.idf = None if state["idf"] is None else np.array(state["idf"], np.float64)


class TfidfVectorizer:
    """From texts to TF-IDF: `CountVectorizer`, then `TfidfTransformer`; the arguments are theirs.

    >>> x = TfidfVectorizer().fit_transform(["my card", "my order"])
    >>> x.toarray().round(2)
    array([[0.81, 0.58, 0. ],
           [0.  , 0.58, 0.81]], dtype=float32)
    """

    def __init__(
        self,
        ngrams: NGrams | None = None,
        min_df: int = 1,
        max_features: int | None = None,
        norm: str | None = "l2",
        smooth_idf: bool = True,
        sublinear_tf: bool = False,
    ):
        self.counts = CountVectorizer(ngrams, min_df, max_features)
        self.tfidf = TfidfTransformer(norm, smooth_idf, sublinear_tf)

    def __repr__(self) -> str:
        return f"TfidfVectorizer({self.counts}, {self.tfidf})"

    @property
    def terms(self) -> tuple[str, ...]:
        """The term of each column."""
        return self.counts.terms

    def fit(self, texts: Sequence[str]) -> "TfidfVectorizer":
        """Learn terms and idf from the training texts; return self."""
        self.fit_transform(texts)
        return self

    def fit_transform(self, texts: Sequence[str]) -> CSRMatrix:
        """Learn from the texts and return their TF-IDF, (N, terms) float32."""
        return self.tfidf.fit_transform(self.counts.fit_transform(texts))

    def transform(self, texts: Sequence[str]) -> CSRMatrix:
        """The TF-IDF of other texts, (N, terms) float32. RuntimeError before `fit`."""
        check_texts(texts, "TfidfVectorizer.transform")
        return self.tfidf.transform(self.counts.transform(texts))

    def state_dict(self) -> dict:
        """What a checkpoint or a JSON file must hold."""
        return {"counts": self.counts.state_dict(), "tfidf": self.tfidf.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another TfidfVectorizer. A missing or wrong entry is a ValueError."""
        if missing := {"counts", "tfidf"} - state.keys():
            raise ValueError(f"TfidfVectorizer.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        self.counts.load_state_dict(state["counts"])
        self.tfidf.load_state_dict(state["tfidf"])


class LogCountRatio:
    """Weight each term by how much more often one class of two has it, before logistic regression (NB-SVM's features).

        p = α + Σ f over texts of class 1        q = α + Σ f over texts of class 0        f = 1 if the text has the term
        r = ln( (p / Σp) / (q / Σq) )            x ← x · r

    Args:
        alpha: α, what is added to every count.

    Attributes:
        ratio: r (terms,) float64, None before `fit`.

    Source: Wang and Manning (2012), Baselines and bigrams: simple, good sentiment and topic classification, ACL.

    >>> x = CSRMatrix.from_dense([[1, 0], [0, 1], [0, 1]])
    >>> LogCountRatio().fit(x, [1, 0, 0]).ratio.round(3)
    array([ 0.981, -0.811])
    """

    def __init__(self, alpha: float = 1.0):
        if not alpha > 0:
            raise ValueError(f"LogCountRatio: alpha {alpha} must be more than 0: try 1")
        self.alpha = alpha
        self.ratio: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"LogCountRatio(alpha={self.alpha})"

    def fit(self, x: CSRMatrix, y: ArrayLike) -> "LogCountRatio":
        """Learn r from the training texts (N, terms) and their labels (N,), 0 or 1; return self.

        ValueError: other labels, or not one for each text.
        """
        labels = np.asarray(y)
        if labels.shape != (len(x),) or not np.isin(labels, (0, 1)).all():
            raise ValueError(f"LogCountRatio.fit: labels {labels.shape} must be 0 or 1, one for each of {len(x)} texts")
        present = x.with_values((x.values != 0).astype(x.dtype))
        p, q = (self.alpha + (present.T @ (labels == label)).astype(np.float64) for label in (1, 0))
        self.ratio = np.log((p / p.sum()) / (q / q.sum()))
        return self

    def transform(self, x: CSRMatrix) -> CSRMatrix:
        """x · r, in the precision of x. RuntimeError before `fit`."""
        if self.ratio is None:
            raise RuntimeError("LogCountRatio.transform: not fitted yet: call fit with the training texts first")
        return x.scale_columns(self.ratio)

    def fit_transform(self, x: CSRMatrix, y: ArrayLike) -> CSRMatrix:
        """Learn r from x and y, then weight x."""
        return self.fit(x, y).transform(x)

    def state_dict(self) -> dict:
        """What a checkpoint must hold."""
        return {"alpha": self.alpha, "ratio": None if self.ratio is None else self.ratio.tolist()}

    def load_state_dict(self, state: dict) -> None:
        """Take over the state of another LogCountRatio. A missing entry is a ValueError."""
        if missing := {"alpha", "ratio"} - state.keys():
            raise ValueError(f"LogCountRatio.load_state_dict: {', '.join(sorted(missing))} missing from the state")
        self.alpha = LogCountRatio(state["alpha"]).alpha
        self.ratio = None if state["ratio"] is None else np.array(state["ratio"], np.float64)


def normalize_rows(x: CSRMatrix) -> CSRMatrix:
    """Each row divided by its length √Σx²; a row of zeros stays."""
    squares = np.bincount(x.row_numbers(), np.square(x.values, dtype=np.float64), len(x))
    lengths = np.sqrt(np.where(squares > 0, squares, 1))
    return x.with_values((x.values / lengths[x.row_numbers()]).astype(x.dtype))
