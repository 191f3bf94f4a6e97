"""Pictures of sounds: the log-mel spectrogram, and what a model would say while the sound goes on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinymm.data.audio import LogMel
from tinymm.data.audio.spectrogram import hz_to_mel
from tinymm.plots.figure import COLOURS, GREY, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RANGE = 80.0  # dB below the loudest that are shown
NAMED = 5  # classes that get a colour


def spectrogram(
    sound: ArrayLike,
    log_mel: LogMel,
    probabilities: ArrayLike | None = None,
    times: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    ax: "Sequence[Axes] | None" = None,
) -> np.ndarray:
    """The log-mel spectrogram of a sound and, below it, the prediction over time; returns the array of Axes.

    sound: (samples,), at `log_mel.rate`; bright is loud, in decibels below the loudest band of any frame.
    probabilities: (S, K), what a classifier makes of the sound up to each of the `times` (S,), in seconds. Without them
        there is one panel. The five classes that at some time are the likeliest get a colour and a name, the others are
        grey.
    Raises ValueError for shapes that do not fit, and a number of Axes other than that of the panels.
    """
    where = "spectrogram"
    wave = np.asarray(sound, dtype=np.float64)
    if wave.ndim != 1 or not wave.size or not np.isfinite(wave).all():
        raise ValueError(f"{where}: the sound is {wave.shape}, but it must be (samples,), finite, and not empty")
    p, ends = (None if values is None else np.asarray(values, float) for values in (probabilities, times))
    if (p is None) != (ends is None) or (p is not None and (p.ndim != 2 or not p.size or ends.shape != p.shape[:1])):  # type: ignore[union-attr]
        came = " and ".join("none" if values is None else str(values.shape) for values in (p, ends))
        raise ValueError(f"{where}: probabilities (S, classes) belong to times (S,), but they are {came}")
    heights = [3, 2][: 1 if p is None else 2]
    if ax is None:
        figure = new_figure(6.6, 1.0 + 0.85 * sum(heights))
        ax = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]  # type: ignore[assignment]
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if len(axes) != len(heights):
        raise ValueError(f"{where}: {len(heights)} panels need as many Axes, not {len(axes)}")
    _draw_spectrogram(axes[0], wave, log_mel)
    if p is not None and ends is not None:
        names = [str(name) for name in (range(p.shape[1]) if class_names is None else class_names)]
        if len(names) != p.shape[1]:
            raise ValueError(f"{where}: {len(names)} class_names for {p.shape[1]} classes: name every class")
        _draw_prediction(axes[1], p, ends, names)
    axes[-1].set_xlabel("time (s)")
    axes[0].set_xlim(0, len(wave) / log_mel.rate)
    return axes


def _draw_spectrogram(ax: "Axes", wave: np.ndarray, log_mel: LogMel) -> None:
    decibels = 10 / np.log(10) * log_mel(wave)
    decibels = np.maximum(decibels - decibels.max(), -RANGE)
    low, high = hz_to_mel(log_mel.low, log_mel.form), hz_to_mel(log_mel.high or log_mel.rate / 2, log_mel.form)
    first = -log_mel.hop / 2 if log_mel.center else 0.0
    picture = ax.imshow(
        decibels.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(first, first + len(decibels) * log_mel.hop, float(low), float(high)),
        interpolation="nearest",
    )
    hertz = np.array([100, 250, 500, 1000, 2000, 4000, 8000, 16000])
    mels = hz_to_mel(hertz, log_mel.form)
    shown = (mels >= low) & (mels <= high)
    ax.set_yticks(mels[shown], [f"{h:,}" for h in hertz[shown]], fontsize=9)
    ax.set(ylabel="frequency (Hz)", title="Log-mel spectrogram")
    bar = ax.figure.colorbar(picture, ax=ax, fraction=0.04, pad=0.02)
    bar.set_label("dB below the loudest")
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _draw_prediction(ax: "Axes", p: np.ndarray, times: np.ndarray, names: list[str]) -> None:
    leaders = np.unique(p.argmax(axis=1))
    leaders = leaders[np.argsort(-p[:, leaders].max(axis=0), kind="stable")][:NAMED]
    for k in range(len(names)):
        if k not in leaders:
            ax.plot(times, p[:, k], color=GREY, linewidth=0.7, alpha=0.6)
    for colour, k in zip(COLOURS, leaders, strict=False):
        ax.plot(times, p[:, k], color=colour, linewidth=1.8, marker="o", markersize=3, label=names[k])
    ax.set(ylabel="probability", ylim=(-0.02, 1.02), title="Prediction from what has been heard so far")
    calm(ax)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=NAMED, frameon=False, fontsize=9)
