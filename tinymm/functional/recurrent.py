"""Recurrent layers over whole sequences: the tanh RNN, the LSTM and the GRU.

Each has two engines for one formula: a fused kernel for the whole sequence and its back-propagation through time,
and (`fused=False`) the cell written out in elementary operations, step by step: slower, but differentiable to any
order, and the place to read what the kernel computes.
"""

from __future__ import annotations

import numpy as np

from tinymm import kernels
from tinymm.functional.activations import sigmoid, tanh
from tinymm.functional.checks import checked_lengths, operand, same_dtype
from tinymm.functional.linear import linear
from tinymm.functional.shape import stack
from tinymm.recording import is_recording
from tinymm.tape import Variable, operation, plain_operation


@operation(outputs=2, saves=True, composed="functional.rnn(..., fused=False)")
def _rnn(x, weight_ih, weight_hh, bias, h0, lengths):
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b) for all t."""
    return kernels.recurrent.rnn_forward(x, weight_ih, weight_hh, bias, h0, lengths, keep=is_recording())


@_rnn.gradients
def _(g, saved, wanted):
    return (*kernels.recurrent.rnn_backward(*g, saved, input_gradient=wanted[0]), None)


def _rnn_cell(x, weight_ih, weight_hh, bias, h):
    return (tanh(linear(x, weight_ih, bias) + linear(h, weight_hh)),)


@plain_operation()
def rnn(x, weight_ih, weight_hh, bias, h0=None, lengths=None, fused=True):
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b)

    x (N, T, D), W = weight_ih (H, D), U = weight_hh (H, H), b = bias (H,), h0 (N, H) or zeros; lengths (N,), the steps
    of each sequence that count: outputs after its end are 0, and the final state is that of its last step. Returns
    (outputs (N, T, H), final state (N, H)). ValueError where shapes do not fit. Source: Elman 1990.
    """
    x = operand(x)
    h0, _, lengths = _check("rnn", 1, x, weight_ih, weight_hh, (bias,), h0, None, lengths)
    if fused:
        return _rnn(x, weight_ih, weight_hh, bias, h0, lengths)
    outputs, (h,) = _step_by_step(lambda x, h: _rnn_cell(x, weight_ih, weight_hh, bias, h), x, (h0,), lengths)
    return outputs, h


@operation(outputs=3, saves=True, composed="functional.lstm(..., fused=False)")
def _lstm(x, weight_ih, weight_hh, bias, h0, c0, lengths):
    """cₜ = f cₜ₋₁ + i g, hₜ = o tanh(cₜ) for all t."""
    return kernels.recurrent.lstm_forward(x, weight_ih, weight_hh, bias, h0, c0, lengths, keep=is_recording())


@_lstm.gradients
def _(g, saved, wanted):
    return (*kernels.recurrent.lstm_backward(*g, saved, input_gradient=wanted[0]), None)


def _lstm_cell(x, weight_ih, weight_hh, bias, h, c):
    size = h.shape[1]
    gates = linear(x, weight_ih, bias) + linear(h, weight_hh)
    i, f, o = (sigmoid(gates[:, k * size : (k + 1) * size]) for k in (0, 1, 3))
    g = tanh(gates[:, 2 * size : 3 * size])
    c = f * c + i * g
    return o * tanh(c), c


@plain_operation()
def lstm(x, weight_ih, weight_hh, bias, h0=None, c0=None, lengths=None, fused=True):
    """i, f, o = σ(W xₜ + U hₜ₋₁ + b), g = tanh(W xₜ + U hₜ₋₁ + b), cₜ = f cₜ₋₁ + i g, hₜ = o tanh(cₜ)

    The rows of W = weight_ih (4H, D), U = weight_hh (4H, H) and b = bias (4H,) are those of i, f, g, o in this order;
    x (N, T, D), h0 and c0 (N, H) or zeros; lengths as in `rnn`. Returns (outputs (N, T, H), (h (N, H), c (N, H))).
    ValueError where shapes do not fit. Source: Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000.
    """
    x = operand(x)
    h0, c0, lengths = _check("lstm", 4, x, weight_ih, weight_hh, (bias,), h0, c0, lengths)
    if fused:
        outputs, h, c = _lstm(x, weight_ih, weight_hh, bias, h0, c0, lengths)
        return outputs, (h, c)
    return _step_by_step(lambda x, h, c: _lstm_cell(x, weight_ih, weight_hh, bias, h, c), x, (h0, c0), lengths)


@operation(outputs=2, saves=True, composed="functional.gru(..., fused=False)")
def _gru(x, weight_ih, weight_hh, bias_ih, bias_hh, h0, lengths):
    """hₜ = (1 − z) n + z hₜ₋₁ for all t."""
    return kernels.recurrent.gru_forward(x, weight_ih, weight_hh, bias_ih, bias_hh, h0, lengths, keep=is_recording())


@_gru.gradients
def _(g, saved, wanted):
    return (*kernels.recurrent.gru_backward(*g, saved, input_gradient=wanted[0]), None)


def _gru_cell(x, weight_ih, weight_hh, bias_ih, bias_hh, h):
    size = h.shape[1]
    from_x, from_h = linear(x, weight_ih, bias_ih), linear(h, weight_hh, bias_hh)
    r = sigmoid(from_x[:, :size] + from_h[:, :size])
    z = sigmoid(from_x[:, size : 2 * size] + from_h[:, size : 2 * size])
    n = tanh(from_x[:, 2 * size :] + r * from_h[:, 2 * size :])
    return ((1 - z) * n + z * h,)


@plain_operation()
def gru(x, weight_ih, weight_hh, bias_ih, bias_hh, h0=None, lengths=None, fused=True):
    """r, z = σ(W xₜ + b + U hₜ₋₁ + d), n = tanh(W xₜ + b + r (U hₜ₋₁ + d)), hₜ = (1 − z) n + z hₜ₋₁

    The rows of W = weight_ih (3H, D), U = weight_hh (3H, H), b = bias_ih and d = bias_hh (3H,) are those of r, z, n in
    this order; x (N, T, D), h0 (N, H) or zeros; lengths as in `rnn`. Returns (outputs (N, T, H), final state (N, H)).
    ValueError where shapes do not fit. Source: Cho et al. 2014, with the reset after the product.
    """
    x = operand(x)
    h0, _, lengths = _check("gru", 3, x, weight_ih, weight_hh, (bias_ih, bias_hh), h0, None, lengths)
    if fused:
        return _gru(x, weight_ih, weight_hh, bias_ih, bias_hh, h0, lengths)
    outputs, (h,) = _step_by_step(
        lambda x, h: _gru_cell(x, weight_ih, weight_hh, bias_ih, bias_hh, h), x, (h0,), lengths
    )
    return outputs, h


def _step_by_step(cell, x, states, lengths):
    """Apply the cell to x[:, 0], x[:, 1], …; where a sequence has ended its states stay and its outputs are 0."""
    outputs = []
    for t in range(x.shape[1]):
        new = cell(x[:, t], *states)
        if lengths is None:
            states = new
            outputs.append(states[0])
        else:
            alive = (t < lengths)[:, None]
            states = tuple(np.where(alive, after, before) for after, before in zip(new, states, strict=True))
            outputs.append(np.where(alive, states[0], 0))
    if not outputs:
        none = np.zeros((x.shape[0], 0, states[0].shape[1]), x.dtype)
        tensor = Variable.Result if isinstance(x, Variable) else np.asarray
        return tensor(none), tuple(s if isinstance(s, Variable) else tensor(s) for s in states)
    return stack(outputs, axis=1), states


def _check(name, gates, x, weight_ih, weight_hh, biases, h0, c0, lengths):
    """Shapes that fit, states that exist (None becomes zeros), lengths as int64."""
    if x.ndim != 3:
        raise ValueError(f"{name}: x is {x.shape}, but it must have three axes: (samples, steps, features)")
    samples, steps, features = x.shape
    hidden = weight_hh.shape[-1]
    named = dict(zip(("bias",) if len(biases) == 1 else ("bias_ih", "bias_hh"), biases, strict=True))
    for option, array, shape in (
        ("weight_ih", weight_ih, (gates * hidden, features)),
        ("weight_hh", weight_hh, (gates * hidden, hidden)),
        *((option, bias, (gates * hidden,)) for option, bias in named.items()),
        *((option, state, (samples, hidden)) for option, state in (("h0", h0), ("c0", c0)) if state is not None),
    ):
        if array.shape != shape:
            raise ValueError(
                f"{name}: {option} is {array.shape}, but x {x.shape} and weight_hh {weight_hh.shape} need {shape}"
            )
    same_dtype(name, x=x, weight_ih=weight_ih, weight_hh=weight_hh, **named, h0=h0, c0=c0)
    if lengths is not None:
        lengths = checked_lengths(name, "lengths", lengths, np.full(samples, steps))
    h0, c0 = (np.zeros((samples, hidden), x.dtype) if state is None else state for state in (h0, c0))
    return h0, c0, lengths
