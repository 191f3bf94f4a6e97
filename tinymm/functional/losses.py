"""Losses: one number that says how wrong the predictions are."""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.activations import log_softmax
from tinymm.functional.checks import constant, operand, same_dtype
from tinymm.tape import operation, plain_operation

IGNORED = -100  # the target of a sample that does not count, as in PyTorch


@operation(saves=True)
def _softmax_cross_entropy(logits, targets, shares):
    """L[n] = share[n] · (ln Σⱼ exp(z[n, j]) − z[n, targets[n]]); 0 in a row with no share, which may hold anything."""
    return kernels.softmax.softmax_cross_entropy(logits, targets, shares)


@operation(saves=True)
def _summed_cross_entropy(logits, targets, shares):
    """L = Σₙ share[n] · (ln Σⱼ exp(z[n, j]) − z[n, targets[n]])"""
    losses, probabilities = kernels.softmax.softmax_cross_entropy(logits, targets, shares)
    return np.add.reduce(losses), probabilities


# ∂L/∂z = (softmax(z) − onehot(target)) · share · g. On arrays a kernel does it; on Tensors it is made of functions of z.
def _logits_gradient(g, logits, targets, shares, saved):
    g = g * shares
    if isinstance(logits, np.ndarray):
        return kernels.softmax.softmax_cross_entropy_gradient(saved, targets, g)
    one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[targets]
    return np.where((g != 0)[:, None], (np.exp(log_softmax(logits, 1)) - one_hot) * g[:, None], 0)


_softmax_cross_entropy.gradient(logits=_logits_gradient)
_summed_cross_entropy.gradient(logits=_logits_gradient)


@plain_operation()
def cross_entropy(logits, targets, weight=None, reduction="mean", label_smoothing=0.0, ignore_index=IGNORED):
    """L = −Σₙ w[tₙ] ln softmax(zₙ)[tₙ], divided by Σₙ w[tₙ] for the mean.

    logits z (N, C), targets t (N,) integers 0 … C−1, or `ignore_index` for rows that do not count; weight w (C,)
    counts classes differently. With label_smoothing s the target is 1 − s of the class plus s/C of every class.
    `reduction`: "mean", "sum" or "none" (N,). IndexError for a label outside the range, TypeError for one that is not
    an integer, ValueError for shapes that do not fit. Source: Goodfellow et al. (2016), section 6.2.2; label smoothing:
    Szegedy et al. 2016.
    """
    logits, targets = operand(logits), np.array(targets)
    same_dtype("cross_entropy", logits=logits)
    shape = logits.shape
    if len(shape) != 2 or targets.shape != shape[:1]:
        hint = ": targets are class numbers, try targets.argmax(1)" if targets.shape == shape else ""
        raise ValueError(f"cross_entropy: logits {shape} and targets {targets.shape}: expected (N, C) and (N,){hint}")
    if targets.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: targets are {targets.dtype}, but classes are numbered by integers: use .astype(int)"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}, but it is a share between 0 and 1")
    classes, targets = shape[1], targets.astype(np.int64, copy=False)
    lowest, highest, counted = kernels.softmax.label_range(targets, ignore_index)
    if counted and not 0 <= lowest <= highest < classes:
        raise IndexError(
            f"cross_entropy: labels run from {lowest} to {highest}, but {classes} logits mean labels 0 to {classes - 1}"
        )
    weights, total = np.empty(len(targets), logits.dtype), counted
    weights.fill(1)
    if counted < len(targets):
        ignored = targets == ignore_index
        weights[ignored] = targets[ignored] = 0
    if weight is not None:
        weight = _class_weights(weight, classes, logits.dtype)
        weights *= weight[targets]
        total = np.sum(weights)
    if not label_smoothing and reduction in ("mean", "sum"):
        if reduction == "mean":
            weights /= total
        return _summed_cross_entropy(logits, targets, weights)
    losses = _softmax_cross_entropy(logits, targets, weights)
    if label_smoothing:
        every = -log_softmax(logits, 1) if weight is None else -log_softmax(logits, 1) * weight
        losses = losses * (1 - label_smoothing) + np.sum(every, axis=1) * (label_smoothing / classes)
        if counted < len(targets):
            losses = np.where(ignored, 0, losses)
    return np.sum(losses) / total if reduction == "mean" else _reduce("cross_entropy", losses, reduction)


def _class_weights(weight, classes, dtype):
    constant("cross_entropy", weight=weight)
    weight = np.asarray(weight, dtype)
    if weight.shape != (classes,):
        raise ValueError(f"cross_entropy: weight {weight.shape} must have one number per class: ({classes},)")
    if not (weight >= 0).all():
        raise ValueError(f"cross_entropy: the smallest weight is {weight.min()}, but no class can count less than 0")
    return weight


@plain_operation()
def binary_cross_entropy_with_logits(logits, targets, pos_weight=None, reduction="mean"):
    """L = −[w t ln σ(z) + (1 − t) ln(1 − σ(z))], computed as (1 − t) z + (1 + (w − 1) t) ln(1 + e⁻ᶻ).

    logits z and targets t of one shape, t between 0 and 1; pos_weight w counts the positive class differently.
    `reduction`: "mean", "sum" or "none". ValueError for other shapes or targets, TypeError for logits that are no floats.
    Source: Goodfellow, Bengio & Courville (2016), section 6.2.2.2.
    """
    logits, targets = operand(logits), operand(targets)
    same_dtype("binary_cross_entropy_with_logits", logits=logits)
    if np.shape(logits) != targets.shape:
        raise ValueError(
            f"binary_cross_entropy_with_logits: shapes differ, logits {np.shape(logits)} and targets {targets.shape}: "
            "try logits[:, 0] or targets[:, None]"
        )
    values = np.asarray(targets)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"binary_cross_entropy_with_logits: targets run from {values.min()} to {values.max()}, but they must be "
            "probabilities between 0 and 1"
        )
    targets = targets.astype(logits.dtype)
    likely = np.logaddexp(-logits, 0)  # −ln σ(z)
    if pos_weight is not None:
        likely = likely * (1 + (pos_weight - 1) * targets)
    return _reduce("binary_cross_entropy_with_logits", (1 - targets) * logits + likely, reduction)


@plain_operation()
def mse_loss(predictions, targets, reduction="mean"):
    """L = (y − t)², averaged over all elements, or by `reduction`: "mean", "sum" or "none".

    predictions and targets of one shape, else ValueError. Source: Goodfellow, Bengio & Courville (2016), section 5.1.4.
    """
    predictions, targets = operand(predictions), operand(targets)
    if np.shape(predictions) != np.shape(targets):
        raise ValueError(
            f"mse_loss: predictions {np.shape(predictions)} and targets {np.shape(targets)} differ in shape: broadcasting "
            "here is nearly always a mistake"
        )
    return _reduce("mse_loss", np.square(predictions - targets), reduction)


def _reduce(name, losses, reduction):
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ValueError(f'{name}: reduction is {reduction!r}, but it must be "mean", "sum" or "none"')
    return np.mean(losses) if reduction == "mean" else np.sum(losses)
