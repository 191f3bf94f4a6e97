"""The picture of robustness: accuracy against noise, by the senses that are used."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import COLOURS, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vPX"


def accuracy_against_noise(
    levels: Sequence[Any],
    accuracies: Mapping[str, ArrayLike],
    xlabel: str = "noise",
    fused: Sequence[str] = (),
    ax: "Axes | None" = None,
) -> "Axes":
    """Accuracy at each level of noise, one line for each set of senses that is used.

    levels: (L,) numbers, or names, which are set apart evenly, from little noise to much.
    accuracies: name → (L,), or (seeds, L), of which the mean is drawn and the range shaded; NaN leaves a gap.
    fused: names of lines to set off as those of all senses together: thick and whole, the others dashed.
    Raises ValueError for no line, accuracies outside [0, 1], and lines of another length than the levels.
    """
    where = "accuracy_against_noise"
    lines = {name: np.atleast_2d(np.asarray(values, dtype=float)) for name, values in accuracies.items()}
    wrong = [f"{name} {values.shape}" for name, values in lines.items() if values.shape[1:] != (len(levels),)]
    if not lines or wrong or not len(levels):
        came = ", ".join(wrong) or "none"
        raise ValueError(f"{where}: each line needs {len(levels)} accuracies, one per level, but there are {came}")
    if any((values < 0).any() or (values > 1).any() for values in lines.values()):
        raise ValueError(f"{where}: accuracies lie between 0 and 1, but some here do not: pass shares, not percentages")
    if unknown := set(fused) - lines.keys():
        raise ValueError(f"{where}: fused names {', '.join(sorted(unknown))}, but the lines are {', '.join(lines)}")
    ax = new_figure(6.4, 3.9).subplots() if ax is None else ax
    numbers = np.asarray(levels)
    named = numbers.dtype.kind not in "iuf"
    x = np.arange(len(levels)) if named else numbers
    for i, (name, values) in enumerate(lines.items()):
        together = name in fused
        colour = COLOURS[i % len(COLOURS)]
        there = ~np.isnan(values).all(axis=0)
        mean = np.full(len(levels), np.nan)
        mean[there] = np.nanmean(values[:, there], axis=0)
        ax.plot(
            x,
            mean,
            "-" if together or not fused else "--",
            marker=MARKERS[i % len(MARKERS)],
            markersize=4.5,
            color=colour,
            linewidth=2.4 if together else 1.4,
            label=name,
            zorder=3 if together else 2,
        )
        if len(values) > 1:
            low, high = np.nanmin(values[:, there], axis=0), np.nanmax(values[:, there], axis=0)
            ax.fill_between(x[there], low, high, color=colour, alpha=0.15, linewidth=0)
    if named:
        ticks = [str(level) for level in levels]
        slanted = max(map(len, ticks)) > 6
        ax.set_xticks(x, ticks, rotation=30 if slanted else 0, ha="right" if slanted else "center")
    ax.set(title="Accuracy against noise, by the senses used", xlabel=xlabel, ylabel="accuracy")
    ax.set_ylim(top=min(1.02, ax.get_ylim()[1]))
    calm(ax)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return ax
