"""Judging scores and probabilities: how sure was the model, and did it rank the classes well?"""

import numpy as np
from numpy.typing import ArrayLike

from tinymm.metrics.checks import check_columns, mean, probabilities, scored, warn_undefined


def log_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """Cross-entropy of the true classes under the predicted probabilities: −(1/N) Σᵢ log pᵢ[yᵢ], in nats.

    `y_proba` is (N, K), its columns in sorted order of the classes, or (N,), the probability of the second
    of two classes. Probabilities are kept inside [ε, 1 − ε] with the ε of their dtype. `labels` names all
    classes where `y_true` lacks some; `normalize=False` returns the sum. Raises ValueError for values
    outside [0, 1] and for a number of columns other than the number of classes; rows that do not add up to
    1 are a UserWarning. (C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.108.)

    >>> round(log_loss(["no", "yes"], [[0.9, 0.1], [0.2, 0.8]]), 4)
    0.1643
    """
    where = "log_loss"
    codes, probability, weight, _ = probabilities(where, y_true, y_proba, labels, sample_weight)
    epsilon = np.finfo(probability.dtype).eps
    of_truth = np.take_along_axis(probability, codes[:, None], axis=1)[:, 0]
    return mean(-np.log(of_truth.clip(epsilon, 1 - epsilon).astype(np.float64)), weight, normalize)


def roc_auc_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    average: str | None = "macro",
    sample_weight: ArrayLike | None = None,
    multi_class: str = "ovr",
    labels: ArrayLike | None = None,
) -> float | np.ndarray:
    """Area under the ROC curve: how often a positive sample scores above a negative one, ties half.

        AUC = Σ_{i positive} Σ_{j negative} wᵢ wⱼ ([sᵢ > sⱼ] + ½ [sᵢ = sⱼ]) / Σᵢ Σⱼ wᵢ wⱼ

    Two classes: `y_score` is (N,), higher for the second class in sorted order. More: `y_score` is (N, K)
    and each class is set against the rest; `average` is "macro", "weighted" (by the number of true samples)
    or None (K,). Where only one class occurs the area is undefined: nan and an UndefinedMetricWarning. (J.
    A. Hanley, B. J. McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982.)

    >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    where = "roc_auc_score"
    if multi_class != "ovr":
        raise ValueError(f'{where}: multi_class must be "ovr" (each class against the rest), not {multi_class!r}')
    if average not in ("macro", "weighted", None):
        raise ValueError(f'{where}: average must be "macro", "weighted" or None, not {average!r}')
    codes, score, weight, classes = scored(where, y_true, y_score, labels, sample_weight)
    weight = np.ones(len(codes)) if weight is None else weight
    if score.ndim == 1:
        if len(classes) > 2:
            check_columns(where, score, classes)
        if np.ptp(codes) == 0:
            warn_undefined(f"{where}: y_true has one class only, so the area is undefined: nan")
        return _area_under_roc(codes == 1, score, weight)
    check_columns(where, score, classes)
    areas = np.array([_area_under_roc(codes == c, score[:, c], weight) for c in range(len(classes))])
    if np.isnan(areas).any():
        missing = classes[np.isnan(areas)].tolist()
        warn_undefined(f"{where}: the area is nan for class {missing}: y_true needs samples in and outside it")
    if average is None:
        return areas
    share = np.bincount(codes, weight, len(classes)) if average == "weighted" else None
    return float(np.average(areas, weights=share))


def top_k_accuracy_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int = 2,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """The share of samples whose true class is among the k classes with the highest scores.

    `y_score` is (N, K), its columns in sorted order of the classes, or (N,) for two classes: then the
    second one is predicted above 0.5 if all scores lie in [0, 1], else above 0. Of equal scores the later
    column counts as higher. `normalize=False` returns the number of hits. k ≥ K is always right and warns.
    Raises ValueError for k < 1 and for a number of columns other than the number of classes.

    >>> top_k_accuracy_score([0, 1, 2], [[0.5, 0.2, 0.3], [0.4, 0.2, 0.3], [0.1, 0.6, 0.4]], k=2)
    0.6666666666666666
    """
    where = "top_k_accuracy_score"
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"{where}: k must be a whole number of at least 1, not {k!r}")
    codes, score, weight, classes = scored(where, y_true, y_score, labels, sample_weight)
    check_columns(where, score, classes)
    if k >= len(classes):
        warn_undefined(f"{where}: with k={k} and {len(classes)} classes every prediction counts as right")
    if score.ndim == 1:
        threshold = 0.5 if score.min() >= 0 and score.max() <= 1 else 0
        score = np.stack([score <= threshold, score > threshold], axis=1)
    best_first = np.argsort(score, axis=1, kind="stable")[:, ::-1]
    return mean((best_first[:, :k] == codes[:, None]).any(axis=1), weight, normalize)


def _area_under_roc(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Mann and Whitney's U over all pairs: each distinct score beats the negatives below and half its equals."""
    _, level = np.unique(score, return_inverse=True)
    won = np.bincount(level, weight * positive)
    lost = np.bincount(level, weight * ~positive)
    pairs = won.sum() * lost.sum()
    return float(won @ (lost.cumsum() - lost / 2) / pairs) if pairs > 0 else float("nan")
