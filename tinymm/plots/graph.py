"""The picture of a recorded graph: how a number was computed, and the gradient on its way back."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from tinymm.plots.figure import BLUE, GREY, ORANGE, new_figure
from tinymm.plots.layered import Layout, layout
from tinymm.plots.recorded import Box, Record
from tinymm.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: dict[
    str, tuple[str, str, str, Literal["-", "--"]]
] = {  # of each kind of box: what the legend says, face, edge, line style
    "leaf": ("leaf that wants a gradient", "#d6e9f6", BLUE, "-"),
    "operation": ("operation", "#f7f7f7", GREY, "-"),
    "constant": ("constant", "#fdeedd", ORANGE, "--"),
}
SIZE = 8.0  # of the letters, in points; lengths below are in inches
LINE, PADDING = 0.155, 0.1
LEGEND, NOTE = 0.65, "of many numbers: mean ± standard deviation;   ∇: gradient of the output, ‖∇‖: its norm"
STEM = 0.16  # the upright end of an edge, with the name of the argument beside it


def graph(output: Tensor, ax: "Axes | None" = None, names: Mapping[str, Any] | None = None) -> "Axes":
    """Draw the recorded graph behind the scalar `output`: inputs above, the output below.

    A box shows the formula, the shape, the value (of many: mean ± standard deviation) and ∇, the gradient of the
    output with respect to it (of many: its norm ‖∇‖). `names` gives names to tensors and constant arrays, e.g.
    `dict(model.named_parameters())`. Nothing changes: every `.grad` stays, and `backward()` still works. Values
    that no derivative needs are not kept on the tape; they are computed again from the leaves as they now are.

    Raises TypeError if `output` is no Tensor, ValueError if it is no scalar or the graph has more than 60 boxes,
    RuntimeError if nothing was recorded or backward() has already freed it.
    """
    if not isinstance(output, Tensor):
        raise TypeError(f"graph: expected a Tensor, not a {type(output).__name__}")
    if output.size != 1:
        raise ValueError(
            f"graph: the output has shape {output.shape}, and only a scalar has one gradient: "
            "reduce it first, e.g. with .sum()"
        )
    if not output.requires_grad:
        raise RuntimeError(
            "graph: nothing was recorded for this output: none of its inputs has requires_grad=True, or it was "
            "computed inside no_grad()"
        )
    boxes = Record(output, names or {}).boxes()
    links = [(a, b, label) for b, box in enumerate(boxes) for a, label in box.inputs]
    place = layout([_size(box) for box in boxes], [link[:2] for link in links])
    return _draw(boxes, links, place, ax)


def _width(text: str, weight: str = "normal") -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=SIZE, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def _size(box: Box) -> tuple[float, float]:
    width = max([0.5, _width(box.lines[0], "bold"), *map(_width, box.lines[1:]), _labels(box) - 0.1])
    return width + 2 * PADDING, LINE * len(box.lines) + 2 * PADDING


def _labels(box: Box) -> float:
    """The width that the names of the arguments need above the box."""
    return len(box.inputs) * max((0.15 + _width(label) for _, label in box.inputs), default=0.0)


def _draw(boxes: list[Box], links: list[tuple[int, int, str]], place: Layout, ax: "Axes | None") -> "Axes":
    from matplotlib.patches import FancyBboxPatch, Patch

    margin = 0.15
    width, height = max(place.size[0], 4.9) + 2 * margin, place.size[1] + 2 * margin + LEGEND
    if ax is None:
        ax = new_figure(width, height).subplots()
        ax.set_position((0, 0, 1, 1))
    spot, page = ax.get_position(), ax.figure.get_size_inches()  # type: ignore[union-attr]
    scale = min(spot.width * page[0] / width, spot.height * page[1] / height)
    middle = place.size[0] / 2
    ax.set(xlim=(middle - width / 2, middle + width / 2), ylim=(-LEGEND - margin, height - LEGEND - margin))
    ax.set_aspect("equal")
    ax.set_axis_off()

    _draw_edges(boxes, links, place, ax, scale)
    for box, (x, y) in zip(boxes, place.centres, strict=True):
        _, face, edge, line = LOOKS[box.kind]
        w, h = _size(box)
        patch = FancyBboxPatch(
            (x - w / 2, y - h / 2),
            w,
            h,
            boxstyle=f"round,pad=0,rounding_size={0.16 if box.kind == 'leaf' else 0.05}",
            facecolor=face,
            edgecolor=edge,
            linestyle=line,
            linewidth=(2.2 if box is boxes[0] else 1.0) * scale,
            zorder=2,
        )
        ax.add_patch(patch)
        for i, text in enumerate(box.lines):
            ax.text(
                x,
                y + h / 2 - PADDING - LINE * (i + 0.5),
                text,
                ha="center",
                va="center_baseline",
                fontsize=SIZE * scale,
                weight="normal" if i else "bold",
                color="black",
                parse_math=False,
                zorder=3,
            )
    kinds = [kind for kind in LOOKS if any(box.kind == kind for box in boxes)]
    entries = [
        Patch(facecolor=LOOKS[k][1], edgecolor=LOOKS[k][2], linestyle=LOOKS[k][3], label=LOOKS[k][0]) for k in kinds
    ]
    ax.legend(
        handles=entries,
        loc="center",
        bbox_to_anchor=(middle, -0.4),
        bbox_transform=ax.transData,
        ncols=len(kinds),
        frameon=False,
        fontsize=SIZE * scale,
    )
    ax.text(middle, -0.65, NOTE, ha="center", va="center", fontsize=0.85 * SIZE * scale, color="#404040")
    return ax


def _draw_edges(boxes: list[Box], links: list[tuple[int, int, str]], place: Layout, ax: "Axes", scale: float) -> None:
    """Smooth lines that arrive side by side at the top of a box, each with the name of the argument it is."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    for target in {b for _, b, _ in links}:
        arriving = [i for i, (_, b, _) in enumerate(links) if b == target]
        arriving.sort(key=lambda i: (place.routes[i] or [place.centres[links[i][0]]])[-1][0])
        h, (x, y) = _size(boxes[target])[1], place.centres[target]
        step = _labels(boxes[target]) / len(arriving)
        for port, i in enumerate(arriving):
            source, _, label = links[i]
            end = x + step * (port - (len(arriving) - 1) / 2), y + h / 2
            sx, sy = place.centres[source]
            above = end[0], end[1] + STEM
            points = [(sx, sy - _size(boxes[source])[1] / 2), *place.routes[i], above, end]
            path, codes = [points[0]], [Path.MOVETO]
            for k, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
                if k % 2:  # straight past the boxes of a row
                    path.append((x1, y1))
                    codes.append(Path.LINETO)
                else:
                    path += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)]
                    codes += [Path.CURVE4] * 3
            ax.add_patch(
                FancyArrowPatch(
                    path=Path(path, codes),
                    arrowstyle="-|>",
                    mutation_scale=7 * scale,
                    color="#606060",
                    linewidth=0.9 * scale,
                    fill=True,
                    shrinkA=0,
                    shrinkB=0,
                    zorder=1,
                )
            )
            ax.text(
                end[0] + 0.06,
                end[1] + STEM / 2,
                label,
                fontsize=0.8 * SIZE * scale,
                color="#404040",
                ha="left",
                va="center",
                parse_math=False,
                zorder=3,
            )
