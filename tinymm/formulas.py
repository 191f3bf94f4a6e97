"""The formulas as a textbook prints them: plain NumPy and loops, slow and obvious.

Lessons quote these functions, and the fast kernels are proven equal to them by property tests.

Shapes: N samples, C channels, O filters, D features, T time steps, H hidden units, K classes.
Sources: Goodfellow, Bengio & Courville, "Deep Learning" (MIT Press 2016) unless a docstring names another.
"""

import itertools
from collections.abc import Callable

import numpy as np

Pair = int | tuple[int, int]
Array = np.ndarray


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


# --- neurons and images ---------------------------------------------------------------------------------


def neuron(x: Array, weight: Array, bias: Array | float = 0.0) -> Array:
    """One neuron before its activation: f(x) = Σᵢ wᵢ xᵢ + b, x and weight of the same shape.

    >>> float(neuron(np.array([1.0, 2.0]), np.array([0.5, -1.0]), 3.0))
    1.5
    """
    return np.sum(weight * x) + bias


def convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """Each output pixel is a neuron that looks at one patch of the image.

    f(n, o, i, j) = Σ_c Σ_u Σ_v w(o, c, u, v) · x(n, c, i·s + u·d, j·s + v·d) + b(o), with x zero outside
    the image, stride s and dilation d. With groups, filter o sees only the channels of its own group.
    The kernel is not flipped: this is cross-correlation, which is called convolution in this field.

    Shapes: x (N, C, height, width), weight (O, C/groups, kh, kw), bias (O,); the result is
    (N, O, height', width') with height' = ⌊(height + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1.
    Source: Goodfellow et al. 2016, section 9.1; Dumoulin & Visin, "A guide to convolution arithmetic" (2016).
    """
    (s_i, s_j), (p_i, p_j), (d_i, d_j) = _pair(stride), _pair(padding), _pair(dilation)
    filters, channels, kh, kw = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (p_i, p_i), (p_j, p_j)))
    reach_i, reach_j = d_i * (kh - 1) + 1, d_j * (kw - 1) + 1
    height = (padded.shape[2] - reach_i) // s_i + 1
    width = (padded.shape[3] - reach_j) // s_j + 1
    out = np.zeros((len(x), filters, height, width), np.result_type(x, weight))
    for n, o, i, j in np.ndindex(out.shape):
        first = o // (filters // groups) * channels
        top, left = i * s_i, j * s_j
        patch = padded[n, first : first + channels, top : top + reach_i : d_i, left : left + reach_j : d_j]
        out[n, o, i, j] = neuron(patch, weight[o], 0.0 if bias is None else bias[o])
    return out


def max_pooling(x: Array, window: Pair, stride: Pair | None = None, padding: Pair = 0) -> Array:
    """The largest value of each window: f(n, c, i, j) = max over u, v of x(n, c, i·s + u, j·s + v).

    Shapes: x (N, C, height, width); the result has height' = ⌊(height + 2·padding − window) / stride⌋ + 1.
    The stride is the window unless given. Outside the image x counts as −∞; NaN wins over every number.
    Source: Goodfellow et al. 2016, section 9.3.
    """
    return _pooling(np.max, x, window, stride, padding, outside=-np.inf)


def average_pooling(x: Array, window: Pair, stride: Pair | None = None, padding: Pair = 0) -> Array:
    """The mean of each window; outside the image x counts as 0. Shapes as in `max_pooling`.

    Source: LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    """
    return _pooling(np.mean, x, window, stride, padding, outside=0.0)


def _pooling(summary, x: Array, window: Pair, stride: Pair | None, padding: Pair, outside: float) -> Array:
    (kh, kw), (p_i, p_j) = _pair(window), _pair(padding)
    s_i, s_j = _pair(window if stride is None else stride)
    padded = np.pad(x, ((0, 0), (0, 0), (p_i, p_i), (p_j, p_j)), constant_values=outside)
    height = (padded.shape[2] - kh) // s_i + 1
    width = (padded.shape[3] - kw) // s_j + 1
    out = np.zeros((*x.shape[:2], height, width), x.dtype)
    for n, c, i, j in np.ndindex(out.shape):
        out[n, c, i, j] = summary(padded[n, c, i * s_i : i * s_i + kh, j * s_j : j * s_j + kw])
    return out


# --- sequences ------------------------------------------------------------------------------------------


def _unroll(cell, x: Array, states: tuple[Array, ...], lengths: Array | None) -> tuple[Array, tuple]:
    """Run the cell over each sequence for as many steps as it is long; states[0] is also the output."""
    samples, steps = x.shape[:2]
    outputs = np.zeros((samples, steps, states[0].shape[1]), states[0].dtype)
    finals = tuple(np.array(state) for state in states)
    for n in range(samples):
        state = tuple(state[n] for state in states)
        for t in range(steps if lengths is None else lengths[n]):
            state = cell(x[n, t], *state)
            outputs[n, t] = state[0]
        for final, last in zip(finals, state, strict=True):
            final[n] = last
    return outputs, finals


def _start(state: Array | None, x: Array, weight_hh: Array) -> Array:
    return np.zeros((len(x), weight_hh.shape[1]), x.dtype) if state is None else state


def rnn(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
) -> tuple[Array, Array]:
    """The simple recurrent network: hₜ = tanh(W xₜ + U hₜ₋₁ + b).

    Shapes: x (N, T, D), W = weight_ih (H, D), U = weight_hh (H, H), bias (H,), h0 (N, H) or zeros,
    lengths (N,) or all T. Returns (outputs (N, T, H), final state (N, H)). Outputs after a sequence's end
    are 0; the final state is that of its last valid step.
    Source: Goodfellow et al. 2016, eqs. 10.8 and 10.9; Elman, "Finding structure in time" (1990).
    """

    def cell(x_t, h):
        return (np.tanh(weight_ih @ x_t + weight_hh @ h + bias),)

    outputs, (final,) = _unroll(cell, x, (_start(h0, x, weight_hh),), lengths)
    return outputs, final


def lstm(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array,
    h0: Array | None = None,
    c0: Array | None = None,
    lengths: Array | None = None,
) -> tuple[Array, tuple[Array, Array]]:
    """Long short-term memory: gates decide what the cell c forgets, takes in and shows.

        (i, f, g, o) = W xₜ + U hₜ₋₁ + b, cut in four
        cₜ = σ(f) · cₜ₋₁ + σ(i) · tanh(g)
        hₜ = σ(o) · tanh(cₜ)

    Shapes: as in `rnn`, with four blocks of rows in the order i, f, g, o: weight_ih (4H, D),
    weight_hh (4H, H), bias (4H,), c0 (N, H). Returns (outputs (N, T, H), (h (N, H), c (N, H))).
    Source: Hochreiter & Schmidhuber, "Long short-term memory" (1997); forget gate: Gers et al. (2000).
    """

    def cell(x_t, h, c):
        i, f, g, o = np.split(weight_ih @ x_t + weight_hh @ h + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    outputs, (h, c) = _unroll(cell, x, (_start(h0, x, weight_hh), _start(c0, x, weight_hh)), lengths)
    return outputs, (h, c)


def gru(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
) -> tuple[Array, Array]:
    """The gated recurrent unit: z decides how much of the old state stays, r what the candidate n sees.

        r = σ(W_r xₜ + b_r + U_r hₜ₋₁ + d_r)
        z = σ(W_z xₜ + b_z + U_z hₜ₋₁ + d_z)
        n = tanh(W_n xₜ + b_n + r · (U_n hₜ₋₁ + d_n))
        hₜ = (1 − z) · n + z · hₜ₋₁

    Shapes: as in `rnn`, with three blocks of rows in the order r, z, n: W = weight_ih (3H, D),
    U = weight_hh (3H, H), b = bias_ih (3H,), d = bias_hh (3H,). Returns (outputs (N, T, H), final (N, H)).
    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), in the variant
    of its preprint's first version that applies r after the product with U, as PyTorch and cuDNN do.
    """

    def cell(x_t, h):
        x_r, x_z, x_n = np.split(weight_ih @ x_t + bias_ih, 3)
        h_r, h_z, h_n = np.split(weight_hh @ h + bias_hh, 3)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = np.tanh(x_n + r * h_n)
        return ((1 - z) * n + z * h,)

    outputs, (final,) = _unroll(cell, x, (_start(h0, x, weight_hh),), lengths)
    return outputs, final


# --- probabilities and losses ---------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ), written so that e is never raised to a large power (eq. 3.30).

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softmax(z: Array) -> Array:
    """softmax(z)ₖ = exp(zₖ) / Σⱼ exp(zⱼ) over the last axis; the largest z is subtracted first (section 4.1).

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def log_sum_exp(z: Array) -> Array:
    """log Σⱼ exp(zⱼ) over the last axis, without overflow: m + log Σⱼ exp(zⱼ − m) with m = maxⱼ zⱼ.

    >>> float(log_sum_exp(np.array([1000.0, 1000.0])))
    1000.693...
    """
    m = np.max(z, axis=-1, keepdims=True)
    m = np.where(np.isinf(m), 0, m)  # ∞ − ∞ would be NaN
    with np.errstate(divide="ignore"):  # all −∞: log 0 = −∞ is right
        return np.log(np.sum(np.exp(z - m), axis=-1)) + m[..., 0]


def logistic_regression(x: Array, weight: Array, bias: Array | float) -> Array:
    """Class probabilities of a linear model: p = σ(w·x + b) for two classes, softmax(W x + b) for more.

    Shapes: x (N, D); binary: weight (D,), bias a number, p (N,) is the probability of class 1;
    multinomial: weight (K, D), bias (K,), p (N, K). Source: section 6.2.2; Cox (1958).
    """
    z = x @ weight.T + bias
    return sigmoid(z) if weight.ndim == 1 else softmax(z)


def cross_entropy(z: Array, targets: Array) -> Array:
    """The loss of each sample: −log softmax(z)_y = log Σⱼ exp(zⱼ − m) − (z_y − m), m = maxⱼ zⱼ.

    Shapes: logits z (N, K), targets y (N,) integers in 0 … K − 1; the result is (N,), its mean is the loss
    of the batch. Source: section 6.2.2.3.
    """
    shifted = z - np.max(z, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(shifted), axis=-1)) - shifted[np.arange(len(z)), targets]


# --- derivatives ----------------------------------------------------------------------------------------


def numerical_gradient(f, x: Array, eps: float = 1e-6) -> Array:
    """∂f/∂xᵢ ≈ (f(x + ε eᵢ) − f(x − ε eᵢ)) / 2ε for each element i of x, where eᵢ is 1 at i and 0 elsewhere.

    f takes an array of x's shape and returns a number; x is not changed. Its error is of order ε², plus the rounding
    of f divided by ε: in float64 an ε of 1e-5 to 1e-6 is about best. Source: section 11.5.

    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 3.0])).round(6)
    array([2., 6.])
    """
    gradient = np.zeros(np.shape(x))
    for i in np.ndindex(gradient.shape):
        step = np.zeros(gradient.shape)
        step[i] = eps
        gradient[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient


# --- one step of an optimiser ---------------------------------------------------------------------------
# θ parameters, g = ∇L(θ) their gradient, lr the learning rate η. Each returns the new θ, then its new state,
# which starts as zeros. weight_decay λ adds λθ to the gradient; only adamw shrinks θ itself.


def gradient_descent(theta: Array, gradient: Array, lr: float, weight_decay: float = 0.0) -> Array:
    """θ ← θ − η g (eq. 4.5).

    >>> gradient_descent(np.array([1.0, 2.0]), np.array([2.0, -2.0]), lr=0.5)
    array([0., 3.])
    """
    g = gradient + weight_decay * theta
    return theta - lr * g


def asynchronous_sgd(
    theta: Array, gradient: Callable[[Array], Array], lr: float, staleness: list[int], aware: bool = False
) -> list[Array]:
    """θₖ₊₁ ← θₖ − η g(θₖ₋τ): update k has the gradient of parameters that are τ = staleness[k] updates old.

    `aware` divides η by max(1, τ). Returns θ₀, θ₁, …. Sources: Bertsekas & Tsitsiklis (1989), chapter 7; Zhang et al.
    (2016), eq. 6.

    >>> asynchronous_sgd(np.array([1.0]), lambda theta: theta, lr=0.5, staleness=[0, 1])
    [array([1.]), array([0.5]), array([0.])]
    """
    thetas = [theta]
    for k, tau in enumerate(staleness):
        rate = lr / max(1, tau) if aware else lr
        thetas.append(thetas[k] - rate * gradient(thetas[k - tau]))
    return thetas


def momentum(
    theta: Array, gradient: Array, velocity: Array, lr: float, mu: float = 0.9, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """v ← μ v + g; θ ← θ − η v. Source: Polyak (1964), with η outside of v as in PyTorch."""
    g = gradient + weight_decay * theta
    velocity = mu * velocity + g
    return theta - lr * velocity, velocity


def nesterov(
    theta: Array, gradient: Array, velocity: Array, lr: float, mu: float = 0.9, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """v ← μ v + g; θ ← θ − η (g + μ v): momentum that looks one step ahead.

    Source: Nesterov (1983), as rewritten by Sutskever et al. (2013), with η outside of v as in PyTorch.
    """
    g = gradient + weight_decay * theta
    velocity = mu * velocity + g
    return theta - lr * (g + mu * velocity), velocity


def adagrad(
    theta: Array, gradient: Array, total: Array, lr: float, eps: float = 1e-10, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """s ← s + g²; θ ← θ − η g / (√s + ε). Source: Duchi, Hazan & Singer (2011)."""
    g = gradient + weight_decay * theta
    total = total + g**2
    return theta - lr * g / (np.sqrt(total) + eps), total


def rmsprop(
    theta: Array,
    gradient: Array,
    square: Array,
    velocity: Array,
    mean: Array,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    mu: float = 0.0,
    centered: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array, Array]:
    """s ← α s + (1 − α) g²; v ← μ v + g / (√s + ε); θ ← θ − η v. Returns (θ, s, v, mean).

    Centred, s is replaced under the root by the variance s − m², where m ← α m + (1 − α) g.
    Source: Tieleman & Hinton (2012, lecture 6.5); centred: Graves, "Generating sequences" (2013).
    """
    g = gradient + weight_decay * theta
    square = alpha * square + (1 - alpha) * g**2
    variance = square
    if centered:
        mean = alpha * mean + (1 - alpha) * g
        variance = square - mean**2
    velocity = mu * velocity + g / (np.sqrt(variance) + eps)
    return theta - lr * velocity, square, velocity, mean


def adam(
    theta: Array,
    gradient: Array,
    m: Array,
    v: Array,
    step: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array]:
    """m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; θ ← θ − η m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) undo the pull of the zeros they began with; the step t
    counts from 1. Source: Kingma & Ba, "Adam" (2015), algorithm 1.
    """
    g = gradient + weight_decay * theta
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**step)
    v_hat = v / (1 - beta2**step)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adamw(
    theta: Array,
    gradient: Array,
    m: Array,
    v: Array,
    step: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Array, Array, Array]:
    """θ ← θ − η λ θ, then Adam's step: the decay does not pass through the gradient.

    Source: Loshchilov & Hutter, "Decoupled weight decay regularization" (2019), with η before λ as in PyTorch.
    """
    return adam(theta - lr * weight_decay * theta, gradient, m, v, step, lr, beta1, beta2, eps)


# --- metrics --------------------------------------------------------------------------------------------
# From counts: true positives tp, false positives fp, false negatives fn. A score with nothing to count is 0.


def precision(tp: int, fp: int) -> float:
    """Of all that was called positive, how much is: tp / (tp + fp) (section 11.1).

    >>> precision(tp=3, fp=1)
    0.75
    """
    return tp / (tp + fp) if tp + fp else 0.0


def recall(tp: int, fn: int) -> float:
    """Of all that is positive, how much was found: tp / (tp + fn) (section 11.1).

    >>> recall(tp=3, fn=0)
    1.0
    """
    return tp / (tp + fn) if tp + fn else 0.0


def f1(tp: int, fp: int, fn: int) -> float:
    """The harmonic mean of precision p and recall r: 2 p r / (p + r) = 2 tp / (2 tp + fp + fn) (eq. 11.1).

    >>> f1(tp=3, fp=1, fn=1)
    0.75
    """
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


# --- speech: labels that nobody aligned with the steps ---------------------------------------------------


def collapse(alignment: tuple[int, ...], blank: int = 0) -> tuple[int, ...]:
    """What an alignment says: repeats merged, then blanks dropped (Graves et al. 2006, section 3.1).

    >>> collapse((3, 3, 0, 3, 5))
    (3, 3, 5)
    """
    merged = [label for label, _ in itertools.groupby(alignment)]
    return tuple(label for label in merged if label != blank)


def ctc_loss(log_probs: Array, targets: tuple[int, ...], blank: int = 0) -> float:
    """−log p, p = Σ_π Πₜ exp(log_probs[t, πₜ]) over all alignments π with collapse(π) = targets.

    Shapes: log_probs (T, C), targets S labels. All Cᵀ alignments are tried: for tiny inputs only. Where none says
    the targets, the loss is ∞. Source: Graves, Fernández, Gomez & Schmidhuber (2006), eqs. 2, 3 and 12.

    >>> round(float(np.exp(-ctc_loss(np.log([[0.5, 0.5], [0.5, 0.5]]), (1,)))), 4)
    0.75
    """
    steps, classes = log_probs.shape
    p = sum(
        np.exp(sum(log_probs[t, label] for t, label in enumerate(alignment)))
        for alignment in itertools.product(range(classes), repeat=steps)
        if collapse(alignment, blank) == tuple(targets)
    )
    return float(-np.log(p)) if p != 0 else float("inf")
