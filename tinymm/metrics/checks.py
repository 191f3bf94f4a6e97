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


def _kind(labels: np.ndarray) -> str:
    return f"{'text' if labels.dtype.kind in 'US' else 'numbers'} such as {labels[0].item()!r}"
