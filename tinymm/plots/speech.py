"""Pictures of speech: what is heard, and when."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import GREY, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's
LEAST = 0.05  # a label that nowhere gets as much is not drawn


def alignment(
    features: ArrayLike,
    log_probs: ArrayLike,
    labels: Sequence[str],
    hop: float = 0.010,
    step: float | None = None,
    title: str = "",
    ax: "Sequence[Axes] | None" = None,
) -> np.ndarray:
    """A spectrogram with the probabilities of the labels over time beneath; returns the array of two Axes.

    features: (T, bands), one step every `hop` seconds, low tones first.
    log_probs: (S, C), one step every `step` seconds (by default they last as long as the features), as a network trained
        with CTC writes them; class 0 is the blank, drawn grey.
    labels: the names of classes 1 to C − 1. The peaks, where `decoding.greedy` reads a label, carry its name.
    Raises ValueError for shapes that do not fit and a number of Axes other than two.
    """
    x, y = np.asarray(features, dtype=float), np.asarray(log_probs, dtype=float)
    if x.ndim != 2 or y.ndim != 2 or not x.size or not len(y) or y.shape[1] != len(labels) + 1:
        raise ValueError(
            f"alignment: expected features (T, bands) and log_probs (S, {len(labels) + 1}) for {len(labels)} labels and "
            f"the blank, not {x.shape} and {y.shape}"
        )
    seconds = len(x) * hop
    step = seconds / len(y) if step is None else step
    end = max(seconds, len(y) * step)
    if ax is None:
        figure = new_figure(float(np.clip(2.2 * end, 6.4, 12)), 4.4)
        ax = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if len(axes) != 2:
        raise ValueError(f"alignment: spectrogram and probabilities need 2 Axes, not {len(axes)}")
    above, below = axes
    loud = x.max()
    above.imshow(
        x.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, seconds, 0, x.shape[1]),
        vmin=max(x.min(), loud - 6 * x.std()),
        vmax=loud,
        interpolation="nearest",
    )
    above.set(ylabel="mel band", xlim=(0, end))
    if title:
        above.set_title(title, fontsize=11)
    p, times = np.exp(y), (np.arange(len(y)) + 0.5) * step
    below.plot(times, p[:, 0], ":", color=GREY, linewidth=1.2, label="blank")
    for number in np.flatnonzero(p[:, 1:].max(axis=0) >= LEAST) + 1:
        colour = COLOURS[(number - 1) % len(COLOURS)]
        below.plot(times, p[:, number], color=colour, linewidth=1.8)
        below.fill_between(times, p[:, number], color=colour, alpha=0.2, linewidth=0)
    best = y.argmax(axis=1)
    starts = np.flatnonzero((np.diff(best, prepend=0) != 0) & (best != 0))
    for start in starts:
        run = start + np.argmax(np.append(best[start:], 0) != best[start])  # where the label ends
        peak = start + p[start:run, best[start]].argmax()
        name = labels[best[start] - 1].replace(" ", "␣")
        below.annotate(
            name,
            (times[peak], p[peak, best[peak]]),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=10,
            color=COLOURS[(best[start] - 1) % len(COLOURS)],
        )
        above.axvline(times[peak], color="white", linewidth=0.8, alpha=0.7)
    below.set(xlabel="seconds", ylabel="probability", xlim=(0, end), ylim=(0, 1.18), yticks=(0, 0.5, 1))
    calm(below)
    below.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
