"""One page that tells what a training run did and how well: report.html, complete in itself."""

import base64
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.files import write_atomically
from tinymm.plots.figure import DOTS_PER_INCH, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write_report"]

Score = float | Sequence[float] | np.ndarray | str  # one number, one per fold, or text


def write_report(
    path: str | os.PathLike[str],
    title: str,
    *,
    summary: Mapping[str, Score] | None = None,
    metrics: Mapping[str, Mapping[str, Score]] | None = None,
    figures: "Mapping[str, bytes | Axes | np.ndarray] | None" = None,
    explanation: str = "",
    mistakes: str = "",
    data: str = "",
    configuration: Mapping[str, Any] | None = None,
    command: str = "",
    versions: Mapping[str, str] | None = None,
    notes: str = "",
) -> Path:
    """Write the report of a run to `path` and return it. What is not passed is left out of the page.

    summary: the few numbers to see first, name → score. A score is a number; or one number per fold, printed
        as mean ± sample standard deviation (NaN left out); or text, printed as it is.
    metrics: the table, row → column → score, as `CrossValidation.table()` returns it.
    figures: caption → picture: the bytes of a PNG, or the Axes that a function of `tinymm.plots` returned.
    explanation, mistakes, data, notes: text, kept as it is laid out: what the model looks at; samples that it took for
        something else; what the cleaning found; what a reader should know.
    configuration, versions: name → value; command: the line that repeats the run.

    The page needs no other file and no network: pictures are inside it, and whatever text comes is escaped.
    It fits a phone and paper and follows the reader's choice of light or dark. It is written whole or not
    at all. Raises TypeError for a figure that is neither PNG nor Axes.
    """
    sections = [
        _summary(summary or {}),
        _section("Notes", _text(notes)),
        _section("Scores", _table(metrics or {})),
        _section("Pictures", _figures(figures or {})),
        _section("What the model looks at", _text(explanation)),
        _section("Mistakes", _text(mistakes)),
        _section("Data", _text(data)),
        _section("Configuration", _pairs(configuration or {})),
        _section("To repeat this run", _text(command) + _pairs(versions or {})),
    ]
    page = _PAGE.format(title=escape(title), style=_STYLE, body="\n".join(filter(None, sections)))
    return write_atomically(path, page.encode())


def _section(heading: str, content: str) -> str:
    return f"<section>\n<h2>{heading}</h2>\n{content}\n</section>" if content else ""


def _summary(scores: Mapping[str, Score]) -> str:
    tiles = [f"<div><dt>{escape(name)}</dt><dd>{_score(score)}</dd></div>" for name, score in scores.items()]
    return f'<dl class="summary">{"".join(tiles)}</dl>' if tiles else ""


def _table(rows: Mapping[str, Mapping[str, Score]]) -> str:
    if not rows:
        return ""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = [
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f"<td>{_score(row[column]) if column in row else ''}</td>" for column in columns)
        + "</tr>"
        for name, row in rows.items()
    ]
    folds = max(np.size(score) for row in rows.values() for score in row.values())
    note = f"<p>Mean ± standard deviation over {folds} folds.</p>" if folds > 1 else ""
    body = "\n".join(lines)
    return (
        f'{note}<div class="wide"><table><thead><tr><td></td>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
    )


def _score(score: Score) -> str:
    if isinstance(score, str):
        return escape(score)
    if isinstance(score, (int, np.integer)):
        return f"{score:,}"
    values = np.atleast_1d(np.asarray(score, dtype=float))
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return "–"
    spread = f' <span class="spread">± {known.std(ddof=1):.4f}</span>' if len(known) > 1 else ""
    return f"{known.mean():.4f}{spread}"


def _figures(figures: "Mapping[str, bytes | Axes | np.ndarray]") -> str:
    items = []
    for caption, picture in figures.items():
        if not isinstance(picture, bytes):
            if not hasattr(np.ravel(np.asarray(picture, dtype=object))[0], "figure"):
                raise TypeError(
                    f"write_report: figure {caption!r} is a {type(picture).__name__}: pass PNG bytes or Axes"
                )
            picture = png(picture)
        elif not picture.startswith(b"\x89PNG\r\n") or picture[12:16] != b"IHDR":
            raise TypeError(f"write_report: the bytes of figure {caption!r} are not a PNG picture")
        width = int.from_bytes(picture[16:20]) * 96 // DOTS_PER_INCH  # a CSS pixel is 1/96 inch
        source = base64.b64encode(picture).decode("ascii")
        text = escape(caption)
        items.append(
            f'<figure><img src="data:image/png;base64,{source}" width="{width}" alt="{text}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    return "\n".join(items)


def _pairs(pairs: Mapping[str, Any]) -> str:
    rows = [f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs.items()]
    return f'<dl class="pairs">{"".join(rows)}</dl>' if rows else ""


def _text(text: str) -> str:
    return f"<pre>{escape(text.strip())}</pre>" if text.strip() else ""


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

_STYLE = """
:root { --ink: #1c2330; --soft: #5b6575; --line: #d9dee6; --tile: #f3f6fa; --page: #fff; --accent: #0072b2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #a3adbb; --line: #39424f; --tile: #1d242e; --page: #12161c; --accent: #6cb8e6 }
}
* { box-sizing: border-box }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0 0 1rem; font-size: 1.7rem; line-height: 1.2 }
h2 { margin: 2.2rem 0 .7rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); font-size: 1.15rem }
p { margin: 0 0 .6rem; color: var(--soft) }
.summary { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem; margin: 0 }
.summary div { padding: .6rem .9rem; border-radius: .5rem; border-left: 4px solid var(--accent);
  background: var(--tile) }
.summary dt { color: var(--soft); font-size: .9rem }
.summary dd { margin: 0; font-size: 1.4rem; font-weight: 650; font-variant-numeric: tabular-nums }
.spread { color: var(--soft); font-weight: 400; white-space: nowrap }
.summary .spread { font-size: .95rem }
.wide { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th[scope=row] { text-align: left; font-weight: 500 }
tbody tr:last-child > [scope], tbody tr:last-child { font-weight: 650 }
figure { margin: 0 0 1.4rem; break-inside: avoid }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; padding: .5rem;
  border: 1px solid var(--line); border-radius: .5rem; background: #fff }
figcaption { margin-top: .4rem; text-align: center; color: var(--soft); font-size: .9rem }
pre { margin: 0 0 .8rem; padding: .7rem .9rem; border-radius: .5rem; background: var(--tile);
  font-size: .85rem; white-space: pre-wrap }
.pairs { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .15rem 1.2rem; margin: 0 }
.pairs dt { color: var(--soft) }
.pairs dd { margin: 0 }
@media (max-width: 40rem) {
  th, td { padding: .3rem .35rem; font-size: .9rem }
  th[scope=row] { white-space: normal; overflow-wrap: normal }
  td .spread { display: block; font-size: .8rem }
}
@media print {
  :root { --ink: #000; --soft: #444; --line: #ccc; --tile: #fff; --page: #fff; --accent: #0072b2 }
  body { max-width: none; padding: 0; font-size: 10pt }
  h2 { break-after: avoid }
  tr, .summary div { break-inside: avoid }
}
"""
