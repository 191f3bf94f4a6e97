"""How far several workers get: a cost model of a step, checked by measurement here and by simulation up to 1,000 workers.

python -m benchmarks.scaling               measure, compare, and write scaling.md and scaling.png to benchmarks/results/
python -m benchmarks.scaling --assumed     with costs given below instead of measured ones, and no comparison

Each of W workers computes the gradient of a batch of its own. Per round of W batches, with c the time to compute one,
m(W) the mean of the slowest of W, a the cost of a message, v = 4 n / bandwidth the time to move n parameters, and u to
change them:

    all-reduce          m(W) + 2 (W − 1) a + 2 (W − 1)/W v + u     a ring: each sends and gets 2 (W − 1) parts of the vector
    parameter server    m(W) + 2 W a + 2 W v + u                   in step: all gradients go to one place, and parameters back
    asynchronous        max(c + 2 a + 2 v + u, W (2 a + 2 v + u))  nobody waits, but the server is one

That is with a processor for each worker. Where W workers share P processors, in step they need ⌈W / P⌉ turns, and each takes
1 + k (min(W, P) − 1) times as long, as they share a memory too. Asynchronously P processors do no more than P batches in
c + 2 (2 a + 2 v) + u, as both ends of a message are here.

What counts is the time to a given accuracy. W batches at once are worth less than W batches one after the other: in step
they are one large batch (McCandlish et al. 2018), asynchronously each is up to W − 1 updates late. How many more samples it
then takes, 1 + (W − 1) / W₀, is measured by training with each W in one process.
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import tinymm as tm
from benchmarks import machine
from tinymm import functional as F
from tinymm import nn, optim
from tinymm.data import DataLoader
from tinymm.data.datasets import load_digits
from tinymm.files import write_atomically

RESULTS = Path(__file__).parent / "results"
WORKERS = (1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 130, 200, 320, 500, 750, 1000)
PARAMETERS = tuple(10**k for k in np.arange(3, 8.6, 0.5))
WAYS = ("all-reduce", "parameter server", "asynchronous")


@dataclass(frozen=True)
class Costs:
    """In seconds, and bytes per second. `spread` is the standard deviation of log c; `late` and `large` are W₀."""

    message: float = 4e-4
    bandwidth: float = 1.0e9
    compute: float = 0.02
    spread: float = 0.1
    update: float = 1e-9  # per parameter
    contention: float = 0.0  # k
    late: float = 4.3
    large: float = 2.5

    def moving(self, parameters: float) -> float:
        return 4 * parameters / self.bandwidth

    def slowest(self, workers: int) -> float:
        """The mean of the slowest of so many, each lognormal with mean c."""
        return self.compute * _slowest(workers, round(self.spread, 3))

    def rate(self, way: str, workers: int, parameters: float, processors: float = np.inf) -> float:
        """Batches per second, if so many processors of one machine are there for the workers; by default one for each."""
        a, v, u, w = self.message, self.moving(parameters), self.update * parameters, workers
        shared = 1 if np.isinf(processors) else 1 + self.contention * (min(w, processors) - 1)
        crowd = shared * (1 if np.isinf(processors) else np.ceil(w / processors))  # a batch is about a time slice
        if way == "asynchronous":
            alone, server = shared * self.compute + 2 * a + 2 * v + u, 2 * a + 2 * v + u
            return w / max(alone, w * server, w / processors * (alone + 2 * a + 2 * v))
        if way == "all-reduce":
            return w / (crowd * (self.slowest(w) + 2 * (w - 1) / w * v + u) + 2 * (w - 1) * a)
        return w / (crowd * self.slowest(w) + 2 * w * a + 2 * w * v + u)

    def progress(self, way: str, workers: int, parameters: float) -> float:
        """Batches per second, counted by what they are worth beside batches one after the other."""
        enough = self.late if way == "asynchronous" else self.large
        return self.rate(way, workers, parameters) / (1 + (workers - 1) / enough)


@cache
def _slowest(workers: int, spread: float) -> float:
    draws = np.random.default_rng(0).lognormal(-(spread**2) / 2, spread, (400, workers))
    return float(draws.max(axis=1).mean())


def simulate(costs: Costs, way: str, workers: int, parameters: float, rounds: int = 60, seed: int = 0) -> float:
    """Batches per second of workers and a server that are followed event by event."""
    rng = np.random.default_rng(seed)
    a, v, u = costs.message, costs.moving(parameters), costs.update * parameters

    def draw(n: int) -> np.ndarray:
        return costs.compute * rng.lognormal(-(costs.spread**2) / 2, costs.spread, n)

    if way != "asynchronous":
        busy, clock = np.zeros(workers), 0.0  # when each link is free again
        for _ in range(rounds):
            ready = clock + draw(workers)
            if way == "all-reduce":
                for _ in range(
                    2 * (workers - 1)
                ):  # a part of the vector has come from the one before, and is passed on
                    ready = np.maximum(ready, np.roll(ready, 1)) + a + v / workers
                clock = ready.max() + u
            else:
                free = 0.0
                for moment in np.sort(ready):  # gradients queue at the server's door
                    free = max(free, moment) + a + v
                clock = free + u + workers * (a + v)
            busy[:] = clock
        return rounds * workers / clock
    events = [(t, i) for i, t in enumerate(draw(workers))]
    heapq.heapify(events)
    free, done, last = 0.0, 0, 0.0
    target = rounds * workers
    while done < target:
        moment, worker = heapq.heappop(events)
        free = last = max(free, moment) + 2 * a + 2 * v + u
        done += 1
        heapq.heappush(events, (free + float(draw(1)[0]), worker))
    return done / last


# --- measured -----------------------------------------------------------------------------------------------


def worth(seeds: int = 1) -> tuple[float, float]:
    """W₀ of late gradients and of large batches: how many workers double the samples needed, on the digits.

    For each W, at the best of five learning rates, how many samples it takes until the mean loss of an epoch is below 0.1.
    """
    digits = load_digits()

    def samples(workers: int, late: bool) -> float:
        best = np.inf
        for lr in (0.015, 0.05, 0.15, 0.45, 1.35):
            needed = []
            for seed in range(seeds):
                tm.manual_seed(seed)
                model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
                size = 16 if late else 16 * workers
                batches = DataLoader(digits.x, digits.y, batch_size=size, seed=seed)
                optimizer = optim.AsyncSGD(model.parameters(), lr, workers - 1 if late else 0)
                needed.append(_samples_until(model, batches, optimizer, 0.1))
            best = min(best, float(np.mean(needed)))
        return best

    found = []
    for late in (True, False):
        counts = np.array([1, 2, 4, 8, 16, 32])
        needed = np.array([samples(int(w), late) for w in counts])
        more = needed / needed[0] - 1
        usable = np.isfinite(more)
        slope = float((more[usable] * (counts[usable] - 1)).sum() / ((counts[usable] - 1) ** 2).sum())
        found.append(1 / max(slope, 1e-3))
        print("late" if late else "large", dict(zip(counts.tolist(), needed.round().tolist(), strict=True)), flush=True)
    return found[0], found[1]


def _samples_until(model: nn.Module, batches: DataLoader, optimizer: optim.Optimizer, goal: float) -> float:
    for epoch in range(1, 61):
        total = 0.0
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        if total / batches.n_samples < goal:
            return float(epoch * batches.n_samples)
        if not np.isfinite(total):
            break
    return np.inf


class Partner:
    """An actor that exchanges arrays with another, to see what a message costs."""

    def __init__(self) -> None:
        from tinymm.distributed.cluster import load_ray
        from tinymm.distributed.links import Port

        self.port = Port(load_ray().util.get_node_ip_address())

    def ready(self) -> Any:
        return self.port.address

    def exchange(self, sizes: list[int], secret: bytes, other: Any = None) -> list[float]:
        """Send arrays of these sizes to and fro; returns the median seconds of one way."""
        from tinymm.distributed.links import connect, receive, send

        link = connect(other, secret) if other else self.port.accept(secret)
        assert link is not None
        found = []
        for size in sizes:
            array, taken = np.zeros(size, np.float32), []
            for _ in range(60):
                began = time.perf_counter()
                if other:
                    send(link, array)
                receive(link, array)
                if not other:
                    send(link, array)
                taken.append(time.perf_counter() - began)
            found.append(float(np.median(taken[10:])) / 2)
        return found


def work(workers: int) -> tuple[nn.Module, DataLoader]:
    """What is measured: images 28×28 in batches of 64 a worker, and 174 thousand parameters."""
    tm.manual_seed(0)
    x = np.random.default_rng(0).random((64 * 48, 1, 28, 28), dtype=np.float32)
    flat = nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    model = nn.Sequential(*flat, nn.Linear(16 * 169, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, DataLoader(x, np.arange(len(x)) % 10, batch_size=64 * workers)


def measure(ray: Any, processors: int) -> Costs:
    """What a message, a byte, a gradient and an update cost here, in workers of the cluster."""
    from tinymm.distributed.links import SECRET
    from tinymm.distributed.replica import InStep
    from tinymm.distributed.state import task

    one, two = (ray.remote(Partner).options(num_cpus=1).remote() for _ in range(2))
    sizes, secret = [10, 100_000, 300_000, 1_000_000, 3_000_000], bytes(SECRET)
    times, _ = ray.get(
        [one.exchange.remote(sizes, secret, ray.get(two.ready.remote())), two.exchange.remote(sizes, secret)]
    )
    bandwidth = 4 / np.polyfit(sizes, times, 1)[0]
    for partner in (one, two):
        ray.kill(partner)

    model, batches = work(1)
    size = sum(p.size for p in model.parameters())
    todo = task(model, batches, optim.SGD(model.parameters(), 0.01), 50, F.cross_entropy, None, None)
    workers = [ray.remote(InStep).options(num_cpus=1).remote(todo, number) for number in range(processors)]
    for worker in workers:  # each alone in its ring
        ray.get([worker.form_ring.remote(0, [ray.get(worker.ready.remote())], secret), worker.take_steps.remote(0, 50)])

    def steps(team: list[Any]) -> np.ndarray:
        """Seconds of single steps, of all workers of a team that are at work at the same time."""
        asked = [worker.take_steps.remote(step, step + 1) for step in range(50, 150) for worker in team]
        return np.array([seconds for _, seconds in ray.get(asked)])

    rounds = [(steps(workers[:1]), steps(workers)) for _ in range(5)]
    alone = np.concatenate([own for own, _ in rounds])
    slower = float(np.median([np.median(both) / np.median(own) for own, both in rounds]))
    contention = max(slower - 1, 0) / max(processors - 1, 1)
    optimizer = todo.optimizer
    for parameter in optimizer.parameters:
        parameter.grad = tm.tensor(np.zeros(parameter.shape, np.float32))
    taken = []
    for _ in range(100):
        began = time.perf_counter()
        optimizer.step()
        taken.append(time.perf_counter() - began)
    update = float(np.median(taken)) / size
    spread = (
        float(np.diff(np.quantile(np.log(alone), [0.16, 0.84]))[0]) / 2
    )  # of a normal distribution, but for outliers
    compute = float(np.median(alone)) - update * size
    for worker in workers:
        ray.kill(worker)
    return Costs(times[0], float(bandwidth), compute, spread, update, contention)


def compare(costs: Costs, processors: int, rounds: int = 3) -> list[tuple[str, int, float, float]]:
    """(way, workers, batches per second as predicted, as measured) for 1 to 4 workers on this machine: medians of rounds."""
    from tinymm.distributed import parameter_server, synchronous

    ways = {"all-reduce": synchronous.fit, "asynchronous": parameter_server.fit}
    found: dict[tuple[str, int], list[float]] = {(way, workers): [] for way in ways for workers in (1, 2, 3, 4)}
    for _ in range(rounds):
        for (way, workers), rates in found.items():
            model, batches = work(workers if way == "all-reduce" else 1)
            history = ways[way](model, batches, optim.SGD(model.parameters(), 0.01), 8, workers=workers)
            rates.append(history.samples_per_second / 64)
    size = sum(p.size for p in model.parameters())
    return [
        (way, workers, costs.rate(way, workers, size, processors), float(np.median(rates)))
        for (way, workers), rates in found.items()
    ]


# --- written down -------------------------------------------------------------------------------------------


Measure = Callable[[str, int, float], float]  # of a way, workers and parameters: how fast


def winner(measure: Measure, workers: int, parameters: float) -> str:
    return max(WAYS, key=lambda way: measure(way, workers, parameters))


def draw(costs: Costs) -> Any:
    """Who gets furthest, in batches and in accuracy, by workers and parameters; and how far with a million of them."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    from tinymm.plots.figure import BLUE, GREEN, ORANGE, calm, new_figure

    colours = dict(zip(WAYS, (BLUE, GREEN, ORANGE), strict=True))
    *maps, right = new_figure(14, 4).subplots(1, 3)
    for ax, measure, title in zip(
        maps, (costs.rate, costs.progress), ("Most batches", "Soonest accurate"), strict=True
    ):
        table = [[WAYS.index(winner(measure, w, p)) for w in WORKERS[1:]] for p in PARAMETERS]
        colour_map = ListedColormap(list(colours.values()))
        ax.pcolormesh(WORKERS[1:], PARAMETERS, table, cmap=colour_map, vmin=0, vmax=2, alpha=0.75)
        ax.set(xscale="log", yscale="log", xlabel="workers", ylabel="parameters", title=title)
        handles = [Patch(color=c, alpha=0.75, label=way) for way, c in colours.items()]
        ax.legend(handles=handles, fontsize=9, loc="upper right")
    for way, colour in colours.items():
        one = costs.rate(way, 1, 1e6)
        right.plot(WORKERS, [costs.rate(way, w, 1e6) / one for w in WORKERS], color=colour, label=way, linewidth=1.8)
        followed = [simulate(costs, way, w, 1e6) / one for w in WORKERS]
        right.plot(WORKERS, followed, "o", color=colour, markersize=4, mfc="none")
        right.plot(WORKERS, [costs.progress(way, w, 1e6) / one for w in WORKERS], ":", color=colour, linewidth=1.4)
    right.set(xscale="log", yscale="log", xlabel="workers", ylabel="times as fast as one", title="A million parameters")
    calm(right)
    title = "batches: lines; simulated: rings; accuracy: dots"
    right.legend(frameon=False, fontsize=9, title=title, title_fontsize=8)
    return right


def report(costs: Costs, rows: list[tuple[str, int, float, float]]) -> str:
    facts = "\n".join(f"| {name} | {value:.3g} |" for name, value in asdict(costs).items())
    text = f"# How far several workers get\n\n{__doc__ and __doc__.split(chr(10) * 2, 2)[2]}\n"
    text += f"| cost | seconds, bytes per second |\n|---|---|\n{facts}\n\nMeasured on {machine.describe()['processor']}.\n\n"
    if rows:
        errors = [predicted / measured - 1 for _, _, predicted, measured in rows]
        text += "## Model against measurement here, batches per second\n\n"
        text += "| | workers | model | measured | error |\n|---|---|---|---|---|\n"
        text += "\n".join(
            f"| {way} | {workers} | {p:.1f} | {m:.1f} | {p / m - 1:+.0%} |" for way, workers, p, m in rows
        )
        text += f"\n\nMean absolute error {np.mean(np.abs(errors)):.0%}, largest {np.max(np.abs(errors)):.0%}.\n\n"
    apart = [
        simulate(costs, way, w, p) / costs.rate(way, w, p) - 1 for way in WAYS for w in WORKERS for p in (1e4, 1e6)
    ]
    text += (
        f"Against the simulation, up to 1,000 workers, the model is off by {np.mean(np.abs(apart)):.0%} on average, "
        f"{np.max(np.abs(apart)):.0%} at most.\n\n"
    )
    text += _winners("Most batches per second", costs.rate) + _winners("Soonest at a given accuracy", costs.progress)
    return text + "![Who is soonest, and how much faster than one worker](scaling.png)\n"


def _winners(title: str, measure: Measure) -> str:
    shown = [w for w in WORKERS if w in (2, 5, 8, 20, 50, 130, 320, 1000)]
    text = f"## {title}: who, and how many times as fast as one worker\n\n"
    text += f"| parameters | {' | '.join(f'{w:,} workers' for w in shown)} |\n|---|{'---|' * len(shown)}\n"
    for p in PARAMETERS[::2]:
        one = max(measure(way, 1, p) for way in WAYS)
        best = [(winner(measure, w, p), w) for w in shown]
        text += f"| {p:,.0f} | {' | '.join(f'{way} {measure(way, w, p) / one:.1f}×' for way, w in best)} |\n"
    return text + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assumed", action="store_true", help="do not measure")
    options = parser.parse_args()
    costs, rows = Costs(), list[tuple[str, int, float, float]]()
    if not options.assumed:
        from tinymm.distributed.cluster import cluster

        late, large = worth()
        with cluster(workers=6) as ray:
            processors = machine.describe()["processors"]
            costs = measure(ray, processors)
            costs = Costs(**(asdict(costs) | {"late": late, "large": large}))
            print(costs, flush=True)
            rows = compare(costs, processors)
    from tinymm import plots

    text = report(costs, rows)
    print(text)
    write_atomically(RESULTS / "scaling.md", text.encode())
    plots.save(draw(costs), RESULTS / "scaling.png")


if __name__ == "__main__":
    main()
