"""Honest estimates of how well a model does on data it has not seen: splits, folds and cross-validation.

k-fold cross-validation: cut the samples into k folds; k times, train on k − 1 of them and test on the one
left out. With s₁ … s_k the scores of the folds, report

    mean s̄ = (1/k) Σ sᵢ        standard deviation s = √( Σ (sᵢ − s̄)² / (k − 1) )

(T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2nd edition, 2009, section
7.10.)

Whatever learns from data (standardising, a vocabulary, a choice of epoch) belongs inside the fold: fitted
on the training part only.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinymm import metrics
from tinymm.splits import (
    Fold,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    common_length,
    take,
    train_test_split,
    train_validation_test_split,
)

__all__ = [
    "CrossValidation",
    "GroupKFold",
    "KFold",
    "LeaveOneGroupOut",
    "StratifiedKFold",
    "cross_validate",
    "score_folds",
    "train_test_split",
    "train_validation_test_split",
]


def _per_class(score: Callable[..., Any]) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    def scored(y_true: np.ndarray, y_pred: np.ndarray, classes: np.ndarray) -> np.ndarray:
        values = score(y_true, y_pred, labels=classes, average=None, zero_division=0)
        return np.where(np.isin(classes, y_true), values, np.nan)

    return scored


SCORES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Any]] = {
    "accuracy": lambda t, p, _: metrics.accuracy_score(t, p),
    "precision_macro": lambda t, p, _: metrics.precision_score(t, p, average="macro", zero_division=0),
    "recall_macro": lambda t, p, _: metrics.recall_score(t, p, average="macro", zero_division=0),
    "f1_macro": lambda t, p, _: metrics.f1_score(t, p, average="macro", zero_division=0),
    "precision_per_class": _per_class(metrics.precision_score),
    "recall_per_class": _per_class(metrics.recall_score),
    "f1_per_class": _per_class(metrics.f1_score),
}


@dataclass(frozen=True)
class CrossValidation:
    """What `cross_validate` found.

    scores       name → one row per fold: (k,), or (k, classes) for a score per class
    predictions  for every sample, what the model that had not seen it predicted
    folds        the k pairs (training indices, test indices)
    classes      the classes in y, sorted: the order of every score per class
    """

    scores: dict[str, np.ndarray]
    predictions: np.ndarray
    folds: list[Fold]
    classes: np.ndarray

    @property
    def mean(self) -> dict[str, Any]:
        """Per score the mean over the folds, leaving out folds where it is undefined (NaN)."""
        return {name: _without_nan(np.nanmean, values) for name, values in self.scores.items()}

    @property
    def std(self) -> dict[str, Any]:
        """Per score the sample standard deviation over the folds (divisor k − 1), leaving out NaN."""
        return {name: _without_nan(np.nanstd, values, ddof=1) for name, values in self.scores.items()}

    def table(self, class_names: Sequence[str] | None = None) -> dict[str, dict[str, np.ndarray]]:
        """Row (each class, then the macro average) → precision, recall, F1 → one score per fold (k,).

        Needs the default `scoring`. `class_names` replace the classes, in their sorted order.
        """
        names = [str(name) for name in (self.classes if class_names is None else class_names)]
        if len(names) != len(self.classes):
            raise ValueError(f"table: {len(names)} class_names for {len(self.classes)} classes: name every class")
        columns = {"precision": "precision", "recall": "recall", "F1": "f1"}
        rows = {
            name: {column: self.scores[f"{score}_per_class"][:, c] for column, score in columns.items()}
            for c, name in enumerate(names)
        }
        average = {column: self.scores[f"{score}_macro"] for column, score in columns.items()}
        return rows | {"macro average": average}

    def __str__(self) -> str:
        mean, std = self.mean, self.std
        plain = [name for name, values in self.scores.items() if values.ndim == 1]
        return "\n".join(f"{name:<16} {mean[name]:.4f} ± {std[name]:.4f}" for name in plain)


def cross_validate(
    estimator: Callable[..., Any],
    X: Any,
    y: Any,
    *,
    cv: int | KFold | Iterable[Fold] = 5,
    scoring: Sequence[str] | Mapping[str, Callable[[np.ndarray, np.ndarray], Any]] = tuple(SCORES),
) -> CrossValidation:
    """Train and test once per fold and return every fold's scores and the out-of-fold predictions.

    estimator: what makes one model, afresh for every fold, in either of two forms:
        called with three arguments, `estimator(X_train, y_train, X_test)`, it trains and returns predictions;
        called with none (a class, or `lambda: Model(…)`), it makes an object with `fit(X, y)`, `predict(X)`.
    X, y: N samples (an array, a list or a `CSRMatrix`) and their classes (N,). A model with several inputs can take
        X = np.arange(N) and pick from each of them with the indices it is given.
    cv: a number of folds (stratified, in order), a `KFold` or `StratifiedKFold`, or pairs (train, test), such as
        `LeaveOneGroupOut().split(X, y, groups)`.
    scoring: names out of `SCORES`, or a dict name → f(y_true, y_pred); a score may be a number or an array.
        A score per class is NaN in a fold without samples of that class; mean and deviation leave it out.

    Raises TypeError for an estimator of another form; ValueError for folds that do not test every sample
    exactly once and for predictions that are not one per test sample.

    >>> majority = lambda X_train, y_train, X_test: [max(set(y_train), key=list(y_train).count)] * len(X_test)
    >>> result = cross_validate(majority, np.zeros((6, 2)), list("aaaabb"), cv=2, scoring=["accuracy"])
    >>> result.scores["accuracy"], "".join(result.predictions)
    (array([0.66666667, 0.66666667]), 'aaaaaa')
    """
    where = "cross_validate"
    n, y = common_length(where, (X, y)), np.asarray(y)
    fit_predict = _as_fit_predict(estimator)
    classes = np.unique(y)
    scorers = _scorers(scoring, classes)
    if isinstance(cv, (int, np.integer)):
        cv = StratifiedKFold(cv)
    folds = list(cv.split(X, y) if isinstance(cv, KFold) or hasattr(cv, "split") else cv)
    tested = np.concatenate([test for _, test in folds]) if folds else np.empty(0)
    if not np.array_equal(np.sort(tested), np.arange(n)):
        raise ValueError(f"{where}: the {len(folds)} folds must test each of the {n} samples exactly once")

    scores: dict[str, list[Any]] = {name: [] for name in scorers}
    predicted = []
    for i, (train, test) in enumerate(folds, 1):
        prediction = np.asarray(fit_predict(take(X, train), y[train], take(X, test)))
        if prediction.ndim == 0 or len(prediction) != len(test):
            raise ValueError(f"{where}: fold {i} has {len(test)} test samples, but predictions are {prediction.shape}")
        predicted.append(prediction)
        for name, scorer in scorers.items():
            scores[name].append(scorer(y[test], prediction))
    predictions = np.concatenate(predicted)[np.argsort(tested)]
    return CrossValidation({name: np.array(rows) for name, rows in scores.items()}, predictions, folds, classes)


def score_folds(y: Any, folds: Sequence[Fold], predictions: Sequence[np.ndarray]) -> CrossValidation:
    """The scores of predictions that are there already: one array per fold, for its test samples.

    The folds need not test every sample; `predictions` of the result are those of the samples tested, in their order.

    >>> score_folds(["a", "b", "a"], [(np.array([0]), np.array([2, 1]))], [np.array(["a", "a"])]).scores["accuracy"]
    array([0.5])
    """
    y = np.asarray(y)
    classes = np.unique(y)
    if len(folds) != len(predictions) or not folds:
        raise ValueError(f"score_folds: {len(folds)} folds and {len(predictions)} predictions: each fold needs one")
    scores = {
        name: np.array([score(y[test], p, classes) for (_, test), p in zip(folds, predictions, strict=True)])
        for name, score in SCORES.items()
    }
    tested = np.concatenate([test for _, test in folds])
    return CrossValidation(scores, np.concatenate(predictions)[np.argsort(tested)], list(folds), classes)


def _as_fit_predict(estimator: Any) -> Callable[[Any, Any, Any], Any]:
    if not callable(estimator) or (hasattr(estimator, "fit") and not isinstance(estimator, type)):
        raise TypeError(
            f"cross_validate: {type(estimator).__name__} is one model, but each fold needs a fresh one: pass its class "
            "or `lambda: Model(…)`"
        )
    parameters = inspect.signature(estimator).parameters.values()
    required = [
        p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) == 3:
        return estimator
    if len(required) != 0:
        raise TypeError(
            "cross_validate: the estimator must take three arguments (X_train, y_train, X_test) or none, "
            f"not {len(required)} ({', '.join(p.name for p in required)})"
        )

    def fit_predict(X_train: Any, y_train: Any, X_test: Any) -> Any:
        model = estimator()
        if not (hasattr(model, "fit") and hasattr(model, "predict")):
            raise TypeError(f"cross_validate: the estimator made a {type(model).__name__}, which lacks fit or predict")
        model.fit(X_train, y_train)
        return model.predict(X_test)

    return fit_predict


def _scorers(scoring: Any, classes: np.ndarray) -> dict[str, Callable[[np.ndarray, np.ndarray], Any]]:
    if isinstance(scoring, Mapping):
        return dict(scoring)
    names = [scoring] if isinstance(scoring, str) else list(scoring)
    unknown = [name for name in names if name not in SCORES]
    if unknown:
        raise ValueError(
            f"cross_validate: unknown score {unknown[0]!r}: choose from {', '.join(SCORES)} or pass a dict"
        )
    return {name: lambda t, p, score=SCORES[name]: score(t, p, classes) for name in names}  # type: ignore[misc]


def _without_nan(statistic: Callable[..., Any], values: np.ndarray, **options: Any) -> Any:
    with warnings.catch_warnings():  # NaN in every fold stays NaN, without NumPy's remark
        warnings.simplefilter("ignore", RuntimeWarning)
        result = statistic(values, axis=0, **options)
    return float(result) if np.ndim(result) == 0 else result
