"""The small matrices of Winograd's convolutions, and their products with rows of numbers.

Along one axis, a few neighbouring outputs y made of weights w and inputs d are, with as many places as there are inputs,

    y = A [(G w) * (B d)]

With stride 1 this is a product of polynomials turned around (Cook and Toom; Lavin and Gray write Bᵀ for B and Aᵀ for A): the
places are points at which the polynomials are known, and m outputs of r weights need m + r − 1 multiplications, not m r. With
stride s, weights of one remainder modulo s meet inputs of that remainder only: it is s such convolutions side by side.

Which points keep rounding errors small: Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and Improving the Accuracy
of Winograd Convolution for Deep Neural Networks" (2020).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinymm.kernels.jit import instructions
from tinymm.kernels.memory import numbers
from tinymm.kernels.vectors import VECTOR_BYTES, load_vector, multiply_add, store_vector

POINTS = np.array([0, 1, -1, 1 / 2, -2])  # and then infinity


class Way(NamedTuple):
    """y = A [(G w) * (B d)]; from one tile to the next it is step_in inputs and step_out outputs."""

    a: np.ndarray
    g: np.ndarray
    b: np.ndarray
    step_in: int
    step_out: int

    def turned(self) -> "Way":
        """The gradient of d, given that of y: Bᵀ [(G w) * (Aᵀ dy)]."""
        return Way(self.b.T, self.g, self.a.T, self.step_out, self.step_in)


def _values(points: np.ndarray, count: int) -> np.ndarray:
    """The values of 1, x, x², … at the points, and at infinity, where only the highest power counts."""
    return np.vstack([np.vander(points, count, increasing=True), np.eye(count)[-1]])


def _cook_toom(outputs: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, G and B for stride 1.

    With V the values of all powers at the points, the product of two polynomials is V⁻¹ [(V w) * (V u)], and the convolution,
    which is its transpose, Vᵀ [(V w) * (V⁻ᵀ d)]. The rows of V⁻ᵀ are Lagrange's polynomials, 1 at a point and 0 at the
    others; what they are divided by goes to G.
    """
    size = outputs + taps - 1
    points = POINTS[: size - 1]
    others = [np.delete(points, j) for j in range(size - 1)]
    b = np.zeros((size, size))
    for row, roots in zip(b, [*others, points], strict=True):
        row[: len(roots) + 1] = np.atleast_1d(np.poly(roots))[::-1]
    divisors = np.array([np.prod(p - rest) for p, rest in zip(points, others, strict=True)] + [1])
    return _values(points, outputs).T, _values(points, taps) / divisors[:, None], b


def _way(outputs: int, taps: int, stride: int) -> Way:
    size = stride * (outputs - 1) + taps
    a, g, b, places = np.zeros((outputs, size)), np.zeros((size, taps)), np.zeros((size, size)), 0
    for phase in range(stride):
        part = _cook_toom(outputs, len(range(phase, taps, stride)))
        some = slice(places, places + len(part[2]))
        a[:, some], g[some, phase::stride], b[some, phase::stride] = part
        places = some.stop
    return Way(a, g, b, stride * outputs, outputs)


OUTPUTS = {(3, 1): 4, (5, 1): 2, (3, 2): 2}  # of a tile along one axis, by taps and stride: more would round too much
NUMBER = {known: 2 * i for i, known in enumerate(OUTPUTS)}  # of the way in WAYS; the one turned around comes after it
WAYS = [turn for known in OUTPUTS for way in [_way(OUTPUTS[known], *known)] for turn in (way, way.turned())]


def _times(choose: Callable[[Way], np.ndarray]) -> Callable:
    def times(way, source, start, step, target, to, to_step, count, accumulate):
        """target[i] (+)= the sum over k of M[i, k] source[k], for rows of `count` numbers, a multiple of a vector's.

        M belongs to WAYS[way]. Row k begins at source[start + k * step], row i at target[to + i * to_step]; they may be the
        same rows.
        """
        matrix = choose(WAYS[way]).astype(source.dtype)
        rows = numbers(source, start, (matrix.shape[1], count), (step, 1))
        result = numbers(target, to, (matrix.shape[0], count), (to_step, 1))
        result[:] = matrix @ rows + (result if accumulate else 0)

    @instructions(times)
    def _(context, builder, signature, arguments):
        way, _, start, step, _, to, to_step, count, accumulate = arguments
        source, target = (context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (1, 4))
        kind = signature.args[1].dtype
        vector = ir.VectorType(context.get_value_type(kind), VECTOR_BYTES * 8 // kind.bitwidth)

        def place(data, start, step, i, j):
            return builder.gep(data, [builder.add(builder.add(start, builder.mul(step, step.type(i))), j)])

        def product(matrix, j):
            rows = [load_vector(builder, place(source, start, step, k, j), vector) for k in range(matrix.shape[1])]
            for i, total in enumerate([_combination(builder, factors, rows) for factors in matrix]):
                here = place(target, to, to_step, i, j)
                added = builder.fadd(load_vector(builder, here, vector), total)
                store_vector(builder, builder.select(accumulate, added, total), here)

        for number, known in enumerate(WAYS):
            with builder.if_then(builder.icmp_signed("==", way, way.type(number))):
                lanes = count.type(vector.count)
                with cgutils.for_range_slice(builder, count.type(0), count, lanes, inc=True) as (j, _):
                    product(choose(known), j)

    return times


def _combination(builder, factors, vectors):
    """The sum of vectors times their factors, which are often 0 or ±1."""
    total = ir.Constant(vectors[0].type, [-0.0] * vectors[0].type.count)  # to which a number can be added for nothing
    for factor, vector in zip(factors, vectors, strict=True):
        if abs(factor) == 1:
            total = builder.fadd(total, vector) if factor > 0 else builder.fsub(total, vector)
        elif factor:
            constant = ir.Constant(vector.type, [float(factor)] * vector.type.count)
            total = multiply_add(builder, vector, constant, total)
    return total


times_a = _times(lambda way: way.a)
times_b = _times(lambda way: way.b)
times_g = _times(lambda way: way.g)
times_g_turned = _times(lambda way: way.g.T)
