"""Every row of work, every framework, in turns: writes a table, a chart and all values to benchmarks/results/.

python -m benchmarks                          everything (about half an hour)
python -m benchmarks --quick                  the main rows, in two minutes
python -m benchmarks --rows LSTM --peers tinymm torch
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import machine
from benchmarks.alternation import Refused, Worker, measure
from benchmarks.chart import draw
from benchmarks.fresh import measure_fresh
from benchmarks.measurement import Measurement
from benchmarks.peers import PEERS, installed
from benchmarks.report import Report
from benchmarks.rows import GROWTH, HOT, ROWS, Row

RESULTS = Path(__file__).parent / "results"
ATTEMPTS = 3  # to measure a row while no other program disturbs it
QUICK_SECONDS = 100.0  # after which the quick mode begins no new row


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the main rows and the quick peers, in two minutes")
    parser.add_argument("--rows", metavar="PATTERN", default="", help="only rows that match (regular expression)")
    parser.add_argument("--peers", metavar="PEER", nargs="+", choices=list(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, help="how often everyone has a turn (15; quick: 5)")
    parser.add_argument("--threads", type=int, default=2, help="of every framework (2)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder for the results")
    options = parser.parse_args()
    options.rounds = options.rounds or (5 if options.quick else 15)
    if min(options.rounds, options.threads) < 1:
        parser.error("rounds and threads must be 1 or more")
    return options


def open_workers(peers: list[str], threads: int) -> tuple[dict[str, Worker], dict[str, str]]:
    """A process for each peer; those that are not installed or do not import are named with the reason."""
    left_out = {peer: "it is not installed" for peer in peers if not installed(peer)}
    workers = {peer: Worker(peer, threads) for peer in peers if peer not in left_out}  # they import side by side
    for peer, worker in list(workers.items()):
        try:
            worker.greet()
        except Refused as reason:
            left_out[peer] = str(reason)
            workers.pop(peer).stop()
    return workers, left_out


def main() -> None:
    options = arguments()
    started = time.time()
    matches: Callable[[str], Any] = re.compile(options.rows, re.IGNORECASE).search
    peers = options.peers or [p for p in PEERS if PEERS[p].quick or not options.quick]
    # the limits are always measured, since shares are stated of them
    rows = [r for r in ROWS if r.kind == "limit" or (matches(r.name) and (r.quick or not options.quick))]
    workers, left_out = open_workers(list(dict.fromkeys([*peers, "numpy"])), options.threads)
    report = Report(
        date=datetime.datetime.now().isoformat(" ", "minutes"),
        command=" ".join(["python -m benchmarks", *sys.argv[1:]]),
        machine=machine.describe(),
        threads=options.threads,
        rounds=options.rounds,
        versions={peer: worker.version for peer, worker in workers.items()},
        left_out=left_out,
    )
    alone: dict[str, Worker] = {}

    def measure_in_peace(row: Row, workers: dict[str, Worker]) -> Measurement:
        """Again, if other programs disturbed it; in the quick mode there is no time for that."""
        for _ in range(1 if options.quick else ATTEMPTS):
            measurement = measure(row, workers, options.rounds)
            if not measurement.disturbed:
                break
        return measurement

    def in_time(name: str) -> bool:
        """Whether there is time for one more; otherwise it is named in the report."""
        if options.quick and time.time() - started > QUICK_SECONDS:
            report.skipped.append(name)
            return False
        return True

    try:
        for row in tqdm(rows, desc="rows", disable=None):
            if in_time(row.name):
                report.rows.append(measure_in_peace(row, workers))
        if "tinymm" in workers and not options.quick:
            own_worker = {"tinymm": workers["tinymm"]}
            for growth in tqdm([g for g in GROWTH if matches(g.name)], desc="growth", disable=None):
                report.grown[growth.name] = [measure_in_peace(row, own_worker) for row in growth.rows]
            hot: list[Row] = [row for row in HOT if matches(row.name)] if options.threads > 1 else []
            if hot:
                alone = {"1 thread": Worker("tinymm", 1)}
            for row in tqdm(hot, desc="threads", disable=None):
                report.alone.append(measure_in_peace(row, own_worker | alone))
        report.idle = {peer: worker.idle for peer, worker in workers.items()}
    finally:
        for worker in [*workers.values(), *alone.values()]:
            worker.stop()

    fresh = [peer for peer in workers if peer in peers and not (options.quick and peer not in ("tinymm", "torch"))]
    if matches("import, process start, peak memory") and in_time("import, process start, peak memory"):
        rounds = 1 if options.quick else min(options.rounds, 5)
        found = measure_fresh(fresh, options.threads, rounds, empty_cache=not options.quick)
        report.rows += tqdm(found, desc="fresh processes", total=5, disable=None)

    options.output.mkdir(parents=True, exist_ok=True)
    name = "quick" if options.quick else "benchmark"
    report.write_json(options.output / f"{name}.json")
    page = report.markdown(f"{name}.png")
    (options.output / f"{name}.md").write_text(page)
    draw(report, options.output / f"{name}.png")
    print(page)
    print(f"written to {options.output / name}.md, .json, .png in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
