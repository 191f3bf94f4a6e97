"""A picture of trials: what each setting gave."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tinymm.plots.figure import BLUE, GREY, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40  # trials that fit into a picture


def trials(values: Mapping[str, float], measure: str = "accuracy", ax: "Axes | None" = None) -> "Axes":
    """A dot for each trial, the best on top: settings → value between 0 and 1, in this order. ValueError if there are none.

    The axis shows the range of the values, so that small differences can be seen; more than 40 trials are cut off.
    """
    if not values:
        raise ValueError("trials: there are none: give {settings: value}")
    shown = list(values.items())[:MOST]
    ax = ax or new_figure(6.4, 1.0 + 0.28 * len(shown)).subplots()
    rows = range(len(shown))[::-1]
    numbers = [value for _, value in shown]
    ax.hlines(rows, min(numbers), numbers, color=GREY, linewidth=1)
    ax.scatter(numbers, rows, color=[BLUE] + [GREY] * (len(shown) - 1), zorder=3, s=36)
    for row, number in zip(rows, numbers, strict=True):
        ax.annotate(f"{number:.2%}", (number, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set_yticks(rows, [name for name, _ in shown])
    ax.set(xlabel=measure, ylim=(-0.6, len(shown) - 0.4))
    ax.margins(x=0.15)
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}" if abs(x * 100 - round(x * 100)) < 1e-9 else f"{x:.1%}")
    calm(ax)
    return ax
