"""What the tape knows of a computation, put into words: one box for each leaf, operation and constant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np

from tinymm.tape import Node, Variable, sweep
from tinymm.tensor import Tensor

MOST_BOXES = 60  # more cannot be read on a page


@dataclass
class Box:
    """One leaf, operation or constant: its lines of text (the first is its title) and what it is computed from."""

    kind: str
    lines: list[str]
    inputs: list[tuple[int, str]] = field(default_factory=list)  # (box, which argument it is), in their order


class Record:
    """The nodes behind an output, and whatever is known about their values and gradients."""

    def __init__(self, output: Tensor, names: Mapping[str, Any]):
        self.output = output
        self.nodes = _nodes_behind(output)
        self.names: dict[tuple[int, int], str] = {}
        self.values: dict[tuple[int, int], np.ndarray] = {}
        self.uses: dict[tuple[int, int], tuple[Any, int, tuple]] = {}  # source, output, shape: each once
        self.arguments = {id(node): _kept(node) for node in self.nodes}
        self.uses[_key(output)] = output._node or output, output._index, output.shape
        self._know(output)
        for node in self.nodes:
            for _, source, index, shape, *_ in node.parents:
                self.uses[id(source), index] = source, index, shape
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

    def _know(self, tensor: Variable) -> None:
        self.values[_key(tensor)] = tensor._array

    def _gradients(self) -> dict[tuple[int, int], np.ndarray]:
        """The gradient of the output with respect to everything; no `.grad` and no node changes."""
        targets = []
        for source, index, _ in self.uses.values():
            target = source
            if isinstance(source, Node):
                target = Variable(self.output._array)  # the sweep looks at its place alone
                target._node, target._index = source, index
            targets.append(target)
        found = sweep([(self.output, np.ones_like(self.output._array))], targets, retain_graph=True)
        return {_key(target): found[target._place()] for target in targets if target._place() in found}

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
        """All boxes, the output first."""
        boxes: list[Box] = []
        place: dict[int, int] = {}

        def box(thing: Any, kind: str, lines: list[str]) -> None:
            if id(thing) not in place:
                place[id(thing)] = len(boxes)
                boxes.append(Box(kind, lines))

        for node in self.nodes:
            box(node, "operation", self._operation(node))
        if not self.nodes:  # the output is itself a leaf
            box(self.output, "leaf", self._leaf(self.output))
        for node in self.nodes:
            inputs = {}
            for position, source, *_ in node.parents:
                inputs[position] = source
                if isinstance(source, Variable):
                    box(source, "leaf", self._leaf(source))
            for position, value in self.arguments[id(node)].items():
                if position not in inputs and isinstance(value, Variable | np.ndarray):
                    inputs[position] = value
                    box(value, "constant", self._constant(value))
            boxes[place[id(node)]].inputs = [
                (place[id(inputs[i])], _argument(node, i) if len(inputs) > 1 else "") for i in sorted(inputs)
            ]
        _refuse_many(len(boxes), "boxes")
        return boxes

    def _operation(self, node: Node) -> list[str]:
        lines = [node.operation.name]
        lines += _formula(node)
        lines += _constants_inside(node, self.arguments[id(node)])
        for index in sorted(index for source, index, *_ in self.uses.values() if source is node):
            name = self.names.get((id(node), index), "")
            if node.operation.outputs > 1:
                first, *rest = self._facts(node, index)
                lines += [f"{name or f'output {index}'}   {first}", *rest]
            else:
                lines[0] = f"{name}: {lines[0]}" if name else lines[0]
                lines += self._facts(node, index)
        return lines

    def _leaf(self, leaf: Variable) -> list[str]:
        return [self.names.get((id(leaf), 0), "leaf"), *self._facts(leaf, 0)]

    def _facts(self, source: Any, index: int) -> list[str]:
        """Shape and value, and the gradient."""
        shape = self.uses[id(source), index][2]
        value, gradient = self.value(source, index), self.gradients.get((id(source), index))
        lines = [_shape(shape, "value not kept" if value is None else _summary(value))]
        if gradient is not None:
            norm = gradient.size > 3
            lines.append(f"‖∇‖ {_number(np.linalg.norm(gradient))}" if norm else f"∇ {_summary(gradient)}")
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
    _refuse_many(len(nodes), "operations")
    return sorted(nodes.values(), key=lambda node: -node.order)


def _refuse_many(count: int, things: str) -> None:
    if count > MOST_BOXES:
        raise ValueError(
            f"graph: {count:,} {things} are too many to read (the most is {MOST_BOXES} boxes): draw the output of a "
            "smaller model or of a shorter sequence"
        )


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


def _formula(node: Node) -> list[str]:
    """The formula alone, in one or two lines: the first line of the docstring up to where an explanation begins."""
    lines = (node.operation.__doc__ or "").strip().splitlines() or [""]
    formula = re.split(
        r",? e\.g\. |[.;:] |\.$|, (?:computed|exact|which|with|the)\b| without |,? for (?:all|every|each)\b", lines[0]
    )[0]
    return wrap(formula, 48, max_lines=2, placeholder=" …")


def _constants_inside(node: Node, kept: dict[int, Any]) -> list[str]:
    """Numbers among the arguments, such as n = 2, and constants that no derivative needs."""
    operation = node.operation
    inputs = {position for position, *_ in node.parents}
    lines = []
    for position, name in enumerate(operation.names):
        if position in inputs or name in operation.defaults or position not in operation.derivatives:
            continue
        if position in kept and isinstance(kept[position], int | float | np.number):
            lines.append(f"{name} = {_number(kept[position])}")
        elif position not in kept:
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
        numbers = ", ".join(_number(v) for v in array.ravel())
        return numbers if array.size == 1 else f"[{numbers}]"
    if array.dtype.kind != "f":
        return f"{_number(array.min())} … {_number(array.max())}"
    if broken := int(np.sum(~np.isfinite(array))):
        return f"{broken} of {array.size} not finite"
    return f"{_number(array.mean(dtype=np.float64))} ± {_number(array.std(dtype=np.float64))}"


def _number(value: Any) -> str:
    return (f"{value:.3g}" if isinstance(value, float | np.floating) else str(int(value))).replace("-", "−")
