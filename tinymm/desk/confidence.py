"""When to answer and when to ask: probabilities made honest, and a threshold that keeps mistakes rare.

Both are chosen on samples that the model was not trained on.

Sources: Chow (1970), On optimum recognition error and reject tradeoff, IEEE Trans. Information Theory 16(1): to reject
below a threshold of the greatest probability is the best there is; Guo et al. (2017), On calibration of modern neural
networks, ICML: the temperature; Geifman and El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS:
the threshold of a guaranteed risk, their algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinymm.metrics import fit_temperature

RISK = 0.1  # of what is answered at once, at most this share may be misunderstood
DELTA = 0.1  # the probability that the bound on it does not hold
NEVER = 1.01  # a threshold that no probability reaches
SMALLEST = 1e-12  # probability whose logarithm is taken


@dataclass(frozen=True)
class Confidence:
    """What a model's probabilities are worth: `confidence(p)` makes them honest, and p ≥ `threshold` is sure enough."""

    temperature: float = 1.0
    threshold: float = 0.5

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """softmax(log p / T) for probabilities (..., classes), of the same shape."""
        logits = np.log(np.maximum(np.asarray(probabilities, np.float64), SMALLEST)) / self.temperature
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    @classmethod
    def fit(cls, probabilities: np.ndarray, y: np.ndarray, risk: float = RISK, delta: float = DELTA) -> Confidence:
        """Temperature and threshold from the probabilities (N, classes) of held-out samples and their classes y (N,)."""
        temperature = fit_temperature(np.log(np.maximum(probabilities, SMALLEST)), y)
        honest = cls(temperature)(probabilities)
        right = honest.argmax(axis=1) == y
        return cls(temperature, threshold_at_risk(honest.max(axis=1), right, risk, delta))

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)


def threshold_at_risk(confidence: np.ndarray, right: np.ndarray, risk: float = RISK, delta: float = DELTA) -> float:
    """The lowest threshold found at which, among what is at least as sure, the share of mistakes stays below `risk`.

    With probability 1 − delta over the held-out samples this holds for new ones: the exact binomial bound on the true
    share is compared with `risk`, at delta / ⌈log₂ N⌉ because the search looks at so many thresholds. If none will do,
    the threshold is above 1: then nothing is sure enough.

    Args:
        confidence: (N,) of the predictions for held-out samples. right: (N,) bool, which of them are right.

    >>> confidence = np.linspace(0, 1, 1001)
    >>> right = np.random.default_rng(0).random(1001) < confidence  # calibrated
    >>> round(threshold_at_risk(confidence, right, risk=0.2), 1)
    0.7
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if confidence.ndim != 1 or confidence.shape != right.shape or not len(confidence):
        raise ValueError(
            f"threshold_at_risk: confidence {confidence.shape} and right {right.shape} must both be (N,), N at least 1"
        )
    if not (0 < risk < 1 and 0 < delta < 1):
        raise ValueError(f"threshold_at_risk: risk {risk} and delta {delta} must lie between 0 and 1")
    order = np.sort(confidence)
    steps = max(math.ceil(math.log2(len(order))), 1)
    low, high, found = 0, len(order) - 1, NEVER
    for _ in range(steps):
        middle = (low + high + 1) // 2
        answered = confidence >= order[middle]
        mistakes, count = int((~right[answered]).sum()), int(answered.sum())
        if binomial_bound(mistakes, count, delta / steps) < risk:
            found, high = float(order[middle]), max(middle - 1, 0)
        else:
            low = middle
    return found


def binomial_bound(mistakes: int, count: int, delta: float) -> float:
    """The upper bound on a probability, of which `mistakes` in `count` trials were seen, that holds with 1 − delta.

    It is the b at which so few mistakes have the probability Σ_{j ≤ mistakes} C(count, j) bʲ (1 − b)^(count − j) = delta.
    Source: Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26(4).

    >>> round(binomial_bound(0, 100, 0.05), 3)  # the rule of three: about 3 / 100
    0.03
    """
    if mistakes >= count:
        return 1.0
    j = np.arange(mistakes + 1)
    choices = np.array([math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in j])
    low, high = 0.0, 1.0
    for _ in range(50):
        b = (low + high) / 2
        terms = choices + j * math.log(b) + (count - j) * math.log1p(-b)
        few = math.exp(terms.max()) * np.exp(terms - terms.max()).sum()
        low, high = (b, high) if few > delta else (low, b)
    return high
