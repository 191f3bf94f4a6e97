"""Every operation, from one table: its value, its derivatives, its dtypes, its layouts, against NumPy and PyTorch."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinymm as tm
from tinymm import formulas
from tinymm import functional as F
from tinymm.functional import convolution, losses, pooling
from tinymm.functional import shape as shapes
from tinymm.tape import OPERATIONS

# ---------------------------------------------------------------------------------------------------------
# Where to test: numbers away from the kinks of an operation
# ---------------------------------------------------------------------------------------------------------


def anywhere(rng, shape):
    return rng.uniform(-2, 2, shape)


def positive(rng, shape):
    return rng.uniform(0.5, 2, shape)


def nonzero(rng, shape):
    return positive(rng, shape) * rng.choice([-1, 1], shape)


def distinct(rng, shape):
    """No two alike, none at 0: multiples of 1/4, shifted by 1/8."""
    n = int(np.prod(shape))
    return (rng.permutation(n).reshape(shape) - n // 2) / 4 + 1 / 8


def between(rng, shape):
    """Never equal to a number that `distinct` gives."""
    return distinct(rng, shape) + 1 / 16


ELEMENTWISE = "shapes that broadcast with each other"
ONE, TWO = [((2, 3),), ((),)], [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,))]


@dataclass(frozen=True)
class Row:
    """How to call one operation, where, and what it must equal.

    `call(f, *inputs)` calls it from the module f: tinymm's functional; NumPy, where `formula` is None, with arrays
    and with Tensors; PyTorch, where `torch` is None. `cases` are lists of input shapes.
    """

    name: str
    call: Callable[..., Any]
    cases: list[tuple[tuple[int, ...], ...]]
    domains: Any = anywhere
    formula: Callable[..., Any] | None = None
    torch: Callable[..., Any] | None = None
    elementwise: bool = False
    composed: str | None = None  # a fused kernel without second derivative names its alternative

    def arrays(self, rng, case, dtype=np.float64):
        domains = self.domains if isinstance(self.domains, tuple) else (self.domains,) * len(case)
        return [np.asarray(d(rng, s), dtype=dtype) for d, s in zip(domains, case, strict=True)]

    def expected(self, arrays):
        return as_tuple(self.formula(*arrays) if self.formula else self.call(np, *arrays))


def unary(name, domain=anywhere, **options):
    return Row(name, lambda f, x: getattr(f, name)(x), ONE, domain, elementwise=True, **options)


def binary(name, *domains, **options):
    return Row(name, lambda f, a, b: getattr(f, name)(a, b), TWO, domains, elementwise=True, **options)


def as_tuple(outputs):
    return tuple(outputs) if isinstance(outputs, list | tuple) else (outputs,)


# ---------------------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------------------

ARITHMETIC = [
    binary("add", anywhere, anywhere),
    binary("subtract", anywhere, anywhere),
    binary("multiply", anywhere, anywhere),
    binary("divide", anywhere, nonzero),
    unary("negative"),
    binary("power", positive, anywhere, torch=lambda t, x, n: t.pow(x, n)),
    Row("power", lambda f, x: f.power(x, 3), ONE, torch=lambda t, x: x**3, elementwise=True),
    unary("square"),
    unary("sqrt", positive),
    unary("exp"),
    unary("expm1"),
    unary("log", positive),
    unary("log1p", positive),
    unary("sin"),
    unary("cos"),
    unary("abs", nonzero),
    unary("sign", nonzero),
    binary("maximum", distinct, between),
    binary("minimum", distinct, between),
    Row("clip", lambda f, x: f.clip(x, -0.8, 0.8), ONE, distinct, elementwise=True),
    Row("where", lambda f, a, b: f.where(a > 0, a, b), TWO, distinct, elementwise=True),
    Row(
        "astype",
        lambda f, x: f.astype(x, x.dtype),
        ONE,
        formula=lambda x: x,
        torch=lambda t, x: x.to(x.dtype),
        elementwise=True,
    ),
    unary("copy", torch=lambda t, x: x.clone()),
]

CUBE = [((2, 3, 2),), ((1, 3, 1),)]

SHAPE = [
    Row("reshape", lambda f, x: f.reshape(x, (3, -1)), [((2, 3),), ((6,),)]),
    Row("transpose", lambda f, x: f.transpose(x, (2, 0, -2)), CUBE, torch=lambda t, x: x.permute(2, 0, 1)),
    Row("transpose", lambda f, x: f.transpose(x), CUBE, torch=lambda t, x: x.permute(2, 1, 0)),
    Row("swapaxes", lambda f, x: f.swapaxes(x, 0, -1), CUBE),
    Row("moveaxis", lambda f, x: f.moveaxis(x, 0, -1), CUBE),
    Row("broadcast_to", lambda f, x: f.broadcast_to(x, (4, 2, 3)), [((2, 3),), ((2, 1),), ((),)]),
    Row("expand_dims", lambda f, x: f.expand_dims(x, 1), CUBE, torch=lambda t, x: x[:, None]),
    Row("expand_dims", lambda f, x: f.expand_dims(x, (0, -1)), CUBE, torch=lambda t, x: x[None, ..., None]),
    Row("squeeze", lambda f, x: f.squeeze(x, 1), [((2, 1, 1),), ((0, 1),)]),
    Row("squeeze", lambda f, x: f.squeeze(x), [((2, 1, 1),), ((1,),)]),
    Row("flatten", lambda f, x: f.flatten(x, 1), CUBE, formula=lambda x: x.reshape(len(x), -1)),
    Row("flatten", lambda f, x: f.flatten(x), [*CUBE, ((),)], formula=np.ravel),
    Row("flip", lambda f, x: f.flip(x, (0, 2)), CUBE),
    Row("flip", lambda f, x: f.flip(x), CUBE, torch=lambda t, x: t.flip(x, (0, 1, 2))),
    Row("roll", lambda f, x: f.roll(x, 2), CUBE),
    Row("roll", lambda f, x: f.roll(x, (1, -2), (0, 1)), CUBE),
    Row("concatenate", lambda f, a, b: f.concatenate([a, b, a], 1), [((2, 3), (2, 1)), ((2, 0), (2, 1))]),
    Row("concatenate", lambda f, a, b: f.concatenate([a, b], -1), [((3,), (2,))]),
    Row(
        "concatenate",
        lambda f, a, b: f.concatenate([a, b], None),
        [((2, 2), (3,))],
        torch=lambda t, a, b: t.cat([a.ravel(), b.ravel()]),
    ),
    Row("stack", lambda f, a, b: f.stack([a, b], 1), [((2, 3), (2, 3)), ((2,), (2,)), ((0,), (0,))]),
    Row("stack", lambda f, a, b: f.stack([a, b], -1), [((2, 3), (2, 3))]),
    Row(
        "split",
        lambda f, x: tuple(f.split(x, 2, 1)),
        [((2, 4),), ((0, 2),)],
        torch=lambda t, x: t.tensor_split(x, 2, 1),
    ),
    Row("split", lambda f, x: tuple(f.split(x, [1, 4])), [((5, 2),)], torch=lambda t, x: t.split(x, [1, 3, 1])),
    Row(
        "pad",
        lambda f, x: f.pad(x, ((1, 0), (0, 2)), constant_values=3),
        [((2, 3),), ((0, 1),)],
        torch=lambda t, x: t.nn.functional.pad(x, (0, 2, 1, 0), value=3),
    ),
    Row("pad", lambda f, x: f.pad(x, 1), [((2,),)], torch=lambda t, x: t.nn.functional.pad(x, (1, 1))),
    Row("getitem", lambda f, x: x[1:, 0], [((2, 3),)]),
    Row("getitem", lambda f, x: x[..., None, ::2], [((2, 3),), ((3,),)]),
    Row("getitem", lambda f, x: x[[1, 0, 1]], [((2, 3),), ((2,),)]),
    Row("getitem", lambda f, x: x[np.array([0, 1, 1]), np.array([2, 0, 0])], [((2, 3),)]),
    Row("getitem", lambda f, x: x[np.array([True, False])], [((2, 3),)]),
    Row(
        "scatter",
        lambda f, x: f.scatter(x, (np.array([0, 2, 0]), 1), (3, 2)),
        [((3,),)],
        formula=lambda x: np.array([[0, x[0] + x[2]], [0, 0], [0, x[1]]], x.dtype),
        torch=lambda t, x: (
            t.zeros(3, 2, dtype=x.dtype).index_put((t.tensor([0, 2, 0]), t.tensor(1)), x, accumulate=True)
        ),
    ),
    Row("take", lambda f, x: f.take(x, [1, 0, 1], axis=1), [((2, 3),)], torch=lambda t, x: x[:, [1, 0, 1]]),
    Row(
        "take",
        lambda f, x: f.take(x, [[1], [0]]),
        [((2, 3),)],
        torch=lambda t, x: t.take(x, t.tensor([[1], [0]])),
    ),
]


def reduction(name, domain=anywhere, formula=None, torch=None, axes=(None, 1, -1, (0, 2)), empty=True):
    """Rows for each way to name the axes; `torch(t, x, axes, keepdims)`."""
    for axis in axes:
        for keepdims in (False, True):
            dim = tuple(range(3)) if axis is None else axis
            cases = [*CUBE, *([((0, 3, 2),)] if empty else [])]
            options = {"axis": axis, "keepdims": keepdims}
            yield Row(
                name,
                lambda f, x, options=options: getattr(f, name)(x, **options),
                cases,
                domain,
                formula and (lambda x, options=options: formula(x, **options)),
                lambda t, x, dim=dim, keepdims=keepdims: (torch or getattr(t, name))(t, x, dim, keepdims),
            )


def log_sum_exp(x, axis, keepdims):
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


REDUCTIONS = [
    *reduction("sum", torch=lambda t, x, dim, keep: t.sum(x, dim, keep)),
    *reduction("mean", torch=lambda t, x, dim, keep: t.mean(x, dim, keep), empty=False),
    *reduction(
        "var", torch=lambda t, x, dim, keep: t.var(x, dim, correction=0, keepdim=keep), empty=False
    ),
    Row(
        "var",
        lambda f, x: f.var(x, 0, ddof=1),
        [((3, 2),)],
        torch=lambda t, x: t.var(x, 0, correction=1),
    ),
    *reduction(
        "std",
        distinct,
        torch=lambda t, x, dim, keep: t.std(x, dim, correction=0, keepdim=keep),
        axes=(None, 1, (0, 1)),
        empty=False,
    ),
    *reduction("max", distinct, torch=lambda t, x, dim, keep: t.amax(x, dim, keep), empty=False),
    *reduction("min", distinct, torch=lambda t, x, dim, keep: t.amin(x, dim, keep), empty=False),
    *reduction("prod", nonzero, torch=lambda t, x, dim, keep: t.prod(x, dim, keep), axes=(1, -1)),
    Row("prod", lambda f, x: f.prod(x), CUBE, nonzero),
    Row(
        "prod",
        lambda f, x: f.prod(x, axis=(2, 0)),
        CUBE,
        nonzero,
        torch=lambda t, x: t.prod(t.prod(x, 2), 0),
    ),
    Row("prod", lambda f, x: f.prod(x * np.array([0.0, 1, 1], dtype=np.float32), axis=1), [((2, 3),)], torch=None),
    *(
        Row("cumsum", lambda f, x, axis=axis: f.cumsum(x, axis), [*CUBE, ((0, 3, 2),)])
        for axis in (0, 1, -1)
    ),
    Row("cumsum", lambda f, x: f.cumsum(x), CUBE, torch=lambda t, x: t.cumsum(x.ravel(), 0)),
    *reduction("logsumexp", formula=log_sum_exp, torch=lambda t, x, dim, keep: t.logsumexp(x, dim, keep)),
]

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
            *(((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((1, 1), (1, 1)), ((0, 3), (3, 2))),
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
    *(
        Row("einsum", lambda f, a, b, text=text: f.einsum(text, a, b), [case])
        for text, case in EINSUMS.items()
    ),
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
    Row("softmax", lambda f, x: f.softmax(x), [((2, 3),), ((1, 1),), ((0, 2),)], formula=formulas.softmax, torch=lambda t, x: t.softmax(x, -1)),
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
    """Fresh running mean and variance for the channels of x, in a form of their own for each call."""
    return np.full(x.shape[1], 0.5, np.float32), np.full(x.shape[1], 2, np.float32)


def torch_batch_norm(t, x, w, b, training):
    mean, var = (t.tensor(a, dtype=x.dtype) for a in running(x))
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
        formula=lambda x, w, b: F.moveaxis(
            w * F.moveaxis(normalized(x, (0, *range(2, x.ndim))), 1, -1) + b, -1, 1
        ),
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
