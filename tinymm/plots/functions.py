"""Pictures of functions: the heights of a function of two variables, and the paths that go down it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import BLUE, GREEN, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 121  # points on each axis


def contours(
    f: Callable[..., Any],
    x: tuple[float, float] = (-3, 3),
    y: tuple[float, float] = (-3, 3),
    paths: Mapping[str, ArrayLike] | None = None,
    levels: int | ArrayLike = 12,
    ax: "Axes | None" = None,
) -> "Axes":
    """The height f(x, y) over a rectangle as lines of equal height on a coloured ground, dark is high.

    f: takes two arrays of one shape and returns their heights, or two numbers and returns a number.
    paths: name → points (T, 2), such as the steps of an optimiser; drawn with a ring at the first point, and cut off
        at the edge. levels: how many lines, or their heights, rising.
    Raises ValueError for a path of another shape and for heights that are no numbers anywhere.
    """
    across, up = np.meshgrid(np.linspace(*x, GRID), np.linspace(*y, GRID))
    height = _heights(f, across, up)
    if not np.isfinite(height).any():
        raise ValueError(f"contours: f is not a finite number anywhere in x {x}, y {y}: choose another rectangle")
    points = {name: np.asarray(path, dtype=float) for name, path in (paths or {}).items()}
    for name, path in points.items():
        if path.ndim != 2 or path.shape[1] != 2:
            raise ValueError(f"contours: path {name!r} has shape {path.shape}, but points are (T, 2): one row each")
    ax = new_figure(5.2, 4.2).subplots() if ax is None else ax
    ground = ax.contourf(across, up, height, levels=levels, cmap="Blues", alpha=0.75, extend="both")
    lines = ax.contour(across, up, height, levels=ground.levels, colors="white", linewidths=0.8)
    ax.clabel(lines, fontsize=7, colors="black", fmt="%.3g")
    looks = [(ORANGE, "o"), (GREEN, "s"), ("#CC79A7", "^"), ("black", "v"), (BLUE, "D")]
    for i, (name, path) in enumerate(points.items()):
        colour, marker = looks[i % len(looks)]
        ax.plot(*path.T, color=colour, marker=marker, ms=3.5, linewidth=1.3, label=name)
        ax.plot(*path[:1].T, "o", mfc="none", mec=colour, mew=1.6, ms=9)
    ax.set(xlim=x, ylim=y)
    if points:
        ax.legend(fontsize=8, framealpha=0.85)
    return ax


def _heights(f: Callable[..., Any], across: np.ndarray, up: np.ndarray) -> np.ndarray:
    try:
        height = np.asarray(f(across, up), dtype=float)
    except (TypeError, ValueError):  # such as `if x > y`, or math.sin
        height = np.empty(0)
    if height.shape == across.shape:
        return height
    return np.array([float(f(a, b)) for a, b in zip(across.flat, up.flat, strict=True)]).reshape(across.shape)
