"""Arrays of every kind, as operands of every operation: taken, with NumPy's result, or refused in one clear sentence."""

import re
import warnings

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F

from .table import ROWS, as_tuple

FIRST = {row.name: row for row in reversed(ROWS)}  # of each operation
every_row = pytest.mark.parametrize("row", FIRST.values(), ids=FIRST)
# What others are made of is reached through them alone, by arrays that have been seen to and by gradients.
PUBLIC = {name: row for name, row in FIRST.items() if name in F.__all__}
every_public_row = pytest.mark.parametrize("row", PUBLIC.values(), ids=PUBLIC)
CLOSE = {"rtol": 2e-4, "atol": 2e-5}


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def misaligned(a):
    """Numbers that begin at an odd address."""
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    moved = memory[: a.nbytes].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def broadcast(a):
    """The first row again and again, at one place in memory."""
    return np.broadcast_to(a[:1], a.shape) if a.ndim and len(a) else a


def memory_mapped(a, folder):
    if not a.size:
        return a
    mapped = np.memmap(folder / "mapped", a.dtype, "w+", shape=a.shape or (1,))
    mapped[...] = a
    return mapped.reshape(a.shape)


LAYOUTS = {
    "read-only": read_only,
    "misaligned": misaligned,
    "broadcast": broadcast,
    "column by column": np.asfortranarray,
}


@every_row
@pytest.mark.parametrize("layout", [*LAYOUTS, "memory-mapped"])
def test_layouts(row, layout, tmp_path):
    """Values and gradients are those of plain copies; the operands stay as they are."""
    arrays = row.arrays(np.random.default_rng(0), row.cases[0], np.float32)
    arrays = [memory_mapped(a, tmp_path) if layout == "memory-mapped" else LAYOUTS[layout](a) for a in arrays]
    copies = [np.array(a, order="C") for a in arrays]
    results = []
    for operands in (arrays, copies):
        tensors = [tm.Tensor(a, requires_grad=True) for a in operands]
        outputs = as_tuple(row.call(F, *tensors))
        sum((y * y).sum() for y in outputs).backward()
        results.append([y.data for y in outputs] + [t.grad.data for t in tensors])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, **CLOSE)
    for a, b in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(a, b)


@every_public_row
@pytest.mark.parametrize("dtype", ["f2", ">f4", ">f8", "i8"])
def test_types_are_taken_or_refused(row, dtype):
    """What is taken gives what NumPy gives; what is not is refused by a sentence that says what came."""
    arrays = [np.asarray(a).astype(dtype) for a in row.arrays(np.random.default_rng(0), row.cases[0])]
    try:
        found = as_tuple(row.call(F, *[tm.Tensor(a) for a in arrays]))
    except (TypeError, ValueError) as error:
        assert re.search(r"float|dtype|integer|bool|number|type", str(error)), error
        assert not re.search(r"numba|typing|signature", str(error), re.IGNORECASE), error
        return
    plain = [a.astype(a.dtype.newbyteorder("=")) for a in arrays]
    with np.errstate(all="ignore"):
        try:
            expected = row.expected(plain)
        except (TypeError, ValueError, IndexError, OverflowError):
            return  # ours takes what the formula does not
    if dtype == "i8" and row.name in ("layer_norm", "normalize", "batch_norm"):
        return  # the formula's ε becomes 0 there
    for y, wanted in zip(found, expected, strict=True):
        tolerance = {"rtol": 2e-2, "atol": 2e-2} if dtype == "f2" else CLOSE
        np.testing.assert_allclose(np.asarray(y, np.float64), np.asarray(wanted, np.float64), **tolerance)


GRADIENTS = {
    "f2": lambda g, folder: g.astype("f2"),
    ">f4": lambda g, folder: g.astype(">f4"),
    ">f8": lambda g, folder: g.astype(">f8"),
    "i8": lambda g, folder: g.astype("i8"),
    "read-only": lambda g, folder: read_only(g),
    "misaligned": lambda g, folder: misaligned(g),
    "column by column": lambda g, folder: np.copy(g, order="F"),
    "memory-mapped": memory_mapped,
}


@every_public_row
def test_gradients_of_every_kind_give_the_same(row, tmp_path):
    """What `backward` is given goes to the operations that derivatives are made of."""
    arrays = row.arrays(np.random.default_rng(0), row.cases[0], np.float32)
    y = as_tuple(row.call(F, *[tm.Tensor(a) for a in arrays]))[0]
    g = np.asarray(np.arange(y.size).reshape(y.shape) % 7 - 3, np.float32)  # in float16 too
    found = {}
    for kind, made in {"plain": lambda g, folder: g, **GRADIENTS}.items():
        tensors = [tm.Tensor(a, requires_grad=True) for a in arrays]
        y = as_tuple(row.call(F, *tensors))[0]
        if y.requires_grad:
            y.backward(made(g, tmp_path))
        found[kind] = [t.grad for t in tensors]
    for kind, gradients in found.items():
        for ours, plain in zip(gradients, found["plain"], strict=True):
            assert (ours is None) == (plain is None), kind
            if plain is not None:
                assert ours.dtype == plain.dtype
                np.testing.assert_array_equal(ours.data, plain.data, err_msg=kind)


@every_public_row
def test_nothing_at_all_is_taken_or_refused(row):
    """One operand after the other without its first rows: what NumPy makes of that, or a sentence that says what is wrong."""
    arrays = [np.asarray(a) for a in row.arrays(np.random.default_rng(0), row.cases[0])]
    for which in [i for i, a in enumerate(arrays) if a.ndim]:
        operands = [a[:0] if i == which else a for i, a in enumerate(arrays)]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = as_tuple(row.call(F, *[tm.Tensor(a, requires_grad=True) for a in operands]))
            except (ValueError, IndexError, TypeError) as error:
                assert re.search(r"\b0\b|empty|zero-size|must|need|but", str(error)), error
                assert not re.search(r"numba|typing|signature|NoneType", str(error), re.IGNORECASE), error
                continue
            try:
                expected = row.expected(operands)
            except (TypeError, ValueError, IndexError, ZeroDivisionError):
                continue  # ours takes what the formula does not
        for y, wanted in zip(found, expected, strict=True):
            assert y.shape == np.shape(wanted)
            np.testing.assert_allclose(y.data, wanted, **CLOSE)
            if y.requires_grad:
                y.sum().backward()
