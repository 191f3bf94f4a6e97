"""Pictures of training and of results: learning curves, confusion, scores per class, folds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinymm.plots.figure import BLUE, GREEN, GREY, ORANGE, calm, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_curves(history: Mapping[str, Sequence[float]], ax: "Sequence[Axes] | None" = None) -> np.ndarray:
    """Loss, accuracy and whatever else was recorded, one panel each, over the epochs; returns the array of Axes.

    history: lists with one number per epoch, called `train_loss`, `validation_loss`, `train_accuracy`,
        `validation_accuracy`, … Either half of a pair may be missing; NaN leaves a gap. The best validation
        epoch (lowest loss or error, highest of anything else) gets a ring.
    Raises ValueError for an empty history, other names, and a number of Axes other than that of the panels.
    """
    prefixes = ("train_", "validation_")
    unknown = [name for name in history if not name.startswith(prefixes)]
    if unknown or not any(len(values) for values in history.values()):
        found = f"the history holds {unknown[0]!r}" if unknown else "the history is empty"
        raise ValueError(
            f"learning_curves: {found}: expected lists named train_loss, validation_loss, train_accuracy, …"
        )
    panels = list(dict.fromkeys(name.split("_", 1)[1] for name in history))
    if ax is None:
        figure = new_figure(4.4 * len(panels), 3.3)
        ax = figure.subplots(1, len(panels), squeeze=False)[0]
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if len(axes) != len(panels):
        raise ValueError(
            f"learning_curves: {len(panels)} panels ({', '.join(panels)}) need as many Axes, not {len(axes)}"
        )
    for axis, metric in zip(axes, panels, strict=True):
        title = metric.replace("_", " ")
        for part, colour, dashes in (("train", GREY, "--"), ("validation", BLUE, "-")):
            values = np.asarray(history.get(f"{part}_{metric}", ()), dtype=float)
            epochs = np.arange(1, len(values) + 1)
            if len(values):
                marker = "o" if len(values) < 3 else None
                axis.plot(
                    epochs,
                    values,
                    dashes,
                    color=colour,
                    label=part,
                    linewidth=1.8,
                    marker=marker,
                    markersize=4,
                )
            if part == "validation" and np.isfinite(values).any():
                least = "loss" in metric or "error" in metric
                best = np.nanargmin(values) if least else np.nanargmax(values)
                label = f"best: {values[best]:.4g} in epoch {best + 1}"
                axis.plot(
                    epochs[best],
                    values[best],
                    "o",
                    mfc="none",
                    mec=ORANGE,
                    mew=1.8,
                    ms=8,
                    label=label,
                    linestyle="",
                )
        axis.set(title=title.capitalize(), xlabel="epoch", ylabel="loss (nats)" if metric == "loss" else title)
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        calm(axis)
        axis.legend(frameon=False, fontsize=9)
    return axes


def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str] | None = None, ax: "Axes | None" = None) -> "Axes":
    """The table (K, K) of true classes (rows) against predicted ones, as `metrics.confusion_matrix` counts it.

    The colour is the square root of the share of the row: rare classes are as legible as common ones, and
    rare errors stay visible. The numbers are those of the table, fractions as percentages. Zeros are left
    blank, as are all numbers beyond 30 classes. Raises ValueError for a table that is not square, holds
    negative numbers or has not as many names as rows.
    """
    table = np.asarray(matrix)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.size == 0 or (table < 0).any():
        raise ValueError(
            f"confusion_matrix: expected a table (K, K) of counts, not {table.shape} with minimum "
            f"{table.min() if table.size else 'none'}: see metrics.confusion_matrix"
        )
    k = len(table)
    names = _names("confusion_matrix", class_names, k)
    longest = max(map(len, names))
    if ax is None:
        side = float(np.clip(0.47 * k, 2.6, 11))
        ax = new_figure(side + 1.6 + 0.07 * longest, side + 1.0 + 0.07 * longest * (longest > 3)).subplots()
    total = table.sum(axis=1, keepdims=True)
    share = np.divide(table, total, out=np.zeros(table.shape), where=total != 0)
    picture = ax.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    counts = table.dtype.kind in "iub" or bool((table == np.round(table)).all() and table.max() > 1)
    if k <= 30:
        for i, j in zip(*np.nonzero(table), strict=True):
            text = f"{table[i, j]:,.0f}" if counts else f"{100 * table[i, j]:.0f}"
            ax.text(
                j,
                i,
                text,
                ha="center",
                va="center",
                fontsize=9 if k <= 15 else 7,
                color="white" if share[i, j] > 0.3 else "black",
            )
    ticks = np.arange(k)
    size = 9 if k <= 30 else 6
    ax.set_xticks(ticks, names, rotation=90 if longest > 3 else 0, fontsize=size)
    ax.set_yticks(ticks, names, fontsize=size)
    ax.set_xticks(ticks[1:] - 0.5, minor=True)
    ax.set_yticks(ticks[1:] - 0.5, minor=True)
    ax.grid(which="minor", color="#dddddd", linewidth=0.5)
    ax.tick_params(which="both", length=0)
    right = np.trace(table) / max(table.sum(), np.finfo(float).tiny)
    title = f"{table.sum():,.0f} samples, {100 * right:.1f} % correct" if counts else "shares in %"
    ax.set(title=f"Confusion matrix: {title}", xlabel="predicted class", ylabel="true class")
    bar = ax.figure.colorbar(picture, ax=ax, fraction=0.046, pad=0.03, ticks=np.sqrt([0, 0.1, 0.5, 1]))
    bar.ax.set_yticklabels(["0 %", "10 %", "50 %", "100 %"])
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    return ax


def scores_per_class(
    scores: Mapping[str, ArrayLike], class_names: Sequence[str] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Precision, recall, F1 or other scores of every class, side by side; whiskers are ± one deviation.

    scores: name → (K,), or (folds, K), of which the mean and the sample standard deviation are drawn (NaN left
        out, whiskers cut off at 0 and 1).
    Raises ValueError for no scores, scores outside [0, 1] or that differ in K, and too many or too few names.
    """
    where = "scores_per_class"
    rows = {name: np.atleast_2d(np.asarray(values, dtype=float)) for name, values in scores.items()}
    sizes = {values.shape[-1] for values in rows.values()}
    if len(sizes) != 1 or any(values.ndim != 2 for values in rows.values()):
        raise ValueError(
            f"{where}: expected one or more scores, all (classes,) or (folds, classes), not "
            f"{', '.join(f'{name} {np.shape(v)}' for name, v in scores.items()) or 'none'}"
        )
    if any((values < 0).any() or (values > 1).any() for values in rows.values()):
        raise ValueError(f"{where}: scores lie between 0 and 1, but some here do not: pass shares, not percentages")
    k = sizes.pop()
    names = _names(where, class_names, k)
    if ax is None:
        ax = new_figure(5.4 + 0.07 * max(map(len, names)), 1.5 + max(0.36 * k, 1.2)).subplots()
    looks = [(BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), ("#CC79A7", "^"), ("#000000", "v")]
    offsets = (np.arange(len(rows)) - (len(rows) - 1) / 2) * min(0.24, 0.8 / len(rows))
    for i, (name, values) in enumerate(rows.items()):
        known = [column[~np.isnan(column)] for column in values.T]
        mean = np.array([column.mean() if len(column) else np.nan for column in known])
        spread = np.array([column.std(ddof=1) if len(column) > 1 else 0 for column in known])
        colour, marker = looks[i % len(looks)]
        y = np.arange(k) + offsets[i]
        whiskers = [np.minimum(spread, mean), np.minimum(spread, 1 - mean)]
        ax.errorbar(mean, y, xerr=whiskers, fmt=marker, color=colour, ms=4.5, elinewidth=1.2, label=name)
    for line in np.arange(k - 1) + 0.5:
        ax.axhline(line, color="#eeeeee", linewidth=0.8, zorder=0)
    low, high = ax.get_xlim()
    ax.set_xlim(low, min(high, 1 + 0.02 * (1 - low)))
    ax.set_ylim(k - 0.5, -0.5)
    ax.set_yticks(np.arange(k), names, fontsize=9 if k <= 40 else 6)
    runs = max(len(values) for values in rows.values())
    ax.set(
        xlabel="score (1 is perfect)" + (f": mean ± standard deviation of {runs} folds" if runs > 1 else ""),
        ylabel="class",
    )
    ax.set_title("Scores per class", pad=24)
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(rows),
        frameon=False,
        fontsize=9,
        borderaxespad=0.2,
    )
    calm(ax)
    ax.grid(axis="y", visible=False)
    return ax


def folds(
    splits: Iterable[tuple[ArrayLike, ArrayLike]], y: ArrayLike | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Who trains and who tests: one row per fold, one column per sample, as `KFold().split` yields them.

    With the classes `y` (N,) the samples are sorted by class, so that one sees whether each fold has its
    share of every class. Raises ValueError for no folds and for a `y` of another length.
    """
    pairs = [(np.asarray(train), np.asarray(test)) for train, test in splits]
    if not pairs:
        raise ValueError("folds: expected pairs (training indices, test indices), but there are none")
    n = 1 + max(int(part.max()) for pair in pairs for part in pair if part.size)
    role = np.zeros((len(pairs), n), dtype=np.uint8)  # 0: unused
    for row, (train, test) in zip(role, pairs, strict=True):
        row[train], row[test] = 1, 2
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    ax = new_figure(6.6, 1.5 + 0.32 * len(pairs)).subplots() if ax is None else ax
    ax.set_xlabel(f"sample (of {n:,})")
    if y is not None:
        labels = np.asarray(y)
        if labels.shape != (n,):
            raise ValueError(f"folds: the folds hold {n} samples, but y is {labels.shape}")
        order = np.argsort(labels, kind="stable")
        role = role[:, order]
        classes, counts = np.unique(labels, return_counts=True)
        ends = np.cumsum(counts)
        for end in ends[:-1]:
            ax.axvline(end - 0.5, color="black", linewidth=0.8)
        if len(classes) <= 20:
            ax.set_xticks(ends - counts / 2 - 0.5, [str(c) for c in classes], fontsize=9)
            ax.tick_params(axis="x", length=0)
        ax.set_xlabel(f"samples ({n:,}), sorted by class")
    colours = ["#ffffff", "#cfe3f1", ORANGE]
    ax.imshow(role, cmap=ListedColormap(colours), vmin=0, vmax=2, aspect="auto", interpolation="nearest")
    for line in np.arange(len(pairs) - 1) + 0.5:
        ax.axhline(line, color="white", linewidth=2)
    ax.set_yticks(np.arange(len(pairs)), [str(i + 1) for i in range(len(pairs))], fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.set(ylabel="fold")
    ax.set_title("Folds: who trains, who tests", pad=24)
    entries = [Patch(facecolor=colours[1], label="training"), Patch(facecolor=colours[2], label="test")]
    ax.legend(
        handles=entries,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        frameon=False,
        fontsize=9,
        borderaxespad=0.2,
    )
    ax.spines[:].set_visible(False)
    return ax


def _names(where: str, class_names: Sequence[str] | None, k: int) -> list[str]:
    names = [str(name) for name in (range(k) if class_names is None else class_names)]
    if len(names) != k:
        raise ValueError(f"{where}: {len(names)} class_names for {k} classes: name every class")
    return names
