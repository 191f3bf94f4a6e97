"""What the tests train on, and the functions that they give to worker processes, which import them from here."""

import os
import signal
import time

import numpy as np
import pytest

from tinymm import functional as F
from tinymm import nn, optim, random
from tinymm.data import DataLoader
from tinymm.snapshots import Snapshots

CENTRES = np.random.default_rng(7).normal(size=(3, 6)) * 2


def clouds(n=240, seed=0):
    """Three clouds of points, (n, 6), and which cloud each is of."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return (CENTRES[y] + rng.normal(size=(n, 6))).astype(np.float32), y


def network(seed=0):
    random.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def loader(batch_size=12, seed=0, augment=None):
    return DataLoader(*clouds(), batch_size=batch_size, seed=seed, augment=augment)


def slow(x, rng):
    time.sleep(0.03)
    return x


def unhurried(x, rng):
    time.sleep(0.01)
    return x


def dying(x, rng):
    os._exit(3)


def broken(x, rng):
    raise RuntimeError("the disk is on fire")


def infinite_loss(outputs, y):
    return F.cross_entropy(outputs, y) * np.inf


class DieOnce:
    """An augmentation in which the worker is killed the first time that it is called for the given file's sake."""

    def __init__(self, marker, after=10):
        self.marker, self.after, self.calls = str(marker), after, 0

    def __call__(self, x, rng):
        self.calls += 1
        if self.calls > self.after:
            try:
                os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return x
            os.kill(os.getpid(), signal.SIGKILL)
        return x


def stopped_and_resumed(way, path, epochs=6, stop=3, make=optim.SGD, **options):
    """Train until validation stops it after some epochs, and then on from what was kept; what that gave.

    Validation tells which of the two trainings an epoch was tested in: 1, 2.
    """

    def once(part):
        def validation(model):
            tested.append(part)
            if part == 1 and len(tested) == stop:
                raise KeyError("the power fails")
            return {"part": part}

        tested = []
        model = network()
        optimizer = make(model.parameters(), 0.1)
        schedule = optim.CosineLR(optimizer, epochs)
        parts = {"validation": validation, "schedule": schedule, "snapshots": Snapshots(path, steps=5)}
        return model, optimizer, way.fit(model, loader(augment=unhurried), optimizer, epochs, **parts, **options)

    with pytest.raises(KeyError, match="the power fails"):
        once(1)
    return once(2)
