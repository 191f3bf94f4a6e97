"""The results of a run: what was found, as JSON and as a table that says which goals are met."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.goals import EXPONENT, GOALS, SHARE, TWO_THREADS, Goal, wants_share
from benchmarks.measurement import STRANGERS, Measurement, exponent
from benchmarks.peers import PEERS

NOISY = 0.15  # a spread above this share of the median is marked
LEGEND = f"""± is half the distance between the quartiles; ~ marks a spread above {NOISY:.0%}, † a row during which other
programs took more than {STRANGERS:.0%} of the processors and that is not judged. Times as fast: the fastest peer's time over
tinymm's (or that of the one named), as the median of the rounds' ratios. Share of limit: the least time that the matrix
rate and the memory's bandwidth allow for the row's arithmetic and traffic, over tinymm's time; what fits in a cache can
exceed the memory's. Void: the results differ, or there are none."""


@dataclass
class Report:
    """Everything a run found. `grown` holds one measurement per size and quantity, `alone` those with 1 thread."""

    date: str
    command: str
    machine: dict[str, Any]
    threads: int
    rounds: int
    versions: dict[str, str]
    left_out: dict[str, str]
    rows: list[Measurement] = field(default_factory=list)
    grown: dict[str, list[Measurement]] = field(default_factory=dict)
    alone: list[Measurement] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    idle: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """The best rate anybody reached in the matrix product in any round, FLOP/s; infinite if not measured."""
        rates = [m.flops / min(times) for m in self._limits() for times in m.values.values() if m.flops]
        return max(rates, default=float("inf"))

    @property
    def bandwidth(self) -> float:
        """Bytes per second, read and written; infinite if not measured."""
        rates = [m.traffic / min(times) for m in self._limits() for times in m.values.values() if m.traffic]
        return max(rates, default=float("inf"))

    def _everything(self) -> list[Measurement]:
        return [*self.rows, *self.alone, *(m for sizes in self.grown.values() for m in sizes)]

    def _limits(self) -> list[Measurement]:
        return [row for row in self.rows if row.kind == "limit"]

    def write_json(self, path: Path) -> None:
        """All values of all rounds, and the limits and verdicts that follow from them."""
        content = dataclasses.asdict(self)
        for kept, row in zip(content["rows"], self.rows, strict=True):
            kept |= {
                "medians": {p: row.median(p) for p in row.values},
                "fastest peer": row.fastest_peer(),
                "goal met": row.judge(GOALS.get(row.kind)),
            }
            if "tinymm" in row.values:
                kept["ratios"] = {p: row.ratio(p) for p in row.values if p != "tinymm"}
                kept["share of limit"] = row.share(self.rate, self.bandwidth)
        content |= {"matrix rate": self.rate, "bandwidth": self.bandwidth}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def markdown(self, chart: str) -> str:
        """The page that people read."""
        return "\n".join([*self._head(chart), *self._table(), *self._growth(), *self._threads(), *self._notes()])

    def verdicts(self) -> list[bool]:
        """Whether each goal that could be judged is met, those for shares, growth and threads among them."""
        found = [row.judge(GOALS.get(row.kind)) for row in self.rows]
        found += [s >= SHARE for row in self.rows if (s := self._wanted_share(row)) is not None]
        found += [power <= EXPONENT for name, power in self.exponents() if not _any_disturbed(self.grown[name])]
        found += [m.ratio("1 thread") >= TWO_THREADS for m in self.alone if not m.disturbed]
        return [verdict for verdict in found if verdict is not None]

    def exponents(self) -> Iterator[tuple[str, float]]:
        """By which power of the work the time of tinymm grows."""
        for name, sizes in self.grown.items():
            yield name, exponent([m.flops for m in sizes], [m.median("tinymm") for m in sizes])

    def _wanted_share(self, row: Measurement) -> float | None:
        """The share of the matrix rate, where there is a goal for it and both were measured in peace."""
        if "tinymm" not in row.values or not wants_share(row.kind, row.flops) or self.rate == float("inf"):
            return None
        if row.disturbed or _any_disturbed(self._limits()):
            return None
        return row.flops / self.rate / row.median("tinymm")

    def _head(self, chart: str) -> list[str]:
        machine = self.machine
        met = self.verdicts()
        versions = ", ".join(f"{PEERS[peer].label} {version}" for peer, version in self.versions.items())
        limits = ""
        if self.rate < float("inf") and self.bandwidth < float("inf"):
            limits = (
                f"Limits of the machine, measured in the same run: {self.rate / 1e9:.0f} GFLOP/s (matrix product), "
                f"{self.bandwidth / 1e9:.0f} GB/s (copy)."
            )
        return [
            "# Benchmark",
            "",
            f"{self.date}, `{self.command}`, {self.threads} threads, medians of {self.rounds} rounds.",
            f"{machine['processor']}, {machine['processors']} processors, {machine['memory']}, {machine['system']}, "
            f"Python {machine['python']}.",
            f"{versions}.",
            limits,
            f"**{sum(met)} of {len(met)} goals are met.**",
            "",
            f"![Time of every peer relative to tinymm]({chart})",
            "",
        ]

    def _peers(self) -> list[str]:
        return [peer for peer in PEERS if any(peer in row.values or peer in row.void for row in self.rows)]

    def _table(self) -> Iterator[str]:
        peers = self._peers()
        labels = [PEERS[peer].label for peer in peers]
        yield "| " + " | ".join(["row", *labels, "times as fast", "goal", "share of limit"]) + " |"
        yield "|---" * (len(peers) + 4) + "|"
        for row in self.rows:
            cells = [_cell(row, peer) for peer in peers]
            yield "| " + " | ".join([_title(row.name, row), *cells, *self._judged(row)]) + " |"
        yield ""
        yield LEGEND
        yield ""

    def _judged(self, row: Measurement) -> list[str]:
        """Ratio, goal and share of limit."""
        if "tinymm" not in row.values:
            return ["", "", ""]
        goal = GOALS.get(row.kind)
        other = (goal.against if goal else None) or row.fastest_peer()
        compared = other in row.values and not (goal and goal.most)
        ratio = f"{row.ratio(str(other)):.2f} ({PEERS[str(other)].label})" if compared else ""
        share = row.share(self.rate, self.bandwidth)
        shown = f"{share:.0%}" if share else ""
        wanted = self._wanted_share(row)
        if wanted is not None:
            shown += f", goal {SHARE:.0%} {_verdict(wanted >= SHARE)}"
        return [ratio, f"{_wanted(goal)} {_verdict(row.judge(goal))}" if goal else "", shown]

    def _growth(self) -> Iterator[str]:
        if not self.grown:
            return
        yield "## Growth of tinymm's time\n"
        yield "| what grows | ×1 | ×2 | ×4 | ×8 | exponent of the work | goal |"
        yield "|---|---|---|---|---|---|---|"
        for name, power in self.exponents():
            times = [_quantity(m.median("tinymm"), "s") for m in self.grown[name]]
            met = None if _any_disturbed(self.grown[name]) else power <= EXPONENT
            goal = f"≤ {EXPONENT} {_verdict(met)}"
            yield f"| {_title(name, *self.grown[name])} | {' | '.join(times)} | {power:.2f} | {goal} |"
        yield "\nThe work is counted in floating-point operations: with the channels it grows as their square.\n"

    def _threads(self) -> Iterator[str]:
        if not self.alone:
            return
        yield f"## One thread and {self.threads}\n"
        yield f"| row | 1 thread | {self.threads} threads | times as fast | goal |"
        yield "|---|---|---|---|---|"
        for m in self.alone:
            ratio = m.ratio("1 thread")
            cells = [
                _cell(m, "1 thread"),
                _cell(m, "tinymm"),
                f"{ratio:.2f}",
                f"≥ {TWO_THREADS} {_verdict(None if m.disturbed else ratio >= TWO_THREADS)}",
            ]
            yield f"| {_title(m.name, m)} | {' | '.join(cells)} |"
        yield ""

    def _notes(self) -> Iterator[str]:
        notes = [f"{PEERS[peer].label} is left out: {reason}." for peer, reason in self.left_out.items()]
        notes += [
            f"Void, {row.name}, {PEERS[peer].label if peer in PEERS else peer}: {reason}"
            for row in self._everything()
            for peer, reason in row.void.items()
        ]
        if _any_disturbed(self._limits()):
            notes.append(
                "Other programs disturbed the measurement of the limits: shares are overstated and not judged."
            )
        if self.skipped:
            notes.append(f"No time was left for: {'; '.join(self.skipped)}.")
        if self.idle:
            worst = max(self.idle, key=lambda peer: self.idle[peer])
            notes.append(
                f"Most processor time that a waiting peer took from one turn of the others: {self.idle[worst] * 1e3:.0f} ms "
                f"({PEERS[worst].label})."
            )
        if strangers := [row.strangers for row in self._everything() if row.strangers is not None]:
            notes.append(f"Other programs took up to {max(strangers):.0%} of the processors during a row.")
        if notes:
            yield "## Notes\n"
            yield from (f"- {note}" for note in notes)
            yield ""


def _any_disturbed(measurements: Iterable[Measurement]) -> bool:
    return any(m.disturbed for m in measurements)


def _title(name: str, *measurements: Measurement) -> str:
    return f"{name} †" if _any_disturbed(measurements) else name


def _quantity(value: float, unit: str) -> str:
    if unit == "B":
        return f"{value / 2**20:.0f} MB"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def _cell(row: Measurement, peer: str) -> str:
    if peer in row.void:
        return "void"
    if peer not in row.values:
        return "–"
    spread = row.spread(peer)
    text = f"{_quantity(row.median(peer), row.unit)} ±{spread:.0%}"
    return f"{text} ~" if spread > NOISY else text


def _wanted(goal: Goal) -> str:
    if goal.most is not None:
        return f"≤ {_quantity(goal.most, 's')}"
    return f"≥ {goal.times:.3g}"


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "**missed**", None: "?"}[met]
