"""A row of the table, and where to test: numbers away from the kinks of an operation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


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


# Cases: lists of input shapes.
ONE, TWO = [((2, 3),), ((),)], [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,))]
CUBE = [((2, 3, 2),), ((1, 3, 1),)]


@dataclass(frozen=True)
class Row:
    """How to call one operation, where, and what it must equal.

    `call(f, *inputs)` calls it from the module f: tinymm's functional; NumPy, where `formula` is None, with arrays
    and with Tensors; PyTorch, where `torch` is None (False: there is nothing to compare). `cases` are lists of input
    shapes.
    """

    name: str
    call: Callable[..., Any]
    cases: list[tuple[tuple[int, ...], ...]]
    domains: Any = anywhere
    formula: Callable[..., Any] | None = None
    torch: Callable[..., Any] | bool | None = None
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
    """All outputs side by side: an LSTM returns (outputs, (h, c))."""
    if isinstance(outputs, list | tuple):
        return tuple(y for output in outputs for y in as_tuple(output))
    return (outputs,)
