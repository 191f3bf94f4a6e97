"""`tinymm warmup` leaves nothing to compile."""

import numpy as np

from tinymm.cli import main
from tinymm.data.datasets import Dataset
from tinymm.kernels import jit
from tinymm.recipes import Recipe, train_model
from tinymm.warmup import warmup


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


def test_it_says_how_many(capsys):
    assert 2 * warmup(("float32",), progress=False) == warmup(("float32", "float64"), progress=False) > 40
    assert capsys.readouterr().err == ""
