"""The scores measured so far: kept as JSON, a row at a time, and shown as a table that says which goals are met."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
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
class Score:
    """How well one row did.

    Attributes:
        claim: the name under which it is measured again. model, data, tested: what, trained on what, tested how.
        measure: the name of what was measured. found: of each seed the value on each fold, as shares of 1.
        goal: that the mean must reach, or for an error must not exceed.
        processor, clock: seconds of training one model, the mean of all. threads: that it had.
        strangers: the share of the processors that other programs took meanwhile, where the system tells.
        machine: what it was measured on. date: when.
    """

    claim: str
    model: str
    data: str
    tested: str
    measure: str
    found: dict[int, list[float]]
    goal: float | None
    processor: float
    clock: float
    threads: int
    strangers: float | None
    machine: str
    date: str

    @property
    def means(self) -> np.ndarray:
        """The mean over the folds of each seed."""
        return np.array([np.mean(scores) for scores in self.found.values()])

    @property
    def reached(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        above = self.means.mean() - self.goal
        return bool(above <= ROUNDING if "error" in self.measure else above >= -ROUNDING)

    def figure(self) -> str:
        """
        >>> Score(*("", "", "", "", "accuracy"), {0: [0.9], 1: [0.8, 1.0]}, 0.88, 1, 1, 1, None, "", "").figure()
        '90.00 % ± 0.00'
        """
        spread = f" ± {100 * self.means.std(ddof=1):.2f}" if len(self.means) > 1 else ""
        return f"{100 * self.means.mean():.2f} %{spread}"

    def verdict(self) -> str:
        """The goal, and whether it is reached."""
        if self.goal is None:
            return ""
        return f"{'≤' if 'error' in self.measure else '≥'} {self.goal:.1%}: {'reached' if self.reached else 'missed'}"

    def cells(self) -> list[str]:
        """A line of the table."""
        folds = {len(scores) for scores in self.found.values()}
        tested = self.tested + (f", {max(folds)} folds" if max(folds) > 1 else "")
        disturbed = "†" if self.strangers is not None and self.strangers > STRANGERS else ""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return [
            *(f"`{self.claim}`", f"{self.model} on {self.data}", tested, self.measure, f"**{self.figure()}**"),
            *(str(len(self.found)), self.verdict(), _time(self.processor)),
            f"{_time(self.clock)}{disturbed}, {threads}",
        ]


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


HEADER = ["claim", "model", "test", "measure", "mean", "seeds", "goal", "processor", "clock"]


def load(path: Path) -> list[Score]:
    """The scores kept in a file; none if there is no such file."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Score(**{**row, "found": {int(seed): x for seed, x in row["found"].items()}}) for row in rows]


def keep(score: Score, folder: Path, order: Iterable[str] = ()) -> None:
    """Put a score in place of the one of the same row, and write accuracy.json and accuracy.md; claims in this order."""
    rows = {(row.claim, row.model, row.data, row.tested): row for row in load(folder / "accuracy.json")}
    rows[score.claim, score.model, score.data, score.tested] = score
    places = {claim: i for i, claim in enumerate(order)}
    scores = sorted(rows.values(), key=lambda row: places.get(row.claim, len(places)))
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(row) for row in scores], indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "accuracy.json", text.encode())
    write_atomically(folder / "accuracy.md", page(scores).encode())


def page(scores: list[Score]) -> str:
    """The scores as a Markdown page."""
    lines = [HEADER, ["---"] * len(HEADER), *(score.cells() for score in scores)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    machines = ", ".join(sorted({score.machine for score in scores}))
    how = "`python -m benchmarks.accuracy CLAIM` measures a row again."
    return f"# How right\n\n{how}\n\n{table}\n\n{LEGEND}\n\n{machines}.\n"
