"""One step of an optimiser for all its parameters: in place, in one pass over memory, in one go for the threads.

θ is a parameter's array, g = ∇L(θ) its gradient, the arrays after them the optimiser's state, all of one shape and
dtype. The functions take lists of them, one array per parameter. The update rules are those of `tinymm.formulas`; a loop
body below reads like the rule, and `_blocks` runs it over one parameter after another, block by block.

Numbers such as the learning rate reach a rule as an array of the dtype of θ, so that float32 stays float32.
"""

import ctypes
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import carray, types

from tinymm.kernels import jit, threads
from tinymm.kernels.jit import CONTRACT, instructions, kernel
from tinymm.kernels.memory import address

BLOCK = 16384  # numbers of a parameter at a time
GRAIN = 32768  # numbers worth a thread
STATES = 3  # state arrays that a rule takes; those it has no use for are empty
Arrays = Sequence[np.ndarray]


def sgd(
    thetas: Arrays,
    gradients: Arrays,
    velocities: Arrays | None,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """θ ← θ − η g; with a velocity v: v ← μ v + g, θ ← θ − η v or, after Nesterov, θ ← θ − η (g + μ v)."""
    rule = _sgd if velocities is None else _nesterov if nesterov else _momentum
    _update(rule, thetas, gradients, [velocities], [[lr, weight_decay, momentum]])


def adagrad(
    thetas: Arrays,
    gradients: Arrays,
    totals: Arrays,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
) -> None:
    """s ← s + g²; θ ← θ − η g / (√s + ε)."""
    _update(_adagrad, thetas, gradients, [totals], [[lr, weight_decay, eps]])


def rmsprop(
    thetas: Arrays,
    gradients: Arrays,
    squares: Arrays,
    velocities: Arrays | None,
    means: Arrays | None,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """s ← α s + (1 − α) g²; θ ← θ − η g / (√s + ε), through a velocity if there is one.

    With an array for the mean m ← α m + (1 − α) g the rule is centred: √(s − m²) takes the place of √s.
    """
    numbers = [lr, weight_decay, eps, alpha, 1 - alpha, momentum]
    _update(_rmsprop, thetas, gradients, [squares, velocities, means], [numbers])


def adam(
    thetas: Arrays,
    gradients: Arrays,
    ms: Arrays,
    vs: Arrays,
    steps: Sequence[int],
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> None:
    """m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; θ ← θ − η m̂ / (√v̂ + ε); a parameter's steps count from 1."""
    numbers = _of_each_step(steps, lambda t: _adam_numbers(t, lr, beta1, beta2, eps, decay=weight_decay, keep=1.0))
    _update(_adam, thetas, gradients, [ms, vs], numbers)


def adamw(
    thetas: Arrays,
    gradients: Arrays,
    ms: Arrays,
    vs: Arrays,
    steps: Sequence[int],
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """θ ← (1 − η λ) θ, then Adam's step with the gradient as it came."""
    keep = 1 - lr * weight_decay
    numbers = _of_each_step(steps, lambda t: _adam_numbers(t, lr, beta1, beta2, eps, decay=0.0, keep=keep))
    _update(_adam, thetas, gradients, [ms, vs], numbers)


def _adam_numbers(step, lr, beta1, beta2, eps, decay, keep) -> list[float]:
    # η m̂ / (√v̂ + ε) = rate · m / (√v + ε root): one division less (Kingma & Ba 2015, section 2)
    root = math.sqrt(1 - beta2**step)  # √v̂ = √v / root
    rate = lr / (1 - beta1**step) * root
    return [rate, decay, eps * root, beta1, 1 - beta1, beta2, 1 - beta2, keep]


def _of_each_step(steps: Sequence[int], numbers: Callable[[int], list[float]]) -> list[list[float]]:
    """The numbers of each parameter's step; once, if all are at the same step."""
    rows = {t: numbers(t) for t in set(steps)}
    return list(rows.values()) if len(rows) == 1 else [rows[t] for t in steps]


class Located(list[np.ndarray]):
    """Arrays that stay the same from step to step, and where they are: to ask takes longer than to update a small one."""

    def __init__(self, arrays: Iterable[np.ndarray]):
        super().__init__(arrays)
        dtypes = {array.dtype for array in self if array.flags.c_contiguous}
        plain = len(dtypes) == 1 and all(array.flags.c_contiguous for array in self)
        self.dtype = dtypes.pop() if plain else None  # that of all; None if their memory cannot be used as it is
        self.addresses = _addresses(self)
        self.sizes = tuple([array.size for array in self])

    def __reduce__(self) -> Any:
        return Located, (list(self),)  # copies are elsewhere


def _update(
    rule: Any, thetas: Arrays, gradients: Arrays, states: Sequence[Arrays | None], numbers: list[list[float]]
) -> None:
    """Run a rule over all parameters, those of one dtype at a time; one list of numbers for all, or one for each."""
    known = thetas.dtype if isinstance(thetas, Located) else None
    dtypes = {known} if known else {theta.dtype for theta in thetas}
    if len(dtypes) > 1:
        for dtype in dtypes:
            chosen = [i for i, theta in enumerate(thetas) if theta.dtype == dtype]
            theirs: list[Any] = [row and [row[i] for i in chosen] for row in (thetas, gradients, *states)]
            own = [numbers[i] for i in chosen] if len(numbers) > 1 else numbers
            _update(rule, theirs[0], theirs[1], theirs[2:], own)
        return
    for dtype in dtypes:
        sizes = thetas.sizes if isinstance(thetas, Located) else tuple([theta.size for theta in thetas])
        layout = _layout(sizes)
        addresses, copies = [], []
        for row in (thetas, gradients, *states):
            if row is None:
                addresses.append(layout.nowhere)
            elif isinstance(row, Located) and row.dtype is dtype:
                addresses.append(row.addresses)
            else:
                plain = [np.asarray(array, dtype, order="C") for array in row]
                addresses.append(_addresses(plain))
                copies.append((row, plain))  # which must live until the work is done
        addresses += [layout.nowhere] * (2 + STATES - len(addresses))
        work = layout.blocks, layout.sizes, *addresses, np.array(numbers, dtype)
        threads.run(jit.instance(_blocks, rule), layout.total, *work, grain=layout.grain)
        for row, plain in copies:
            if row is not gradients:
                for array, changed in zip(row, plain, strict=True):
                    if changed is not array:
                        array[...] = changed


def _addresses(arrays: Arrays) -> np.ndarray:
    return np.array([address(array) for array in arrays], np.int64)


class _Layout(NamedTuple):
    blocks: np.ndarray  # the number of each parameter's first block, and of the one after the last
    sizes: np.ndarray
    nowhere: np.ndarray  # the addresses of state arrays that a rule has no use for
    total: int  # blocks
    grain: int  # blocks worth a thread


@functools.lru_cache
def _layout(sizes: tuple[int, ...]) -> _Layout:
    blocks = np.cumsum([0, *(-(-size // BLOCK) for size in sizes)])
    total = int(blocks[-1])
    grain = max(1, GRAIN * total // max(sum(sizes), 1))
    return _Layout(blocks, np.array(sizes, np.int64), np.zeros(len(sizes), np.int64), total, grain)


def _pointer(address, like):
    """The address as a pointer to numbers of the dtype of `like`."""
    address = address or like.ctypes.data  # ctypes has no array of nothing at 0
    return ctypes.cast(int(address), ctypes.POINTER(np.ctypeslib.as_ctypes_type(like.dtype)))


@instructions(_pointer, returns=lambda address, like: types.CPointer(like.dtype))
def _(context, builder, signature, arguments):
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@kernel
def _part(address, start, count, like):
    """`count` of the numbers at an address, from `start` on; none where there is no array."""
    return carray(_pointer(address + start * like.itemsize, like), (count if address else 0,))


# The pattern of which each rule gets an instance, in which `kernel` is its name (see `jit.instance`).
def _blocks(start, stop, blocks, sizes, thetas, gradients, firsts, seconds, thirds, numbers):
    p = 0
    for block in range(start, stop):
        while blocks[p + 1] <= block:
            p += 1
        first = (block - blocks[p]) * BLOCK
        count, like = min(sizes[p] - first, BLOCK), numbers[p if len(numbers) > 1 else 0]
        kernel(
            _part(thetas[p], first, count, like), _part(gradients[p], first, count, like),
            _part(firsts[p], first, count, like), _part(seconds[p], first, count, like),
            _part(thirds[p], first, count, like), like,
        )  # fmt: skip


@kernel(fastmath=CONTRACT, borrows=True)
def _sgd(theta, gradient, _1, _2, _3, numbers):
    lr, decay = numbers[0], numbers[1]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        theta[i] -= lr * g


@kernel(fastmath=CONTRACT, borrows=True)
def _momentum(theta, gradient, velocity, _2, _3, numbers):
    lr, decay, mu = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        v = mu * velocity[i] + g
        velocity[i] = v
        theta[i] -= lr * v


@kernel(fastmath=CONTRACT, borrows=True)
def _nesterov(theta, gradient, velocity, _2, _3, numbers):
    lr, decay, mu = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        v = mu * velocity[i] + g
        velocity[i] = v
        theta[i] -= lr * (g + mu * v)


@kernel(fastmath=CONTRACT, borrows=True)
def _adagrad(theta, gradient, total, _2, _3, numbers):
    lr, decay, eps = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        s = total[i] + g * g
        total[i] = s
        theta[i] -= lr * g / (math.sqrt(s) + eps)


@kernel(fastmath=CONTRACT, borrows=True)
def _rmsprop(theta, gradient, square, velocity, mean, numbers):
    lr, decay, eps, alpha, one_minus_alpha, mu = (
        numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
    )  # fmt: skip
    centered, with_momentum = mean.size > 0, velocity.size > 0
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        s = alpha * square[i] + one_minus_alpha * g * g
        square[i] = s
        if centered:
            m = alpha * mean[i] + one_minus_alpha * g
            mean[i] = m
            s -= m * m
        v = g / (math.sqrt(s) + eps)
        if with_momentum:
            v += mu * velocity[i]
            velocity[i] = v
        theta[i] -= lr * v


@kernel(fastmath=CONTRACT, borrows=True)
def _adam(theta, gradient, first, second, _3, numbers):
    rate, decay, eps, beta1, one_minus_beta1, beta2, one_minus_beta2, keep = (
        numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7],
    )  # fmt: skip
    for i in range(theta.size):
        g = gradient[i] + decay * theta[i]
        m = beta1 * first[i] + one_minus_beta1 * g
        v = beta2 * second[i] + one_minus_beta2 * g * g
        first[i] = m
        second[i] = v
        theta[i] = keep * theta[i] - rate * m / (math.sqrt(v) + eps)
