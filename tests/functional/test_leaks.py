"""What a step takes it gives back at once: graphs without the garbage collector, kernels their scratch memory."""

import contextlib
import gc
import weakref

import numpy as np
import pytest
from numba.core.runtime import rtsys

import tinymm as tm
from tinymm import functional as F
from tinymm import nn
from tinymm.models import CNN

from .table import ROWS, as_tuple


@pytest.fixture(scope="module", autouse=True)
def only_what_is_new():
    """What was there before is not looked through again by each collection, which would take most of the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def uncollected():
    """The garbage collector is off, and keeps what it finds at the end for us to see."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.garbage.clear()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def in_cycles():
    """What only the garbage collector would have freed, of ours."""
    gc.collect()
    return [thing for thing in gc.garbage if type(thing).__module__.split(".")[0] in ("tinymm", "numpy")]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{i}" for i, row in enumerate(ROWS)])
def test_a_graph_is_gone_with_its_last_name(row, uncollected):
    tensors = [tm.Tensor(a, requires_grad=True) for a in row.arrays(np.random.default_rng(0), row.cases[0])]
    for used in (False, True):
        outputs = as_tuple(row.call(F, *tensors))
        total = sum((y * y).sum() for y in outputs)
        seen = [weakref.ref(y) for y in outputs] + [weakref.ref(total)]
        if used:
            total.backward()
        inputs = {id(x) for x in tensors}
        seen = [ref for ref in seen if id(ref()) not in inputs]
        del outputs, total
        assert not any(ref() is not None for ref in seen)
    assert not in_cycles()


def test_second_derivatives_leave_no_cycles(uncollected):
    x = tm.tensor([0.5, 2.0], requires_grad=True)
    (g,) = tm.grad((np.exp(x) * x).sum(), [x], create_graph=True)
    (h,) = tm.grad((g * g).sum(), [x], create_graph=True)
    seen = [weakref.ref(g), weakref.ref(h)]
    del g, h
    assert not any(ref() is not None for ref in seen) and not in_cycles()


def test_a_failed_step_leaves_no_cycles(uncollected):
    layer = nn.Linear(3, 2)
    for _ in range(3):
        with contextlib.suppress(IndexError):
            F.cross_entropy(layer(np.ones((4, 3), np.float32)), [0, 1, 2, 0])
    assert not in_cycles()


def steps(model, optimizer, x, y, count):
    for _ in range(count):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.fixture(autouse=True)
def counting():
    """Let Numba count what kernels take and give back."""
    from numba.core.runtime import _nrt_python

    _nrt_python.memsys_enable_stats()


def resident():
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Everything(nn.Module):
    """Each kind of kernel that takes scratch memory."""

    def __init__(self):
        self.wide = nn.Conv2d(1, 64, 3, padding=3)
        self.winograd = nn.Conv2d(64, 64, 3, padding=1)
        self.recurrent = [nn.LSTM(64, 8), nn.GRU(8, 8), nn.RNN(8, 8)]
        self.dense = nn.Linear(8, 10)

    def forward(self, x):
        maps = F.max_pool2d(F.relu(self.winograd(self.wide(x))), 2)
        sequence = maps.reshape(len(x), 64, -1).transpose(0, 2, 1)
        for layer in self.recurrent:
            sequence, _ = layer(sequence)
        return self.dense(sequence[:, -1])


@pytest.mark.parametrize("make", [lambda: CNN((1, 8, 8), 10), Everything], ids=["the digit CNN", "everything"])
def test_memory_is_flat(make):
    tm.manual_seed(0)
    model = make()
    optimizer = tm.optim.Adam(model.parameters(), 1e-3)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 16)
    steps(model, optimizer, x, y, 20)
    before, kept = resident(), rtsys.get_allocation_stats()
    steps(model, optimizer, x, y, 150)
    stats = rtsys.get_allocation_stats()
    # of memory that kernels took for themselves; a helper may hold the last job's for a moment
    assert stats.alloc - stats.free < kept.alloc - kept.free + 50
    assert stats.mi_alloc - stats.mi_free < kept.mi_alloc - kept.mi_free + 50
    assert resident() - before < 4e6
