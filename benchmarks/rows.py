"""What is measured: each row names its work, makes its arrays and knows its arithmetic and its memory traffic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Row:
    """One line of the table: `work` is the name under which every peer has it, `options` what it is called with.

    `shapes` are those of the inputs, in tinymm's layouts; `classes` is given where the input "targets" holds labels.
    `flops` are the multiplications and additions of the matrix products and convolutions, as the formula needs them;
    `traffic` is the least number of bytes between memory and processor.
    """

    name: str
    kind: str
    work: str
    shapes: Shapes
    options: dict[str, Any] = field(default_factory=dict)
    classes: int = 0
    flops: float = 0.0
    traffic: float = 0.0
    quick: bool = False

    def arrays(self) -> dict[str, np.ndarray]:
        """The same float32 inputs for everyone: images and sequences N(0, 1), weights U(−1/√fan_in, 1/√fan_in)."""
        generator = np.random.default_rng(0)
        made: dict[str, np.ndarray] = {}
        for name, shape in self.shapes.items():
            if name == "targets":
                made[name] = generator.integers(0, self.classes, shape)
            elif name.endswith(" gradient"):  # far from zero: near it, Adam's ε means something else to everyone
                sizes = generator.uniform(0.5, 1.5, shape) * generator.choice([-1, 1], shape)
                made[name] = sizes.astype(np.float32)
            elif "weight" in name or "bias" in name:
                bound = 1 / math.sqrt(max(math.prod(shape[1:]), 1))
                made[name] = generator.uniform(-bound, bound, shape).astype(np.float32)
            else:
                made[name] = generator.standard_normal(shape).astype(np.float32)
        return made


def both(kind: str, title: str, **row: Any) -> Iterator[Row]:
    """The forward row, and the row of forward and all gradients: those of a product cost it twice more."""
    flops, traffic, output = row.pop("flops", 0.0), row.pop("traffic", 0.0), row.pop("output")
    options, shapes = row.pop("options", {}), row.pop("shapes")
    yield Row(
        f"{title}: forward", f"{kind}, forward", shapes=shapes, options={**options, "backward": False},
        flops=flops, traffic=traffic, **row,
    )  # fmt: skip
    # "gradient" is what arrives at the output; x, weights and biases all get theirs
    yield Row(
        f"{title}: forward + backward", f"{kind}, forward + backward", shapes={**shapes, "gradient": output},
        options={**options, "backward": True}, flops=3 * flops, traffic=3 * traffic, **row,
    )  # fmt: skip


def convolution(
    n: int, c: int, size: int, filters: int, k: int, stride: int = 1, padding: int = 0, groups: int = 1,
    quick: bool = False,
) -> Iterator[Row]:  # fmt: skip
    """A square convolution with bias. Few channels (1 or 3, and depthwise) have a goal of their own."""
    out = (size + 2 * padding - k) // stride + 1
    shapes = {"x": (n, c, size, size), "weight": (filters, c // groups, k, k), "bias": (filters,)}
    title = f"conv {n}×{c}×{size}×{size} → {filters}, {k}×{k}"
    title += f", pad {padding}" if padding else ""
    title += f", stride {stride}" if stride > 1 else ""
    title += ", depthwise" if groups == c > 1 else ""
    yield from both(
        "convolution of 1 or 3 channels" if c <= 3 else "convolution", title, work="conv2d", shapes=shapes,
        options={"stride": stride, "padding": padding, "groups": groups}, output=(n, filters, out, out),
        flops=2.0 * n * filters * out * out * (c // groups) * k * k,
        traffic=4.0 * (math.prod(shapes["x"]) + n * filters * out * out), quick=quick,
    )  # fmt: skip


def max_pooling(n: int, c: int, size: int, quick: bool = False) -> Iterator[Row]:
    """Windows of 2×2 side by side."""
    out = size // 2
    yield from both(
        "pooling", f"max-pool {n}×{c}×{size}×{size}, 2×2", work="max_pool2d", shapes={"x": (n, c, size, size)},
        options={"window": 2}, output=(n, c, out, out), traffic=4.0 * n * c * (size * size + out * out), quick=quick,
    )  # fmt: skip


GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def recurrent(cell: str, n: int, t: int, d: int, h: int, quick: bool = False) -> Iterator[Row]:
    """A whole sequence from a zero state; all outputs get a gradient."""
    rows = GATES[cell] * h
    biases = ("bias_ih", "bias_hh") if cell == "gru" else ("bias",)
    shapes = {"x": (n, t, d), "weight_ih": (rows, d), "weight_hh": (rows, h), **dict.fromkeys(biases, (rows,))}
    yield from both(
        "recurrent", f"{cell.upper()} {n}×{t}×{d}, H {h}", work=cell, shapes=shapes, output=(n, t, h),
        flops=2.0 * n * t * rows * (d + h), traffic=4.0 * n * t * (d + h), quick=quick,
    )  # fmt: skip


# The reference model's parameters in the order of MMBigModel's state_dict, whose names tell the sense too.
REFERENCE: Shapes = {
    "conv1.weight": (32, 1, 3, 3), "conv1.bias": (32,), "conv2.weight": (64, 32, 3, 3), "conv2.bias": (64,),
    "features.weight": (128, 1600), "features.bias": (128,),
    "lstm.weight_ih": (512, 1), "lstm.weight_hh": (512, 128), "lstm.bias": (512,),
    "hidden.weight": (128, 128), "hidden.bias": (128,), "classifier.weight": (10, 128), "classifier.bias": (10,),
}  # fmt: skip
PARAMETERS = sum(map(math.prod, REFERENCE.values()))


def reference_flops(n: int, training: bool) -> float:
    """Of the whole model; training costs a product twice more, but the images want no gradient."""
    first = 2.0 * n * 32 * 26 * 26 * 9
    others = 2.0 * n * (64 * 11 * 11 * 32 * 9 + 1600 * 128 + 128 * 512 * (1 + 128) + 128 * 128 + 128 * 10)
    return 2 * first + 3 * others if training else first + others


def reference_training(n: int) -> Row:
    """Forward, softmax cross-entropy, backward and Adam's step."""
    shapes = {**REFERENCE, "x": (n, 1, 28, 28), "targets": (n,)}
    return Row(
        f"reference model, training step, batch {n}", "reference model, training", "reference_training", shapes,
        classes=10, flops=reference_flops(n, True), quick=True,
    )  # fmt: skip


def reference_prediction(n: int) -> Row:
    """The logits, nothing recorded."""
    return Row(
        f"reference model, prediction, batch {n}", "reference model, prediction", "reference_prediction",
        {**REFERENCE, "x": (n, 1, 28, 28)}, flops=reference_flops(n, False), quick=True,
    )  # fmt: skip


def adam(shapes: Shapes, title: str, quick: bool = False) -> Row:
    """One step with gradients at hand: θ, g, m and v are read, θ, m and v are written."""
    inputs = {**shapes, **{f"{name} gradient": shape for name, shape in shapes.items()}}
    parameters = sum(map(math.prod, shapes.values()))
    return Row(f"Adam step, {title} parameters", "Adam step", "adam", inputs, traffic=28.0 * parameters, quick=quick)


def classifier_step(title: str, sizes: tuple[int, ...], n: int) -> Row:
    """Dense layers with ReLU between them, softmax cross-entropy, one step of gradient descent."""
    shapes: Shapes = {}
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        shapes |= {f"{i}.weight": (outputs, inputs), f"{i}.bias": (outputs,)}
    weights = [inputs * outputs for inputs, outputs in itertools.pairwise(sizes)]
    return Row(
        f"{title} {'-'.join(map(str, sizes))}, training step, batch {n}", "small training step", "classifier_step",
        {**shapes, "x": (n, sizes[0]), "targets": (n,)}, classes=sizes[-1],
        flops=2.0 * n * (2 * weights[0] + 3 * sum(weights[1:])), quick=True,
    )  # fmt: skip


def tape(operations: int = 100) -> Row:
    """So many operations one after another on eight numbers, forward and backward: what recording and replaying cost.

    Only for frameworks that record as they go: a compiler makes one operation of them all.
    """
    title = f"tape, {operations} operations on 8 numbers: forward + backward"
    shapes: Shapes = {"x": (8,), "gradient": (8,)}
    return Row(title, "tape", "tape", shapes, options={"operations": operations, "backward": True})


def matrix_product(size: int = 1024) -> Row:
    """The machine's limit: the best rate anybody reaches here is what shares are stated of."""
    return Row(
        f"matrix product {size}×{size}×{size}", "limit", "matmul", {"a": (size, size), "b": (size, size)},
        flops=2.0 * size**3, quick=True,
    )  # fmt: skip


def memory_copy(megabytes: int = 256) -> Row:
    """The other limit: bytes read and written per second, for arrays that fit in few caches."""
    size = megabytes * 2**20 // 4
    return Row(f"copy of {megabytes} MB", "limit", "copy", {"source": (size,)}, traffic=8.0 * size, quick=True)


SEQUENCES = [(64, 28, 28, 128), (64, 128, 1, 128), (32, 100, 40, 128), (1, 100, 40, 64), (64, 50, 64, 256)]

ROWS: list[Row] = [
    matrix_product(),
    memory_copy(),
    reference_training(64),
    reference_prediction(64),
    reference_prediction(1),
    *convolution(64, 1, 28, 32, 3),
    *convolution(64, 32, 13, 64, 3, quick=True),
    *convolution(64, 3, 32, 64, 3, padding=1, quick=True),
    *convolution(32, 64, 16, 128, 3, padding=1),
    *convolution(64, 1, 28, 32, 3, padding=1),
    *convolution(16, 64, 32, 64, 3, padding=1),
    *convolution(64, 32, 14, 64, 5, padding=2),
    *convolution(64, 64, 16, 128, 3, stride=2, padding=1),
    *convolution(32, 64, 28, 64, 3, padding=1, groups=64),
    *max_pooling(64, 32, 26, quick=True),
    *max_pooling(64, 64, 11),
    *(
        row
        for cell in GATES
        for sizes in SEQUENCES
        for row in recurrent(cell, *sizes, quick=(cell, sizes) == ("lstm", SEQUENCES[0]))
    ),
    adam(REFERENCE, "300 k", quick=True),
    adam({f"weight {i}": (1000, 1000) for i in range(10)}, "10 M"),
    classifier_step("logistic regression", (64, 10), 32),
    classifier_step("MLP", (64, 32, 10), 32),
    tape(),
]


@dataclass(frozen=True)
class Growth:
    """One row at 1, 2, 4 and 8 times a size; the time should grow as the work does, with exponent 1."""

    name: str
    rows: tuple[Row, ...]


FACTORS = (1, 2, 4, 8)


def _growing(name: str, rows: list[Iterator[Row]]) -> Growth:
    return Growth(name, tuple(list(pair)[1] for pair in rows))  # forward + backward


GROWTH: list[Growth] = [
    _growing("convolution, batch", [convolution(16 * f, 32, 16, 64, 3, padding=1) for f in FACTORS]),
    _growing("convolution, channels", [convolution(16, 16 * f, 16, 32 * f, 3, padding=1) for f in FACTORS]),
    *(
        growth
        for cell in GATES
        for growth in (
            _growing(f"{cell.upper()}, batch", [recurrent(cell, 16 * f, 32, 64, 128) for f in FACTORS]),
            _growing(f"{cell.upper()}, time steps", [recurrent(cell, 32, 16 * f, 64, 128) for f in FACTORS]),
            _growing(f"{cell.upper()}, channels", [recurrent(cell, 32, 32, 32 * f, 64 * f) for f in FACTORS]),
        )
    ),
    Growth("reference model, batch", tuple(reference_training(16 * f) for f in FACTORS)),
]

# The rows at which one thread is compared with several: the hot ones, large enough to share.
HOT = [row for row in ROWS if row.kind == "reference model, training" or (row.flops > 5e8 and "backward" in row.name)]
