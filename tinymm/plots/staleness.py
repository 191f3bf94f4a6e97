"""Pictures of asynchronous training: how stale the gradients were, and what that costs in accuracy."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import BLUE, GREEN, GREY, ORANGE, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def staleness(measured: ArrayLike, ax: "Axes | None" = None) -> "Axes":
    """How many updates had each measured staleness τ, (n,) whole numbers, with the mean as a line.

    `AsyncSGD.staleness` and the history of asynchronous training have them. ValueError if there are none.
    """
    taus = np.asarray(measured)
    if taus.ndim != 1 or not taus.size or taus.min() < 0:
        raise ValueError(f"staleness: expected numbers of updates, (n,) and 0 or more, not {taus.shape}")
    ax = ax or new_figure(4.8, 3.2).subplots()
    values, counts = np.unique(taus, return_counts=True)
    ax.bar(values, counts / taus.size, width=0.8, color=BLUE)
    ax.axvline(taus.mean(), color=ORANGE, linewidth=1.8, label=f"mean {taus.mean():.2f}, largest {taus.max():,}")
    ax.set(xlabel="staleness τ (updates overtaken by)", ylabel="share of the updates", ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    calm(ax)
    ax.legend(frameon=False, fontsize=9)
    return ax


def accuracy_against_staleness(
    curves: Mapping[str, Mapping[float, Sequence[float]]], reference: float | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Accuracy over mean staleness, one line a curve with the standard deviation as a band.

    curves: by name, for each mean staleness the accuracies of a few runs, in [0, 1]. reference: an accuracy without
        staleness, drawn as a dashed line.
    The axis is linear up to 1 and doubles from there. ValueError if there is no curve.
    """
    if not curves or not all(curves.values()):
        raise ValueError("accuracy_against_staleness: there is no curve: give {name: {staleness: accuracies}}")
    ax = ax or new_figure(5.6, 3.6).subplots()
    for (name, points), colour in zip(curves.items(), (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", GREY), strict=False):
        taus = sorted(points)
        mean, deviation = np.array([(np.mean(points[tau]), np.std(points[tau])) for tau in taus]).T
        ax.fill_between(taus, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0)
        ax.plot(taus, mean, "o-", color=colour, linewidth=1.8, markersize=4, label=name)
    if reference is not None:
        ax.axhline(reference, color=GREY, linestyle="--", linewidth=1.2, label=f"no staleness, {reference:.2%}")
    ax.set_xscale("symlog", base=2, linthresh=1)
    ax.set_xlim(left=-0.2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}" if abs(y * 100 - round(y * 100)) < 1e-9 else f"{y:.1%}")
    ax.set(xlabel="mean staleness τ (updates)", ylabel="accuracy")
    calm(ax)
    ax.legend(frameon=False, fontsize=9)
    return ax
