"""How long it lasts: does a long training take more and more memory, or get slower?

python -m benchmarks.endurance                  100,000 steps of the digit CNN, 5 to 20 minutes on one processor
python -m benchmarks.endurance --steps 5000     a first look; writes nothing

The CNN of `tinymm train` with its usual recipe: batches drawn and augmented, forward, backward, Adam, and a test on half
of the digits after every epoch. A hundred times on the way it is noted how much of the process is in memory, how much of
that kernels took and have not given back, how many objects Python's collector watches, and how much processor time a step
took since the last time. The first tenth is left out: caches fill there. Flat means that the last third needs at most 4 MB
more than the first; steady, that the median of its steps takes at most 10 % more processor time. Fails if either is not so.
100,000 steps or more go into benchmarks/results/endurance.md and .png.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.fresh import memory
from tinymm.data.datasets import Dataset, load_digits
from tinymm.files import write_atomically
from tinymm.kernels.threads import get_num_threads
from tinymm.recipes import Recipe, train_model
from tinymm.training import Batches, History, fit

RESULTS = Path(__file__).parent / "results"
STEPS, NOTES = 100_000, 100
MORE_MEMORY, MORE_TIME = 4e6, 1.1  # bytes, and times as long: what counts as flat and as steady


class Note(NamedTuple):
    """What was seen after so many steps; memory in bytes, time in seconds of the processor."""

    step: int
    resident: int
    scratch: int
    objects: int
    time: float


class Watched:
    """The same batches, with a note every so many of them."""

    def __init__(self, batches: Batches, every: int, notes: list[Note]):
        self.batches, self.every, self.notes = batches, every, notes
        self.steps, self.began = 0, time.process_time()

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self.batches:
            yield batch
            self.steps += 1
            if self.steps % self.every == 0:
                spent = (time.process_time() - self.began) / self.every
                self.notes.append(Note(self.steps, memory("VmRSS"), scratch(), len(gc.get_objects()), spent))
                self.began = time.process_time()


def scratch() -> int:
    """Pieces of memory that kernels have taken for themselves and not given back."""
    from numba.core.runtime import rtsys

    counts = rtsys.get_allocation_stats()
    return counts.alloc - counts.free


@dataclass
class Endurance:
    """The notes of a run, and what they say."""

    notes: list[Note] = field(default_factory=list)

    @property
    def thirds(self) -> tuple[list[Note], list[Note]]:
        """The first and the last third of what comes after the first tenth."""
        kept = self.notes[len(self.notes) // 10 :]
        third = max(len(kept) // 3, 1)
        return kept[:third], kept[-third:]

    def growth(self) -> float:
        """Bytes, from the largest of the first third to the largest of the last."""
        first, last = self.thirds
        return max(note.resident for note in last) - max(note.resident for note in first)

    def slowdown(self) -> float:
        """How many times as much processor time a step takes in the end."""
        first, last = self.thirds
        return median(note.time for note in last) / median(note.time for note in first)

    def verdict(self) -> str:
        flat, steady = self.growth() <= MORE_MEMORY, self.slowdown() <= MORE_TIME
        return (
            f"Memory is {'flat' if flat else 'NOT flat'}: {self.growth() / 1e6:+.2f} MB from the first third to the last. "
            f"Steps are {'steady' if steady else 'NOT steady'}: {self.slowdown() - 1:+.1%} of processor time."
        )

    def holds(self) -> bool:
        return self.growth() <= MORE_MEMORY and self.slowdown() <= MORE_TIME


def train(steps: int, data: Dataset) -> Endurance:
    """Train the CNN for so many steps, or a few more, to the end of an epoch."""
    from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]

    _nrt_python.memsys_enable_stats()
    found, every = Endurance(), max(steps // NOTES, 1)
    learned, tested = data.subset(range(0, len(data), 2)), data.subset(range(1, len(data), 2))

    def watched(model: Any, batches: Batches, *others: Any, **options: Any) -> History:
        return fit(model, Watched(batches, every, found.notes), *others, **options)

    recipe = Recipe(data=data.name, model="cnn").complete()
    epochs = -(-steps // -(-len(learned) // int(recipe.batch_size or 1)))
    train_model(replace(recipe, epochs=epochs), learned, tested, title=f"{steps:,} steps", fit=watched)
    return found


def draw(found: Endurance) -> Any:
    """Memory and time against steps, one above the other."""
    from tinymm.plots.figure import BLUE, ORANGE, calm, new_figure

    upper, lower = new_figure(8, 5).subplots(2, 1, sharex=True)
    steps = [note.step for note in found.notes]
    upper.plot(steps, [note.resident / 1e6 for note in found.notes], color=BLUE)
    upper.set(ylabel="memory of the process (MB)", ylim=(0, 1.2 * max(note.resident for note in found.notes) / 1e6))
    lower.plot(steps, [note.time * 1e3 for note in found.notes], color=ORANGE)
    lower.set(
        ylabel="processor time of a step (ms)", xlabel="steps", ylim=(0, 1.2e3 * max(n.time for n in found.notes))
    )
    for ax in (upper, lower):
        calm(ax)
    return np.array([upper, lower])


def report(found: Endurance) -> str:
    text = f"""# How long it lasts

The digit CNN trained for {found.notes[-1].step:,} steps: `python -m benchmarks.endurance`.
{found.verdict()}

| step | memory (MB) | pieces that kernels hold | objects that the collector watches | processor time of a step (ms) |
|---|---|---|---|---|
"""
    for note in found.notes[:: max(len(found.notes) // 10, 1)] + found.notes[-1:]:
        cells = (
            f"{note.step:,}",
            f"{note.resident / 1e6:.2f}",
            note.scratch,
            f"{note.objects:,}",
            f"{1e3 * note.time:.2f}",
        )
        text += "| " + " | ".join(map(str, cells)) + " |\n"
    text += f"\n{machine.describe()['processor']}, threads: {get_num_threads()}; {time.strftime('%Y-%m-%d')}.\n\n"
    return text + "![Memory and time of a step](endurance.png)\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.endurance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS, help=f"how many (default: {STEPS:,})")
    steps = parser.parse_args().steps
    if steps < NOTES:
        parser.error(f"--steps is {steps}, but must be at least {NOTES}")
    found = train(steps, load_digits())
    print(report(found))
    if steps >= STEPS:
        from tinymm import plots

        write_atomically(RESULTS / "endurance.md", report(found).encode())
        plots.save(draw(found), RESULTS / "endurance.png")
    if not found.holds():
        sys.exit(found.verdict())


if __name__ == "__main__":
    main()
