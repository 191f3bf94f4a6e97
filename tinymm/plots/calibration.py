"""The picture of calibration: how often predictions come true, by how sure they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tinymm.metrics import Reliability
from tinymm.plots.figure import BLUE, GREEN, GREY, ORANGE, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"))


def reliability(curves: Reliability | Mapping[str, Reliability], ax: "Axes | None" = None) -> "Axes":
    """Accuracy against confidence, with the diagonal on which a calibrated model lies; below it, one is too sure.

    curves: what `metrics.reliability_curve` returns, or up to three by name, such as before and after temperature
        scaling. Bars show the share of the samples in each bin, of the first curve. The gap between curve and diagonal,
        weighted by these shares, is in the legend: the expected calibration error, for these bins.
    Raises ValueError for no curve, more than three, and arrays that are no curve.
    """
    named = {"": curves} if isinstance(curves, tuple) else dict(curves)
    if not 1 <= len(named) <= len(LOOKS):
        raise ValueError(f"reliability: expected one to {len(LOOKS)} curves, not {len(named)}")
    for name, curve in named.items():
        sizes = {np.shape(values) for values in curve}
        if len(curve) != 3 or len(sizes) != 1 or not np.size(curve[0]) or np.ndim(curve[0]) != 1:
            raise ValueError(
                f"reliability: the curve {name!r} is no confidence, accuracy and samples, (bins,) each: see "
                "metrics.reliability_curve"
            )
    ax = new_figure(4.6, 5.0).subplots() if ax is None else ax
    ax.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1.2, label="calibrated")
    first = next(iter(named.values()))
    width = min(0.08, float(np.diff(first[0]).min()) if len(first[0]) > 1 else 0.08)
    shares = np.asarray(first[2]) / np.sum(first[2])
    ax.bar(first[0], shares, width, color="#d9d9d9", label="share of the samples", zorder=1)
    for (name, (confidence, accuracy, samples)), (colour, marker) in zip(named.items(), LOOKS, strict=False):
        gap = np.abs(np.subtract(accuracy, confidence)) @ (np.asarray(samples) / np.sum(samples))
        label = f"{name}: gap {gap:.3f}" if name else f"gap {gap:.3f}"
        ax.plot(confidence, accuracy, marker=marker, color=colour, linewidth=1.8, markersize=5, label=label, zorder=3)
    ax.set(title="Reliability", xlabel="confidence", ylabel="accuracy", xlim=(-0.02, 1.02), ylim=(0, 1.02))
    ax.set_aspect("equal")
    calm(ax)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False, fontsize=9)
    return ax
