"""Where pictures are drawn and how they are saved."""

import os
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinymm.files import write_atomically

if TYPE_CHECKING:  # loading matplotlib takes a second: wait until a picture is asked for
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#808080"  # Okabe and Ito's, and a grey
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000")  # of lines, one after the other
DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> "Figure":
    """A figure of this size in inches: pyplot's where somebody is looking, otherwise a plain one."""
    ipython = sys.modules.get("IPython")
    if "matplotlib.pyplot" in sys.modules or (ipython is not None and ipython.get_ipython() is not None):
        import matplotlib.pyplot as plt

        return plt.figure(figsize=(width, height), layout="constrained")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def calm(ax: "Axes") -> None:
    """Two spines and a light grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(color="#e6e6e6", linewidth=0.8)
    ax.tick_params(labelsize=9)


def png(axes: "Axes | np.ndarray") -> bytes:
    """The picture of the figure that these Axes (or an array of them) belong to, as the bytes of a PNG file."""
    buffer = BytesIO()
    figure = np.ravel(np.asarray(axes, dtype=object))[0].figure
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", facecolor="white")
    return buffer.getvalue()


def save(axes: "Axes | np.ndarray", path: str | os.PathLike[str]) -> Path:
    """Write the figure of these Axes to `path` as PNG: whole or not at all. Raises ValueError for another ending."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"save: pictures are written as PNG, but the path is {str(path)!r}: let it end in .png")
    return write_atomically(path, png(axes))
