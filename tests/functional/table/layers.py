"""Products, activations, normalisation and losses."""

import numpy as np

from tinymm import formulas
from tinymm.tape import OPERATIONS

from .row import CUBE, ONE, Row, anywhere, binary, distinct, nonzero, unary

EINSUMS = {
    "ij,jk->ik": ((2, 3), (3, 2)),
    "nij,njk->nik": ((2, 2, 3), (2, 3, 1)),
    "i,i->": ((3,), (3,)),
    "i,j": ((2,), (3,)),
    "ij,kj": ((2, 3), (2, 3)),
    "...ij,...jk->...ik": ((2, 1, 2, 3), (2, 3, 1)),
    "ij,j->i": ((0, 3), (3,)),
    "abc,b->ca": ((2, 3, 2), (3,)),
}

LINEAR = [
    Row(
        "matmul",
        lambda f, a, b: f.matmul(a, b),
        [
            *(
                ((2, 3), (3, 4)),
                ((3,), (3,)),
                ((2, 3), (3,)),
                ((3,), (3, 2)),
                ((1, 1), (1, 1)),
                ((0, 3), (3, 2)),
            ),
            *(((2, 0), (0, 3)), ((2, 1, 2, 3), (2, 3, 2)), ((2, 2, 3), (3,)), ((3,), (2, 3, 2))),
        ],
    ),
    Row(
        "dot",
        lambda f, a, b: f.dot(a, b),
        [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((), (2,))],
        torch=lambda t, a, b: a @ b if a.ndim else a * b,
    ),
    Row(
        "outer",
        lambda f, a, b: f.outer(a, b),
        [((2,), (3,)), ((2, 2), (3, 1))],
        torch=lambda t, a, b: t.outer(a.ravel(), b.ravel()),
    ),
    Row(
        "linear",
        lambda f, x, w, b: f.linear(x, w, b),
        [((2, 3), (4, 3), (4,)), ((3,), (2, 3), (2,)), ((2, 1, 3), (1, 3), (1,)), ((0, 3), (2, 3), (2,))],
        formula=lambda x, w, b: x @ w.T + b,
        torch=lambda t, x, w, b: t.nn.functional.linear(x, w, b),
    ),
    Row(
        "linear",
        lambda f, x, w: f.linear(x, w),
        [((2, 3), (4, 3))],
        formula=lambda x, w: x @ w.T,
        torch=lambda t, x, w: t.nn.functional.linear(x, w),
    ),
    *(Row("einsum", lambda f, a, b, text=text: f.einsum(text, a, b), [case]) for text, case in EINSUMS.items()),
    *(
        Row("einsum", lambda f, x, text=text: f.einsum(text, x), [((3, 3),)])
        for text in ("ii->i", "ii", "ij->ji", "ij->j", "ij->")
    ),
    Row("einsum", lambda f, a, b, c: f.einsum("i,ij,j->", a, b, c), [((2,), (2, 3), (3,))]),
    Row(
        "embedding",
        lambda f, w: f.embedding(np.array([[2, 0], [2, 1]]), w),
        [((3, 2),)],
        formula=lambda w: w[np.array([[2, 0], [2, 1]])],
        torch=lambda t, w: t.nn.functional.embedding(t.tensor([[2, 0], [2, 1]]), w),
    ),
]


def kept(x):
    """What `dropout` leaves for the seed 0."""
    return np.where(np.random.default_rng(0).random(x.shape, dtype=np.float32) >= 0.4, 1 / 0.6, 0).astype(x.dtype)


ACTIVATIONS = [
    unary("relu", nonzero, formula=lambda x: np.maximum(x, 0)),
    Row(
        "leaky_relu",
        lambda f, x: f.leaky_relu(x, 0.2),
        ONE,
        nonzero,
        formula=lambda x: np.where(x > 0, x, x * x.dtype.type(0.2)),
        torch=lambda t, x: t.nn.functional.leaky_relu(x, 0.2),
        elementwise=True,
    ),
    unary("tanh"),
    unary("sigmoid", formula=formulas.sigmoid),
    binary("logaddexp", anywhere, anywhere),
    Row(
        "softmax",
        lambda f, x: f.softmax(x),
        [((2, 3),), ((1, 1),), ((0, 2),)],
        formula=formulas.softmax,
        torch=lambda t, x: t.softmax(x, -1),
    ),
    Row(
        "softmax",
        lambda f, x: f.softmax(x, 1),
        CUBE,
        formula=lambda x: formulas.softmax(x.swapaxes(1, 2)).swapaxes(1, 2),
    ),
    Row(
        "log_softmax",
        lambda f, x: f.log_softmax(x),
        [((2, 3),), ((1, 1),), ((0, 2),)],
        formula=lambda x: x - formulas.log_sum_exp(x)[..., None],
        torch=lambda t, x: t.log_softmax(x, -1),
    ),
    Row(
        "dropout",
        lambda f, x: f.dropout(x, 0.4, generator=np.random.default_rng(0)),
        [((2, 3),), ((0, 2),)],
        formula=lambda x: x * kept(x),
        torch=lambda t, x: x * t.tensor(kept(x.detach().numpy())),
    ),
]


def normalized(x, axis):
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + x.dtype.type(1e-5))


def running(x):
    """Fresh running mean and variance for the channels of x."""
    return np.full(x.shape[1], 0.5, x.dtype), np.full(x.shape[1], 2, x.dtype)


def torch_batch_norm(t, x, w, b, training):
    mean, var = (t.full((x.shape[1],), value, dtype=x.dtype) for value in (0.5, 2))
    return t.nn.functional.batch_norm(x, mean, var, w, b, training)


IMAGES = [((2, 3, 2, 2), (3,), (3,)), ((4, 2), (2,), (2,)), ((2, 1, 1, 2), (1,), (1,))]

NORMALIZATION = [
    Row(
        "normalize",
        lambda f, x: f.normalize(x),
        [((2, 3),), ((1, 4),)],
        distinct,
        formula=lambda x: normalized(x, -1),
        torch=lambda t, x: t.nn.functional.layer_norm(x, x.shape[-1:]),
    ),
    Row(
        "layer_norm",
        lambda f, x, w, b: f.layer_norm(x, w, b),
        [((2, 3), (3,), (3,)), ((2, 2, 2), (2, 2), (2, 2)), ((0, 2), (2,), (2,))],
        distinct,
        formula=lambda x, w, b: w * normalized(x, tuple(range(-w.ndim, 0))) + b,
        torch=lambda t, x, w, b: t.nn.functional.layer_norm(x, w.shape, w, b),
    ),
    Row(
        "batch_norm",
        lambda f, x, w, b: f.batch_norm(x, *running(x), w, b, training=True),
        IMAGES,
        distinct,
        formula=lambda x, w, b: np.moveaxis(w * np.moveaxis(normalized(x, (0, *range(2, x.ndim))), 1, -1) + b, -1, 1),
        torch=lambda t, x, w, b: torch_batch_norm(t, x, w, b, True),
    ),
    Row(
        "batch_norm",
        lambda f, x, w, b: f.batch_norm(x, *running(x), w, b),
        IMAGES,
        formula=lambda x, w, b: np.moveaxis(
            (np.moveaxis(x, 1, -1) - x.dtype.type(0.5)) / np.sqrt(x.dtype.type(2 + 1e-5)) * w + b, -1, 1
        ),
        torch=lambda t, x, w, b: torch_batch_norm(t, x, w, b, False),
    ),
]

TARGETS, SHARES = np.array([2, 0]), np.float32([0.25, 2])

LOSSES = [
    Row(
        "softmax_cross_entropy",
        lambda f, z: OPERATIONS["softmax_cross_entropy"](z, TARGETS, SHARES),
        [((2, 3),)],
        formula=lambda z: formulas.cross_entropy(z, TARGETS) * SHARES,
        torch=lambda t, z: (
            t.nn.functional.cross_entropy(z, t.tensor(TARGETS), reduction="none") * t.tensor(SHARES).to(z.dtype)
        ),
    ),
    Row(
        "summed_cross_entropy",
        lambda f, z: OPERATIONS["summed_cross_entropy"](z, TARGETS, SHARES),
        [((2, 3),)],
        formula=lambda z: formulas.cross_entropy(z, TARGETS) @ SHARES,
        torch=lambda t, z: (
            t.nn.functional.cross_entropy(z, t.tensor(TARGETS), reduction="none") @ t.tensor(SHARES).to(z.dtype)
        ),
    ),
    Row(
        "cross_entropy",
        lambda f, z: f.cross_entropy(z, TARGETS),
        [((2, 3),), ((2, 4),)],
        formula=lambda z: formulas.cross_entropy(z, TARGETS).mean(),
        torch=lambda t, z: t.nn.functional.cross_entropy(z, t.tensor(TARGETS)),
    ),
    Row(
        "binary_cross_entropy_with_logits",
        lambda f, z: f.binary_cross_entropy_with_logits(z, np.array([1, 0, 1]), reduction="none"),
        [((3,),)],
        formula=lambda z: -np.log(formulas.sigmoid(z * np.array([1, -1, 1], z.dtype))),
        torch=lambda t, z: t.nn.functional.binary_cross_entropy_with_logits(
            z, t.tensor([1.0, 0, 1], dtype=z.dtype), reduction="none"
        ),
    ),
    Row(
        "mse_loss",
        lambda f, y, t: f.mse_loss(y, t),
        [((2, 3), (2, 3)), ((1,), (1,))],
        formula=lambda y, t: np.mean((y - t) ** 2),
        torch=lambda t, y, target: t.nn.functional.mse_loss(y, target),
    ),
]
