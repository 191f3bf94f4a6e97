"""First values for weights, named after the papers that derived them.

Each takes the shape of a weight, (out, in, ...), and returns an array. `fan_in` is the number of inputs one output
sums over, in · kh · kw; `fan_out` the number of outputs one input reaches, out · kh · kw. `generator` is a
`numpy.random.Generator`; without one, tinymm's own.
"""

from __future__ import annotations

import math

import numpy as np

from tinymm import random


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"initializers: shape {shape} is not that of a weight: it needs (out, in, ...)")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _uniform(shape, bound, dtype, generator):
    return (generator or random.generator()).uniform(-bound, bound, shape).astype(dtype)


def _normal(shape, deviation, dtype, generator):
    return (generator or random.generator()).normal(0, deviation, shape).astype(dtype)


def lecun_uniform(shape, dtype=np.float32, generator=None):
    """U(−a, a) with a = √(3 / fan_in), so that the variance is 1 / fan_in. Source: LeCun et al. 1998."""
    return _uniform(shape, math.sqrt(3 / _fans(shape)[0]), dtype, generator)


def lecun_normal(shape, dtype=np.float32, generator=None):
    """N(0, 1 / fan_in). Source: LeCun et al. 1998; Klambauer et al. 2017."""
    return _normal(shape, math.sqrt(1 / _fans(shape)[0]), dtype, generator)


def glorot_uniform(shape, dtype=np.float32, generator=None):
    """U(−a, a) with a = √(6 / (fan_in + fan_out)). Source: Glorot & Bengio 2010, equation 16."""
    return _uniform(shape, math.sqrt(6 / sum(_fans(shape))), dtype, generator)


def glorot_normal(shape, dtype=np.float32, generator=None):
    """N(0, 2 / (fan_in + fan_out)). Source: Glorot & Bengio 2010, equation 12."""
    return _normal(shape, math.sqrt(2 / sum(_fans(shape))), dtype, generator)


def he_uniform(shape, dtype=np.float32, generator=None):
    """U(−a, a) with a = √(6 / fan_in), for ReLU. Source: He et al. 2015."""
    return _uniform(shape, math.sqrt(6 / _fans(shape)[0]), dtype, generator)


def he_normal(shape, dtype=np.float32, generator=None):
    """N(0, 2 / fan_in), for ReLU. Source: He et al. 2015, equation 10."""
    return _normal(shape, math.sqrt(2 / _fans(shape)[0]), dtype, generator)


def fan_in_uniform(shape, dtype=np.float32, generator=None):
    """U(−a, a) with a = 1 / √fan_in, the default of PyTorch's linear and convolution layers and of ours."""
    return _uniform(shape, 1 / math.sqrt(max(_fans(shape)[0], 1)), dtype, generator)


def orthogonal(shape, dtype=np.float32, generator=None):
    """A matrix with orthonormal rows or columns, the axes after the first laid out as one. Source: Saxe et al. 2014."""
    rows, columns = shape[0], math.prod(shape[1:])
    normal = (generator or random.generator()).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q *= np.sign(np.diag(r))  # makes the draw uniform over all such matrices
    return (q if rows >= columns else q.T).reshape(shape).astype(dtype)
