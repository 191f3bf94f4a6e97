"""Arithmetic, shape and reductions."""

import numpy as np

from .row import CUBE, ONE, TWO, Row, anywhere, between, binary, distinct, nonzero, positive, unary

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
        torch=lambda t, x: t.zeros(3, 2, dtype=x.dtype).index_put(
            (t.tensor([0, 2, 0]), t.tensor(1)), x, accumulate=True
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
    *reduction("var", torch=lambda t, x, dim, keep: t.var(x, dim, correction=0, keepdim=keep), empty=False),
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
    *(Row("cumsum", lambda f, x, axis=axis: f.cumsum(x, axis), [*CUBE, ((0, 3, 2),)]) for axis in (0, 1, -1)),
    Row("cumsum", lambda f, x: f.cumsum(x), CUBE, torch=lambda t, x: t.cumsum(x.ravel(), 0)),
    *reduction("logsumexp", formula=log_sum_exp, torch=lambda t, x, dim, keep: t.logsumexp(x, dim, keep)),
]
