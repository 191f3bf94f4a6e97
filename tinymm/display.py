"""How a Tensor looks in a notebook, and the styles of all that is shown there.

The HTML needs nothing from outside and takes its colours from the page around it, light or dark.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

SHOWN = 3  # rows or columns at either end of a long table

LINE = "border: 1px solid rgba(128, 128, 128, .35)"
TABLE = "border-collapse: collapse; margin: .3em 0; font-variant-numeric: tabular-nums; color: inherit"
CELL = f"{LINE}; padding: .15em .55em; text-align: right; background: none; color: inherit"
SOFT = "opacity: .7"


def tensor_html(t: Any) -> str:
    """What a notebook shows of a Tensor t: shape, dtype, what made it, its first and last values, min, mean and max."""
    facts = [f"shape {t.shape}", str(t.dtype)]
    if t._node is not None:
        facts.append(f"made by {t._node.operation.name}")
    facts.append("wants a gradient" if t.requires_grad else "wants no gradient")
    if t.grad is not None:
        facts.append("has a .grad")
    head = f"<div><b>{escape(type(t).__name__)}</b> · {escape(' · '.join(facts))}</div>"
    return f"<div>{head}{_values(t.data)}<div style='{SOFT}'>{_range(t.data)}</div></div>"


def _values(array: np.ndarray) -> str:
    """The last two axes as a table; of the axes before them the first place."""
    if not array.size:
        return ""
    first = (0,) * max(array.ndim - 2, 0)
    table = np.atleast_2d(array[first])
    columns = _ends(table.shape[1])
    rows = ""
    for i in _ends(len(table)):
        cells = [_number(table[i, j]) if j >= 0 else "…" for j in columns] if i >= 0 else ["⋮"] * len(columns)
        rows += "<tr>" + "".join(f"<td style='{CELL}'>{cell}</td>" for cell in cells) + "</tr>"
    where = f"<div style='{SOFT}'>at [{', '.join('0' for _ in first)}]</div>" if first else ""
    return f"{where}<table style='{TABLE}'>{rows}</table>"


def _ends(length: int) -> list[int]:
    """The places to show of so many; −1 stands for those left out."""
    if length <= 2 * SHOWN + 1:
        return list(range(length))
    return [*range(SHOWN), -1, *range(length - SHOWN, length)]


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)


def _range(array: np.ndarray) -> str:
    if not array.size:
        return "no elements"
    if array.dtype == bool:
        return f"{np.count_nonzero(array):,} of {array.size:,} true"
    finite = array[np.isfinite(array)]
    broken = f" · {array.size - finite.size:,} of {array.size:,} not finite" if finite.size < array.size else ""
    if not finite.size:
        return broken.removeprefix(" · ")
    mean = finite.mean(dtype=np.float64)
    return f"min {_number(finite.min())} · mean {_number(mean)} · max {_number(finite.max())}{broken}"
