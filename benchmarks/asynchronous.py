"""Asynchronous and distributed training: as right as one process? and how much faster?

python -m benchmarks.asynchronous staleness    accuracy against simulated staleness: a table and a picture
python -m benchmarks.asynchronous accuracy     Hogwild! with two workers against SGD, five seeds
python -m benchmarks.asynchronous speed        samples per second of one and two workers: on a machine with nothing else to do
python -m benchmarks.asynchronous ray          Ray: the loss curve of one process, and samples per second

Each writes benchmarks/results/asynchronous-PART.md; `--data digits` leaves out MNIST, `--seeds 2` does less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import tinymm as tm
from tinymm import nn, optim, plots
from tinymm.data import DataLoader
from tinymm.data.datasets import open_dataset
from tinymm.distributed import hogwild, synchronous
from tinymm.distributed.cluster import cluster
from tinymm.files import write_atomically
from tinymm.splits import train_test_split
from tinymm.training import evaluate, fit

RESULTS = Path(__file__).parent / "results"
WITHIN = 0.003  # of SGD's accuracy is as good
FASTER = 1.6  # times the samples of one worker, with two on two processors


@dataclass(frozen=True)
class Work:
    """Data, a small convolutional network for them, and how plain SGD trains it."""

    data: str
    filters: int
    lr: float
    epochs: int
    batch_size: int = 32

    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Images, standardised, and labels to learn from, and a fifth to test on: x, x_test, y, y_test."""
        data = open_dataset(self.data)
        x, x_test, y, y_test = train_test_split(data.x, data.y, test_size=0.2, stratify=data.y, random_state=0)
        mean, deviation = x.mean(), x.std()
        return (x - mean) / deviation, (x_test - mean) / deviation, y, y_test

    def model(self, seed: int) -> nn.Module:
        """Convolution 3×3, ReLU, pooling, 64 units, 10 classes."""
        tm.manual_seed(seed)
        side = {"digits": 3, "mnist-test": 13}[self.data]
        flat = self.filters * side * side
        layers = nn.Conv2d(1, self.filters, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(flat, 64), nn.ReLU()
        return nn.Sequential(*layers, nn.Linear(64, 10))

    def train(self, way: Callable[..., Any], seed: int, make: Callable[..., Any] = optim.SGD, **options: Any) -> Any:
        """The accuracy on the test part, the history and the optimiser after training, by `way` of a `fit`."""
        x, x_test, y, y_test = self.parts()
        model = self.model(seed)
        optimizer = make(model.parameters(), self.lr)
        epochs = options.pop("epochs", self.epochs)
        batches = DataLoader(x, y, batch_size=self.batch_size, seed=seed)
        history = way(model, batches, optimizer, epochs, schedule=optim.CosineLR(optimizer, epochs), **options)
        return evaluate(model, x_test, y_test)[1], history, optimizer


WORKS = {"digits": Work("digits", 16, 0.05, 30), "mnist-test": Work("mnist-test", 16, 0.05, 10)}
DELAYS = (0, 1, 2, 4, 8, 16, 32)
# Kind of delay, by how much the rate is multiplied, and whether it is divided by the staleness.
CURVES = (
    ("constant", 1, False),
    ("constant", 1, True),
    ("constant", 6, False),
    ("constant", 6, True),
    ("geometric", 6, False),
)


def staleness(works: list[Work], seeds: int) -> str:
    """Accuracy against staleness, at two rates, with and without dividing them by it (Zhang et al. 2016)."""
    text = []
    for work in works:
        curves: dict[str, dict[float, list[float]]] = {}
        for kind, times, aware in CURVES:
            rated = replace(work, lr=work.lr * times)
            points = curves.setdefault(f"{kind} delay, η = {rated.lr:g}{' / τ' if aware else ''}", {})
            for mean in DELAYS:
                for seed in range(seeds):
                    points.setdefault(mean, []).append(_simulated(rated, optim.Delay(kind, mean), aware, seed))
            print(
                work.data, kind, times, aware, {m: round(float(np.mean(a)), 4) for m, a in points.items()}, flush=True
            )
        without = float(np.mean(next(iter(curves.values()))[0]))
        picture = f"staleness-{work.data}.png"
        plots.save(plots.accuracy_against_staleness(curves, without), RESULTS / picture)
        rows = [
            f"| {name} | {' | '.join(_spread(points[mean]) for mean in DELAYS)} |" for name, points in curves.items()
        ]
        text += [
            f"## {work.data}: accuracy in %, mean ± deviation of {seeds} seeds, {work.epochs} epochs\n",
            f"| mean staleness τ | {' | '.join(map(str, DELAYS))} |\n|---|{'---|' * len(DELAYS)}\n" + "\n".join(rows),
            f"\n![Accuracy against staleness]({picture})\n",
        ]
    return "\n".join(text)


def _simulated(work: Work, delay: optim.Delay, aware: bool, seed: int) -> float:
    def make(parameters: list, lr: float) -> optim.AsyncSGD:
        return optim.AsyncSGD(parameters, lr, delay, staleness_aware=aware, seed=seed)

    try:
        return work.train(fit, seed, make)[0]
    except ArithmeticError:  # it diverged
        return 0.1


def accuracy(works: list[Work], seeds: int) -> str:
    """Hogwild! with two workers against SGD in one process, from the same weights and batches."""
    rows = ["| data | SGD | two workers, asynchronous | difference | measured staleness |", "|---|---|---|---|---|"]
    for work in works:
        alone, shared, taus = [], [], []
        for seed in range(seeds):
            alone.append(work.train(fit, seed)[0])
            found, history, _ = work.train(hogwild.fit, seed, workers=2)
            shared.append(found)
            taus.append(history.staleness.mean())
            print(work.data, seed, alone[-1], found, round(float(taus[-1]), 3), flush=True)
        apart = float(np.mean(shared) - np.mean(alone))
        met = "within" if abs(apart) <= WITHIN else "missed:"
        rows.append(
            f"| {work.data} | {_spread(alone)} | {_spread(shared)} | {apart * 100:+.2f} points ({met} {WITHIN * 100:.1f}) | "
            f"mean {np.mean(taus):.2f} |"
        )
    return f"Accuracy in %, mean ± deviation of {seeds} seeds.\n\n" + "\n".join(rows) + "\n"


def speed(works: list[Work], seeds: int) -> str:
    """Samples per second of one and two single-threaded workers, in turns."""
    rows = ["| data | one worker | two workers | ratio |", "|---|---|---|---|"]
    for work in works:
        rates: dict[int, list[float]] = {1: [], 2: []}
        for seed in range(seeds):
            for workers in rates:
                rates[workers].append(work.train(hogwild.fit, seed, workers=workers)[1].samples_per_second)
                print(work.data, workers, round(rates[workers][-1]), flush=True)
        ratio = statistics.median(b / a for a, b in zip(*rates.values(), strict=True))
        met = "met" if ratio >= FASTER else "missed"
        one, two = (statistics.median(values) for values in rates.values())
        rows.append(f"| {work.data} | {one:,.0f} /s | {two:,.0f} /s | {ratio:.2f} (goal {FASTER}: {met}) |")
    return f"Median of {seeds} runs in turns, each worker with one thread.\n\n" + "\n".join(rows) + "\n"


def ray(works: list[Work], seeds: int) -> str:
    """Two workers in step, each with half of every batch, against one process with the whole batch."""
    rows = [
        "| data | largest difference of the losses | one process | one worker | two workers | efficiency |",
        "|---|---|---|---|---|---|",
    ]
    tm.set_num_threads(1)
    for work in works:
        large = Work(work.data, work.filters, work.lr, 3 if seeds < 3 else 12, batch_size=256)
        large.train(fit, 0, epochs=1)  # kernels are loaded
        began = time.perf_counter()
        expected = large.train(fit, 0)[1]["train_loss"]
        alone = len(large.parts()[0]) * large.epochs / (time.perf_counter() - began)
        with cluster(workers=2):
            one, two = (large.train(synchronous.fit, 0, workers=workers)[1] for workers in (1, 2))
        apart = max(abs(a / b - 1) for a, b in zip(two["train_loss"], expected, strict=True))
        rates = one.samples_per_second, two.samples_per_second
        rows.append(
            f"| {work.data} | {apart:.1e} of the loss | {alone:,.0f} /s | {rates[0]:,.0f} /s | {rates[1]:,.0f} /s | "
            f"{rates[1] / rates[0] / 2:.0%} |"
        )
        print(rows[-1], flush=True)
    return "Batches of 256; efficiency: two workers over twice one worker.\n\n" + "\n".join(rows) + "\n"


def _spread(values: list[float]) -> str:
    return f"{np.mean(values) * 100:.2f} ± {np.std(values, ddof=1) * 100 if len(values) > 1 else 0:.2f}"


PARTS = {"staleness": staleness, "accuracy": accuracy, "speed": speed, "ray": ray}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.asynchronous",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    part = PARTS[options.part]
    text = f"# {part.__doc__}\n\n{part([WORKS[name] for name in options.data], options.seeds)}"
    print(text)
    write_atomically(RESULTS / f"asynchronous-{options.part}.md", text.encode())


if __name__ == "__main__":
    main()
