"""The tanh RNN, the LSTM and the GRU over whole sequences: forward, and back-propagation through time.

All three are one loop. At each step one product makes the pre-activations of all gates,

    gates = [h 1 x] · P    with P = [U b W]ᵀ, the weights and the bias side by side and transposed,

and a cell (`tinymm.kernels.cells`) makes the new state of them. The batch is cut into shards; a thread takes one
through all its time steps, so no step waits for other threads. Going back, [h 1 x] and the gradients of the gates are
gathered for as many steps as fit in the cache, and then added to the gradient of P as one product,
[h 1 x]ᵀ · dgates: a small product for each step would cost far more.

Columns of `gates`, in blocks of H: RNN (h), LSTM (i f g o), GRU (n r z m). The GRU's reset gate comes between the two
parts of its candidate, n = U_n h + d_n and m = W_n x + b_n, so its one product is two: [h 1] makes the first three
blocks and [1 x] the last three; r and z are sums of both.

Formulas: `tinymm.formulas.rnn`, `lstm`, `gru`. Back-propagation through time: Werbos (1990).
"""

from typing import NamedTuple

import numpy as np

from tinymm.kernels import threads
from tinymm.kernels.cells import (
    copy,
    flush,
    gru_cell,
    gru_cell_backward,
    lstm_cell,
    lstm_cell_backward,
    rnn_cell,
    rnn_cell_backward,
)
from tinymm.kernels.jit import REASSOCIATE, kernel
from tinymm.kernels.memory import aligned, plain, scratch, will_read, will_write
from tinymm.kernels.tile import multiply_packed, multiply_panel, pack_b
from tinymm.kernels.transpose import turned

RNN, LSTM, GRU = 0, 1, 2
GRAIN = 16  # samples worth a thread: fewer do not keep the matrix product busy
LARGE = 2**17  # weights
NARROW = 8  # features of x up to which its gradient is not worth a tile
CHUNK = 128  # rows (samples × steps) of one weight-gradient product: its operands fit in a level-2 cache
SET, ADD = np.False_, np.True_  # not Python's, which Numba would compile a version of the product for each
Array = np.ndarray
Maybe = np.ndarray | None


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


def rnn_forward(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array,
    h0: Array,
    lengths: Maybe = None,
    keep: bool = True,
) -> tuple[Array, Array, Saved | None]:
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b): returns (outputs (N, T, H), final state (N, H), saved).

    Shapes: x (N, T, D), weight_ih (H, D), weight_hh (H, H), bias (H,), h0 (N, H), lengths (N,) or None for all T.
    Outputs after a sequence's end are 0. With keep=False nothing is kept for the way back and saved is None.
    """
    weights = weight_hh, None, weight_ih, bias
    outputs, h, _, saved = _run_forward(RNN, x, weights, h0, h0[:0], lengths, keep)
    return outputs, h, saved


def rnn_backward(
    g_outputs: Maybe, g_final: Maybe, saved: Saved, input_gradient: bool = True
) -> tuple[Maybe, Array, Array, Array, Array]:
    """The gradients (x or None, weight_ih, weight_hh, bias, h0), given those of outputs and final state or None."""
    dx, dweight_h, _, dweight_x, dbias, dh0, _ = _run_backward(saved, g_outputs, g_final, None, input_gradient)
    return dx, dweight_x, dweight_h, dbias, dh0


def lstm_forward(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array,
    h0: Array,
    c0: Array,
    lengths: Maybe = None,
    keep: bool = True,
) -> tuple[Array, Array, Array, Saved | None]:
    """cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g), hₜ = σ(o) tanh(cₜ): returns (outputs, final h, final c, saved).

    Shapes as in `rnn_forward`, with weights of 4H rows in the order i, f, g, o, and c0 (N, H).
    """
    return _run_forward(LSTM, x, (weight_hh, None, weight_ih, bias), h0, c0, lengths, keep)


def lstm_backward(
    g_outputs: Maybe, g_h: Maybe, g_c: Maybe, saved: Saved, input_gradient: bool = True
) -> tuple[Maybe, Array, Array, Array, Array, Array]:
    """The gradients (x or None, weight_ih, weight_hh, bias, h0, c0), given those of outputs, final h and final c."""
    dx, dweight_h, _, dweight_x, dbias, dh0, dc0 = _run_backward(saved, g_outputs, g_h, g_c, input_gradient)
    return dx, dweight_x, dweight_h, dbias, dh0, dc0


def gru_forward(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    h0: Array,
    lengths: Maybe = None,
    keep: bool = True,
) -> tuple[Array, Array, Saved | None]:
    """hₜ = (1 − z) n + z hₜ₋₁, n = tanh(m + r (U_n hₜ₋₁ + d_n)): returns (outputs, final state, saved).

    Shapes as in `rnn_forward`, with weights and biases of 3H rows in the order r, z, n.
    """
    weights = _candidate_first(weight_hh), _candidate_first(bias_hh), weight_ih, bias_ih
    outputs, h, _, saved = _run_forward(GRU, x, weights, h0, h0[:0], lengths, keep)
    return outputs, h, saved


def gru_backward(
    g_outputs: Maybe, g_final: Maybe, saved: Saved, input_gradient: bool = True
) -> tuple[Maybe, Array, Array, Array, Array, Array]:
    """The gradients (x or None, weight_ih, weight_hh, bias_ih, bias_hh, h0)."""
    dx, dweight_h, dbias_h, dweight_x, dbias_x, dh0, _ = _run_backward(saved, g_outputs, g_final, None, input_gradient)
    return dx, dweight_x, _candidate_last(dweight_h), dbias_x, _candidate_last(dbias_h), dh0


def _candidate_first(weight):
    """The GRU's rows r, z, n as n, r, z."""
    return np.concatenate([weight[-(len(weight) // 3) :], weight[: -(len(weight) // 3)]])


def _candidate_last(weight):
    return np.concatenate([weight[len(weight) // 3 :], weight[: len(weight) // 3]])


def _run_forward(cell, x, weights, h0, c0, lengths, keep):
    weight_h, bias_h, weight_x, bias_x = weights
    x = plain(x)
    samples, steps, features = x.shape
    hidden = weight_h.shape[1]
    width = hidden if cell == RNN else 4 * hidden
    h, c = np.array(h0, order="C"), np.array(c0, order="C")
    if lengths is None:
        lengths = np.full(samples, steps)
    lengths = np.ascontiguousarray(lengths, np.int64)
    outputs = aligned((samples, steps, hidden), x.dtype)
    kept = steps if keep else 0
    gates = aligned((kept if cell != RNN else 0, samples, width), x.dtype)
    cells = aligned((kept if cell == LSTM else 0, samples, hidden), x.dtype)
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
    return outputs, h, c, Saved(cell, x, weight_h, weight_x, plain(h0), plain(c0), lengths, outputs, gates, cells)


def _run_backward(saved, g_outputs, g_h, g_c, input_gradient):
    cell, x, weight_h, weight_x, h0, c0, lengths, outputs, gates, cells = saved
    samples, steps, features = x.shape
    rows, hidden = weight_h.shape
    g_outputs = x[:0, :0] if g_outputs is None else np.ascontiguousarray(g_outputs, x.dtype)
    dh = np.zeros(h0.shape, x.dtype) if g_h is None else np.array(g_h, x.dtype, order="C")
    dc = np.zeros(c0.shape, x.dtype) if g_c is None else np.array(g_c, x.dtype, order="C")
    dx = np.zeros(x.shape, x.dtype) if input_gradient else x[:0]
    wide = weight_x if features >= NARROW else weight_x[:, :0]
    narrow = weight_x if features < NARROW else weight_x[:, :0]
    total = threads.run_sum(
        _backward, samples, (hidden + 1 + features + (cell == GRU), rows), x.dtype,
        cell, x, lengths, pack_b(weight_h), pack_b(wide), np.ascontiguousarray(narrow.T), h0, c0,
        outputs, gates, cells, g_outputs, dh, dc, dx,
        grain=_grain(samples, steps, rows * (hidden + features)),
    )  # fmt: skip
    dweight_h, dbias_h = turned(total[:hidden]), total[hidden]
    dweight_x, dbias_x = turned(total[len(total) - features :]), total[-features - 1]
    return dx if input_gradient else None, dweight_h, dbias_h, dweight_x, dbias_x, dh, dc


def _grain(samples, steps, multiplications):
    """Samples of a shard; little work is not shared at all, and weights too large for a cache serve more samples at once."""
    if samples * steps * multiplications <= 1_000_000:
        return samples
    return GRAIN if multiplications <= LARGE else 2 * GRAIN


# --- a shard of the batch through all time steps ---------------------------------------------------------


@kernel(fastmath=REASSOCIATE)
def _forward(start, stop, cell, x, lengths, panels_h, panels_x, outputs, h, c, kept_gates, cells):
    """Samples start … stop. The states h and c come in as the first ones and go out as the last ones."""
    shard, (width, _, _) = stop - start, _layout(cell, h.shape[1], x.shape[2])
    z = np.ones((shard, h.shape[1] + 1 + x.shape[2]), x.dtype)  # [h 1 x]
    gates = scratch(shard, width, x)
    _steps(start, stop, cell, x, lengths, panels_h, panels_x, outputs, h, c, kept_gates, cells, z, gates)


@kernel(fastmath=REASSOCIATE, borrows=True)
def _steps(start, stop, cell, x, lengths, panels_h, panels_x, outputs, h, c, kept_gates, cells, z, gates):
    """The steps of `_forward`, with memory for [h 1 x] and for the gates of a step."""
    features, hidden = x.shape[2], h.shape[1]
    shard, (_, columns, split) = stop - start, _layout(cell, hidden, features)
    lengths, x, outputs, h = lengths[start:stop], x[start:stop], outputs[start:stop], h[start:stop]
    for n in range(shard):
        copy(h[n], z[n, :hidden])
    for t in range(_longest(lengths)):
        if len(kept_gates):
            gates = kept_gates[t, start:stop]
        for n in range(shard):
            copy(x[n, t], z[n, hidden + 1 :])
        multiply_packed(z[:, :split], panels_h, gates[:, :columns], SET)
        if cell == GRU:
            gates[:, columns:] = 0
            multiply_packed(z[:, hidden:], panels_x, gates[:, hidden:], ADD)
        for n in range(shard):
            if t >= lengths[n]:
                continue
            if t + 1 < len(kept_gates):
                will_write(kept_gates[t + 1, start + n])
            if t + 1 < len(cells):
                will_write(cells[t + 1, start + n])
            h_n = z[n, :hidden]
            if cell == RNN:
                rnn_cell(gates[n], h_n)
            elif cell == LSTM:
                lstm_cell(gates[n], h_n, c[start + n])
            else:
                gru_cell(gates[n], h_n)
            copy(h_n, outputs[n, t])
            if len(cells):
                copy(c[start + n], cells[t, start + n])
    for n in range(shard):
        copy(z[n, :hidden], h[n])
        outputs[n, lengths[n] :] = 0


@kernel(fastmath=REASSOCIATE)
def _backward(
    start, stop, total, cell, x, lengths, panels_h, panels_x, weight_x, h0, c0, outputs, gates, cells,
    g_outputs, dh, dc, dx,
):  # fmt: skip
    """Samples start … stop. dh and dc come in as gradients of the last states and go out as those of the first."""
    shard, (width, _, _) = stop - start, _layout(cell, dh.shape[1], x.shape[2])
    chunk = max(1, min(CHUNK // shard, x.shape[1]))
    z = np.ones((chunk, shard, dh.shape[1] + 1 + x.shape[2]), x.dtype)  # [h 1 x] of each step
    dgates = scratch(chunk * shard, width + panels_h.shape[2], x)  # with room for a last tile that is not full
    _steps_back(
        start, stop, total, cell, x, lengths, panels_h, panels_x, weight_x, h0, c0, outputs, gates, cells,
        g_outputs, dh, dc, dx, z, dgates, scratch(chunk * shard, x.shape[2], x),
    )  # fmt: skip


@kernel(fastmath=REASSOCIATE, borrows=True)
def _steps_back(
    start, stop, total, cell, x, lengths, panels_h, panels_x, weight_x, h0, c0, outputs, gates, cells,
    g_outputs, dh, dc, dx, z, all_dgates, dx_rows,
):  # fmt: skip
    """The steps of `_backward`, with memory for [h 1 x] and the gradients of gates and x of as many steps as fit in."""
    features, hidden = x.shape[2], dh.shape[1]
    shard, (width, columns, split) = stop - start, _layout(cell, hidden, features)
    lengths, dh = lengths[start:stop], dh[start:stop]
    filled = 0
    for t in range(_longest(lengths) - 1, -1, -1):
        dgates = all_dgates[filled * shard : (filled + 1) * shard]
        for n in range(shard):
            row = start + n
            if t > 1:
                will_read(outputs[row, t - 2])
            if t > 0 and cell != RNN:
                will_read(gates[t - 1, row])
            if t > 1 and cell == LSTM:
                will_read(cells[t - 2, row])
            if t > 0 and g_outputs.size:
                will_read(g_outputs[row, t - 1])
            z_n, dgates_n, dh_n = z[filled, n], dgates[n][:width], dh[n]
            h_before = z_n[:hidden]
            if t >= lengths[n]:  # zeros add nothing, and what lies beyond the end may be NaN
                dgates_n[:] = 0
                h_before[:] = 0
                z_n[hidden + 1 :] = 0
                continue
            copy(outputs[row, t - 1] if t > 0 else h0[row], h_before)
            copy(x[row, t], z_n[hidden + 1 :])
            if g_outputs.size:
                for j in range(hidden):
                    dh_n[j] += g_outputs[row, t, j]
            flush(dh_n)
            if cell == RNN:
                rnn_cell_backward(outputs[row, t], dh_n, dgates_n)
            elif cell == LSTM:
                c_before = cells[t - 1, row] if t > 0 else c0[row]
                lstm_cell_backward(gates[t, row], c_before, cells[t, row], dh_n, dc[row], dgates_n)
            else:
                gru_cell_backward(gates[t, row], h_before, dh_n, dgates_n)
        multiply_packed(dgates[:, :columns], panels_h, dh[:, :hidden], ADD)
        filled += 1
        if filled == len(z) or t == 0:
            pairs = filled * shard
            all_z, dgates, step = z[:filled].reshape((pairs, z.shape[2])), all_dgates[:pairs], panels_h.shape[2]
            _add_product(all_z[:, :split], dgates, np.int64(0), step, total[:split])
            if cell == GRU:
                _add_product(all_z[:, hidden:], dgates, hidden, step, total[split:])
            if len(dx):
                if features < NARROW:
                    _narrow_product(dgates, width - columns, weight_x, dx_rows[:pairs])
                else:
                    multiply_packed(dgates[:, width - columns : width], panels_x, dx_rows[:pairs], SET)
                for k in range(pairs):
                    copy(dx_rows[k], dx[start + k % shard, t + filled - 1 - k // shard])
            filled = 0


@kernel(fastmath=REASSOCIATE, borrows=True)
def _longest(lengths):
    longest = 0
    for length in lengths:
        longest = max(longest, length)
    return longest


@kernel(fastmath=REASSOCIATE, borrows=True)
def _layout(cell, hidden, features):
    """Columns of `gates`, how many of them the product with h makes, and from how many columns of [h 1 x]."""
    if cell == GRU:
        return 4 * hidden, 3 * hidden, hidden + 1
    width = hidden if cell == RNN else 4 * hidden
    return width, width, hidden + 1 + features


@kernel(fastmath=REASSOCIATE, borrows=True)
def _narrow_product(a, first, b, out):
    """out = a bᵀ, for the columns of a from `first` on and so few rows of b that a tile would be almost empty."""
    for n in range(len(a)):
        a_n = a[n][first : first + b.shape[1]]
        for d in range(len(b)):
            b_d, total = b[d], a.dtype.type(0)
            for j in range(a_n.size):
                total += a_n[j] * b_d[j]
            out[n, d] = total


@kernel(fastmath=REASSOCIATE, borrows=True)
def _add_product(a, b, first, step, total):
    """total += aᵀ b for the columns of b from `first` on, `step` of them at a time: b has so many more than count."""
    for start in range(0, total.shape[1], step):
        panel = b[:, first + start : first + start + step]
        multiply_panel(a.T, panel, total[:, start : start + step], ADD)
