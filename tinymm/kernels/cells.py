"""The cells of the recurrent networks: one sample, one step, and below each its derivative.

A cell finds the pre-activations of its gates in `gates`, replaces them by their activations, which the way back
needs, and replaces the state h (and c) by the new one. Its derivative takes dh, the gradient of the new h, to
`dgates`, the gradient of the pre-activations, and leaves in dh (and dc) what goes to the state before directly, not
through the gates. The order of the blocks in `gates` is told in `tinymm.kernels.recurrent`.

Several short loops instead of one: each has few enough arrays to become vector code. `one` has the arrays' dtype,
because an integer 1 would turn float32 into float64.

Formulas: `tinymm.formulas.rnn`, `lstm`, `gru`.
"""

from tinymm.kernels.elementary import sigmoid, tanh
from tinymm.kernels.jit import REASSOCIATE, kernel


@kernel(fastmath=REASSOCIATE, borrows=True)
def copy(source, target):  # a loop, because assigning to a slice of an array is slow for a short one
    for j in range(source.size):
        target[j] = source[j]


@kernel(fastmath=REASSOCIATE, borrows=True)
def sigmoids(values):
    for j in range(values.size):
        values[j] = sigmoid(values[j])


@kernel(fastmath=REASSOCIATE, borrows=True)
def flush(gradient):
    """Make 0 of what has vanished: the CPU takes a hundred times as long for numbers below the normal ones."""
    zero = gradient.dtype.type(0)
    vanished = gradient.dtype.type(1e-30 if gradient.itemsize == 4 else 1e-300)
    for j in range(gradient.size):
        gradient[j] = zero if abs(gradient[j]) < vanished else gradient[j]


@kernel(fastmath=REASSOCIATE, borrows=True)
def rnn_cell(gates, h):
    for j in range(h.size):
        h[j] = tanh(gates[j])


@kernel(fastmath=REASSOCIATE, borrows=True)
def rnn_cell_backward(h, dh, dgates):
    one = h.dtype.type(1)
    for j in range(h.size):
        dgates[j] = dh[j] * (one - h[j] * h[j])
        dh[j] = 0


@kernel(fastmath=REASSOCIATE, borrows=True)
def lstm_cell(gates, h, c):
    n = h.size
    sigmoids(gates[: 2 * n])
    i, f, g, o = gates[:n], gates[n : 2 * n], gates[2 * n : 3 * n], gates[3 * n :]
    sigmoids(o)
    for j in range(n):
        g[j] = tanh(g[j])
    for j in range(n):
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(n):
        h[j] = o[j] * tanh(c[j])


@kernel(fastmath=REASSOCIATE, borrows=True)
def lstm_cell_backward(gates, c_before, c, dh, dc, dgates):
    one = dh.dtype.type(1)
    n = dh.size
    flush(dc)
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


@kernel(fastmath=REASSOCIATE, borrows=True)
def gru_cell(gates, h):
    one = h.dtype.type(1)
    k = h.size
    sigmoids(gates[k : 3 * k])
    n, r, z, m = gates[:k], gates[k : 2 * k], gates[2 * k : 3 * k], gates[3 * k :]
    for j in range(k):
        m[j] = tanh(m[j] + r[j] * n[j])
    for j in range(k):
        h[j] = (one - z[j]) * m[j] + z[j] * h[j]


@kernel(fastmath=REASSOCIATE, borrows=True)
def gru_cell_backward(gates, h_before, dh, dgates):
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
