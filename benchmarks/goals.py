"""What must be reached, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """At least `times` as fast (or as small) as `against`, the fastest peer if None; or at most `most` by itself."""

    times: float = 1.0
    against: str | None = None
    most: float | None = None


GOALS: dict[str, Goal] = {
    "reference model, training": Goal(2.5),
    "reference model, prediction": Goal(1.0),
    "convolution of 1 or 3 channels, forward + backward": Goal(3.0),
    "convolution of 1 or 3 channels, forward": Goal(1.0),
    "convolution, forward + backward": Goal(1.2),
    "convolution, forward": Goal(1.0),
    "pooling, forward": Goal(1.0),
    "pooling, forward + backward": Goal(1.0),
    "recurrent, forward + backward": Goal(1.5),
    "recurrent, forward": Goal(1.0),
    "Adam step": Goal(1.0),
    "small training step": Goal(1.0),
    "tape": Goal(1.0),
    "import": Goal(1 / 0.3, against="torch"),
    "first step, cache filled": Goal(1.0, against="torch"),
    "first step, cache empty": Goal(most=20.0),
    "peak memory": Goal(2.0, against="torch"),
}

SHARE = 0.7  # of the machine's matrix rate, in convolutions and recurrences
BIG = 1e9  # that have at least so many floating-point operations
EXPONENT = 1.05  # at most: time grows as work to this power
TWO_THREADS = 1.7  # times the speed of one, at least


def wants_share(kind: str, flops: float) -> bool:
    """Whether the goal for the share of the matrix rate applies to a row."""
    return kind.startswith(("convolution", "recurrent")) and flops >= BIG
