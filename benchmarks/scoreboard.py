"""The scores measured so far: kept as JSON, a row at a time, and shown as a table that says which goals are met."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.measurement import STRANGERS
from tinymm.files import write_atomically

ROUNDING = 1e-9  # by which the mean of 98, 99 and 100 % misses 99 %
LEGEND = f"""Mean over the seeds ± their standard deviation; a seed draws the weights, the batches, and the folds where there
are any, of which its score is the mean. Time is that of training one model: of the processor, and on the clock with as
many threads as stated; † marks clocks that other programs slowed down, taking more than {STRANGERS:.0%} of the processors
meanwhile."""


@dataclass(frozen=True)
class Spent:
    """What a training took: seconds of the processor and of the clock, and the share that `Strangers` had meanwhile."""

    processor: float
    clock: float
    strangers: float | None = None


@dataclass(frozen=True)
class Score:
    """How well one row did.

    Attributes:
        claim: the name under which it is measured again. model, data, tested: what, trained on what, tested how.
        goal: that the mean must reach, or for an error must not exceed.
        threads: that a training had. machine: what it was measured on. date: when last.
        measure: the name of what was measured. folds: how many a seed has. found: of each seed the value on each fold
            so far, as shares of 1.
        spent: on one training, the mean of all.
    """

    claim: str
    model: str
    data: str
    tested: str
    goal: float | None = None
    threads: int = 1
    machine: str = ""
    date: str = ""
    measure: str = "accuracy"
    folds: int = 1
    found: dict[int, list[float]] = field(default_factory=dict)
    spent: Spent = Spent(0.0, 0.0)

    @property
    def row(self) -> tuple[str, ...]:
        """What tells it from other rows."""
        return self.claim, self.model, self.data, self.tested

    def add(self, seed: int, value: float, spent: Spent) -> Score:
        """With the next fold of a seed."""
        n = sum(map(len, self.found.values()))

        def mean(before: float | None, now: float | None) -> float | None:
            return now if before is None or not n else before if now is None else (n * before + now) / (n + 1)

        found = self.found | {seed: [*self.found.get(seed, []), float(value)]}
        means = {name: mean(before, getattr(spent, name)) for name, before in asdict(self.spent).items()}
        return replace(self, found=found, spent=Spent(**means))  # type: ignore[arg-type]

    @property
    def finished(self) -> dict[int, float]:
        """By seed of which all folds are there, the mean over them."""
        return {seed: float(np.mean(values)) for seed, values in self.found.items() if len(values) == self.folds}

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.finished.values())))

    @property
    def reached(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        above = self.mean - self.goal
        return above <= ROUNDING if "error" in self.measure else above >= -ROUNDING

    def figure(self) -> str:
        """
        >>> Score("", "", "", "", folds=2, found={0: [0.9, 0.9], 1: [0.8, 1.0], 2: [0.3]}).figure()
        '90.00 % ± 0.00'
        """
        seeds = list(self.finished.values())
        spread = f" ± {100 * np.std(seeds, ddof=1):.2f}" if len(seeds) > 1 else ""
        return f"{100 * self.mean:.2f} %{spread}"

    def verdict(self) -> str:
        """The goal, and whether it is reached."""
        if self.goal is None:
            return ""
        return f"{'≤' if 'error' in self.measure else '≥'} {self.goal:.1%}: {'reached' if self.reached else 'missed'}"

    def cells(self) -> list[str]:
        """A line of the table."""
        tested = self.tested + (f", {self.folds} folds" if self.folds > 1 else "")
        disturbed = "†" if self.spent.strangers is not None and self.spent.strangers > STRANGERS else ""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return [
            *(f"`{self.claim}`", f"{self.model} on {self.data}", tested, self.measure, f"**{self.figure()}**"),
            *(str(len(self.finished)), self.verdict(), _time(self.spent.processor)),
            f"{_time(self.spent.clock)}{disturbed}, {threads}",
        ]


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


HEADER = ["claim", "model", "test", "measure", "mean", "seeds", "goal", "processor", "clock"]


def load(path: Path) -> list[Score]:
    """The scores kept in a file; none if there is no such file."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    found = [{int(seed): values for seed, values in row["found"].items()} for row in rows]
    return [Score(**row | {"found": x, "spent": Spent(**row["spent"])}) for row, x in zip(rows, found, strict=True)]


def keep(score: Score, folder: Path, order: Iterable[str] = ()) -> None:
    """Put a score in place of the one of the same row, and write accuracy.json and accuracy.md; claims in this order."""
    rows = {kept.row: kept for kept in load(folder / "accuracy.json")}
    rows[score.row] = score
    places = {claim: i for i, claim in enumerate(order)}
    scores = sorted(rows.values(), key=lambda row: places.get(row.claim, len(places)))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(row) for row in scores], indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "accuracy.json", text.encode())
    write_atomically(folder / "accuracy.md", page(scores).encode())


def page(scores: list[Score]) -> str:
    """The scores as a Markdown page; of a row only the seeds that are finished."""
    lines = [HEADER, ["---"] * len(HEADER), *(score.cells() for score in scores if score.finished)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    machines = ", ".join(sorted({score.machine for score in scores}))
    how = "`python -m benchmarks.accuracy CLAIM` measures a row again."
    return f"# How right\n\n{how}\n\n{table}\n\n{LEGEND}\n\n{machines}.\n"
