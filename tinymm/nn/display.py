"""How a Module looks in a notebook, and the table of a model's layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import numpy as np

from tinymm.display import CELL, SOFT, TABLE
from tinymm.nn.module import Module, Parameter, watch
from tinymm.recording import no_grad
from tinymm.tensor import Tensor


def module_html(m: Module) -> str:
    """What a notebook shows of a Module: the tree of its modules, to be folded, with their numbers of parameters."""
    return f"<div>{_branch('', m, opened=True)}</div>"


def _branch(name: str, m: Module, opened: bool = False) -> str:
    children = list(m.named_children())
    title = f"<b>{escape(type(m).__name__)}</b>{escape(f'({m.describe()})') if m.describe() else ''}"
    title = (f"{escape(name)}: " if name else "") + title
    if count := _count(m.parameters()):
        title += f" <span style='{SOFT}'>· {count:,} parameters</span>"
    inside = [
        f"<div style='margin-left: 1.4em; {SOFT}'>{escape(key)} {escape(str(p.shape))}</div>"
        for key, p in m.named_parameters()
        if "." not in key
    ]
    inside += [f"<div style='margin-left: 1.4em'>{_branch(key, child)}</div>" for key, child in children]
    if not inside:
        return f"<div style='margin-left: 1em'>{title}</div>"
    return f"<details{' open' if opened or children else ''}><summary>{title}</summary>{''.join(inside)}</details>"


def _count(parameters: Iterable[Tensor]) -> int:
    return sum(p.size for p in parameters)


# --- the layers of a model -----------------------------------------------------------------------------------


class Row(NamedTuple):
    """One call of one module: its name, how deep it lies, type, output shape and parameters of its own."""

    name: str
    depth: int
    type: str
    output: str
    parameters: str


@dataclass(frozen=True)
class Summary:
    """The table that `summary` makes; `print` it, or let a notebook show it."""

    rows: list[Row]
    total: int
    trainable: int
    parameter_bytes: int
    output_bytes: int

    def __str__(self) -> str:
        table = [("layer", "type", "output", "parameters")]
        table += [("  " * r.depth + r.name, r.type, r.output, r.parameters) for r in self.rows]
        widths = [max(len(line[i]) for line in table) for i in range(4)]
        rule = "─" * (sum(widths) + 6)
        lines = [
            "  ".join([*(line[i].ljust(widths[i]) for i in range(3)), line[3].rjust(widths[3])]).rstrip()
            for line in table
        ]
        return "\n".join([lines[0], rule, *lines[1:], rule, *self._totals()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        left = f"{CELL}; text-align: left"
        head = "".join(f"<th style='{left}'>{name}</th>" for name in ("layer", "type", "output"))
        body = [
            f"<td style='{left}; padding-left: {0.55 + 1.2 * r.depth:.2f}em'>{escape(r.name)}</td>"
            f"<td style='{left}'>{escape(r.type)}</td><td style='{left}'>{escape(r.output)}</td>"
            f"<td style='{CELL}'>{escape(r.parameters)}</td>"
            for r in self.rows
        ]
        return (
            f"<div><table style='{TABLE}'><tr>{head}<th style='{CELL}'>parameters</th></tr>"
            f"{''.join(f'<tr>{row}</tr>' for row in body)}</table>"
            f"{''.join(f'<div>{line}</div>' for line in self._totals())}</div>"
        )

    def _totals(self) -> list[str]:
        return [
            f"{self.total:,} parameters, {self.trainable:,} of them trainable",
            f"memory: {_bytes(self.parameter_bytes)} for the parameters, {_bytes(self.output_bytes)} for the outputs",
        ]


@dataclass
class _Call:
    """One forward pass of a module, with the calls that it made."""

    module: Module
    output: Any = None
    inside: list[_Call] = field(default_factory=list)
    made: bool = True


def summary(model: Module, *inputs: Any) -> Summary:
    """A table of the layers in the order in which they run, their output shapes and parameters.

    `inputs` are what the model takes: Tensors, arrays, or shapes such as (1, 1, 28, 28), which become zeros. They
    pass through the model once, in evaluation mode and unrecorded. A row counts the parameters of its own module;
    where one is met again it is "shared", and the total counts it once. Memory of outputs: each array once.
    TypeError for what is no Module and for no inputs.

    >>> from tinymm import nn
    >>> summary(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), (2, 4)).total
    15
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a Module, not a {type(model).__name__}")
    if not inputs:
        raise TypeError(
            f"summary: {type(model).__name__} needs an input to run on: pass one, or its shape, e.g. (1, 1, 28, 28)"
        )
    calls = _run(model, [_as_input(value) for value in inputs])
    counted: set[int] = set()
    memory: dict[int, int] = {}
    rows: list[Row] = []
    _add_rows(rows, calls, type(model).__name__, 0, counted, memory)
    parameters = model.parameters()
    trainable = _count(p for p in parameters if p.requires_grad)
    size = sum(p.data.nbytes for p in parameters)
    return Summary(rows, _count(parameters), trainable, size, sum(memory.values()))


def _as_input(value: Any) -> Any:
    if isinstance(value, tuple) and value and all(isinstance(n, int | np.integer) for n in value):
        if min(value) < 0:
            raise ValueError(f"summary: the shape {value} has a negative length")
        return Tensor(np.zeros(value, np.float32))
    return Tensor(value) if isinstance(value, np.ndarray | list) else value


def _run(model: Module, inputs: list[Any]) -> _Call:
    """Call the model; which call made which is seen from who lies inside whom, for inner calls end first."""
    ended: list[_Call] = []

    def note(module: Module, inputs: tuple, output: Any) -> None:
        within = {id(m) for _, m in module.named_modules()} - {id(module)}
        start = len(ended)
        while start and id(ended[start - 1].module) in within:
            start -= 1
        call = _Call(module, output, ended[start:])
        del ended[start:]
        ended.append(call)

    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        with no_grad(), watch(note):
            model(*inputs)
    finally:
        for module, mode in modes:
            module.training = mode
    return ended[-1]


def _add_rows(rows: list[Row], call: _Call, name: str, depth: int, counted: set[int], memory: dict[int, int]) -> None:
    """The row of a call and, indented, of the calls it made; then of the modules in it that nothing called."""
    own = {id(p): p for p in vars(call.module).values() if isinstance(p, Parameter)}
    new = _count(p for key, p in own.items() if key not in counted)
    counts = [f"{new:,}"] if new else []
    counts += ["shared"] if own.keys() & counted else []
    counted.update(own)
    output = _shapes(call.output) if call.made else "not called"
    rows.append(Row(name, depth, type(call.module).__name__, output, " + ".join(counts)))
    for array in _arrays(call.output):
        while isinstance(array.base, np.ndarray):
            array = array.base
        memory[id(array)] = array.nbytes

    names: dict[int, list[str]] = {}
    for key, module in call.module.named_modules():
        names.setdefault(id(module), []).append(key)
    for inner in call.inside:
        known = names[id(inner.module)]
        _add_rows(rows, inner, known.pop(0) if len(known) > 1 else known[0], depth + 1, counted, memory)
    called = {id(inner.module) for inner in _all_inside(call)}
    for key, child in call.module.named_children():
        if not called & {id(m) for _, m in child.named_modules()}:
            _add_rows(rows, _Call(child, made=False), key, depth + 1, counted, memory)


def _all_inside(call: _Call) -> list[_Call]:
    return [c for inner in call.inside for c in (inner, *_all_inside(inner))]


def _arrays(output: Any) -> list[np.ndarray]:
    if isinstance(output, list | tuple):
        return [array for part in output for array in _arrays(part)]
    if isinstance(output, dict):
        return _arrays(list(output.values()))
    return [np.asarray(output)] if isinstance(output, Tensor | np.ndarray) else []


def _shapes(output: Any, outermost: bool = True) -> str:
    """The shape of an output, or the shapes of all its parts."""
    if isinstance(output, dict):
        return ", ".join(f"{key}: {_shapes(value, False)}" for key, value in output.items())
    if isinstance(output, list | tuple):
        parts = ", ".join(_shapes(part, False) for part in output)
        return parts if outermost else f"({parts})"
    return str(np.shape(output)) if isinstance(output, Tensor | np.ndarray) else type(output).__name__


def _bytes(count: int) -> str:
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.4g} {unit}"
