"""What was measured of one row, and what follows from it: medians, spreads, and ratios taken round by round."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from benchmarks.goals import Goal

STRANGERS = 0.05  # a row during which other programs took more of the processors than this is not judged


@dataclass
class Measurement:
    """`values[peer][round]` in seconds (or bytes); `void[peer]` says why a peer has none.

    `strangers` is the share of the processors that other programs took meanwhile, where the system tells.
    """

    name: str
    kind: str
    values: dict[str, list[float]] = field(default_factory=dict)
    void: dict[str, str] = field(default_factory=dict)
    flops: float = 0.0
    traffic: float = 0.0
    unit: str = "s"
    strangers: float | None = None

    @property
    def disturbed(self) -> bool:
        """Other programs took part: whoever waits for all of its threads suffers more than the others."""
        return self.unit == "s" and self.strangers is not None and self.strangers > STRANGERS

    def median(self, peer: str) -> float:
        """The middle of all rounds."""
        return statistics.median(self.values[peer])

    def spread(self, peer: str) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        values = self.values[peer]
        if len(values) < 2:
            return 0.0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return (high - low) / 2 / self.median(peer)

    def ratio(self, other: str, own: str = "tinymm") -> float:
        """How many times as long `other` takes as `own`: the median of the rounds' ratios.

        Within a round the machine is in one mood, so ratios of a round vary less than times do.
        """
        return statistics.median(b / a for a, b in zip(self.values[own], self.values[other], strict=True))

    def fastest_peer(self, own: str = "tinymm") -> str | None:
        """The peer with the smallest median; None without one."""
        others = [peer for peer in self.values if peer != own]
        return min(others, key=self.median, default=None)

    def share(self, rate: float, bandwidth: float, peer: str = "tinymm") -> float | None:
        """The least time that the machine's limits allow, over the time taken; None where no work is counted."""
        least = max(self.flops / rate, self.traffic / bandwidth)
        return least / self.median(peer) if least else None

    def judge(self, goal: Goal | None, own: str = "tinymm") -> bool | None:
        """Whether the goal is met; None where there is none, nobody to compare with, or no peace."""
        if goal is None or own not in self.values or self.disturbed:
            return None
        if goal.most is not None:
            return self.median(own) <= goal.most
        other = goal.against or self.fastest_peer(own)
        return None if other not in self.values else self.ratio(other, own) >= goal.times


def exponent(work: list[float], seconds: list[float]) -> float:
    """p of seconds ∝ workᵖ: the slope of the straight line through the logarithms, by least squares."""
    x, y = [math.log(w) for w in work], [math.log(s) for s in seconds]
    return statistics.linear_regression(x, y).slope
