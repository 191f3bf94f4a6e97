"""exp, sigmoid and tanh for use inside kernels, free of branches so that a loop over them becomes vector code.

`math.exp` and `math.tanh` are calls, one element at a time. Here float32 has its own approximations, wrong by a
few units in the last place; float64 keeps the accurate functions of `math`. NaN stays NaN, ±∞ give the limits.

The coefficients are minimax fits made for this file: the largest relative error over the range is the smallest
possible for polynomials of that degree. Reducing the argument of exp: Cody & Waite, "Software manual for the
elementary functions" (1980), chapter 6.
"""

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

# contract: a · b + c in one rounding, faster and more exact
OPTIONS: Any = {"fastmath": {"contract"}, "error_model": "numpy"}
f32, i32 = np.float32, np.int32
LOG2_E = f32(1 / math.log(2))
LN_2_HIGH = f32(0.693359375)  # few bits: n · LN_2_HIGH is exact
LN_2_LOW = f32(math.log(2) - 0.693359375)


def exp(x):
    """eˣ: x = n ln 2 + r, a polynomial for eʳ with |r| ≤ ln 2 / 2, then n added to the exponent bits."""
    return _exp_float32(x) if isinstance(x, f32) else np.exp(x)


def sigmoid(x):
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    return _sigmoid_float32(x) if isinstance(x, f32) else 1 / (1 + np.exp(-x))


def tanh(x):
    """tanh x = 1 − 2 / (e²ˣ + 1); near 0, where that would cancel, x plus a polynomial in x² times x³."""
    return _tanh_float32(x) if isinstance(x, f32) else np.tanh(x)


@njit(**OPTIONS)
def _reduced(x, low, high):
    """n and eʳ for x between low and high; outside, and for NaN, those of a bound."""
    x = x if x > low else low
    x = x if x < high else high
    n = np.floor(x * LOG2_E + f32(0.5))
    r = x - n * LN_2_HIGH - n * LN_2_LOW
    e = f32(1.3814599e-03)
    e = e * r + f32(8.3687169e-03)
    e = e * r + f32(4.1668388e-02)
    e = e * r + f32(1.6666521e-01)
    e = e * r + f32(4.9999993e-01)
    return i32(n), e * (r * r) + r + f32(1)


@njit(**OPTIONS)
def _power_of_two(n):
    """2ⁿ for −127 < n < 128, and ∞ for n = 128."""
    return i32((n + i32(127)) << i32(23)).view(f32)


@njit(**OPTIONS)
def _exp_float32(x):
    n, e = _reduced(x, f32(-104), f32(89))  # e to these is 0 and ∞
    half = n >> i32(1)  # 2ⁿ in two halves: alone it can be too large or too small where eˣ is not
    e = e * _power_of_two(half) * _power_of_two(n - half)
    return x if x != x else e


@njit(**OPTIONS)
def _sigmoid_float32(x):
    n, e = _reduced(-x, f32(-87), f32(89))  # 1 + e does not notice what is left out
    s = f32(1) / (f32(1) + e * _power_of_two(n))
    return x if x != x else s


@njit(**OPTIONS)
def _tanh_float32(x):
    size = abs(x)
    n, e = _reduced(f32(2) * size, f32(0), f32(20))  # tanh 10 is 1 in float32
    far = f32(1) - f32(2) / (e * _power_of_two(n) + f32(1))
    t = x * x
    near = f32(1.6437581e-02)
    near = near * t + f32(-5.2671813e-02)
    near = near * t + f32(1.3320725e-01)
    near = near * t + f32(-3.3332947e-01)
    near = near * t * size + size
    return math.copysign(near if not size > f32(0.55) else far, x)  # NaN takes the polynomial, and stays


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    return (lambda x: _exp_float32(x)) if x == types.float32 else lambda x: math.exp(x)


@overload(sigmoid, jit_options=OPTIONS)
def _sigmoid(x):
    return (lambda x: _sigmoid_float32(x)) if x == types.float32 else lambda x: 1 / (1 + math.exp(-x))


@overload(tanh, jit_options=OPTIONS)
def _tanh(x):
    return (lambda x: _tanh_float32(x)) if x == types.float32 else lambda x: math.tanh(x)
