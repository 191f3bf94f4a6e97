"""Lesson 10: remembering with the tanh cell and the LSTM."""

import numpy as np

import tinymm as tm
from tinymm import formulas
from tinymm.formulas import numerical_gradient
from tinymm.lessons.exercise import Lesson, exercise

LESSON = Lesson(10, "Remembering", minutes=40, question="How does a network know what came before?")


# --- 10.1 ------------------------------------------------------------------------------------------------


def _step_given(rng):
    d, hidden = rng.permutation([2, 3, 4, 5])[:2]
    shapes = [(d,), (hidden,), (hidden, d), (hidden, hidden), (hidden,)]
    return tuple(rng.normal(size=shape) for shape in shapes)


@exercise(
    "10.1",
    given=_step_given,
    truth=lambda x, h, W, U, b: formulas.rnn(x[None, None], W, U, b, h[None])[0][0, 0],
    hints=(
        "Three things are added: W @ x, U @ h and b. All three have the shape (H,).",
        "tanh comes last, around the whole sum: np.tanh(…).",
    ),
)
def rnn_step(x, h, W, U, b):
    """Return the new state tanh(W x + U h + b), shape (H,).

    x (D,) is this step's input, h (H,) the state before; W (H, D), U (H, H), b (H,).
    """
    return np.tanh(W @ x + U @ h + b)


rnn_step.mistake("The tanh around the sum is missing.", lambda x, h, W, U, b: W @ x + U @ h + b)
rnn_step.mistake(
    "The memory is missing: U @ h belongs into the sum, or the step knows nothing of what came before.",
    lambda x, h, W, U, b: np.tanh(W @ x + b),
)
rnn_step.mistake("The bias b is missing.", lambda x, h, W, U, b: np.tanh(W @ x + U @ h))
rnn_step.mistake(
    "tanh comes once, around the whole sum, not around each part.",
    lambda x, h, W, U, b: np.tanh(W @ x) + np.tanh(U @ h) + np.tanh(b),
)
rnn_step.mistake(
    "W reads the input and U the state; here they are exchanged.", lambda x, h, W, U, b: np.tanh(U @ x + W @ h + b)
)
rnn_step.mistake(
    "U has one row for each new number: it is U @ h. With U.T its columns are taken for its rows.",
    lambda x, h, W, U, b: np.tanh(W @ x + U.T @ h + b),
)


# --- 10.2 ------------------------------------------------------------------------------------------------


@exercise(
    "10.2",
    given=lambda rng: (int(rng.integers(2, 100)), int(rng.integers(2, 100))),
    returns=("number of weights of the tanh cell", "number of weights of the LSTM"),
    hints=(
        "A matrix of shape (H, D) holds H · D numbers. Which shapes have W, U and b?",
        "The LSTM has four blocks (i, f, g, o), and each is as large as a tanh cell.",
    ),
)
def count_weights(D, H):
    """Return (how many numbers W, U and b hold in a tanh cell, how many in an LSTM).

    There are D inputs and H units. The number of time steps is not given: why does it not matter?
    """
    cell = H * D + H * H + H
    return cell, 4 * cell


count_weights.mistake(
    "The biases are missing: b holds H numbers more.", lambda D, H: (H * D + H * H, 4 * (H * D + H * H))
)
count_weights.mistake("U is missing: it holds H · H numbers.", lambda D, H: (H * D + H, 4 * (H * D + H)))
count_weights.mistake(
    "There are four blocks in an LSTM, not three: i, f, g and o.",
    lambda D, H: (H * D + H * H + H, 3 * (H * D + H * H + H)),
)
count_weights.mistake(
    "U goes from the state to the state: it is (H, H), not (H, D).",
    lambda D, H: (2 * H * D + H, 4 * (2 * H * D + H)),
)
count_weights.mistake(
    "Each of the four blocks has a bias of its own: count b four times, too.",
    lambda D, H: (H * D + H * H + H, 4 * (H * D + H * H) + H),
)


# --- 10.3 ------------------------------------------------------------------------------------------------


def _bptt_given(rng):
    steps, hidden = int(rng.integers(3, 7)), int(rng.integers(2, 4))
    W, U, b = rng.normal(size=(hidden, 2)), rng.normal(size=(hidden, hidden)), rng.normal(size=hidden)
    return rng.normal(size=(steps, 2)), 0.5 * W, 0.7 * U, 0.3 * b, rng.normal(size=hidden)


def _last_state(x, W, U, b):
    h = np.zeros(len(b))
    for x_t in x:
        h = np.tanh(W @ x_t + U @ h + b)
    return h


def _bptt(x, W, U, b, g, *, slope=lambda h: 1 - h**2, back=lambda U: U.T, steps=None, shift=0):
    """Back through time, with the places where it goes wrong as arguments."""
    h = [np.zeros(len(b))]
    for x_t in x:
        h.append(np.tanh(W @ x_t + U @ h[-1] + b))
    dU, db = np.zeros_like(U), np.zeros_like(b)
    for t in list(range(len(x), 0, -1))[:steps]:
        dz = g * slope(h[t])
        dU += np.outer(dz, h[t - 1 + shift])
        db += dz
        g = back(U) @ dz
    return dU, db


@exercise(
    "10.3",
    given=_bptt_given,
    truth=lambda x, W, U, b, g: (
        numerical_gradient(lambda U: g @ _last_state(x, W, U, b), U),
        numerical_gradient(lambda b: g @ _last_state(x, W, U, b), b),
    ),
    returns=("gradient for U", "gradient for b"),
    rtol=1e-4,
    atol=1e-6,
    hints=(
        "First go forward and keep all states: h[0] is zeros, h[t] comes after step t.",
        "Then go back, from the last t to the first. Through tanh: dz = g * (1 - h[t]**2). "
        "b gets dz, and U gets np.outer(dz, h[t - 1]). Add them up: every step uses the same U and b.",
        "What goes on to the step before is g = U.T @ dz.",
    ),
)
def back_through_time(x, W, U, b, g):
    """Return (gradient for U (H, H), gradient for b (H,)) of a loss L.

    x (T, D); W (H, D), U (H, H), b (H,) are the cell's; the first state is zeros.
    g (H,) is the gradient of L for the last state. L depends on nothing else.
    """
    h = [np.zeros(len(b))]
    for x_t in x:
        h.append(np.tanh(W @ x_t + U @ h[-1] + b))
    dU, db = np.zeros_like(U), np.zeros_like(b)
    for t in range(len(x), 0, -1):
        dz = g * (1 - h[t] ** 2)
        dU += np.outer(dz, h[t - 1])
        db += dz
        g = U.T @ dz
    return dU, db


back_through_time.mistake(
    "This is only the last step. U and b were used at every step: go back through all of them and add up.",
    lambda x, W, U, b, g: _bptt(x, W, U, b, g, steps=1),
)
back_through_time.mistake(
    "The slope of tanh is missing: multiply by 1 - h[t]**2.",
    lambda x, W, U, b, g: _bptt(x, W, U, b, g, slope=lambda h: 1),
)
back_through_time.mistake(
    "On the way back it is U.T @ dz: what went through a row of U must come back through it.",
    lambda x, W, U, b, g: _bptt(x, W, U, b, g, back=lambda U: U),
)
back_through_time.mistake(
    "U was multiplied by the state before the step, h[t - 1], not by h[t].",
    lambda x, W, U, b, g: _bptt(x, W, U, b, g, shift=1),
)
back_through_time.mistake(
    "The slope of tanh is 1 - h², not 1 - h.",
    lambda x, W, U, b, g: _bptt(x, W, U, b, g, slope=lambda h: 1 - h),
)


# --- 10.4 ------------------------------------------------------------------------------------------------


def _lstm_given(rng):
    d, hidden = rng.permutation([2, 3, 4, 5])[:2]
    shapes = [(d,), (hidden,), (hidden,), (4 * hidden, d), (4 * hidden, hidden), (4 * hidden,)]
    return tuple(rng.normal(size=shape) for shape in shapes)


def _lstm_truth(x, h, c, W, U, b):
    _, (h, c) = formulas.lstm(x[None, None], W, U, b, h[None], c[None])
    return h[0], c[0]


def _lstm(x, h, c, W, U, b, *, order="ifgo", take=np.tanh, show=np.tanh, keep=True):
    blocks = dict(zip(order, np.split(W @ x + U @ h + b, 4), strict=True))
    i, f, o = (formulas.sigmoid(blocks[name]) for name in "ifo")
    c = (f * c if keep else c) + i * take(blocks["g"])
    return o * show(c), c


@exercise(
    "10.4",
    given=_lstm_given,
    truth=_lstm_truth,
    returns=("new state h", "new memory c"),
    hints=(
        "First z = W @ x + U @ h + b, of shape (4 H,). np.split(z, 4) cuts it into i, f, g, o.",
        "i, f and o go through the sigmoid, g goes through tanh. Keep a share f of c, add a share i of tanh(g).",
        "The new h is made of the new c: sigmoid(o) * np.tanh(c).",
    ),
)
def lstm_step(x, h, c, W, U, b):
    """Return (new h, new c), both (H,), of an LSTM. tm.formulas.sigmoid is σ.

    x (D,), h (H,), c (H,) come in; W (4H, D), U (4H, H), b (4H,) hold the four blocks
    i, f, g, o, one below the other.
    """
    sigmoid = tm.formulas.sigmoid
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


lstm_step.mistake(
    "The blocks come in the order i, f, g, o: the first one takes in, the second one keeps.",
    lambda x, h, c, W, U, b: _lstm(x, h, c, W, U, b, order="figo"),
)
lstm_step.mistake(
    "The last two blocks are exchanged: g is the third, o the last.",
    lambda x, h, c, W, U, b: _lstm(x, h, c, W, U, b, order="ifog"),
)
lstm_step.mistake(
    "g is no gate: it is what may be taken in, from -1 to 1, so it goes through tanh.",
    lambda x, h, c, W, U, b: _lstm(x, h, c, W, U, b, take=formulas.sigmoid),
)
lstm_step.mistake(
    "h shows tanh(c), not c itself: c may grow beyond 1.",
    lambda x, h, c, W, U, b: _lstm(x, h, c, W, U, b, show=lambda c: c),
)
lstm_step.mistake(
    "The forget gate is missing: of the old c only the share sigmoid(f) stays.",
    lambda x, h, c, W, U, b: _lstm(x, h, c, W, U, b, keep=False),
)
