"""Huge, tiny, infinite and missing numbers: what NumPy gives for the formula, or what is documented here."""

import warnings

import numpy as np
import pytest

import tinymm as tm
from tinymm import formulas
from tinymm import functional as F
from tinymm.kernels import winograd

from .table import ROWS, as_tuple

EXTREMES = [1e30, -1e30, 1e-40, -1e-40, 1e-310, np.inf, -np.inf, np.nan, 0.0, -0.0]  # 1e-40 is subnormal in float32
TOLERANCE = {np.float32: {"rtol": 2e-4, "atol": 2e-5}, np.float64: {"rtol": 1e-9, "atol": 1e-10}}


def log_sum_exp(x, axis, keepdims=False):
    with np.errstate(all="ignore"):
        most = np.max(x, axis=axis, keepdims=True)
        shift = np.where(np.isfinite(most), most, 0)
        found = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return found if keepdims else np.squeeze(found, axis if axis is not None else tuple(range(x.ndim)))


def log_softmax(x):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - log_sum_exp(shifted, -1, True)


# What the formula leaves out: ours does not overflow where it does.
ACCURATE = {
    "log_softmax": log_softmax,
    "binary_cross_entropy_with_logits": lambda z: np.array([0, 1, 0], z.dtype) * z + np.logaddexp(-z, 0),
}
# Where the formula has 0 · ∞ or ∞ − ∞, NaN, ours may have a number: zeros that only fill up (a border, an empty place of a
# sparse matrix, what a pool does not pass on) are never multiplied; a product of three may be taken in another order;
# and a vector without length has no direction, where ours has the direction 0.
FEWER_NAN = {
    *("conv2d_input_gradient", "conv2d_weight_gradient", "unpool", "sparse_linear", "sparse_outer"),
    *("einsum", "contrastive_loss"),
}
# Sums of exponentials that overflow in the formula; `test_nothing_overflows` has them.
OVERFLOWS = {"logsumexp", "ctc_losses", "ctc_loss"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{i}" for i, row in enumerate(ROWS)])
def test_extreme_numbers_as_in_numpy(row, dtype):
    for case in row.cases:
        for number, value in enumerate(EXTREMES):
            if row.name in OVERFLOWS and abs(value) >= 1e30:
                continue
            rng, which = np.random.default_rng(number), number % len(case)
            arrays = row.arrays(rng, case, dtype)
            if not arrays[which].size:
                continue
            with np.errstate(all="ignore"):
                if rng.random() < 0.5:
                    arrays[which] = np.full_like(arrays[which], value)
                else:
                    arrays[which].flat[rng.integers(arrays[which].size)] = value
            compare(row, arrays, dtype)


def compare(row, arrays, dtype):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = ACCURATE.get(row.name)
        expected = as_tuple(exact(*arrays)) if exact else row.expected(arrays)
        found = as_tuple(row.call(F, *arrays))
        recorded = as_tuple(row.call(F, *[tm.Tensor(a, requires_grad=True) for a in arrays]))
    for y, z, wanted in zip(found, recorded, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(z), y)
        if row.name in FEWER_NAN:
            wanted = np.where(np.isnan(wanted), y, wanted)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(y, wanted, **TOLERANCE[dtype])


def values_and_gradients(f, *arrays):
    """With any overflow, 0 / 0 or ∞ − ∞ an error."""
    tensors = [tm.Tensor(a, requires_grad=True) for a in arrays]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = f(*tensors)
        y.sum().backward()
    return y.data, [t.grad.data for t in tensors]


HUGE = np.array([[1e30, -1e30, 0.0, 1e30], [-1e30, -1e30, -1e30, -1e30], [1e4, 0.0, -1e4, 700.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows(dtype):
    """Softmax and its kin, σ and the losses made of them, for logits that differ by up to 2 · 10³⁰."""
    z = HUGE.astype(dtype)
    y, (g,) = values_and_gradients(F.softmax, z)
    np.testing.assert_allclose(y, [[0.5, 0, 0, 0.5], [0.25] * 4, [1, 0, 0, 0]])
    np.testing.assert_allclose(g, 0, atol=1e-7)
    y, (g,) = values_and_gradients(F.log_softmax, z)
    np.testing.assert_allclose(y[1], -np.log(4), rtol=1e-6)
    assert np.isfinite(g).all()
    y, (g,) = values_and_gradients(
        F.logsumexp,
        z,
    )
    assert y == dtype(1e30) and np.isfinite(g).all()
    y, _ = values_and_gradients(lambda z: F.logsumexp(z, axis=1), z)
    np.testing.assert_array_equal(y, np.array([1e30, -1e30, 1e4], dtype))
    y, (g,) = values_and_gradients(F.sigmoid, z)
    np.testing.assert_array_equal(y, np.array([[1, 0, 0.5, 1], [0, 0, 0, 0], [1, 0.5, 0, 1]], dtype))
    np.testing.assert_allclose(g, np.where(z == 0, 0.25, 0), atol=1e-30)
    _, (g,) = values_and_gradients(F.tanh, z)
    np.testing.assert_array_equal(g, z == 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "none"}])
def test_cross_entropy_does_not_overflow(dtype, options):
    z = HUGE.astype(dtype)
    y, (g,) = values_and_gradients(lambda z: F.cross_entropy(z, [1, 0, 3], **options), z)
    assert np.isfinite(y).all() and np.isfinite(g).all()
    if options == {"reduction": "none"}:
        np.testing.assert_allclose(y, [2e30, np.log(4), 9300], rtol=1e-6)
    y, (g,) = values_and_gradients(lambda z: F.binary_cross_entropy_with_logits(z, z > 0), z)
    np.testing.assert_allclose(y, 2 * np.log(2) / 12, rtol=1e-6)
    assert np.isfinite(g).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ctc_does_not_overflow(dtype):
    """Hundreds of steps, each very sure or very unsure, of what is not there."""
    rng = np.random.default_rng(0)
    for scale in (1e-40, 1, 1e4, 1e30):
        z = (rng.standard_normal((2, 300, 5)) * scale).astype(dtype)
        labels, steps, length = np.array([[1, 2, 3], [4, 4, 0]]), np.array([300, 280]), np.array([3, 2])
        y, (g,) = values_and_gradients(lambda z, a=(labels, steps, length): F.ctc_loss(F.log_softmax(z), *a), z)
        assert np.isfinite(y).all() and np.isfinite(g).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e30, 1e-40])
def test_extreme_numbers_in_whole_vectors(value):
    """Large enough for the tiles and vectors of the kernels, whose ends the table's small cases do not leave."""
    rng = np.random.default_rng(0)

    def with_extreme(*shape):
        x = rng.standard_normal(shape).astype(np.float32)
        x[tuple(n // 2 for n in shape)] = value
        return x

    def plain(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    z, b, labels = with_extreme(40, 50), plain(50, 60), rng.integers(0, 50, 40)
    many, weight = with_extreme(4, 64, 16, 16), plain(64, 64, 3, 3)
    assert winograd.suits(many.shape, weight.shape, (1, 1), (1, 1), (1, 1), 1)
    one, filters = with_extreme(2, 1, 28, 28), plain(32, 1, 3, 3)
    blocks = (4, 64, 8, 2, 8, 2)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = {
            "matmul": (F.matmul(z, b), z @ b),
            "softmax": (F.softmax(z), formulas.softmax(z)),
            "cross_entropy": (F.cross_entropy(z, labels, reduction="none"), formulas.cross_entropy(z, labels)),
            "sigmoid": (F.sigmoid(z), formulas.sigmoid(z)),
            "conv2d of many channels": (
                F.conv2d(many, weight, padding=1),
                formulas.convolution(many, weight, None, 1, 1),
            ),
            "conv2d of one channel": (F.conv2d(one, filters), formulas.convolution(one, filters)),
            "max_pool2d": (F.max_pool2d(many, 2), many.reshape(blocks).max((3, 5))),
            "avg_pool2d": (F.avg_pool2d(many, 2), many.reshape(blocks).mean((3, 5))),
        }
        x, state = with_extreme(5, 7, 20), 24
        for name, gates, biases in (("rnn", 1, 1), ("lstm", 4, 1), ("gru", 3, 2)):
            weights = [plain(gates * state, 20) / 8, plain(gates * state, state) / 8]
            weights += [plain(gates * state) for _ in range(biases)]
            found, expected = (as_tuple(getattr(home, name)(x, *weights)) for home in (F, formulas))
            pairs |= {f"{name} {i}": pair for i, pair in enumerate(zip(found, expected, strict=True))}
        for name, (found, expected) in pairs.items():
            if name == "cross_entropy":  # 0 where the formula's exponentials overflow
                expected = np.where(abs(expected) == np.inf, found, expected)
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3, err_msg=name)
