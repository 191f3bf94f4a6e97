"""The tape: operations, what they leave behind, and the reverse sweep.

Every differentiable function is an `Operation`: a formula on plain arrays with its derivative beside it. When
one meets a Tensor that wants a gradient, it leaves a `Node` on the tape; `sweep` walks the nodes from the
newest to the oldest and applies the chain rule at each. The tape knows nothing of mathematics: the formulas
live in `tinymm.functional`.

Source: reverse-mode differentiation, Baydin et al., "Automatic Differentiation in Machine Learning: a
Survey", JMLR 18 (2018), section 3.2.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np

from tinymm.recording import enable_grad, is_recording

# ---------------------------------------------------------------------------------------------------------
# Operations: a formula with its derivative, and what both leave on the tape
# ---------------------------------------------------------------------------------------------------------

OPERATIONS: dict[Any, Callable[..., Any]] = {}
"""Every operation by its own name and by the NumPy functions it answers for: `OPERATIONS[np.exp]`."""

_OUTPUT = object()  # in a node's saved values: "the operation's own result"
_order = itertools.count()
_age = operator.attrgetter("order")


class Variable:
    """What the tape sees of a Tensor: an array, and the node that made it (none for a leaf)."""

    __slots__ = ("__weakref__", "_array", "_index", "_node", "_version", "grad", "requires_grad")

    Result: ClassVar[Callable[..., Any]]  # the class of every result; tensor.py puts Tensor here

    def __init__(self, array: np.ndarray, requires_grad: bool = False):
        self._array = array
        self.grad: Any = None
        self.requires_grad = requires_grad
        self._node: Node | None = None
        self._index = 0  # which output of that node this is
        self._version = [0]  # counts in-place changes; shared with views of the same memory

    def _place(self) -> Any:
        """Where gradients for it arrive: a leaf itself, or the node that made it, with its number if not the first output."""
        source = self._node or self
        return (source, self._index) if self._index else source


class Operation:
    """A differentiable function: arrays in, arrays out; Tensors in, recorded Tensors out. See `operation`."""

    def __init__(
        self,
        formula: Callable,
        outputs: int = 1,
        saves: bool = False,
        view: bool = False,
        composed: str | None = None,
    ):
        functools.update_wrapper(self, formula)
        self.formula, self.outputs, self.saves, self.view, self.composed = (
            formula,
            outputs,
            saves,
            view,
            composed,
        )
        self.name = formula.__name__.strip("_")
        parameters = inspect.signature(formula).parameters.values()
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.derivatives: dict[int, tuple[Callable, list[tuple[str, int]]]] = {}
        self.joint: tuple[Callable, list[tuple[str, int]]] | None = None

    def gradient(self, **derivatives: Callable) -> None:
        """Give the derivative for each input by name, as a function of what it needs, again by name.

        The first parameter is `g`, the gradient that arrives at the output. The others ask for `y` (the
        output), an argument of the formula by its name, `<name>_shape` (its shape alone, so that its memory
        can go) or `saved` (what a formula with `saves=True` returned last). What no derivative asks for is
        not kept. Broadcasting is undone for you. Written with operators and NumPy functions, a derivative
        runs on arrays, or on Tensors, which records it and so makes it differentiable in turn.
        """
        for name, function in derivatives.items():
            if name not in self.names:
                raise ValueError(
                    f"{self.name}: has no argument '{name}' to differentiate: it takes {', '.join(self.names)}"
                )
            self.derivatives[self.names.index(name)] = function, self._plan(function)

    def gradients(self, function: Callable) -> Callable:
        """Give one function that returns the gradients of all arguments at once, in their order.

        For operations of any number of inputs and for fused kernels. It may also ask for `wanted`: which
        arguments want a gradient; it returns None (or anything) for the others.
        """
        self.joint = function, self._plan(function)
        return function

    def _plan(self, function: Callable) -> list[tuple[str, int]]:
        """Translate parameter names into where to find each value when the operation is recorded."""
        plan = []
        for name in list(inspect.signature(function).parameters)[1:]:
            if name in ("y", "saved", "wanted"):
                plan.append((name, 0))
            elif name in (self.variadic, f"{self.variadic}_shape"):
                plan.append(("rest" if name == self.variadic else "rest_shape", len(self.names)))
            elif name in self.names:
                plan.append(("argument", self.names.index(name)))
            elif name.removesuffix("_shape") in self.names:
                plan.append(("shape", self.names.index(name.removesuffix("_shape"))))
            else:
                raise ValueError(f"{self.name}: its derivative asks for '{name}', which it does not have")
        return plan

    def _bind(self, args: tuple, options: dict[str, Any]) -> tuple:
        """The positional arguments, completed by keywords and defaults."""
        if len(args) > len(self.names):
            raise TypeError(f"{self.name}: takes at most {len(self.names)} arguments, but {len(args)} were given")
        bound = list(args)
        for name in self.names[len(args) :]:
            if name in options:
                bound.append(options.pop(name))
            elif name in self.defaults:
                bound.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}: argument '{name}' is missing")
        if options:
            hint = ", so write axis=" if "dim" in options else ""
            raise TypeError(
                f"{self.name}: does not know {', '.join(map(repr, options))}: it takes {', '.join(self.names)}{hint}"
            )
        return tuple(bound)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if options or (len(args) != len(self.names) and not self.variadic):
            args = self._bind(args, options)
        arrays, tensors, sources = list(args), False, []
        for position, value in enumerate(args):
            if isinstance(value, Variable):
                arrays[position], tensors = value._array, True
                if value.requires_grad:
                    sources.append(position)
        try:
            result = self.formula(*arrays)
        except Exception as error:
            raise self._explained(error, arrays) from None
        saved = None
        if self.saves:
            result, saved = result if self.outputs == 1 else (result[:-1], result[-1])
        if not tensors:
            return result
        record = bool(sources) and is_recording()
        if self.outputs == 1:
            output = Variable.Result(result, record and result.dtype.kind == "f")
            if self.view and isinstance(args[0], Variable) and _shares_memory(output._array, args[0]._array):
                output._version = args[0]._version
            if output.requires_grad:
                output._node = Node(self, args, sources, (output,), saved)
            return output
        outputs = tuple(Variable.Result(array, record) for array in result)
        if record:
            node = Node(self, args, sources, outputs, saved)
            for index, output in enumerate(outputs):
                output._node, output._index = node, index
        return outputs

    def _explained(self, error: Exception, arrays: list) -> Exception:
        """NumPy's or Numba's error, with the operation's name and what came."""
        if str(error).partition(":")[0].isidentifier():  # one of ours, which says all that already
            return error
        came = ", ".join(f"{a.dtype} {a.shape}" if isinstance(a, np.ndarray) else repr(a)[:60] for a in arrays)
        if isinstance(error, AttributeError) and any(isinstance(a, list | tuple) for a in arrays):
            return TypeError(f"{self.name}: takes arrays or Tensors, not {came}: make one with np.array")
        if type(error).__module__.startswith("numba."):
            return TypeError(
                f"{self.name}: does not work for {came}: expected float32 or float64 in the machine's own byte order, "
                "as .astype(np.float32) makes it"
            )
        kinds = np.exceptions.AxisError, TypeError, IndexError, ValueError
        kind = next((k for k in kinds if isinstance(error, k)), None)
        return kind(f"{self.name}: does not work for {came}: {error}") if kind else error

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def _shares_memory(view: np.ndarray, array: np.ndarray) -> bool:
    """Whether `view` was cut out of `array`; NumPy notes the array that owns the memory."""
    return view.base is not None and (view.base is array or view.base is array.base)


def operation(*numpy_functions: Callable, **kinds: Any) -> Callable[[Callable], Operation]:
    """Make an `Operation` of a formula on arrays; `numpy_functions` are the names it has in NumPy.

    Options: `outputs` (how many arrays the formula returns), `saves` (it returns one more thing, for the
    derivatives), `view` (the result may share the memory of its first argument), `composed` (a fused kernel
    has no second derivative; this names the alternative that has).

        @operation(np.multiply)
        def multiply(a, b):
            '''y = a · b'''
            return np.multiply(a, b)

        multiply.gradient(a=lambda g, b: g * b, b=lambda g, a: g * a)
    """

    def decorate(formula: Callable) -> Operation:
        made = Operation(formula, **kinds)
        for key in numpy_functions:
            if key in OPERATIONS:
                raise ValueError(f"operation: np.{key.__name__} already has one, {OPERATIONS[key]!r}")
            OPERATIONS[key] = made
        OPERATIONS.setdefault(made.name, made)  # an experiment called like one of ours does not take its place
        return made

    return decorate


def plain_operation(*numpy_functions: Callable) -> Callable[[Callable], Callable]:
    """Register a function that is made of operations, and so needs no derivative, for its NumPy names."""

    def decorate(function: Callable) -> Callable:
        for key in (function.__name__, *numpy_functions):
            OPERATIONS[key] = function
        return function

    return decorate


class Node:
    """One recorded use of an operation: where its inputs came from and what their derivatives need."""

    __slots__ = ("operation", "order", "outputs", "parents", "steps", "versions")

    def __init__(
        self,
        operation: Operation,
        args: tuple,
        sources: list[int],
        outputs: tuple[Variable, ...],
        saved: Any,
    ):
        self.operation = operation
        self.order = next(_order)
        self.outputs: Any = None
        self.versions: Any = []  # (its counter, what that was) of every Tensor that a derivative needs, as it is now
        # (position, its node or leaf, which output of that node, shape, dtype, place) of each input that wants a gradient
        self.parents: Any = []
        self.steps: Any = []  # (derivative, its saved values, the parents it serves)
        joint = operation.joint
        for i in sources:  # no comprehensions here: each is a call, and every operation comes by
            source = args[i]
            array, parent, index = source._array, source._node or source, source._index
            served = i, parent, index, array.shape, array.dtype, (parent, index) if index else parent
            self.parents.append(served)
            if joint is None:
                self._save(operation.derivatives.get(i), (served,), args, outputs, saved)
        if joint is not None:
            self._save(joint, self.parents, args, outputs, saved)

    def _save(self, derivative: Any, served: Any, args: tuple, outputs: tuple[Variable, ...], saved: Any) -> None:
        """Keep what a derivative asks for, with the versions that it has now."""
        if derivative is None:
            name = self.operation.names[served[0][0]]
            raise TypeError(
                f"{self.operation.name}: has no derivative with respect to {name}, which wants a gradient: pass its "
                ".detach()"
            )
        function, plan = derivative
        values = []
        for kind, i in plan:
            if kind == "argument":
                value = args[i]
                if isinstance(value, Variable):
                    self.versions.append((value._version, value._version[0]))
            elif kind == "y":
                value = _OUTPUT
                if self.outputs is None:
                    self.outputs = []
                    for output in outputs:
                        self.outputs.append(output._array)
                        self.versions.append((output._version, output._version[0]))
            else:
                value = self._find(kind, i, args, saved)
            values.append(value)
        self.steps.append((function, values, served))

    def _find(self, kind: str, i: int, args: tuple, saved: Any) -> Any:
        """What else a derivative may ask for."""
        if kind == "shape":
            return np.shape(args[i])
        if kind == "saved":
            return saved
        if kind == "wanted":
            return tuple(isinstance(a, Variable) and a.requires_grad for a in args)
        if kind == "rest":
            rest = args[i:]
            self.versions.extend((v._version, v._version[0]) for v in rest if isinstance(v, Variable))
            return rest
        return tuple(np.shape(a) for a in args[i:])

    def spent(self) -> RuntimeError:
        """There is nothing left to go on with."""
        return RuntimeError(
            f"backward: the graph behind this {self.operation.name} was already used and its buffers are freed: "
            "compute the output again, or keep it with backward(retain_graph=True)"
        )

    def changed(self) -> RuntimeError:
        """A value has changed since it was used, and a number would be wrong."""
        return RuntimeError(
            f"backward: a tensor that {self.operation.name} needs for its derivative was changed in place after it was "
            "used: change a copy instead, or make the change after backward()"
        )

    def send_back(self, g: Any, create_graph: bool, arrived: Gradients) -> None:
        """Add to what has arrived at each input its gradient, given the gradient(s) at the outputs."""
        operation, joint = self.operation, self.operation.joint
        if create_graph and operation.composed:
            raise RuntimeError(f"{operation.name}: the fused kernel has no second derivative: use {operation.composed}")
        for function, values, parents in self.steps:
            inputs = [g]
            for value in values:
                if isinstance(value, Variable):
                    inputs.append(value if create_graph else value._array)
                elif value is _OUTPUT and not create_graph:
                    inputs.append(self.outputs[0] if operation.outputs == 1 else self.outputs)
                else:
                    inputs.append(self._value(value, create_graph))
            found = function(*inputs)
            for position, target, _, shape, dtype, place in parents:
                d = found if joint is None else found[position]
                if d is None:
                    continue
                if not create_graph:
                    # A leaf must not share its gradient with anyone: a view or g itself may have other owners.
                    if not isinstance(d, np.ndarray):
                        d = np.asarray(d)
                    elif (d is g or d.base is not None) and isinstance(target, Variable):
                        d = d.copy()
                if d.dtype is not dtype or d.shape != shape:
                    d = _fit(d, shape, dtype)
                before = arrived.get(place)
                arrived[place] = d if before is None else before + d

    def _value(self, value: Any, create_graph: bool) -> Any:
        """What a derivative is given for something saved that is no Tensor."""
        if value is _OUTPUT:
            values = [self.rewrap(i) for i in range(len(self.outputs))] if create_graph else self.outputs
            return values[0] if len(values) == 1 else values
        if type(value) is tuple and not create_graph:
            return tuple(v._array if isinstance(v, Variable) else v for v in value)
        return value

    def rewrap(self, index: int) -> Variable:
        """The output as a Tensor again: the node keeps only arrays, so that no reference runs in a circle."""
        output = Variable.Result(self.outputs[index], True)
        output._node, output._index = self, index
        return output

    def free(self) -> None:
        self.steps = self.parents = self.outputs = None
        self.versions = ()


def _fit(g: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Undo broadcasting: sum over the axes that were stretched. Arrays or Tensors."""
    if g.shape != shape:
        extra = len(g.shape) - len(shape)
        stretched = [i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1]
        g = np.reshape(np.sum(g, axis=(*range(extra), *stretched)), shape)
    return g if g.dtype == dtype else g.astype(dtype)


# ---------------------------------------------------------------------------------------------------------
# The reverse sweep
# ---------------------------------------------------------------------------------------------------------


_as_it_is = nullcontext()

Gradients = dict[Any, Any]  # the gradient at each place (see `Variable._place`)


def sweep(
    roots: Sequence[tuple[Variable, Any]],
    targets: Sequence[Variable] | None = None,
    create_graph: bool = False,
    retain_graph: bool = False,
) -> Gradients:
    """Carry gradients from `roots` [(tensor, gradient), ...] down the tape; the chain rule, newest node first.

    Returns {place: gradient} for `targets`, or for all leaves if there are none. Nodes that lead to no target are
    passed over.
    """
    wanted = {t._place() for t in targets or ()}
    sources = {t._node or t for t in targets or ()}
    ends = sources if len(wanted) == 1 else ()  # nothing beyond is asked for
    order = _reached(roots, ends)
    if targets is not None:
        order = _leading_to(set(sources), order, ends)
    for node in order:
        for cell, version in node.versions:
            if cell[0] != version:
                raise node.changed()

    arrived: Gradients = {}
    for tensor, gradient in roots:
        place = tensor._place()
        arrived[place] = arrived[place] + gradient if place in arrived else gradient
    found: Gradients = {}
    with enable_grad() if create_graph else _as_it_is:
        while order:
            node = order.pop()
            if node in sources:  # all that can arrive here has
                found.update({place: arrived[place] for place in wanted & arrived.keys()})
            g, outputs = arrived.pop(node, None), node.operation.outputs
            if outputs > 1:
                g = [g, *(arrived.pop((node, i), None) for i in range(1, outputs))]
                if all(part is None for part in g):
                    continue
            elif g is None:
                continue
            node.send_back(g, create_graph, arrived)
            if not retain_graph:
                node.free()
    if targets is None:
        return arrived  # all that is left are leaves
    found.update({place: g for place, g in arrived.items() if place in wanted})
    return found


def _reached(roots: Sequence[tuple[Variable, Any]], ends: Any) -> list[Node]:
    """The nodes behind the roots, but not beyond `ends`, from the oldest to the newest."""
    stack = [t._node for t, _ in roots if t._node is not None]
    nodes = set(stack)
    while stack:
        node = stack.pop()
        if node in ends:
            continue
        if node.steps is None:
            raise node.spent()
        for parent in node.parents:
            source = parent[1]
            if type(source) is Node and source not in nodes:
                nodes.add(source)
                stack.append(source)
    return sorted(nodes, key=_age)


def _leading_to(leading: set[Any], order: list[Node], ends: Any) -> list[Node]:
    """Of the nodes in their order, those from which one that is `leading` can be reached."""
    on_the_way = []
    for node in order:
        if node in ends:
            continue
        for parent in node.parents:
            if parent[1] in leading:
                leading.add(node)
                on_the_way.append(node)
                break
    return on_the_way
