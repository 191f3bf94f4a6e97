"""What every metric asks of its arguments, and the warning for a score that is 0/0."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class UndefinedMetricWarning(UserWarning):
    """A score is 0/0, or means nothing for these data."""


def warn_undefined(message: str, stacklevel: int = 3) -> None:
    warnings.warn(message, UndefinedMetricWarning, stacklevel=stacklevel)


def mean(values: np.ndarray, weight: np.ndarray | None, normalize: bool) -> float:
    """The (weighted) mean, or without `normalize` the (weighted) sum."""
    return float(
        np.average(values, weights=weight) if normalize else np.sum(values if weight is None else values * weight)
    )


def labels_of(where: str, name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        mend = f"try {name}.argmax(axis=1)" if array.ndim == 2 and array.shape[1] > 1 else f"try {name}.ravel()"
        raise ValueError(f"{where}: {name} must be one label per sample, shape (N,), but is {array.shape}: {mend}")
    if array.dtype == object:
        kinds = {str if isinstance(value, str) else type(value) for value in array}
        if type(None) in kinds or {str} < kinds:
            raise ValueError(f"{where}: {name} mixes text with other values: make them all text or all whole numbers")
        array = np.array(array.tolist())
    if array.dtype.kind == "f" and not (array == np.floor(array)).all():
        raise ValueError(f"{where}: {name} must hold class labels, not fractions or NaN: for scores take argmax")
    if array.dtype.kind not in "biufUS":
        raise TypeError(f"{where}: {name} must hold whole numbers, booleans or text, not {array.dtype}")
    return array


def targets(where: str, y_true: Any, y_pred: Any, weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    y_true, y_pred = labels_of(where, "y_true", y_true), labels_of(where, "y_pred", y_pred)
    if len(y_true) != len(y_pred):
        raise ValueError(f"{where}: y_true has {len(y_true)} samples but y_pred has {len(y_pred)}")
    same_kind(where, "y_true", y_true, "y_pred", y_pred)
    return y_true, y_pred, checked_weight(where, weight, y_true)


def checked_weight(where: str, weight: Any, y_true: np.ndarray) -> np.ndarray | None:
    if len(y_true) == 0:
        raise ValueError(f"{where}: y_true is empty: there is nothing to score")
    if weight is None:
        return None
    weight = np.asarray(weight)
    if weight.shape != y_true.shape or weight.dtype.kind not in "biuf":
        raise ValueError(
            f"{where}: sample_weight {weight.shape} {weight.dtype} must be one number per sample, {y_true.shape}"
        )
    return weight


def same_kind(where: str, name: str, a: np.ndarray, other: str, b: np.ndarray) -> None:
    if len(a) and len(b) and (a.dtype.kind in "US") != (b.dtype.kind in "US"):
        raise ValueError(f"{where}: {name} holds {_kind(a)} but {other} holds {_kind(b)}: use the same labels in both")


def scored(
    where: str, y_true: Any, y_score: Any, labels: Any, weight: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Class numbers (N,), scores (N,) or (N, K), weights and the classes, for metrics that judge scores."""
    y_true, score = labels_of(where, "y_true", y_true), np.asarray(y_score)
    score = score if score.dtype.kind == "f" else score.astype(np.float64)
    weight = checked_weight(where, weight, y_true)
    if score.ndim not in (1, 2) or len(score) != len(y_true):
        raise ValueError(f"{where}: the scores must be ({len(y_true)},) or ({len(y_true)}, classes), not {score.shape}")
    if np.isnan(score).any():
        raise ValueError(f"{where}: {int(np.isnan(score).sum())} of the scores are NaN: look for the model's first NaN")
    classes = np.unique(y_true if labels is None else labels_of(where, "labels", labels))
    same_kind(where, "labels", classes, "y_true", y_true)
    if not np.isin(y_true, classes).all():
        raise ValueError(f"{where}: y_true holds {np.setdiff1d(y_true, classes).tolist()}, which labels does not name")
    return np.searchsorted(classes, y_true), score, weight, classes


def check_columns(where: str, score: np.ndarray, classes: np.ndarray) -> None:
    columns = 2 if score.ndim == 1 else score.shape[1]
    if columns != len(classes):
        names = ", ".join(map(str, classes[:5])) + (", …" if len(classes) > 5 else "")
        mend = "name them all with labels=" if columns > len(classes) else "pass one column per class"
        raise ValueError(
            f"{where}: scores {score.shape} stand for {columns} classes, but there are {len(classes)} ({names}): {mend}"
        )


def probabilities(
    where: str, y_true: Any, y_proba: Any, labels: Any, weight: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """As `scored`, for probabilities: always (N, K), those of two classes given as (N,) too."""
    codes, probability, weight, classes = scored(where, y_true, y_proba, labels, weight)
    check_columns(where, probability, classes)
    low, high = probability.min(), probability.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{where}: y_proba must lie in [0, 1], but goes from {low:.4g} to {high:.4g}: turn logits into "
            "probabilities with softmax (or sigmoid) first"
        )
    if probability.ndim == 1:
        probability = np.stack([1 - probability, probability], axis=1)
    elif not np.allclose(probability.sum(axis=1), 1, rtol=np.sqrt(np.finfo(probability.dtype).eps), atol=0):
        warnings.warn(f"{where}: the rows of y_proba do not add up to 1: are they probabilities?", stacklevel=3)
    return codes, probability, weight, classes


def _kind(labels: np.ndarray) -> str:
    return f"{'text' if labels.dtype.kind in 'US' else 'numbers'} such as {labels[0].item()!r}"
