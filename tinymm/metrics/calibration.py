"""Judging probabilities: of the predictions made with 80 % confidence, are 80 % right? And how to make it so.

The confidence of a prediction is the largest probability, max_k p_k. Samples of about the same confidence fall into one
of B bins; a model is calibrated where in each bin b the accuracy is the mean confidence. A neural network trained for
long is too sure of itself; dividing its logits by one number, the temperature, mends most of it and changes no
prediction. (C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.)
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tinymm.metrics.checks import labels_of, mean, probabilities

STRATEGIES = ("uniform", "quantile")
COLDEST, HOTTEST = 0.01, 100.0  # temperatures beyond which nothing is looked for


class Reliability(NamedTuple):
    """What `reliability_curve` found, one entry per bin that is not empty, in order of confidence.

    confidence: the mean probability in the bin. accuracy: how often it came true. samples: how many.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    samples: np.ndarray


def reliability_curve(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 10,
    strategy: str = "uniform",
    labels: ArrayLike | None = None,
) -> Reliability:
    """How often predictions come true, by how sure they are.

    With `y_proba` (N, K), its columns in sorted order of the classes, the probability is that of the predicted class and
    comes true where the prediction is right. With (N,), it is that of the second of two classes and comes true where
    that is the class: these are the numbers of scikit-learn's `calibration_curve`. `strategy` cuts [0, 1] into bins of
    equal width ("uniform") or of about equally many samples ("quantile"). `labels` names all classes where `y_true`
    lacks some. Raises ValueError for no bins, another strategy, and what are no probabilities.

    >>> curve = reliability_curve([0, 1, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9]], n_bins=5)
    >>> curve.confidence, curve.accuracy, curve.samples
    (array([0.8, 0.9]), array([0., 1.]), array([1, 3]))
    """
    where = "reliability_curve"
    confidence, right = _confidences(where, y_true, y_proba, labels)
    bins = _bins(where, confidence, n_bins, strategy)
    count = np.bincount(bins, minlength=n_bins)
    there = count > 0
    sure, true = (np.bincount(bins, values, n_bins)[there] / count[there] for values in (confidence, right))
    return Reliability(sure, true, count[there])


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: str = "uniform",
    labels: ArrayLike | None = None,
) -> float:
    """How far confidence and accuracy lie apart: Σ_b (n_b / N) |accuracy_b − confidence_b|, from 0, calibrated, to 1.

    Arguments as in `reliability_curve`. The value depends on the bins; 15 of equal width are usual. (M. P. Naeini, G.
    F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; the bins:
    Guo et al. 2017.)

    >>> round(expected_calibration_error([0, 1, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9]]), 3)
    0.275
    """
    where = "expected_calibration_error"
    confidence, right = _confidences(where, y_true, y_proba, labels)
    bins = _bins(where, confidence, n_bins, strategy)
    return float(np.abs(np.bincount(bins, right - confidence, n_bins)).sum() / len(right))


def brier_score_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: Any = None,
    labels: ArrayLike | None = None,
    scale_by_half: bool | str = "auto",
) -> float:
    """The mean squared error of the probabilities: (1/N) Σᵢ Σ_k (pᵢₖ − [yᵢ = k])²; lower is better.

    `y_proba` is (N, K), its columns in sorted order of the classes, or (N,), the probability of `pos_label`, by default
    the second of two classes. `scale_by_half` halves it, to lie in [0, 1]; "auto" does so for two classes. `labels`
    names all classes where `y_true` lacks some. Raises ValueError for what are no probabilities. (G. W. Brier,
    "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78(1), 1950.)

    >>> round(brier_score_loss([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 4)
    0.0375
    """
    where = "brier_score_loss"
    if scale_by_half not in (True, False, "auto"):
        raise ValueError(f'{where}: scale_by_half must be True, False or "auto", not {scale_by_half!r}')
    if np.ndim(y_proba) == 1 and pos_label is not None:  # the classes are only: this one or not
        truth = labels_of(where, "y_true", y_true)
        if len(np.unique(truth)) > 2:
            raise ValueError(f"{where}: probabilities (N,) are for two classes: pass one column per class, (N, K)")
        y_true, labels = truth == pos_label, [False, True]
    elif np.ndim(y_proba) == 1 and labels is None and np.isin(np.asarray(y_true), [0, 1]).all():
        labels = [0, 1]  # one of the two may be missing
    codes, probability, weight, classes = probabilities(where, y_true, y_proba, labels, sample_weight)
    error = probability.astype(np.float64)
    error[np.arange(len(codes)), codes] -= 1
    halved = len(classes) == 2 if scale_by_half == "auto" else scale_by_half
    return mean((error**2).sum(axis=1), weight, normalize=True) * (0.5 if halved else 1.0)


def fit_temperature(logits: ArrayLike, y_true: ArrayLike) -> float:
    """The temperature T > 0 for which softmax(logits / T) fits best: the T of the least cross-entropy.

    `logits` (N, K) of samples that the model was not trained on (log-probabilities will do); `y_true` (N,) are their
    columns, whole numbers. Above 1 the model was too sure, below 1 not sure enough. With β = 1/T the slope of the
    cross-entropy, mean Σ_k p_k z_k − z_y, rises with β, so that halving the interval finds its zero. T stays within
    0.01 and 100, which are the answers where all predictions are right, or chance would do better. Raises ValueError
    for other shapes, labels that are no columns, NaN and infinity. Source: Guo et al. 2017, section 4.2.

    >>> rng = np.random.default_rng(0)
    >>> logits = rng.standard_normal((5000, 4))
    >>> y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # a draw from softmax(logits)
    >>> round(fit_temperature(3 * logits, y))  # three times too sure
    3
    """
    where = "fit_temperature"
    z, y = np.asarray(logits, dtype=np.float64), labels_of(where, "y_true", y_true)
    if z.ndim != 2 or len(z) != len(y) or z.size == 0:
        raise ValueError(f"{where}: logits must be ({len(y)}, classes), one row per label, but are {z.shape}")
    if not np.isfinite(z).all():
        raise ValueError(f"{where}: logits hold NaN or infinity: look for the model's first, or clip log-probabilities")
    if y.dtype.kind not in "iuf" or not np.isin(y, np.arange(z.shape[1])).all():
        raise ValueError(
            f"{where}: y_true must be columns of logits, whole numbers from 0 to {z.shape[1] - 1}, not such as "
            f"{y.max().item() if y.dtype.kind in 'iuf' else str(y[0])!r}"
        )
    z = z - z.max(axis=1, keepdims=True)
    of_truth = z[np.arange(len(z)), y.astype(np.intp)].mean()

    def slope(beta: float) -> float:
        p = np.exp(beta * z)
        return float(((p * z).sum(axis=1) / p.sum(axis=1)).mean() - of_truth)

    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)  # of ln β
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(np.exp(middle)) < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def _confidences(where: str, y_true: Any, y_proba: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities to judge, and whether they came true, both (N,) float64: see `reliability_curve`."""
    if np.ndim(y_proba) == 1 and labels is None and np.isin(np.asarray(y_true), [0, 1]).all():
        labels = [0, 1]
    codes, probability, _, _ = probabilities(where, y_true, y_proba, labels, None)
    if np.ndim(y_proba) == 1:
        return probability[:, 1].astype(np.float64), (codes == 1).astype(np.float64)
    return probability.max(axis=1).astype(np.float64), (probability.argmax(axis=1) == codes).astype(np.float64)


def _bins(where: str, confidence: np.ndarray, n_bins: int, strategy: str) -> np.ndarray:
    """The bin of each sample, (N,) from 0 to n_bins − 1. A bin holds its upper edge."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
        raise ValueError(f"{where}: n_bins must be a whole number of at least 1, not {n_bins!r}")
    if strategy not in STRATEGIES:
        raise ValueError(f"{where}: strategy {strategy!r} is unknown: choose one of {', '.join(STRATEGIES)}")
    shares = np.linspace(0, 1, n_bins + 1)
    edges = shares if strategy == "uniform" else np.percentile(confidence, 100 * shares)
    return np.searchsorted(edges[1:-1], confidence)
