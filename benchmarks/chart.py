"""The picture of a run: how long every peer takes where tinymm takes 1."""

from __future__ import annotations

from pathlib import Path

from benchmarks.goals import GOALS
from benchmarks.peers import PEERS
from benchmarks.report import Report

# Okabe and Ito's colours, and a shape each, for those who see colours differently.
LOOKS = {
    "torch": ("#D55E00", "o"), "torch.compile": ("#E69F00", "s"), "jax": ("#009E73", "^"), "tensorflow": ("#CC79A7", "D"),
    "tensorflow-jit": ("#7A5195", "v"), "mygrad": ("#56B4E9", "P"), "autograd": ("#808080", "X"), "numpy": ("#000000", "*"),
}  # fmt: skip
FAR = 100.0  # times as slow, or more: drawn at the edge


def draw(report: Report, path: Path) -> None:
    """One line per row of the table; a point per peer, the goal as a bar. Right of 1, tinymm is faster (or smaller)."""
    from matplotlib.figure import Figure

    rows = [row for row in report.rows if "tinymm" in row.values and len(row.values) > 1]
    if not rows:
        return
    figure = Figure(figsize=(11, 1.6 + 0.24 * len(rows)), layout="constrained")
    ax = figure.subplots()
    lowest = 1.0
    for y, row in enumerate(rows):
        for peer, (colour, marker) in LOOKS.items():
            if peer in row.values:
                ratio = row.ratio(peer)
                lowest = min(lowest, ratio)
                ax.plot(min(ratio, FAR), y, marker, color=colour, markersize=6, alpha=0.9, zorder=3)
        if (goal := GOALS.get(row.kind)) and goal.most is None:
            ax.plot([goal.times] * 2, [y - 0.42, y + 0.42], color="#0072B2", linewidth=2, zorder=2)
    for y in range(1, len(rows)):
        if rows[y].kind.split(",")[0] != rows[y - 1].kind.split(",")[0]:
            ax.axhline(y - 0.5, color="#cccccc", linewidth=0.8)
    ax.axvspan(0, 1, color="#f6ece6", zorder=0)
    ax.axvline(1, color="#0072B2", linewidth=1.2)
    ax.set_xscale("log")
    ax.set_xlim(lowest / 1.3, FAR * 1.1)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100) if lowest / 1.3 <= t]
    ax.set_xticks(ticks, [f"≥ {t}" if t == FAR else f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel("time (or memory) relative to tinymm = 1; to the right of the line tinymm is faster")
    shown = [peer for peer in LOOKS if any(peer in row.values for row in rows)]
    for peer in shown:
        colour, marker = LOOKS[peer]
        ax.plot([], [], marker, color=colour, label=f"{PEERS[peer].label} {report.versions.get(peer, '')}")
    ax.plot(
        [], [], color="#0072B2", linewidth=2, label="goal for the fastest peer (import, start, memory: for PyTorch)"
    )
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    machine = report.machine
    figure.supxlabel(f"{machine['processor']}, {report.threads} threads, {report.date}", fontsize=7, color="#666666")
    figure.savefig(path, dpi=130, facecolor="white")
