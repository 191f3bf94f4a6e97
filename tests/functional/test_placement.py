"""Results do not depend on where in memory the arrays lie: whether two are neighbours is chance, and a run can be repeated.

The compiler makes two versions of a loop that writes to one array and reads another: by vectors, and one number after the
other in case they overlap, or nearly do. Both must add and round alike.
"""

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F

from .test_operations import every_row, outputs_and_gradients

FAR = 1 << 14
GAPS = [0, 16, 64, 256]  # bytes


class Arena:
    """Gives out arrays one after the other from one piece of memory, with a gap between them."""

    def __init__(self, gap):
        self.memory, self.used, self.gap = np.zeros(1 << 23, np.uint8), 64, gap
        self.memory = self.memory[-self.memory.ctypes.data % 64 :]

    def __call__(self, shape, dtype=float):
        dtype, shape = np.dtype(dtype), tuple(np.atleast_1d(shape))
        size = int(np.prod(shape)) * dtype.itemsize
        begin = self.used
        self.used = -(-(begin + size) // 16) * 16 + self.gap
        assert self.used < self.memory.size, "the arena is too small"
        return self.memory[begin : begin + size].view(dtype).reshape(shape)

    def copy(self, array):
        placed = self(array.shape, array.dtype)
        placed[...] = array
        return placed


@pytest.fixture
def placed(monkeypatch):
    """`placed(function, gap)`: function(arena), while the arrays that NumPy is asked for lie `gap` bytes apart."""
    plain = {name: getattr(np, name) for name in ("empty", "zeros", "empty_like", "zeros_like")}

    def call(function, gap):
        arena = Arena(gap)

        def empty(shape, dtype=float, order="C", **options):
            return (
                arena(shape, dtype) if order == "C" and not options else plain["empty"](shape, dtype, order, **options)
            )

        def zeros(shape, dtype=float, **options):
            new = empty(shape, dtype, **options)
            new[...] = 0
            return new

        def like(make, name):
            def make_like(array, dtype=None, **options):
                array = np.asarray(array)
                if options or not array.flags.c_contiguous:
                    return plain[name](array, dtype, **options)
                return make(array.shape, dtype or array.dtype)

            return make_like

        with monkeypatch.context() as patch:
            patch.setattr(np, "empty", empty)
            patch.setattr(np, "zeros", zeros)
            patch.setattr(np, "empty_like", like(empty, "empty_like"))
            patch.setattr(np, "zeros_like", like(zeros, "zeros_like"))
            return function(arena)

    return call


def check(placed, bits, what):
    """`bits(place)` is the same with all gaps. First without any, as kernels must be compiled by NumPy's own functions."""
    bits(Arena(FAR))
    apart = placed(bits, FAR)
    for gap in GAPS:
        assert placed(bits, gap) == apart, f"{what}: {gap} bytes apart"


@every_row
def test_neighbours_in_memory_change_no_bit(row, placed, dtype=np.float32):
    for case in row.cases:
        arrays = row.arrays(np.random.default_rng(1), case)
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]

        def bits(arena, arrays=arrays):
            outputs, gradients = outputs_and_gradients(row, F, [arena.copy(a) for a in arrays])
            found = [y.data for y in outputs] + [g.data for g in gradients if g is not None]
            return [np.asarray(a).tobytes() for a in found]

        check(placed, bits, f"{row.name} {case}")


# Longer rows than those of the table: a few vectors and a rest.
LONGER = {
    "softmax": lambda n: (lambda x: F.softmax(x, axis=1), (2, n)),
    "log_softmax": lambda n: (lambda x: F.log_softmax(x, axis=1), (2, n)),
    "cross_entropy": lambda n: (lambda x: F.cross_entropy(x, np.array([0, 1])), (2, n + 1)),
    "layer_norm": lambda n: (F.layer_norm, (2, n), (n,), (n,)),
    "batch_norm": lambda n: (
        lambda x, w, b, n=n: F.batch_norm(x, np.zeros(n), np.ones(n), w, b, training=True),
        (3, n),
        (n,),
        (n,),
    ),
    "rnn": lambda n: (lambda *a: F.rnn(*a)[0], (2, 3, 5), (n, 5), (n, n), (n,)),
    "lstm": lambda n: (lambda *a: F.lstm(*a)[0], (2, 3, 5), (4 * n, 5), (4 * n, n), (4 * n,)),
    "gru": lambda n: (lambda *a: F.gru(*a)[0], (2, 3, 5), (3 * n, 5), (3 * n, n), (3 * n,), (3 * n,)),
    "conv2d": lambda n: (F.conv2d, (1, 2, 4, n + 2), (3, 2, 3, 3), (3,)),
    "filters": lambda n: (F.conv2d, (1, n, 5, 5), (n, n, 3, 3), (n,)),
    "conv_relu_pool": lambda n: (F.conv_relu_pool, (1, 2, 6, n + 5), (3, 2, 3, 3), (3,)),
    "max_pool2d": lambda n: (lambda x: F.max_pool2d(x, 2), (1, 2, 4, n + 1)),
    "avg_pool2d": lambda n: (lambda x: F.avg_pool2d(x, 2), (1, 2, 4, n + 1)),
    "linear": lambda n: (F.linear, (3, n), (n, n), (n,)),
    "ctc_loss": lambda n: (
        lambda x: F.ctc_loss(F.log_softmax(x, axis=2), [[1, 2]], [5], [2]),
        (1, 5, n + 2),
    ),
}


@pytest.mark.parametrize("name", LONGER)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nor_do_they_in_longer_rows(name, dtype, placed):
    for n in (1, 5, 8, 10, 19, 37, 67):
        call, *shapes = LONGER[name](n)
        rng = np.random.default_rng(n)
        arrays = [rng.normal(size=shape).astype(dtype) for shape in shapes]

        def bits(arena, call=call, arrays=arrays):
            tensors = [tm.Tensor(arena.copy(a), requires_grad=True) for a in arrays]
            y = call(*tensors)
            (y * y).sum().backward()
            return [y.data.tobytes(), *(t.grad.data.tobytes() for t in tensors)]

        check(placed, bits, f"{name} {shapes}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "make",
    [
        *(lambda p: tm.optim.SGD(p, 0.1, weight_decay=0.1), lambda p: tm.optim.SGD(p, 0.1, momentum=0.9)),
        *(lambda p: tm.optim.SGD(p, 0.1, momentum=0.9, nesterov=True), lambda p: tm.optim.Adagrad(p, 0.1)),
        *(lambda p: tm.optim.RMSprop(p, 0.1, momentum=0.9, centered=True), lambda p: tm.optim.RMSprop(p, 0.1)),
        *(lambda p: tm.optim.Adam(p, 0.1), lambda p: tm.optim.AdamW(p, 0.1)),
    ],
)
def test_nor_in_the_step_of_an_optimiser(make, dtype, placed):
    for n in (1, 5, 10, 16, 37, 67):
        arrays = np.random.default_rng(n).normal(size=(4, n)).astype(dtype)

        def bits(arena, arrays=arrays):
            theta = tm.Tensor(arena.copy(arrays[0]), requires_grad=True)
            optimizer = make([theta])
            for gradient in arrays[1:]:
                theta.grad = tm.Tensor(arena.copy(gradient))
                optimizer.step()
            return theta.data.tobytes()

        check(placed, bits, f"{n} parameters")
