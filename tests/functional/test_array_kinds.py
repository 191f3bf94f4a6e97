"""Arrays of every kind, as operands of every operation: taken, with NumPy's result, or refused in one clear sentence."""

import re

import numpy as np
import pytest

import tinymm as tm
from tinymm import functional as F

from .table import ROWS, as_tuple

FIRST = {row.name: row for row in reversed(ROWS) if row.name in F.__all__}  # of each public operation
every_row = pytest.mark.parametrize("row", FIRST.values(), ids=FIRST)
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


@every_row
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
