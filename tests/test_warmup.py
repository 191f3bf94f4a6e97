"""`tinymm warmup` leaves nothing to compile."""

import numpy as np
import pytest
from numba import config

from tinymm.cli import main
from tinymm.data.datasets import Dataset
from tinymm.kernels import jit, threads
from tinymm.recipes import Recipe, train_model
from tinymm.warmup import warmup

PATTERNS = threads._take_shards, threads._take_sums


def compiled():
    return sum(len(kernel.signatures) for kernel in jit.KERNELS)


def test_training_compiles_nothing_more(capsys):
    assert main(["warmup"]) == 0
    assert "float64" in capsys.readouterr().err
    before = compiled()
    random = np.random.default_rng(0)
    images, labels = random.random((20, 1, 28, 28), dtype=np.float32), np.arange(20) % 10
    data = Dataset(images, labels, tuple("0123456789"), "noise", "made here", "none")
    for model in ("mmbigmodel", "cnn", "rnn", "logistic"):
        for optimizer in ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"):
            train_model(Recipe(model=model, optimizer=optimizer, epochs=1), data)
    assert compiled() == before


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_what_many_threads_share_is_compiled_for_one_alone_too():
    """Whether work is shared depends on its size and on how wide the CPU's vectors are."""
    warmup(progress=False)
    shared = [(kernel, worker) for (pattern, kernel), worker in jit._instances.items() if pattern in PATTERNS]
    ours = [(kernel, worker) for kernel, worker in shared if kernel.__module__.startswith("tinymm.")]
    assert len(ours) > 20
    assert {kernel.__name__ for kernel, worker in ours if len(kernel.signatures) < len(worker.signatures)} == set()


def test_it_says_how_many(capsys):
    assert 2 * warmup(("float32",), progress=False) == warmup(("float32", "float64"), progress=False) > 40
    assert capsys.readouterr().err == ""
