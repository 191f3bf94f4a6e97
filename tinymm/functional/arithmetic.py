"""Elementwise arithmetic, powers, exponentials, choices and comparisons, with NumPy's broadcasting.

Each operation: its formula and, right below, its derivative. At points where no derivative exists the value
used is stated in the docstring. Names and arguments are NumPy's, so `np.exp(t)` and `functional.exp(t)` are one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinymm.tape import OPERATIONS, Variable, operation


@operation(np.add)
def add(a, b):
    """y = a + b"""
    return np.add(a, b)


add.gradient(a=lambda g: g, b=lambda g: g)


@operation(np.subtract)
def subtract(a, b):
    """y = a − b"""
    return np.subtract(a, b)


subtract.gradient(a=lambda g: g, b=lambda g: -g)


@operation(np.multiply)
def multiply(a, b):
    """y = a · b"""
    return np.multiply(a, b)


multiply.gradient(a=lambda g, b: g * b, b=lambda g, a: g * a)


@operation(np.divide)
def divide(a, b):
    """y = a / b"""
    return np.divide(a, b)


divide.gradient(a=lambda g, b: g / b, b=lambda g, y, b: -g * y / b)


@operation(np.negative)
def negative(x):
    """y = −x"""
    return np.negative(x)


negative.gradient(x=lambda g: -g)


@operation(np.power)
def power(x, n):
    """y = xⁿ. The derivative with respect to n is taken as 0 where x ≤ 0, as xⁿ is not smooth in n there."""
    return x**n


def _power_slope(x, n):
    """n xⁿ⁻¹, and 0 for n = 0 even where x is 0 or ±∞."""
    if np.ndim(n) == 0 and not isinstance(n, Variable):  # one number: NumPy squares faster than it raises
        return n * x ** (n - 1) if n != 0 else np.zeros_like(x)
    return n * x ** np.where(n == 0, 0, n - 1)


power.gradient(
    x=lambda g, x, n: g * _power_slope(x, n),
    n=lambda g, y, x: g * y * np.log(np.where(x > 0, x, 1)),
)


@operation(np.square)
def square(x):
    """y = x²"""
    return np.square(x)


square.gradient(x=lambda g, x: g * (2 * x))


@operation(np.sqrt)
def sqrt(x):
    """y = √x. The derivative at 0 is +∞."""
    return np.sqrt(x)


sqrt.gradient(x=lambda g, y: g / (2 * y))


@operation(np.exp)
def exp(x):
    """y = eˣ"""
    return np.exp(x)


exp.gradient(x=lambda g, y: g * y)


@operation(np.expm1)
def expm1(x):
    """y = eˣ − 1, exact near 0."""
    return np.expm1(x)


expm1.gradient(x=lambda g, y: g * (y + 1))


@operation(np.log)
def log(x):
    """y = ln x"""
    return np.log(x)


log.gradient(x=lambda g, x: g / x)


@operation(np.log1p)
def log1p(x):
    """y = ln(1 + x), exact near 0."""
    return np.log1p(x)


log1p.gradient(x=lambda g, x: g / (1 + x))


@operation(np.sin)
def sin(x):
    """y = sin x"""
    return np.sin(x)


sin.gradient(x=lambda g, x: g * np.cos(x))


@operation(np.cos)
def cos(x):
    """y = cos x"""
    return np.cos(x)


cos.gradient(x=lambda g, x: -g * np.sin(x))


@operation(np.absolute)
def abs(x):
    """y = |x|. The derivative at 0 is taken as 0."""
    return np.absolute(x)


abs.gradient(x=lambda g, x: g * np.sign(x))


@operation(np.sign)
def sign(x):
    """y = −1, 0 or 1. The derivative is 0 wherever it exists, and taken as 0 at the jump."""
    return np.sign(x)


sign.gradient(x=lambda g: np.zeros_like(g))


@operation(np.maximum)
def maximum(a, b):
    """y = the larger of a and b; NaN wins. Where they are equal each gets half of the gradient."""
    return np.maximum(a, b)


maximum.gradient(a=lambda g, a, b: g * _share(a, b, g.dtype), b=lambda g, a, b: g * _share(b, a, g.dtype))


@operation(np.minimum)
def minimum(a, b):
    """y = the smaller of a and b; NaN wins. Where they are equal each gets half of the gradient."""
    return np.minimum(a, b)


minimum.gradient(a=lambda g, a, b: g * _share(b, a, g.dtype), b=lambda g, a, b: g * _share(a, b, g.dtype))


def _share(a, b, dtype):
    """How much of max(a, b) is a: 1, ½ at a tie, or 0."""
    return np.where(a > b, 1, np.where(a == b, 0.5, 0)).astype(dtype)


@operation(np.clip)
def clip(x, a_min=None, a_max=None):
    """y = x, but not below `a_min` nor above `a_max` (numbers or arrays, constant). At the bounds dy/dx = 1."""
    return np.clip(x, a_min, a_max)


clip.gradient(x=lambda g, x, a_min, a_max: np.where(_inside(x, a_min, a_max), g, 0))


def _inside(x, low, high):
    inside = np.logical_not(np.isnan(x))
    if low is not None:
        inside = inside & (x >= low)
    return inside if high is None else inside & (x <= high)


@operation(np.where)
def where(condition, a, b):
    """y = a where the condition holds, else b."""
    return np.where(condition, a, b)


where.gradient(
    a=lambda g, condition: np.where(condition, g, 0),
    b=lambda g, condition: np.where(condition, 0, g),
)


@operation()
def astype(x, dtype):
    """y = x in another floating-point precision. Conversion to integers ends the gradient."""
    return np.asarray(x).astype(dtype)


astype.gradient(x=lambda g: g)  # the tape returns every gradient in its input's own dtype


@operation(np.copy)
def copy(x):
    """y = x in memory of its own."""
    return np.array(x)


copy.gradient(x=lambda g: g)


# Truth values, indices and constants: nothing to differentiate.


def _undifferentiable(numpy_function: Callable) -> Callable:
    def call(*args: Any, **options: Any) -> Variable:
        return Variable.Result(
            numpy_function(*(np.asarray(a) if isinstance(a, Variable) else a for a in args), **options)
        )

    call.__name__ = numpy_function.__name__
    call.__doc__ = f"`np.{numpy_function.__name__}`; the result has no gradient."
    return call


for _function in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isclose),
    *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.all, np.any),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
    *(np.isnan, np.isinf, np.isfinite, np.signbit),
    *(np.argmax, np.argmin, np.argsort, np.count_nonzero),
    *(np.zeros_like, np.ones_like),
):
    OPERATIONS[_function] = OPERATIONS[_function.__name__] = _undifferentiable(_function)  # type: ignore[assignment]
