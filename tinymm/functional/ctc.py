"""Connectionist temporal classification: a loss for sequences whose labels nobody aligned with the steps."""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.checks import checked_lengths, constant, operand, same_dtype
from tinymm.functional.losses import _reduce
from tinymm.recording import is_recording
from tinymm.tape import operation, plain_operation

ABOVE_ONE = 1e-3  # how far the logarithm of a probability may be above 0 by rounding


@operation(saves=True, composed="create_graph=False: the first derivative is all that training needs")
def _ctc_losses(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
    """L[n] = −ln Σ_π Πₜ p(t, πₜ) over the alignments π of targets[n], for every sample at once."""
    return kernels.ctc.ctc(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, keep=is_recording())


# ∂L/∂ ln p(t, k) = −(the share of the alignments that read k at step t)
_ctc_losses.gradient(log_probs=lambda g, saved: saved * -g[:, None, None])


@plain_operation()
def ctc_loss(
    log_probs,
    targets,
    input_lengths=None,
    target_lengths=None,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """L = −ln Σ_π Πₜ p(t, πₜ), over all alignments π that become the targets when repeats merge and blanks go.

    log_probs (N, T, C) are log-probabilities, such as `log_softmax` gives; the batch comes first, as everywhere here
    (PyTorch's order is (T, N, C)). targets: integers (N, S), padded with anything behind each one's length, or a list
    of N sequences; they never hold the blank. input_lengths and target_lengths (N,): how many steps and labels
    count; None means all. `reduction`: "mean" divides each loss by its number of labels (at least 1) and averages,
    "sum", or "none" (N,), as in PyTorch.

    Where the steps are too few for the labels (two equal neighbours need a blank between them) no alignment exists: the
    loss is ∞ and its gradient NaN, or both 0 with `zero_infinity`. No labels: all steps are blank. The gradient is the
    true one for log_probs, −(the share of the alignments that read k at step t); through `log_softmax` it becomes
    p − share, as in PyTorch. There is no second derivative.

    ValueError for shapes, lengths or a blank that do not fit and for log_probs above 0, IndexError for a label outside
    the classes, TypeError for labels that are no integers. Source: Graves, Fernández, Gomez & Schmidhuber (2006).

    >>> half = np.log(np.full((1, 2, 2), 0.5))  # two steps; a, aa, a∅ and ∅a all read as "a"
    >>> round(float(np.exp(-ctc_loss(half, [[1]]))), 4)
    0.75
    """
    log_probs = operand(log_probs)
    if np.ndim(log_probs) != 3:
        hint = ", for one sequence try log_probs[None]" if np.ndim(log_probs) == 2 else ""
        raise ValueError(f"ctc_loss: log_probs are {np.shape(log_probs)}, but expected (N, T, C){hint}")
    same_dtype("ctc_loss", log_probs=log_probs)
    constant("ctc_loss", targets=targets, input_lengths=input_lengths, target_lengths=target_lengths)
    samples, steps, classes = np.shape(log_probs)
    check_blank("ctc_loss", blank, classes)
    check_probabilities("ctc_loss", log_probs)
    labels, most = _label_rows(targets)
    if len(labels) != samples:
        hint = ": samples come first, try log_probs.transpose(1, 0, 2)" if len(labels) == steps else ""
        raise ValueError(
            f"ctc_loss: log_probs {np.shape(log_probs)} hold {samples} samples, but there are {len(labels)} targets{hint}"
        )
    input_lengths = checked_lengths("ctc_loss", "input_lengths", input_lengths, np.full(samples, steps))
    target_lengths = checked_lengths("ctc_loss", "target_lengths", target_lengths, most)
    _check_labels(labels[np.arange(labels.shape[1]) < target_lengths[:, None]], blank, classes)
    losses = _ctc_losses(log_probs, labels, input_lengths, target_lengths, int(blank), bool(zero_infinity))
    if reduction == "mean":
        losses = losses / np.maximum(target_lengths, 1).astype(losses.dtype)
    return _reduce("ctc_loss", losses, reduction)


def _label_rows(targets):
    """The labels as one matrix (N, S), and how many of each row there are (N,)."""
    rows = [
        np.asarray(row)
        for row in (targets if isinstance(targets, list | tuple) else np.atleast_1d(np.asarray(targets)))
    ]
    for row in rows:
        if row.ndim != 1:
            hint = ": try np.split(targets, np.cumsum(target_lengths)[:-1])" if row.ndim == 0 else ""
            raise ValueError(
                f"ctc_loss: a row of targets has shape {row.shape}, but each sample needs a row of labels, (N, S) or N "
                f"lists{hint}"
            )
        if row.size and row.dtype.kind not in "iu":
            raise TypeError(f"ctc_loss: targets are {row.dtype}, but labels are numbered by integers: use .astype(int)")
    lengths = np.array([len(row) for row in rows], np.int64)
    labels = np.zeros((len(rows), lengths.max(initial=0)), np.int64)
    for n, row in enumerate(rows):
        labels[n, : len(row)] = row
    return labels, lengths


def _check_labels(used, blank, classes):
    if used.size and (used.min() < 0 or used.max() >= classes):
        raise IndexError(
            f"ctc_loss: labels run from {used.min()} to {used.max()}, but {classes} log_probs mean labels 0 to {classes - 1}"
        )
    if (used == blank).any():
        raise ValueError(
            f"ctc_loss: targets hold {blank}, which is the blank: number the symbols without it, or name another blank="
        )


def check_blank(name, blank, classes):
    """The blank is one of the classes."""
    if isinstance(blank, bool) or not isinstance(blank, int | np.integer) or not 0 <= blank < classes:
        raise ValueError(f"{name}: blank is {blank!r}, but it must be one of the {classes} classes, 0 to {classes - 1}")


def check_probabilities(name, log_probs):
    """Logits are the usual mistake."""
    highest = np.max(np.asarray(log_probs), initial=-np.inf)
    if highest > ABOVE_ONE:
        raise ValueError(
            f"{name}: log_probs go up to {highest:.3g}, but logarithms of probabilities end at 0: try log_softmax(logits)"
        )
