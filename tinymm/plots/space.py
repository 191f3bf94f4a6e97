"""A picture of the space that senses share."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "o^sDvP*X"


def shared_space(
    points: Mapping[str, ArrayLike],
    labels: Mapping[str, ArrayLike],
    class_names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """The points of each sense, (N, D), in the two directions in which all of them together differ most.

    The directions are the first two principal components, the right singular vectors of the centred points. As the
    senses are compared by their cosine, all points are brought to length 1 first. Colours are the classes, `labels`
    (N,) whole numbers by sense, named where their points have
    their mean; marks are the senses. Raises ValueError for shapes that do not fit, fewer than two points or dimensions,
    and NaN. Source: Pearson 1901; Jolliffe, Principal Component Analysis (2002), section 3.5.
    """
    rows = {sense: np.asarray(x, dtype=float) for sense, x in points.items()}
    classes = {sense: np.asarray(y) for sense, y in labels.items()}
    shapes = ", ".join(f"{sense} {x.shape}" for sense, x in rows.items()) or "nothing"
    if not rows or len({x.shape[1:] for x in rows.values()}) > 1 or any(x.ndim != 2 for x in rows.values()):
        raise ValueError(f"shared_space: got {shapes}, but each sense needs points (N, D) with the same D")
    if rows.keys() != classes.keys() or any(classes[s].shape != x.shape[:1] for s, x in rows.items()):
        came = ", ".join(f"{sense} {y.shape}" for sense, y in classes.items()) or "nothing"
        raise ValueError(f"shared_space: points of {shapes} need one label each, but the labels are {came}")
    together = np.concatenate(list(rows.values()))
    if min(together.shape) < 2 or not np.isfinite(together).all():
        what = "NaN or infinity" if together.size and not np.isfinite(together).all() else f"{together.shape}"
        raise ValueError(f"shared_space: the points are {what}, but a picture needs two finite ones in two dimensions")
    together /= np.maximum(np.linalg.norm(together, axis=1, keepdims=True), np.finfo(float).tiny)
    together -= together.mean(axis=0)
    _, singular, directions = np.linalg.svd(together, full_matrices=False)
    shares = singular**2 / max((singular**2).sum(), np.finfo(float).tiny)
    flat = together @ directions[:2].T
    every = np.concatenate(list(classes.values()))
    kinds = np.unique(every)
    from matplotlib import colormaps
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    colours = colormaps["tab10" if len(kinds) <= 10 else "turbo"](
        np.arange(len(kinds)) if len(kinds) <= 10 else np.linspace(0, 1, len(kinds))
    )
    ax = new_figure(6.4, 5.2).subplots() if ax is None else ax
    ends = np.cumsum([0, *map(len, rows.values())])
    for i, (start, end) in enumerate(itertools.pairwise(ends)):
        places = np.searchsorted(kinds, every[start:end])
        x, y = flat[start:end].T
        ax.scatter(x, y, c=colours[places], marker=MARKERS[i % len(MARKERS)], s=16, alpha=0.7, lw=0)
    for kind, colour in zip(kinds, colours, strict=True):  # names where the classes lie: colours alone are not for all
        name = str(kind if class_names is None else class_names[int(kind)])
        effects = [withStroke(linewidth=3, foreground="white")]
        x, y = flat[every == kind].mean(axis=0)
        ax.text(x, y, name, color=colour, ha="center", va="center", weight="bold", path_effects=effects)
    marks = [
        Line2D([], [], ls="", color="black", marker=MARKERS[i % len(MARKERS)], label=sense)
        for i, sense in enumerate(rows)
    ]
    ax.legend(handles=marks, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    ax.set(
        title=f"The shared space: {', '.join(rows)}",
        xlabel=f"first principal component ({shares[0]:.0%} of the variance)",
        ylabel=f"second ({shares[1]:.0%})",
    )
    ax.set_aspect("equal", adjustable="datalim")
    calm(ax)
    return ax
