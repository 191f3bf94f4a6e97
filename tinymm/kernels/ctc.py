"""Connectionist temporal classification: how likely a sequence of labels is, summed over all its alignments.

The labels l₁ … l_S stand between blanks, ∅ l₁ ∅ l₂ … l_S ∅: a path of L = 2S + 1 states. An alignment begins in one of
the first two states and ends in one of the last two; at each step it stays, goes on by one, or jumps over a blank
between two different labels. With y(t, k) the log-probability of label k at step t, and ⊕ for log(eᵃ + eᵇ):

    α(t, s) = [α(t−1, s) ⊕ α(t−1, s−1) ⊕ α(t−1, s−2) where s may be jumped to] + y(t, lₛ)     what came before
    β(t, s) = ⊕ of β(t+1, s') + y(t+1, lₛ') over the s' that follow s                         what comes after
    log p = α(T−1, L−1) ⊕ α(T−1, L−2)
    ∂ log p / ∂ y(t, k) = Σ exp(α(t, s) + β(t, s) − log p) over the states s of label k

The last is the share of the alignments that read k at step t; the shares of a step are divided by their sum, which is p but
for rounding, so that they are right where log p has no digits to spare. All sums are logarithms in float64. A state that
cannot be reached stays at −∞, so that a NaN counts only where an alignment reads it.

Source: Graves, Fernández, Gomez & Schmidhuber, "Connectionist temporal classification" (2006), section 4.
"""

import math

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.jit import kernel

GRAIN = 2000  # states × steps worth a thread
NEVER = -np.inf
TOO_SMALL = -37.0  # 1 + e to the power of this is 1 in float64


def ctc(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
    zero_infinity: bool = False,
    keep: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The losses −log p (N,) and the shares ∂ log p / ∂ log_probs (N, T, C), which are None unless `keep`.

    Shapes: log_probs (N, T, C), targets (N, S) padded at will, lengths (N,), all in range (not checked here).
    Where no alignment exists the loss is ∞ and the shares of its steps are NaN; with `zero_infinity` all are 0.
    """
    log_probs = np.require(log_probs, requirements=("C", "W"))  # read-only arrays would be compiled for anew
    samples, steps, classes = log_probs.shape
    targets, input_lengths, target_lengths = (
        np.require(n, np.int64, ("C", "W")) for n in (targets, input_lengths, target_lengths)
    )
    losses = np.empty(samples, log_probs.dtype)
    shares = np.zeros((samples if keep else 0, steps, classes), log_probs.dtype)
    threads.run(
        _ctc, samples, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, losses, shares,
        grain=GRAIN // max(steps * (2 * targets.shape[1] + 1), 1) + 1,
    )  # fmt: skip
    return losses, shares if keep else None


@kernel
def _ctc(start, stop, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, losses, shares):
    path = np.full(2 * targets.shape[1] + 1, blank)
    memory = np.empty((log_probs.shape[1], path.size))
    for n in range(start, stop):
        steps, labels = input_lengths[n], target_lengths[n]
        for i in range(labels):
            path[2 * i + 1] = targets[n, i]
        states = path[: 2 * labels + 1]
        y, alpha = log_probs[n, :steps], memory[:steps, : states.size]
        log_p = _before(y, states, alpha)
        possible = log_p != NEVER
        losses[n] = 0.0 - log_p if possible or not zero_infinity else 0.0
        if len(shares):
            if possible:
                _shares(y, states, alpha, log_p, shares[n])
            elif not zero_infinity:
                shares[n, :steps] = np.nan


@kernel
def _before(y, states, alpha):
    """Fill α (T, L); return log p."""
    if len(y) == 0:
        return 0.0 if states.size == 1 else NEVER
    alpha[0] = NEVER
    for s in range(min(2, states.size)):
        alpha[0, s] = y[0, states[s]]
    for t in range(1, len(y)):
        before = alpha[t - 1]
        for s in range(states.size):
            step = before[s - 1] if s > 0 else NEVER
            jump = before[s - 2] if s > 1 and states[s] != states[s - 2] else NEVER  # two blanks are equal too
            total = _add(before[s], step, jump)
            alpha[t, s] = total if total == NEVER else total + y[t, states[s]]
    last = alpha[len(y) - 1]
    return _add(last[-1], last[-2] if last.size > 1 else NEVER, NEVER)


@kernel
def _shares(y, states, alpha, log_p, shares):
    """Add to shares (T, C) what each state contributes, while β goes back from the last step."""
    size = states.size
    beta, after = np.full(size, NEVER), np.empty(size)
    beta[-2:] = 0
    for t in range(len(y) - 1, -1, -1):
        most, total = log_p if math.isnan(log_p) else NEVER, 0.0
        for s in range(size):
            after[s] = alpha[t, s] + beta[s] if alpha[t, s] != NEVER and beta[s] != NEVER else NEVER
            most = max(most, after[s])
        for s in range(size):
            after[s] = math.exp(after[s] - most) if after[s] != NEVER else 0.0
            total += after[s]
        for s in range(size):
            if after[s] != 0:
                shares[t, states[s]] += after[s] / total
        for s in range(size):
            after[s] = beta[s] if beta[s] == NEVER else beta[s] + y[t, states[s]]
        for s in range(size):
            step = after[s + 1] if s + 1 < size else NEVER
            jump = after[s + 2] if s + 2 < size and states[s] != states[s + 2] else NEVER
            beta[s] = _add(after[s], step, jump)


@kernel(borrows=True)
def _add(a, b, c):
    """log(eᵃ + eᵇ + eᶜ); NaN stays, and −∞ adds nothing."""
    if b > a:
        a, b = b, a
    if c > a:
        a, c = c, a
    if a == NEVER and b == NEVER and c == NEVER:
        return NEVER
    total = 1.0
    if not b - a < TOO_SMALL:  # true for NaN too
        total += math.exp(b - a)
    if not c - a < TOO_SMALL:
        total += math.exp(c - a)
    return a + math.log(total)
