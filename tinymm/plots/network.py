"""Pictures of what a network is given and what it looks at: images, filters, feature maps."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage


def filters(weight: ArrayLike, ax: "Axes | None" = None) -> "Axes":
    """The kernels of a convolution, weight (O, C, kh, kw): blue is positive, red negative, white zero.

    One input channel: the O filters in reading order. More: one column per filter, one row per input
    channel.
    """
    weight = _floats("filters", "weight", weight, "(O, C, kh, kw)", 4)
    out_channels, in_channels, kh, kw = weight.shape
    tiles = weight.transpose(1, 0, 2, 3).reshape(-1, kh, kw).repeat(4, axis=1).repeat(4, axis=2)
    mosaic, columns = _mosaic(tiles, gap=2, columns=None if in_channels == 1 else out_channels)
    limit = float(np.nanmax(np.abs(weight))) or 1.0
    ax = _canvas(mosaic, columns, 0.5 if in_channels == 1 else 0.2, ax)
    picture = ax.imshow(mosaic, cmap=_colours("RdBu", gaps="#a0a0a0"), vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set_title(
        f"{out_channels} filters of {kh} × {kw}" + (f" over {in_channels} channels" if in_channels > 1 else "")
    )
    if in_channels > 1:
        _number(ax, "x", out_channels, 4 * kw + 2, "filter")
        _number(ax, "y", in_channels, 4 * kh + 2, "input channel")
    else:
        _bare(ax)
    _colour_bar(ax, picture, "weight")
    return ax


def feature_maps(maps: ArrayLike, ax: "Axes | None" = None) -> "Axes":
    """What the channels of one layer answer to one image, maps (C, H, W), in reading order; bright is a strong answer.

    All maps share one scale, so that silent channels look silent.
    """
    maps = _floats("feature_maps", "maps", maps, "(C, H, W)", 3)
    mosaic, columns = _mosaic(maps, gap=max(1, maps.shape[2] // 12))
    ax = _canvas(mosaic, columns, 0.7, ax)
    low = min(0.0, float(np.nanmin(maps)))
    high = float(np.nanmax(maps))
    picture = ax.imshow(
        mosaic,
        cmap=_colours("cividis", gaps="white"),
        vmin=low,
        vmax=high if high > low else low + 1,
        interpolation="nearest",
    )
    ax.set_title(f"{len(maps)} feature maps of {maps.shape[1]} × {maps.shape[2]}")
    _bare(ax)
    _colour_bar(ax, picture, "activation")
    return ax


def images(
    batch: ArrayLike,
    labels: Sequence[Any] | np.ndarray | None = None,
    predictions: Sequence[Any] | np.ndarray | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """A batch of pictures (N, 1, H, W), (N, 3, H, W) or (N, H, W), with their labels and predictions above.

    A wrong prediction is written in orange, as "predicted (not true)". Grey pictures share one scale from
    the lowest to the highest pixel of the batch, and so do the colours of colour pictures. Raises
    ValueError for other shapes and for labels or predictions that are not one per picture.
    """
    where = "images"
    batch = np.asarray(batch)
    if batch.ndim == 3:
        batch = batch[:, None]
    if batch.ndim != 4 or batch.shape[1] not in (1, 3) or batch.size == 0:
        mend = (
            ": channels come second, try batch.transpose(0, 3, 1, 2)"
            if batch.ndim == 4 and batch.shape[3] in (1, 3)
            else ""
        )
        raise ValueError(f"{where}: expected pictures (N, 1, H, W), (N, 3, H, W) or (N, H, W), not {batch.shape}{mend}")
    n, _, height, width = batch.shape
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values is not None and len(values) != n:
            raise ValueError(f"{where}: {n} pictures but {len(values)} {name}")
    batch = _floats(where, "batch", batch, "(N, C, H, W)", 4)
    low, high = float(np.nanmin(batch)), float(np.nanmax(batch))
    batch = (batch - low) / (high - low or 1.0)
    captions, wrong = _captions(n, labels, predictions)
    inches = max(0.9, 0.08 * max(map(len, captions)))
    gap, head = max(1, width // 10), ceil(0.2 / inches * width) if any(captions) else 0
    pictures = np.pad(batch.transpose(0, 2, 3, 1), ((0, 0), (head, 0), (0, 0), (0, 0)), constant_values=np.nan)
    mosaic, columns = _mosaic(pictures, gap=gap)
    mosaic = np.where(np.isnan(mosaic), 1.0, mosaic)
    ax = _canvas(mosaic, columns, inches, ax)
    ax.imshow(
        mosaic if mosaic.shape[2] == 3 else mosaic[:, :, 0],
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    for i, caption in enumerate(captions):
        row, column = divmod(i, columns)
        x, y = column * (width + gap) + (width - 1) / 2, row * (height + head + gap) + head - 1
        colour, weight = (ORANGE, "bold") if wrong[i] else ("black", "normal")
        ax.text(x, y, caption, ha="center", va="bottom", fontsize=8, color=colour, weight=weight)
    _bare(ax)
    return ax


def _captions(n: int, labels: Any, predictions: Any) -> tuple[list[str], list[bool]]:
    """What to write above each picture, and whether its prediction is wrong."""
    if labels is None or predictions is None:
        known = predictions if labels is None else labels
        return ["" if known is None else str(known[i]) for i in range(n)], [False] * n
    pairs = [(str(labels[i]), str(predictions[i])) for i in range(n)]
    captions = [guess if guess == truth else f"{guess} (not {truth})" for truth, guess in pairs]
    return captions, [guess != truth for truth, guess in pairs]


# --- a mosaic of small pictures in one Axes ---


def _mosaic(tiles: np.ndarray, gap: int, columns: int | None = None) -> tuple[np.ndarray, int]:
    """Tiles (n, h, w, …) laid out in reading order with NaN between them, and the number of columns."""
    n, h, w = tiles.shape[:3]
    if columns is None:  # as few empty places as possible, then about 1.6 times as wide as high
        ideal = (1.6 * n * h / w) ** 0.5
        close = range(min(n, ceil(0.75 * ideal)), min(n, ceil(1.5 * ideal)) + 1)
        columns = min(close, key=lambda c: (-n % c, abs(c - ideal)))
    rows = -(-n // columns)
    mosaic = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, *tiles.shape[3:]), np.nan)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (h + gap), i % columns * (w + gap)
        mosaic[y : y + h, x : x + w] = tile
    return mosaic, columns


def _canvas(mosaic: np.ndarray, columns: int, inches: float, ax: "Axes | None") -> "Axes":
    """The given Axes, or new ones in which each tile is about this wide."""
    if ax is not None:
        return ax
    height, width = mosaic.shape[:2]
    across = float(np.clip(columns * inches, 2.8, 10))
    return new_figure(across + 0.9, float(np.clip(across * height / width, 0.6, 12)) + 0.6).subplots()


def _bare(ax: "Axes") -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _number(ax: "Axes", axis: str, count: int, step: int, label: str) -> None:
    """Number the columns or rows of the mosaic, skipping some where there are many."""
    shown = np.arange(0, count, max(1, -(-count // 16)))
    ax.set(**{f"{axis}ticks": shown * step + (step - 3) / 2, f"{axis}ticklabels": shown, f"{axis}label": label})
    ax.tick_params(axis=axis, length=0, labelsize=8)  # type: ignore[arg-type]


def _colours(name: str, gaps: str) -> "Colormap":
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=gaps)


def _colour_bar(ax: "Axes", picture: "AxesImage", label: str) -> None:
    bar = ax.figure.colorbar(picture, ax=ax, fraction=0.04, pad=0.02)
    bar.set_label(label)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _floats(where: str, name: str, value: ArrayLike, shape: str, ndim: int) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != ndim or array.size == 0 or array.dtype.kind not in "biuf":
        raise ValueError(f"{where}: {name} must be {shape} and not empty, but is {array.shape} {array.dtype}")
    array = array.astype(np.float64)
    if not np.isfinite(array).any():
        raise ValueError(f"{where}: {name} holds no finite number: nothing to draw")
    return np.where(np.isfinite(array), array, np.nan)
