"""The picture of a recorded graph: how a number was computed, and the gradient on its way back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.plots.figure import BLUE, GREY, ORANGE, new_figure
from tinymm.plots.layered import Layout, layout
from tinymm.tape import Node, Variable, sweep
from tinymm.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BOXES = 60  # more cannot be read on a page
LOOKS = {  # of each kind of box: what the legend says, face, edge, line style
    "leaf": ("leaf that wants a gradient", "#d6e9f6", BLUE, "-"),
    "operation": ("operation", "#f7f7f7", GREY, "-"),
    "constant": ("constant", "#fdeedd", ORANGE, "--"),
}
SIZE = 8.0  # of the letters, in points; lengths below are in inches
LINE, PADDING = 0.155, 0.1
LEGEND = 0.4


@dataclass
class Box:
    """One leaf, operation or constant: its lines of text (the first is its title) and where it is used."""

    kind: str
    lines: list[str]
    edges: list[tuple[int, str]] = field(default_factory=list)  # (box that uses it, as which argument)


def graph(output: Tensor, ax: "Axes | None" = None, names: Mapping[str, Any] | None = None) -> "Axes":
    """Draw the recorded graph behind the scalar `output`: inputs above, the output below.

    A box shows the formula, the shape, the value (of many: mean ± standard deviation) and ∇, the gradient of the
    output with respect to it (of many: its norm ‖∇‖). `names` gives names to tensors and constant arrays, e.g.
    `dict(model.named_parameters())`. Nothing changes: every `.grad` stays, and `backward()` still works. Values
    that no derivative needs are not kept on the tape; they are computed again from those that are.

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
    boxes = _Record(output, names or {}).boxes()
    links = [(a, b, label) for a, box in enumerate(boxes) for b, label in box.edges]
    place = layout([_size(box) for box in boxes], [link[:2] for link in links])
    return _draw(boxes, links, place, ax)


# --- what the tape knows -------------------------------------------------------------------------------------


class _Record:
    """The nodes behind an output, and whatever is known about their values and gradients."""

    def __init__(self, output: Tensor, names: Mapping[str, Any]):
        self.output = output
        self.nodes = _nodes_behind(output)
        self.names: dict[tuple[int, int], str] = {}
        self.values: dict[tuple[int, int], np.ndarray] = {}
        self.uses: dict[tuple[int, int], tuple[Any, int, tuple, np.dtype]] = {}  # each input once
        self.arguments = {id(node): _kept(node) for node in self.nodes}
        self._use(output)
        for node in self.nodes:
            for _, source, index, shape, dtype in node.parents:
                self.uses[id(source), index] = source, index, shape, dtype
                if isinstance(source, Variable):
                    self._know(source)
            for i, array in enumerate(node.outputs or ()):
                self.values[id(node), i] = array
            for value in self.arguments[id(node)].values():
                if isinstance(value, Variable):
                    self._know(value)
        for name, value in names.items():
            if isinstance(value, Variable):
                self._know(value)
                self.names[_key(value)] = str(name)
            self.names[id(value), 0] = str(name)
        self.gradients = self._gradients()

    def _use(self, tensor: Variable) -> None:
        self.uses[_key(tensor)] = tensor._node or tensor, tensor._index, tensor._array.shape, tensor._array.dtype
        self._know(tensor)

    def _know(self, tensor: Variable) -> None:
        self.values[_key(tensor)] = tensor._array

    def _gradients(self) -> dict[tuple[int, int], np.ndarray]:
        """The gradient of the output with respect to everything; no `.grad` and no node changes."""
        targets = []
        for source, index, _, _ in self.uses.values():
            target = source
            if isinstance(source, Node):
                target = Variable(self.output._array)  # the sweep looks at its place alone
                target._node, target._index = source, index
            targets.append(target)
        found = sweep([(self.output, np.ones_like(self.output._array))], targets, retain_graph=True)
        return {(id(source), index): g for (source, index), g in found.items()}

    def value(self, source: Any, index: int) -> np.ndarray | None:
        """The value of an output of a node (or of a leaf): the kept one, or computed again, or unknown."""
        key = id(source), index
        if key not in self.values and isinstance(source, Node):
            for i, array in enumerate(self._again(source)):
                self.values[id(source), i] = array
        return self.values.get(key)

    def _again(self, node: Node) -> tuple:
        """The outputs of a node by its formula; none if an argument is not known."""
        operation, known = node.operation, dict(self.arguments[id(node)])
        for position, source, index, *_ in node.parents:
            known[position] = self.value(source, index)
            if known[position] is None:
                return ()
        if operation.variadic or len(known) < len(operation.names):
            return ()
        arguments = [known[i] for i in range(len(operation.names))]
        with np.errstate(all="ignore"):
            result = operation.formula(*(a._array if isinstance(a, Variable) else a for a in arguments))
        if operation.saves:
            return tuple(result[:-1])
        return tuple(result) if operation.outputs > 1 else (np.asarray(result),)

    def boxes(self) -> list[Box]:
        """All boxes, each with the edges that leave it."""
        boxes: list[Box] = []
        place: dict[int, int] = {}

        def box(thing: Any, kind: str, lines: list[str]) -> Box:
            if id(thing) not in place:
                place[id(thing)] = len(boxes)
                boxes.append(Box(kind, lines))
            return boxes[place[id(thing)]]

        for node in self.nodes:
            box(node, "operation", self._operation(node))
        if not self.nodes:  # the output is itself a leaf
            box(self.output, "leaf", self._leaf(self.output))
        for node in self.nodes:
            here, inputs = place[id(node)], {}
            for position, source, *_ in node.parents:
                inputs[position] = source if isinstance(source, Node) else box(source, "leaf", self._leaf(source))
            for position, value in self.arguments[id(node)].items():
                if position not in inputs and isinstance(value, Variable | np.ndarray):
                    inputs[position] = box(value, "constant", self._constant(value))
            for position in sorted(inputs):
                source = inputs[position]
                source = boxes[place[id(source)]] if isinstance(source, Node) else source
                label = _argument(node, position) if len(inputs) > 1 else ""
                source.edges.append((here, label))
        if len(boxes) > MOST_BOXES:
            raise ValueError(
                f"graph: {len(boxes)} boxes are too many to read (the most is {MOST_BOXES}): draw a smaller model, or a "
                "shorter sequence"
            )
        return boxes

    def _operation(self, node: Node) -> list[str]:
        lines = [node.operation.name]
        formula = _formula(node)
        lines += [formula] if formula else []
        lines += _constants_inside(node, self.arguments[id(node)])
        used = [index for source, index, _, _ in self.uses.values() if source is node]
        for index in sorted(used):
            name = self.names.get((id(node), index))
            which = f"output {index}" if node.operation.outputs > 1 else ""
            if name and not which:
                lines[0] = f"{name}: {node.operation.name}"
            lines += [name or which] if which else []
            lines += self._facts(node, index)
        return lines

    def _leaf(self, leaf: Variable) -> list[str]:
        return [self.names.get((id(leaf), 0), "leaf"), *self._facts(leaf, 0)]

    def _facts(self, source: Any, index: int) -> list[str]:
        """Shape and value, and the gradient."""
        _, _, shape, _ = self.uses[id(source), index]
        value, gradient = self.value(source, index), self.gradients.get((id(source), index))
        lines = [_shape(shape, "value not kept" if value is None else _summary(value))]
        if gradient is not None:
            norm = gradient.size > 3
            lines.append(f"‖∇‖ {np.linalg.norm(gradient):.3g}" if norm else f"∇ {_summary(gradient)}")
        return lines

    def _constant(self, value: Any) -> list[str]:
        array = np.asarray(value)
        return [self.names.get((id(value), 0), "constant"), _shape(array.shape, _summary(array))]


def _key(tensor: Variable) -> tuple[int, int]:
    return id(tensor._node or tensor), tensor._index


def _nodes_behind(output: Variable) -> list[Node]:
    """All nodes that lead to the output, newest first. RuntimeError if backward() has freed one."""
    nodes: dict[int, Node] = {}
    stack = [output._node]
    while stack:
        node = stack.pop()
        if not isinstance(node, Node) or id(node) in nodes:
            continue
        if node.steps is None:
            raise RuntimeError(
                f"graph: backward() has freed the graph behind this {node.operation.name}: draw it before backward(), "
                "or keep it with backward(retain_graph=True)"
            )
        nodes[id(node)] = node
        stack += [source for _, source, *_ in node.parents]
    return sorted(nodes.values(), key=lambda node: -node.order)


def _kept(node: Node) -> dict[int, Any]:
    """The arguments that a node keeps for its derivatives, by position."""
    kept: dict[int, Any] = {}
    operation = node.operation
    for _, values, parents in node.steps:
        plan = (operation.joint or operation.derivatives[parents[0][0]])[1]
        for (kind, position), value in zip(plan, values, strict=True):
            if kind == "argument":
                kept[position] = value
            elif kind == "rest":
                kept.update(enumerate(value, position))
    return kept


# --- in words ------------------------------------------------------------------------------------------------


def _formula(node: Node) -> str:
    """The formula alone: the first line of the docstring up to where an explanation begins."""
    lines = (node.operation.__doc__ or "").strip().splitlines() or [""]
    formula = re.split(r"[.;:] |\.$|, (?:computed|exact|which|with)\b| for (?:all|every|each)\b", lines[0])[0]
    return shorten(formula, 46, placeholder=" …")


def _constants_inside(node: Node, kept: dict[int, Any]) -> list[str]:
    """Numbers among the arguments, such as n = 2, and constants that no derivative needs."""
    operation = node.operation
    inputs = {position for position, *_ in node.parents}
    lines = []
    for position, name in enumerate(operation.names):
        if position in inputs or name in operation.defaults:
            continue
        if position in kept and isinstance(kept[position], int | float | np.number):
            lines.append(f"{name} = {kept[position]:.4g}")
        elif position not in kept and position in operation.derivatives:
            lines.append(f"{name}: a constant, not kept")
    return lines


def _argument(node: Node, position: int) -> str:
    names = node.operation.names
    return names[position] if position < len(names) else str(position - len(names))


def _shape(shape: tuple[int, ...], value: str) -> str:
    return f"{shape}   {value}" if shape else value


def _summary(array: np.ndarray) -> str:
    """The numbers themselves if they are few, else mean ± standard deviation, of integers the range."""
    if not array.size:
        return "empty"
    if array.size <= 3:
        numbers = ", ".join(f"{v:.3g}" for v in array.ravel())
        return numbers if array.size == 1 else f"[{numbers}]"
    if array.dtype.kind != "f":
        return f"{int(array.min())} … {int(array.max())}"
    if broken := int(np.sum(~np.isfinite(array))):
        return f"{broken} of {array.size} not finite"
    return f"{array.mean(dtype=np.float64):.3g} ± {array.std(dtype=np.float64):.3g}"


# --- on paper ------------------------------------------------------------------------------------------------


def _size(box: Box) -> tuple[float, float]:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    def width(text: str, weight: str) -> float:
        font = FontProperties(size=SIZE, weight=weight)
        return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72

    widths = [width(line, "normal" if i else "bold") for i, line in enumerate(box.lines)]
    return max(*widths, 0.5) + 2 * PADDING, LINE * len(box.lines) + 2 * PADDING


def _draw(boxes: list[Box], links: list[tuple[int, int, str]], place: Layout, ax: "Axes | None") -> "Axes":
    from matplotlib.patches import FancyBboxPatch, Patch

    margin = 0.15
    width, height = max(place.size[0], 4.6) + 2 * margin, place.size[1] + 2 * margin + LEGEND
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
            linewidth=(1.0 if box.edges else 2.2) * scale,
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
        Patch(facecolor=LOOKS[k][1], edgecolor=LOOKS[k][2], linestyle=LOOKS[k][3], label=LOOKS[k][0])
        for k in kinds
    ]
    ax.legend(
        handles=entries, loc="lower center", ncols=len(kinds), frameon=False, fontsize=SIZE * scale, borderaxespad=0.3
    )
    return ax


def _draw_edges(
    boxes: list[Box], links: list[tuple[int, int, str]], place: Layout, ax: "Axes", scale: float
) -> None:
    """Smooth lines that arrive side by side at the top of a box, each with the name of the argument it is."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    for target in {b for _, b, _ in links}:
        arriving = [i for i, (_, b, _) in enumerate(links) if b == target]
        arriving.sort(key=lambda i: (place.routes[i] or [place.centres[links[i][0]]])[-1][0])
        (w, h), (x, y) = _size(boxes[target]), place.centres[target]
        step = min(0.5, (w - 0.2) / len(arriving))
        for port, i in enumerate(arriving):
            source, _, label = links[i]
            end = x + step * (port - (len(arriving) - 1) / 2), y + h / 2
            sx, sy = place.centres[source]
            points = [(sx, sy - _size(boxes[source])[1] / 2), *place.routes[i], end]
            path, codes = [points[0]], [Path.MOVETO]
            for k, ((x0, y0), (x1, y1)) in enumerate(zip(points, points[1:], strict=False)):
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
                end[0] + 0.05,
                end[1] + 0.11,
                label,
                fontsize=0.8 * SIZE * scale,
                color="#404040",
                ha="left",
                va="center",
                parse_math=False,
                zorder=3,
            )
