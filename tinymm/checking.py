"""Is a derivative right? Compare it with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinymm.tensor import Tensor, grad


class GradientError(AssertionError):
    """The analytical and the numerical gradient differ."""


@dataclass(frozen=True)
class GradientCheck:
    """The element where the two gradients differ most, relative to what is tolerated."""

    input: int
    index: tuple[int, ...]
    analytical: float
    numerical: float
    passed: bool

    @property
    def error(self) -> float:
        """|analytical − numerical|"""
        return abs(self.analytical - self.numerical)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return (
            f"gradcheck: input {self.input}, element {self.index}: backward gives {self.analytical:.9g}, central "
            f"differences give {self.numerical:.9g}, an error of {self.error:.3g}"
        )


def gradcheck(
    fn: Callable[..., Any],
    *inputs: Any,
    eps: float = 1e-6,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    order: int = 1,
    raise_exception: bool = True,
) -> GradientCheck:
    """Compare fn's gradients with central differences, (f(x + ε) − f(x − ε)) / 2ε, in float64.

    `fn` takes the inputs as Tensors and returns a Tensor or a tuple of them, of any shape: they are joined into one
    number by random weights. Floating-point inputs (Tensors or arrays, also non-contiguous or broadcast ones) are
    checked element by element; all others are passed on as they are. `order=2` checks the derivative of the
    derivative too. An element passes if the error is at most atol + rtol · |numerical|.

    Returns the worst element as a `GradientCheck`; raises GradientError with it if it fails (or returns it,
    false, with `raise_exception=False`). ValueError if no input has floating-point numbers. Choose points away
    from kinks, where a derivative exists.

    Source: Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 11.5.

    >>> import numpy as np
    >>> bool(gradcheck(lambda x: np.exp(x) * x, np.array([0.5, -1.0])))
    True
    """
    if order > 1:
        lower = gradcheck(fn, *inputs, eps=eps, rtol=rtol, atol=atol, order=order - 1, raise_exception=raise_exception)
        if not lower:
            return lower
        fn = _derivative(fn)
    arrays = [np.asarray(x) if isinstance(x, Tensor | np.ndarray | float) else x for x in inputs]
    checked = [i for i, a in enumerate(arrays) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    if not checked:
        raise ValueError("gradcheck: none of the inputs holds floating-point numbers, so there is no gradient to check")
    for i in checked:
        arrays[i] = arrays[i].astype(np.float64, copy=False)  # keeps strides if it is float64 already

    tensors: list[Any] = [Tensor(a, requires_grad=True) if i in checked else a for i, a in enumerate(arrays)]
    outputs = _as_tuple(fn(*tensors))
    random = np.random.default_rng(0)
    weights = [random.uniform(0.5, 1.5, y.shape) for y in outputs]
    total = sum(((y * w).sum() for y, w in zip(outputs, weights, strict=True)), start=0.0)
    if isinstance(total, Tensor) and total.requires_grad:
        analytical = grad(total, [tensors[i] for i in checked])
    else:
        analytical = tuple(Tensor(np.zeros_like(arrays[i])) for i in checked)

    def evaluate(i: int, moved: np.ndarray) -> list[np.ndarray]:
        point = [
            Tensor(moved if j == i else a, requires_grad=True) if j in checked else a for j, a in enumerate(arrays)
        ]
        return [np.array(y, dtype=np.float64) for y in _as_tuple(fn(*point))]

    worst, excess = None, -np.inf
    for i, gradient in zip(checked, analytical, strict=True):
        point = np.array(arrays[i])
        for index in np.ndindex(point.shape):
            middle = point[index]
            point[index] = middle + eps
            above = evaluate(i, point)
            point[index] = middle - eps
            below = evaluate(i, point)
            point[index] = middle
            slopes = zip(weights, above, below, strict=True)
            numerical = float(sum(np.sum(w * (a - b)) for w, a, b in slopes) / (2 * eps))
            found = float(np.asarray(gradient)[index])
            over = abs(found - numerical) - (atol + rtol * abs(numerical))
            if not over <= excess:  # NaN counts as the worst
                excess = over if over == over else np.inf
                worst = GradientCheck(i, index, found, numerical, bool(over <= 0))
    if worst is None:  # inputs without elements have nothing that could be wrong
        return GradientCheck(checked[0], (), 0.0, 0.0, True)
    if raise_exception and not worst:
        raise GradientError(str(worst))
    return worst


def _as_tuple(outputs: Any) -> tuple:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _derivative(fn: Callable[..., Any]) -> Callable[..., tuple]:
    """The recorded gradients of the sum of fn's squared outputs: squared, so that linear functions count too."""

    def gradients(*inputs: Any) -> tuple:
        wanted = [x for x in inputs if isinstance(x, Tensor)]
        total = sum((y * y).sum() for y in _as_tuple(fn(*inputs)))
        if not (isinstance(total, Tensor) and total.requires_grad):
            return tuple(x * 0 for x in wanted)
        return grad(total, wanted, create_graph=True)

    return gradients
