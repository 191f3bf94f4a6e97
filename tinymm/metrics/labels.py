"""Scores of predicted labels: everything follows from the confusion matrix (formulas in `tinymm.metrics`)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tinymm.metrics.checks import labels_of, mean, same_kind, targets, warn_undefined

AVERAGES = ("binary", "micro", "macro", "weighted", None)


def accuracy_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    normalize: bool = True,
) -> float:
    """The share of samples that are predicted right: Σᵢ wᵢ [yᵢ = ŷᵢ] / Σᵢ wᵢ.

    `y_true`, `y_pred` and the optional weights w are (N,); `normalize=False` returns the sum alone. Raises
    ValueError if the lengths differ or N = 0.

    >>> accuracy_score([0, 1, 2, 2], [0, 1, 2, 1])
    0.75
    """
    y_true, y_pred, weight = targets("accuracy_score", y_true, y_pred, sample_weight)
    return mean(y_true == y_pred, weight, normalize)


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: ArrayLike | None = None,
    normalize: str | None = None,
    *,
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    """C[i, j] = the number (or weight) of samples of class i that were predicted as class j; shape (K, K).

    `labels` gives the classes and their order; without it they are all that occur, sorted. Samples whose
    true or predicted class is not among `labels` are left out. `normalize` divides by the sums of the rows
    ("true"), of the columns ("pred") or of the table ("all"); an empty row or column stays 0. Raises
    ValueError for lengths that differ, empty data, and `labels` of which none is in `y_true`.

    >>> confusion_matrix(["cat", "cat", "dog"], ["cat", "dog", "dog"])
    array([[1, 1],
           [0, 1]])
    """
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(f'confusion_matrix: normalize must be "true", "pred", "all" or None, not {normalize!r}')
    where = "confusion_matrix"
    y_true, y_pred, weight = targets(where, y_true, y_pred, sample_weight)
    classes, matrix = _count(where, y_true, y_pred, labels, weight)
    chosen = _positions(classes, labels)
    if not np.isin(y_true, classes[chosen]).any():
        raise ValueError(f"{where}: none of labels={classes[chosen].tolist()} occurs in y_true: check their spelling")
    matrix = matrix[np.ix_(chosen, chosen)]
    if normalize is None:
        return matrix
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    total = matrix.sum(axis=axis, keepdims=True)
    return np.divide(matrix, total, out=np.zeros(matrix.shape), where=total != 0)


def precision_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: str | float = "warn",
) -> float | np.ndarray:
    """Of the samples predicted as c, the share that are c: P = TP / (TP + FP).

    average: "binary", the score of class `pos_label`, for at most two classes; "macro", the mean over the
    classes; "weighted", the mean weighted by the number of true samples; "micro", TP, FP and FN are first
    added over the classes; None, one score per class (K,). `labels` names the classes to score, in order. A
    score that is 0/0 becomes `zero_division`: 0, 1 or nan (which averages leave out); "warn" is 0 with an
    UndefinedMetricWarning. Raises ValueError for lengths that differ, empty data, and more than two classes
    with `average="binary"`.

    >>> precision_score([0, 1, 1, 0], [0, 1, 1, 1])
    0.6666666666666666
    """
    given = (y_true, y_pred, labels, pos_label, average, sample_weight, zero_division)
    return _averaged(_tally("precision_score", ("precision",), *given), "precision", average, zero_division)


def recall_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: str | float = "warn",
) -> float | np.ndarray:
    """Of the samples that are c, the share predicted as c: R = TP / (TP + FN).

    Arguments as in `precision_score`.

    >>> recall_score([0, 1, 1, 0], [0, 1, 0, 1], average=None)
    array([0.5, 0.5])
    """
    given = (y_true, y_pred, labels, pos_label, average, sample_weight, zero_division)
    return _averaged(_tally("recall_score", ("recall",), *given), "recall", average, zero_division)


def f1_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: str | float = "warn",
) -> float | np.ndarray:
    """Harmonic mean of precision and recall: F1 = 2PR / (P + R) = 2TP / (2TP + FP + FN).

    Arguments as in `precision_score`.

    >>> f1_score([0, 1, 2, 0], [0, 2, 2, 0], average="macro", zero_division=0)
    0.5555555555555555
    """
    given = (y_true, y_pred, labels, pos_label, average, sample_weight, zero_division)
    return _averaged(_tally("f1_score", ("f1",), *given), "f1", average, zero_division)


def precision_recall_fscore_support(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = None,
    sample_weight: ArrayLike | None = None,
    zero_division: str | float = "warn",
) -> tuple[Any, Any, Any, np.ndarray | None]:
    """(precision, recall, F1, support): three scores from one count. Arguments as in `precision_score`.

    The support is the number of true samples per class (K,), and None if `average` is given.
    """
    given = (y_true, y_pred, labels, pos_label, average, sample_weight, zero_division)
    tally = _tally("precision_recall_fscore_support", tuple(_SCORES), *given)
    precision, recall, f1 = (_averaged(tally, score, average, zero_division) for score in _SCORES)
    return precision, recall, f1, tally.actual if average is None else None


def classification_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    target_names: Sequence[str] | None = None,
    sample_weight: ArrayLike | None = None,
    digits: int = 2,
    output_dict: bool = False,
    zero_division: str | float = "warn",
) -> str | dict[str, Any]:
    """Precision, recall, F1 and support per class and averaged, as a text table or a dict (`output_dict`).

    The row "accuracy" becomes "micro avg" when `labels` leaves out a class that occurs. `target_names` are
    printed in place of the labels. Raises ValueError if there are not as many names as classes, and as in
    `precision_score`.

    >>> print(classification_report([0, 1, 1, 0], [0, 1, 1, 1]))
                  precision    recall  f1-score   support
    <BLANKLINE>
               0       1.00      0.50      0.67         2
               1       0.67      1.00      0.80         2
    <BLANKLINE>
        accuracy                           0.75         4
       macro avg       0.83      0.75      0.73         4
    weighted avg       0.83      0.75      0.73         4
    <BLANKLINE>
    """
    where = "classification_report"
    tally = _tally(where, tuple(_SCORES), y_true, y_pred, labels, None, None, sample_weight, zero_division)
    names = [str(name) for name in (tally.labels if target_names is None else target_names)]
    if len(names) != len(tally.labels):
        raise ValueError(
            f"{where}: {len(names)} target_names for {len(tally.labels)} classes {tally.labels.tolist()}: "
            "name every class, or say with labels= which classes the names stand for"
        )
    every_class = np.isin(np.concatenate([np.asarray(y_true), np.asarray(y_pred)]), tally.labels).all()
    micro = "accuracy" if every_class else "micro avg"  # over all classes TP/(TP+FP) is the accuracy
    averages = {micro: "micro", "macro avg": "macro", "weighted avg": "weighted"}

    support = tally.actual
    columns = [_averaged(tally, score, None, zero_division) for score in _SCORES]
    per_class = dict(zip(names, zip(*columns, support, strict=True), strict=True))
    summary = {}
    for row, average in averages.items():
        source = _summed(tally) if average == "micro" else tally
        summary[row] = (
            *(_averaged(source, score, average, zero_division) for score in _SCORES),
            support.sum(),
        )

    headers = ("precision", "recall", "f1-score", "support")
    if output_dict:
        rows: dict[str, Any] = {
            row: dict(zip(headers, map(float, cells), strict=True)) for row, cells in (per_class | summary).items()
        }
        if every_class:
            rows["accuracy"] = rows["accuracy"]["precision"]
        return rows

    width = max(len("weighted avg"), digits, *map(len, names))

    def line(row: str, cells: Sequence[Any]) -> str:
        return f"{row:>{width}} " + "".join(f" {cell:>9}" for cell in cells)

    def numbers(row: str, cells: tuple[Any, ...]) -> str:
        scores = ["" if row == "accuracy" and i < 2 else f"{cell:.{digits}f}" for i, cell in enumerate(cells[:3])]
        return line(row, [*scores, cells[3]])

    class_lines = [numbers(*row) for row in per_class.items()]
    return "\n".join([line("", headers), "", *class_lines, "", *(numbers(*row) for row in summary.items()), ""])


# --- from the count to the scores ---


class _Tally(NamedTuple):
    """What the confusion matrix says of each class, all (K,): TP, TP + FP and TP + FN."""

    labels: np.ndarray
    hits: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray


# score: (numerator, denominator, what it means for a class when the denominator is zero)
_SCORES = {
    "precision": (lambda t: t.hits, lambda t: t.predicted, "never predicted"),
    "recall": (lambda t: t.hits, lambda t: t.actual, "not in y_true"),
    "f1": (lambda t: 2 * t.hits, lambda t: t.predicted + t.actual, "neither in y_true nor in y_pred"),
}


def _tally(
    where: str,
    scores: tuple[str, ...],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: ArrayLike | None,
    pos_label: Any,
    average: str | None,
    sample_weight: ArrayLike | None,
    zero_division: str | float,
) -> _Tally:
    """Check the arguments, count, and warn of the wanted `scores` that are 0/0."""
    if average not in AVERAGES:
        raise ValueError(f'{where}: average must be "binary", "micro", "macro", "weighted" or None, not {average!r}')
    y_true, y_pred, weight = targets(where, y_true, y_pred, sample_weight)
    if average == "binary":
        present = np.union1d(y_true, y_pred)
        if len(present) > 2:
            raise ValueError(
                f'{where}: average="binary" needs two classes, but there are {len(present)}: '
                'choose average="macro", "micro", "weighted" or None'
            )
        if pos_label not in present.tolist() and (
            len(present) == 2 or isinstance(pos_label, str) != (present.dtype.kind in "US")
        ):
            raise ValueError(f"{where}: pos_label={pos_label!r} is not one of the classes {present.tolist()}")
        labels = [pos_label]
    classes, matrix = _count(where, y_true, y_pred, labels, weight)
    chosen = _positions(classes, labels)
    tally = _Tally(*(a[chosen] for a in (classes, matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))))
    if average == "micro":
        tally = _summed(tally)
    _check_zero_division(where, tally, scores, zero_division)
    return tally


def _summed(tally: _Tally) -> _Tally:
    return _Tally(np.array(["all"]), *(counts.sum(keepdims=True) for counts in tally[1:]))


def _averaged(tally: _Tally, score: str, average: str | None, zero_division: str | float) -> Any:
    numerator, denominator, _ = _SCORES[score]
    values = np.full(len(tally.labels), 0.0 if zero_division == "warn" else float(zero_division))
    np.divide(numerator(tally), denominator(tally), out=values, where=denominator(tally) != 0)
    if average is None:
        return values
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan")
    weight = tally.actual[defined] if average == "weighted" and tally.actual[defined].any() else None
    return float(np.average(values[defined], weights=weight))


def _check_zero_division(where: str, tally: _Tally, scores: tuple[str, ...], zero_division: str | float) -> None:
    if zero_division != "warn":
        if zero_division not in (0, 1) and not (isinstance(zero_division, float) and np.isnan(zero_division)):
            raise ValueError(f'{where}: zero_division must be 0, 1, nan or "warn", not {zero_division!r}')
        return
    undefined = []
    for score in scores:
        _, denominator, meaning = _SCORES[score]
        classes = tally.labels[denominator(tally) == 0].tolist()
        if classes:
            undefined.append(f"{score} of class {', '.join(map(str, classes))} ({meaning})")
    if undefined:
        message = f"{where}: 0/0 counts as 0 for {'; '.join(undefined)}: zero_division= chooses a value silently"
        warn_undefined(message, stacklevel=5)  # the line that called the public function


def _count(
    where: str, y_true: np.ndarray, y_pred: np.ndarray, labels: Any, weight: Any
) -> tuple[np.ndarray, np.ndarray]:
    """All classes that occur or are asked for, sorted, and their confusion matrix."""
    every = [y_true, y_pred]
    if labels is not None:
        labels = labels_of(where, "labels", labels)
        if len(labels) == 0:
            raise ValueError(f"{where}: labels is empty: name at least one class")
        same_kind(where, "labels", labels, "y_true", y_true)
        every.append(labels)
    classes, codes = np.unique(np.concatenate(every), return_inverse=True)
    k, n = len(classes), len(y_true)
    matrix = np.bincount(codes[:n] * k + codes[n : 2 * n], weight, k * k).reshape(k, k)
    return classes, matrix if weight is None or weight.dtype.kind == "f" else matrix.astype(np.int64)


def _positions(classes: np.ndarray, labels: Any) -> np.ndarray:
    return np.arange(len(classes)) if labels is None else np.searchsorted(classes, np.asarray(labels))
