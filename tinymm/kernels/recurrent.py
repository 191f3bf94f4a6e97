"""The tanh RNN, the LSTM and the GRU over whole sequences: forward, and back-propagation through time.

All three are one loop. At each step the pre-activations of the gates are

    gates = [h 1] · P_h + [x 1] · P_x,    with P_h = [U d]ᵀ, P_x = [W b]ᵀ (weights and bias, transposed),

and a cell makes the new state of them (`_rnn_cell`, `_lstm_cell`, `_gru_cell`, each with its derivative below it).
The batch is cut into shards; a thread takes one through all its time steps, so no step waits for other threads.
Going back, the gradients of the gates are gathered for some steps, while they fit in the cache, and then added to
the weight gradient as one product [h 1]ᵀ · dgates: many small products would cost far more.

Columns of `gates`, in blocks of H: RNN (h), LSTM (i f g o), GRU (n r z m), where the product with h makes the first
three and the product with x the last three. So r and z are sums of both, and the candidate keeps its two parts,
n = U_n h + d_n and m = W_n x + b_n, apart: the reset gate comes between them.

Formulas: `tinymm.formulas.rnn`, `lstm`, `gru`. Back-propagation through time: Werbos (1990).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from tinymm.kernels import threads
from tinymm.kernels.elementary import sigmoid, tanh
from tinymm.kernels.tile import multiply_packed, multiply_panel, pack_b

RNN, LSTM, GRU = 0, 1, 2
GRAIN = 16
CHUNK = 256  # rows (samples × steps) of one weight-gradient product: its operands fit in a level-2 cache
OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}


class Saved(NamedTuple):
    """What the way back needs: the inputs, the outputs, and of each step the activated gates and the LSTM's c."""

    cell: int
    x: np.ndarray  # (N, T, D)
    weight_h: np.ndarray  # (rows, H), rows in the order of `gates`
    weight_x: np.ndarray  # (rows, D)
    h0: np.ndarray  # (N, H)
    c0: np.ndarray  # (N, H), empty but for the LSTM
    lengths: np.ndarray  # (N,)
    outputs: np.ndarray  # (N, T, H)
    gates: np.ndarray  # (T, N, 4H), empty for the RNN, which is known by its outputs
    cells: np.ndarray  # (T, N, H), empty but for the LSTM


def rnn_forward(x, weight_ih, weight_hh, bias, h0, lengths=None, keep=True):
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b): returns (outputs (N, T, H), final state (N, H), saved).

    Shapes: x (N, T, D), weight_ih (H, D), weight_hh (H, H), bias (H,), h0 (N, H), lengths (N,) or None for all T.
    Outputs after a sequence's end are 0. With keep=False nothing is kept for the way back and saved is None.
    """
    outputs, h, _, saved = _run_forward(
        RNN, x, weight_hh, None, weight_ih, bias, h0, h0[:0], lengths, keep
    )
    return outputs, h, saved


def rnn_backward(g_outputs, g_final, saved, input_gradient=True):
    """The gradients (x or None, weight_ih, weight_hh, bias, h0), given those of outputs and final state or None."""
    dx, dweight_h, _, dweight_x, dbias, dh0, _ = _run_backward(saved, g_outputs, g_final, None, input_gradient)
    return dx, dweight_x, dweight_h, dbias, dh0


def lstm_forward(x, weight_ih, weight_hh, bias, h0, c0, lengths=None, keep=True):
    """cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g), hₜ = σ(o) tanh(cₜ): returns (outputs, final h, final c, saved).

    Shapes as in `rnn_forward`, with weights of 4H rows in the order i, f, g, o, and c0 (N, H).
    """
    return _run_forward(
        LSTM, x, weight_hh, None, weight_ih, bias, h0, c0, lengths, keep
    )


def lstm_backward(g_outputs, g_h, g_c, saved, input_gradient=True):
    """The gradients (x or None, weight_ih, weight_hh, bias, h0, c0), given those of outputs, final h and final c."""
    dx, dweight_h, _, dweight_x, dbias, dh0, dc0 = _run_backward(saved, g_outputs, g_h, g_c, input_gradient)
    return dx, dweight_x, dweight_h, dbias, dh0, dc0


def gru_forward(x, weight_ih, weight_hh, bias_ih, bias_hh, h0, lengths=None, keep=True):
    """hₜ = (1 − z) n + z hₜ₋₁, n = tanh(m + r (U_n hₜ₋₁ + d_n)): returns (outputs, final state, saved).

    Shapes as in `rnn_forward`, with weights and biases of 3H rows in the order r, z, n.
    """
    outputs, h, _, saved = _run_forward(
        GRU, x, _candidate_first(weight_hh), _candidate_first(bias_hh), weight_ih, bias_ih, h0, h0[:0], lengths, keep
    )
    return outputs, h, saved


def gru_backward(g_outputs, g_final, saved, input_gradient=True):
    """The gradients (x or None, weight_ih, weight_hh, bias_ih, bias_hh, h0)."""
    dx, dweight_h, dbias_h, dweight_x, dbias_x, dh0, _ = _run_backward(
        saved, g_outputs, g_final, None, input_gradient
    )
    return dx, dweight_x, _candidate_last(dweight_h), dbias_x, _candidate_last(dbias_h), dh0


def _candidate_first(weight):
    """The GRU's rows r, z, n as n, r, z."""
    return np.roll(weight, len(weight) // 3, axis=0)


def _candidate_last(weight):
    return np.roll(weight, -(len(weight) // 3), axis=0)


def _run_forward(cell, x, weight_h, bias_h, weight_x, bias_x, h0, c0, lengths, keep):
    x, weight_h, weight_x = (np.ascontiguousarray(array) for array in (x, weight_h, weight_x))
    samples, steps, features = x.shape
    hidden = weight_h.shape[1]
    width = hidden if cell == RNN else 4 * hidden
    h, c = np.array(h0, order="C"), np.array(c0, order="C")
    if lengths is None:
        lengths = np.full(samples, steps)
    lengths = np.ascontiguousarray(lengths, np.int64)
    outputs = np.empty((samples, steps, hidden), x.dtype)
    kept = steps if keep else 0
    gates = np.empty((kept if cell != RNN else 0, samples, width), x.dtype)
    cells = np.empty((kept if cell == LSTM else 0, samples, hidden), x.dtype)
    if cell == GRU:
        panels_h = pack_b(np.concatenate([weight_h, bias_h[:, None]], axis=1).T)
        panels_x = pack_b(np.concatenate([bias_x[:, None], weight_x], axis=1).T)
    else:
        panels_h = pack_b(np.concatenate([weight_h, bias_x[:, None], weight_x], axis=1).T)
        panels_x = panels_h[:0]
    threads.run(
        _forward, samples, cell, x, lengths, panels_h, panels_x, outputs, h, c, gates, cells,
        grain=_grain(samples, steps, width * (hidden + features)),
    )  # fmt: skip
    if not keep:
        return outputs, h, c, None
    h0, c0 = np.ascontiguousarray(h0), np.ascontiguousarray(c0)
    return outputs, h, c, Saved(cell, x, weight_h, weight_x, h0, c0, lengths, outputs, gates, cells)


def _run_backward(saved, g_outputs, g_h, g_c, input_gradient):
    cell, x, weight_h, weight_x, h0, c0, lengths, outputs, gates, cells = saved
    samples, steps, features = x.shape
    rows, hidden = weight_h.shape
    g_outputs = x[:0, :0] if g_outputs is None else np.ascontiguousarray(g_outputs)
    dh = np.zeros_like(h0) if g_h is None else np.array(g_h, order="C")
    dc = np.zeros_like(c0) if g_c is None else np.array(g_c, order="C")
    dx = np.zeros_like(x) if input_gradient else x[:0]
    total = threads.run_sum(
        _backward, samples, (hidden + 1 + features + (cell == GRU), rows), x.dtype,
        cell, x, lengths, pack_b(weight_h), pack_b(weight_x), h0, c0, outputs, gates, cells, g_outputs, dh, dc, dx,
        grain=_grain(samples, steps, rows * (hidden + features)),
    )  # fmt: skip
    dweight_h, dbias_h = np.ascontiguousarray(total[:hidden].T), total[hidden]
    dweight_x, dbias_x = np.ascontiguousarray(total[-features:].T), total[-features - 1]
    return dx if input_gradient else None, dweight_h, dbias_h, dweight_x, dbias_x, dh, dc


def _grain(samples, steps, multiplications):
    """Samples worth a thread: 16 rows keep the matrix product busy, and little work is not shared at all."""
    return GRAIN if samples * steps * multiplications > 1_000_000 else samples


# --- cells: one sample, one step; below each its derivative ----------------------------------------------
# Several short loops over H rather than one: each has few enough arrays to become vector code. `one` has the arrays' dtype: an
# integer 1 would turn float32 into float64.


@njit(**OPTIONS)
def _copy(source, target):  # a loop, because assigning to a slice of an array is slow for a short one
    for j in range(source.size):
        target[j] = source[j]


@njit(**OPTIONS)
def _sigmoids(values):
    for j in range(values.size):
        values[j] = sigmoid(values[j])


@njit(**OPTIONS)
def _flush(gradient):
    """Make 0 of what has vanished: the CPU takes a hundred times as long for numbers below the normal ones."""
    zero = gradient.dtype.type(0)
    vanished = gradient.dtype.type(1e-30 if gradient.itemsize == 4 else 1e-300)
    for j in range(gradient.size):
        gradient[j] = zero if abs(gradient[j]) < vanished else gradient[j]


@njit(**OPTIONS)
def _rnn_cell(gates, h):
    for j in range(h.size):
        h[j] = tanh(gates[j])


@njit(**OPTIONS)
def _rnn_cell_backward(h, dh, dgates):
    one = h.dtype.type(1)
    for j in range(h.size):
        dgates[j] = dh[j] * (one - h[j] * h[j])
        dh[j] = 0


@njit(**OPTIONS)
def _lstm_cell(gates, h, c):
    n = h.size
    _sigmoids(gates[: 2 * n])
    i, f, g, o = gates[:n], gates[n : 2 * n], gates[2 * n : 3 * n], gates[3 * n :]
    _sigmoids(o)
    for j in range(n):
        g[j] = tanh(g[j])
    for j in range(n):
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(n):
        h[j] = o[j] * tanh(c[j])


@njit(**OPTIONS)
def _lstm_cell_backward(gates, c_before, c, dh, dc, dgates):
    one = dh.dtype.type(1)
    n = dh.size
    _flush(dc)
    i, f, g, o = gates[:n], gates[n : 2 * n], gates[2 * n : 3 * n], gates[3 * n :]
    di, df, dg, do = dgates[:n], dgates[n : 2 * n], dgates[2 * n : 3 * n], dgates[3 * n :]
    for j in range(n):
        do[j] = tanh(c[j])
    for j in range(n):
        dc[j] += dh[j] * o[j] * (one - do[j] * do[j])
    for j in range(n):
        do[j] *= dh[j] * o[j] * (one - o[j])
    for j in range(n):
        di[j] = dc[j] * g[j] * i[j] * (one - i[j])
    for j in range(n):
        df[j] = dc[j] * c_before[j] * f[j] * (one - f[j])
    for j in range(n):
        dg[j] = dc[j] * i[j] * (one - g[j] * g[j])
    for j in range(n):
        dc[j] *= f[j]
        dh[j] = 0


@njit(**OPTIONS)
def _gru_cell(gates, h):
    one = h.dtype.type(1)
    k = h.size
    _sigmoids(gates[k : 3 * k])
    n, r, z, m = gates[:k], gates[k : 2 * k], gates[2 * k : 3 * k], gates[3 * k :]
    for j in range(k):
        m[j] = tanh(m[j] + r[j] * n[j])
    for j in range(k):
        h[j] = (one - z[j]) * m[j] + z[j] * h[j]


@njit(**OPTIONS)
def _gru_cell_backward(gates, h_before, dh, dgates):
    one = dh.dtype.type(1)
    k = dh.size
    n, r, z, m = gates[:k], gates[k : 2 * k], gates[2 * k : 3 * k], gates[3 * k :]
    dn, dr, dz, dm = dgates[:k], dgates[k : 2 * k], dgates[2 * k : 3 * k], dgates[3 * k :]
    for j in range(k):
        dz[j] = dh[j] * (h_before[j] - m[j]) * z[j] * (one - z[j])
    for j in range(k):
        dm[j] = dh[j] * (one - z[j]) * (one - m[j] * m[j])
    for j in range(k):
        dr[j] = dm[j] * n[j] * r[j] * (one - r[j])
    for j in range(k):
        dn[j] = dm[j] * r[j]
    for j in range(k):
        dh[j] *= z[j]


# --- a shard of the batch through all time steps ---------------------------------------------------------


@njit(**OPTIONS)
def _forward(start, stop, cell, x, lengths, panels_h, panels_x, outputs, h, c, kept_gates, cells):
    """Samples start … stop. The states h and c come in as the first ones and go out as the last ones."""
    features, hidden = x.shape[2], h.shape[1]
    shard, columns = stop - start, 3 * hidden
    lengths, x, outputs, h = lengths[start:stop], x[start:stop], outputs[start:stop], h[start:stop]
    z = np.ones((shard, hidden + 1 + features), x.dtype)  # [h 1 x]
    z[:, :hidden] = h
    gates = np.empty((shard, _width(cell, hidden)), x.dtype)
    for t in range(lengths.max()):
        if len(kept_gates):
            gates = kept_gates[t, start:stop]
        z[:, hidden + 1 :] = x[:, t]
        if cell == GRU:
            gates[:, columns:] = 0
            multiply_packed(z[:, : hidden + 1], panels_h, gates[:, :columns], False)
            multiply_packed(z[:, hidden:], panels_x, gates[:, hidden:], True)
        else:
            multiply_packed(z, panels_h, gates, False)
        for n in range(shard):
            if t >= lengths[n]:
                continue
            h_n = z[n, :hidden]
            if cell == RNN:
                _rnn_cell(gates[n], h_n)
            elif cell == LSTM:
                _lstm_cell(gates[n], h_n, c[start + n])
            else:
                _gru_cell(gates[n], h_n)
            _copy(h_n, outputs[n, t])
            if len(cells):
                _copy(c[start + n], cells[t, start + n])
    h[:] = z[:, :hidden]
    for n in range(shard):
        outputs[n, lengths[n] :] = 0


@njit(**OPTIONS)
def _backward(
    start, stop, total, cell, x, lengths, panels_h, panels_x, h0, c0, outputs, gates, cells, g_outputs, dh, dc, dx
):  # fmt: skip
    """Samples start … stop. dh and dc come in as gradients of the last states and go out as those of the first."""
    features, hidden = x.shape[2], dh.shape[1]
    shard, columns = stop - start, 3 * hidden
    lengths, dh = lengths[start:stop], dh[start:stop]
    last = lengths.max()
    chunk = max(1, min(CHUNK // shard, last))
    z = np.ones((chunk, shard, hidden + 1 + features), x.dtype)  # [h 1 x] of each step
    dgates = np.empty((chunk, shard, _width(cell, hidden)), x.dtype)
    panel = np.zeros((chunk * shard, panels_h.shape[2]), x.dtype)
    filled = 0
    for t in range(last - 1, -1, -1):
        for n in range(shard):
            row = start + n
            z_n, dgates_n, dh_n = z[filled, n], dgates[filled, n], dh[n]
            h_before = z_n[:hidden]
            if t >= lengths[n]:  # zeros add nothing, and what lies beyond the end may be NaN
                dgates_n[:] = 0
                h_before[:] = 0
                z_n[hidden + 1 :] = 0
                continue
            _copy(outputs[row, t - 1] if t > 0 else h0[row], h_before)
            _copy(x[row, t], z_n[hidden + 1 :])
            if g_outputs.size:
                for j in range(hidden):
                    dh_n[j] += g_outputs[row, t, j]
            _flush(dh_n)
            if cell == RNN:
                _rnn_cell_backward(outputs[row, t], dh_n, dgates_n)
            elif cell == LSTM:
                c_before = cells[t - 1, row] if t > 0 else c0[row]
                _lstm_cell_backward(gates[t, row], c_before, cells[t, row], dh_n, dc[row], dgates_n)
            else:
                _gru_cell_backward(gates[t, row], h_before, dh_n, dgates_n)
        step = dgates[filled]
        multiply_packed(step[:, :columns] if cell == GRU else step, panels_h, dh, True)
        if len(dx):
            multiply_packed(step[:, hidden:] if cell == GRU else step, panels_x, dx[start:stop, t], False)
        filled += 1
        if filled == chunk or t == 0:
            pairs = filled * shard
            all_z = z[:filled].reshape((pairs, z.shape[2]))
            all_dgates = dgates[:filled].reshape((pairs, dgates.shape[2]))
            if cell == GRU:
                _add_product(all_z[:, : hidden + 1], all_dgates, 0, panel, total[: hidden + 1])
                _add_product(all_z[:, hidden:], all_dgates, hidden, panel, total[hidden + 1 :])
            else:
                _add_product(all_z, all_dgates, 0, panel, total)
            filled = 0


@njit(**OPTIONS)
def _width(cell, hidden):
    """Columns of `gates`."""
    return hidden if cell == RNN else 4 * hidden


@njit(**OPTIONS)
def _add_product(a, b, first, panel, total):
    """total += aᵀ b for the columns of b from `first` on, with memory for one panel of b."""
    panel, columns, at = panel[: len(b)], panel.shape[1], a.T
    for start in range(0, total.shape[1], columns):
        for k in range(len(b)):
            _copy(b[k, first + start : first + start + columns], panel[k])
        multiply_panel(at, panel, total[:, start : start + columns], True)
