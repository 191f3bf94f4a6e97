"""Fusion: from the features of several senses to the logits of the classes, whichever senses are there.

Each takes `features`, one (N, D) per sense, and `present` (N, senses), which says who perceived what. A missing sense
has no part in the formula; its features may hold anything, NaN too. The last step is logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import random
from tinymm.nn import Linear, Module
from tinymm.tensor import Tensor

HIDDEN = 128  # units in which the senses meet


class EarlyFusion(Module):
    """z = W max(0, V [x₁; …; x_M; p₁; …; p_M] + c) + b

    All features side by side, and flags p of who is present (1) or missing (0, its features too).
    Source: Ngiam et al. (2011), Multimodal deep learning, ICML (shared representation, missing senses as zeros).
    """

    def __init__(self, sizes: Sequence[int], classes: int):
        self.hidden = Linear(sum(sizes) + len(sizes), HIDDEN)
        self.classifier = Linear(HIDDEN, classes)

    def forward(self, features: Sequence[Any], present: np.ndarray) -> Tensor:
        known = _known(features, present)
        x = F.concatenate([*known, present.astype(known[0].dtype)], axis=1)
        return self.classifier(F.relu(self.hidden(x)))


class LateFusion(Module):
    """z = Σ over the present senses of W_m x_m + b_m

    Each sense decides alone; the probabilities multiply, p(class) ∝ Π_m p_m(class), so that the sure outvote the unsure.
    Sources: Kittler et al. (1998), On combining classifiers, IEEE TPAMI 20(3) (the product rule, with equal
    priors); trained together, a product of experts: Hinton (2002), Neural Computation 14(8).
    """

    def __init__(self, sizes: Sequence[int], classes: int):
        self.classifiers = [Linear(size, classes) for size in sizes]

    def forward(self, features: Sequence[Any], present: np.ndarray) -> Tensor:
        logits = [classifier(x) for classifier, x in zip(self.classifiers, _known(features, present), strict=True)]
        return _sum(_known(logits, present))


class GatedFusion(Module):
    """h = Σ over the present senses of σ(U_m [x₁; …; x_M] + d_m) · tanh(V_m x_m + c_m), z = W h + b

    Gates, which see all senses (a missing one as zeros), say how much of each sense to believe.
    Source: Arevalo et al. (2017), Gated multimodal units for information fusion, arXiv:1702.01992.
    """

    def __init__(self, sizes: Sequence[int], classes: int):
        self.values = [Linear(size, HIDDEN) for size in sizes]
        self.gates = [Linear(sum(sizes), HIDDEN) for _ in sizes]
        self.classifier = Linear(HIDDEN, classes)

    def forward(self, features: Sequence[Any], present: np.ndarray) -> Tensor:
        known = _known(features, present)
        everything = F.concatenate(known, axis=1)
        parts = [
            F.sigmoid(gate(everything)) * F.tanh(value(x))
            for gate, value, x in zip(self.gates, self.values, known, strict=True)
        ]
        return self.classifier(_sum(_known(parts, present)))


class LowRankFusion(Module):
    """h = Σᵣ Π over the present senses of (V_mr x_m + c_mr), z = W h + b, with r = 1 … 4

    The product of all features with each other, a tensor of D₁ × … × D_M numbers, under weights of rank 4, so that it is
    never made. Factors begin around 1. Source: Liu et al. (2018), Efficient low-rank multimodal fusion with
    modality-specific factors, ACL.
    """

    rank = 4

    def __init__(self, sizes: Sequence[int], classes: int):
        self.factors = [Linear(size, self.rank * HIDDEN) for size in sizes]
        for factor in self.factors:
            factor.bias.data[:] = 1  # type: ignore[union-attr]
        self.classifier = Linear(HIDDEN, classes)

    def forward(self, features: Sequence[Any], present: np.ndarray) -> Tensor:
        factors = [factor(x) for factor, x in zip(self.factors, _known(features, present), strict=True)]
        product, *others = _known(factors, present, missing=1)
        for factor in others:
            product = product * factor
        return self.classifier(F.sum(F.reshape(product, (len(present), self.rank, HIDDEN)), axis=1))


FUSIONS: dict[str, Callable[[Sequence[int], int], Module]] = {  # made for the sizes of the features, and classes
    "early": EarlyFusion,
    "late": LateFusion,
    "gated": GatedFusion,
    "low-rank": LowRankFusion,
}


def _known(arrays: Sequence[Any], present: np.ndarray, missing: float = 0) -> list[Any]:
    """Each sense's (N, …) with `missing` in the rows of the samples that lack it."""
    return [x if here.all() else F.where(here[:, None], x, missing) for x, here in zip(arrays, present.T, strict=True)]


def _sum(arrays: Sequence[Any]) -> Any:
    total, *others = arrays
    for array in others:
        total = total + array
    return total


def drop_senses(present: np.ndarray, p: float, generator: np.random.Generator | None = None) -> np.ndarray:
    """Take each present sense away with probability p, but never the last one of a sample: (N, senses) bool.

    Where all would go, one stays, any of the present ones. `generator` is a `numpy.random.Generator`; without one,
    tinymm's own. Source: Neverova et al. (2016), ModDrop: adaptive multi-modal gesture recognition, IEEE TPAMI 38(8).

    >>> drop_senses(np.array([[True, False], [False, True]]), 1.0, np.random.default_rng(0))
    array([[ True, False],
           [False,  True]])
    """
    rng = generator or random.generator()
    kept = present & (rng.random(present.shape) >= p)
    last = np.where(present, rng.random(present.shape), -1).argmax(axis=1)[:, None] == np.arange(present.shape[1])
    return np.where(kept.any(axis=1, keepdims=True), kept, present & last)
