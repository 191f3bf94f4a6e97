"""Pictures of texts: which terms speak for which class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import BLUE, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OTHER_SCRIPTS = (  # fonts with Chinese, Japanese and Korean characters: Linux, Windows, macOS
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Arial Unicode MS"),
)


def heaviest_terms(
    weight: ArrayLike,
    terms: Sequence[str],
    class_names: Sequence[str] | None = None,
    most: int = 10,
    ax: "Sequence[Axes] | None" = None,
) -> np.ndarray:
    """The terms with the largest weights for each class, one panel a class; returns the array of Axes (K,).

    weight: (K, terms), such as that of `models.BagOfTerms`, times whatever weighted the terms before it.
    most: terms in a panel; those of weight 0 or below, which speak against a class, are left out, and so are terms that
        no font of this computer can draw. All panels have one scale, so that classes can be compared.
    Raises ValueError for shapes that do not fit, and a number of Axes other than that of the classes.
    """
    where = "heaviest_terms"
    w = np.asarray(weight, dtype=float)
    if w.ndim != 2 or not w.size or w.shape[1] != len(terms) or not np.isfinite(w).all():
        raise ValueError(f"{where}: weight must be (classes, {len(terms)}), a finite one for each term, not {w.shape}")
    names = [str(name) for name in (range(len(w)) if class_names is None else class_names)]
    if len(names) != len(w):
        raise ValueError(f"{where}: {len(names)} class_names for {len(w)} classes: name every class")
    if most < 1:
        raise ValueError(f"{where}: most is {most}, but a panel shows at least one term")
    if ax is None:
        columns = min(len(w), 3)
        rows = -(-len(w) // columns)
        figure = new_figure(0.6 + 2.9 * columns, 0.5 + (0.6 + 0.19 * min(most, w.shape[1])) * rows)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for unused in grid[len(w) :]:
            unused.remove()
        ax = grid[: len(w)]  # type: ignore[assignment]
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if len(axes) != len(w):
        raise ValueError(f"{where}: {len(w)} classes need as many Axes, not {len(axes)}")
    families, drawable = _fonts()
    w = np.where([drawable.issuperset(map(ord, term)) for term in terms], w, 0)
    limit = max(float(w.max()), 1e-12)
    for axis, name, row in zip(axes, names, w, strict=True):
        best = np.argsort(-row, kind="stable")[:most]
        best = best[row[best] > 0]
        axis.barh(np.arange(len(best)), row[best], color=BLUE, height=0.7)
        axis.set_yticks(np.arange(len(best)), [terms[i] for i in best], fontsize=8, fontfamily=families)
        for label in axis.get_yticklabels():
            label.set_parse_math(False)  # a $ is a dollar
        axis.set(title=name, xlim=(0, 1.05 * limit), ylim=(min(most, w.shape[1]) - 0.4, -0.6))
        axis.title.set_fontsize(10)
        calm(axis)
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0, labelsize=8)
    for axis in axes[-min(len(axes), 3) :]:
        axis.set_xlabel("weight", fontsize=9)
    return axes


def _fonts() -> tuple[list[str], set[int]]:
    """The usual font and those for other scripts that are installed, and the characters that one of them has."""
    from matplotlib import font_manager as fonts

    installed = {font.name for font in fonts.fontManager.ttflist}
    usual = fonts.get_font(fonts.findfont(fonts.FontProperties())).family_name
    families = [usual, *(name for name in OTHER_SCRIPTS if name in installed)]
    charmaps = [fonts.get_font(fonts.findfont(name)).get_charmap() for name in families]
    return families, set().union(*charmaps)
