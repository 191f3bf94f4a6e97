"""The Tensor: a NumPy array that remembers how it was computed.

What it can compute is in `tinymm.functional`, how it remembers is in `tinymm.tape`; here is what it looks like
to its user: operators, indexing, methods, NumPy's protocols and `backward`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinymm.recording import is_recording
from tinymm.tape import OPERATIONS, Variable, sweep

# NumPy functions that tell something about an array but are no arrays themselves: no gradient to lose.
_FACTS = (np.shape, np.ndim, np.size, np.allclose, np.array_equal, np.result_type, np.may_share_memory)


def _seed(caller: str, output: Tensor, gradient: Any, create_graph: bool) -> Any:
    """The gradient to begin with: the given one, or 1 for a scalar."""
    if not output.requires_grad:
        raise RuntimeError(
            f"{caller}: nothing was recorded for this output: none of its inputs has requires_grad=True, "
            "or it was computed inside no_grad()"
        )
    if gradient is None:
        if output._array.size != 1:
            raise RuntimeError(
                f"{caller}: the output has shape {output.shape}, and only a scalar has one gradient: "
                "reduce it first, e.g. with .sum(), or pass the gradient that arrives at it"
            )
        gradient = np.empty(output.shape, output.dtype)
        gradient.fill(1)
        return Tensor(gradient) if create_graph else gradient
    array = np.asarray(gradient)
    if array.shape != output.shape:
        raise ValueError(
            f"{caller}: the gradient has shape {array.shape}, but the output has shape {output.shape}: they must match"
        )
    if create_graph:
        return gradient if isinstance(gradient, Tensor) else Tensor(array.astype(output.dtype))
    return array.astype(output.dtype, copy=output._node is None)  # a leaf must not share its gradient


def grad(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    gradient: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> Any:
    """The gradient of `output` with respect to `inputs`, leaving every `.grad` as it is.

    Returns one Tensor for one input, a tuple for a sequence; an input that does not influence the output gets
    zeros. `create_graph=True` records the gradient itself, so that it can be differentiated again.

    >>> x = Tensor(np.array(3.0), requires_grad=True)
    >>> first = grad(x**3, x, create_graph=True)
    >>> first.item(), grad(first, x).item()
    (27.0, 18.0)
    """
    several = not isinstance(inputs, Tensor)
    wanted: Sequence[Tensor] = inputs if not isinstance(inputs, Tensor) else [inputs]
    for i, x in enumerate(wanted):
        if not (isinstance(x, Tensor) and x.requires_grad):
            raise ValueError(f"grad: input {i} does not want a gradient: create it with requires_grad=True")
    seed = _seed("grad", output, gradient, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    found = sweep([(output, seed)], wanted, create_graph, retain)
    results = []
    for x in wanted:
        g = found.get(x._place())
        if g is None:
            g = np.zeros_like(x._array)
        elif isinstance(g, np.ndarray) and x._node is not None:
            g = g.copy()  # inside the graph several may share one array
        results.append(g if isinstance(g, Tensor) else Tensor(g))
    return tuple(results) if several else results[0]


# ---------------------------------------------------------------------------------------------------------
# The Tensor
# ---------------------------------------------------------------------------------------------------------


_adding = threading.Lock()  # several threads may send gradients to one leaf


def _unlock_in_child() -> None:
    """A thread that held the lock while another forked is not in the child, and would never let go of it."""
    global _adding
    _adding = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def _binary(numpy_function: Callable) -> tuple[Callable, Callable]:
    def method(self: Tensor, other: Any) -> Any:
        return OPERATIONS[numpy_function](self, _as_array(other) if isinstance(other, list) else other)

    def reflected(self: Tensor, other: Any) -> Any:
        return OPERATIONS[numpy_function](_as_array(other) if isinstance(other, list) else other, self)

    return method, reflected


def _unary(name: str) -> Callable:
    def method(self: Tensor, *args: Any, **options: Any) -> Any:
        return OPERATIONS[name](self, *args, **options)

    method.__name__ = name
    method.__doc__ = f"`tinymm.functional.{name}` of this tensor."
    return method


def _in_place(numpy_function: Callable) -> Callable:
    def method(self: Tensor, other: Any) -> Tensor:
        if is_recording() and (self.requires_grad or (isinstance(other, Tensor) and other.requires_grad)):
            if self._node is None and self.requires_grad:
                raise RuntimeError(
                    f"in-place {numpy_function.__name__}: a leaf that wants a gradient cannot change while operations "
                    "are recorded: put the update inside `with tm.no_grad():`"
                )
            return OPERATIONS[numpy_function](self, other)  # a new tensor under the old name: the tape stays right
        numpy_function(self._array, np.asarray(other), out=self._array)
        self._version[0] += 1
        return self

    return method


class Tensor(Variable):
    """An n-dimensional array that can remember how it was computed and take gradients.

    `Tensor(array)` shares the array's memory; `tm.tensor(data)` copies. It obeys NumPy: operators, indexing,
    and functions such as `np.exp(t)` or `np.sum(t, axis=1)` give Tensors and keep the gradient; a NumPy
    function that cannot keep it raises TypeError.

    Attributes: `data` the array itself, `grad` the gradient that `backward()` has added up (or None),
    `requires_grad`, `shape`, `dtype`, `ndim`, `size`, `T`.

    An explicit `np.asarray(t)`, and with it any NumPy function that is given Tensors inside a plain list, takes the
    values and leaves the gradient behind: write `np.stack([t, u])`, not `np.sum([t, u])`.

    In-place changes: `t[i] = v`, `t += v` and `t.data = a` are noticed, and a backward pass that needed the
    old values refuses. Where a recorded tensor would change, `t += v` makes a new one under the old name. Not noticed:
    writing into the raw array (`t.data[i] = v`; call `mark_changed()` after it), and changes of plain arrays that were
    operands. Precisions mix as in NumPy.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False):
        if type(data) is not np.ndarray:
            data = data._array if isinstance(data, Variable) else _as_array(data)
        Variable.__init__(self, data, requires_grad)
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(
                f"Tensor: only floating-point numbers have gradients, but the dtype is {data.dtype}: "
                "give floats (1.0 instead of 1), or dtype=np.float32"
            )

    # --- what it is ---------------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy."""
        return self._array

    @data.setter
    def data(self, value: Any) -> None:
        self._array = Tensor(value, self.requires_grad)._array
        self._version[0] += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._array.size

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return OPERATIONS[np.transpose](self)

    def numpy(self) -> np.ndarray:
        """The values as a read-only array that shares memory; `.numpy().copy()` may be written."""
        view = self._array.view()
        view.flags.writeable = False
        return view

    def item(self) -> float:
        """The single number of a tensor of one element, as a Python number. ValueError for more."""
        if self._array.size != 1:
            raise ValueError(f"item: needs exactly one element, but the shape is {self.shape}: index or reduce first")
        return self._array.item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._array.tolist()

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("len: a tensor of shape () has no length")
        return len(self._array)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"bool: a tensor of shape {self.shape} is neither true nor false: use .all() or .any()")
        return bool(self._array)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._array.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        values = np.array2string(self._array, separator=", ", threshold=200, edgeitems=3, prefix="tensor(")
        notes = [values]
        if self._array.dtype not in (np.float32, np.int64, np.bool_):
            notes.append(f"dtype={self.dtype}")
        if self.size > 200:
            notes.append(f"shape={self.shape}")
        if self._node is not None:
            notes.append(f"from={self._node.operation.name}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({', '.join(notes)})"

    def _repr_html_(self) -> str:
        from tinymm.display import tensor_html

        return tensor_html(self)

    def __reduce__(self) -> Any:
        # A copy holds the values; how they were computed stays with the original.
        return type(self), (self._array.copy(), self.requires_grad)

    # --- gradients ----------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, create_graph: bool = False, retain_graph: bool | None = None) -> None:
        """Add d(self)/d(leaf), times `gradient`, to the `.grad` of every leaf this tensor was computed from.

        `gradient` has the shape of this tensor and may be left out for a scalar. The graph is freed on the
        way, so a second call needs `retain_graph=True`, or `create_graph=True`, which also records the
        gradients themselves. RuntimeError: nothing was recorded, not a scalar, called twice, or a tensor was
        changed in place; then no `.grad` has changed.
        """
        seed = _seed("backward", self, gradient, create_graph)
        retain = create_graph if retain_graph is None else retain_graph
        found = sweep([(self, seed)], None, create_graph, retain)
        for leaf, g in found.items():
            if g.shape != leaf._array.shape:
                raise RuntimeError(
                    f"backward: a leaf had shape {g.shape} when it was used and has {leaf.shape} now: recompute the output"
                )
        with _adding:
            for leaf, g in found.items():
                g = g if isinstance(g, Tensor) else Tensor(g)
                leaf.grad = g if leaf.grad is None else leaf.grad + g

    def mark_changed(self) -> None:
        """Say that the raw array was written to, so that a backward pass that needs the old values refuses."""
        self._version[0] += 1

    def detach(self) -> Tensor:
        """The same memory as a Tensor that nothing is recorded for."""
        out = Tensor(self._array)
        out._version = self._version
        return out

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether this leaf wants a gradient; returns itself."""
        if self._node is not None:
            raise RuntimeError("requires_grad_: only a leaf can change; use detach() for a copy without history")
        self.requires_grad = Tensor(self._array, requires_grad).requires_grad
        return self

    # --- NumPy's protocols --------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy or (dtype is not None and np.dtype(dtype) != self._array.dtype):
            if copy is False:
                raise ValueError(f"array: {self.dtype} cannot become {np.dtype(dtype)} without a copy")
            return self._array.astype(dtype or self._array.dtype)
        return self.numpy()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or ufunc not in OPERATIONS:
            raise _unsupported(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")
        if options:
            hint = "a = a + t instead of a += t" if "out" in options else "tinymm's own options"
            raise TypeError(
                f"np.{ufunc.__name__}: {', '.join(options)}= would lose the gradient of a Tensor: use {hint}"
            )
        return OPERATIONS[ufunc](*inputs)

    def __array_function__(self, function: Callable, types: Any, args: tuple, options: dict) -> Any:
        if function in _FACTS:
            return function(*(np.asarray(a) if isinstance(a, Tensor) else a for a in args), **options)
        if function not in OPERATIONS:
            raise _unsupported(function.__name__)
        return OPERATIONS[function](*args, **options)

    # --- arithmetic, comparison, indexing -----------------------------------------------------------------

    __add__, __radd__ = _binary(np.add)
    __sub__, __rsub__ = _binary(np.subtract)
    __mul__, __rmul__ = _binary(np.multiply)
    __truediv__, __rtruediv__ = _binary(np.divide)
    __pow__, __rpow__ = _binary(np.power)
    __matmul__, __rmatmul__ = _binary(np.matmul)
    __eq__, _ = _binary(np.equal)  # type: ignore[assignment]
    __ne__, _ = _binary(np.not_equal)  # type: ignore[assignment]
    __lt__, __gt__ = _binary(np.less)
    __le__, __ge__ = _binary(np.less_equal)
    __and__, __rand__ = _binary(np.bitwise_and)
    __or__, __ror__ = _binary(np.bitwise_or)
    __xor__, __rxor__ = _binary(np.bitwise_xor)
    __iadd__, __isub__ = _in_place(np.add), _in_place(np.subtract)
    __imul__, __itruediv__ = _in_place(np.multiply), _in_place(np.divide)
    __neg__, __abs__, __invert__ = _unary("negative"), _unary("abs"), _unary("invert")

    def __getitem__(self, index: Any) -> Tensor:
        """Basic slices, integer arrays, boolean masks, None and Ellipsis, as in NumPy."""
        return OPERATIONS["getitem"](self, _plain_index(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        if is_recording() and (self.requires_grad or (isinstance(value, Tensor) and value.requires_grad)):
            raise RuntimeError(
                "setitem: writing into a tensor would lose its gradient: build the result with tm.functional.where or "
                "concatenate, or write inside `with tm.no_grad():`"
            )
        self._array[_plain_index(index)] = np.asarray(value)
        self._version[0] += 1

    exp, log, sqrt, abs = _unary("exp"), _unary("log"), _unary("sqrt"), _unary("abs")
    relu, tanh, sigmoid = _unary("relu"), _unary("tanh"), _unary("sigmoid")
    sum, mean, prod, cumsum = _unary("sum"), _unary("mean"), _unary("prod"), _unary("cumsum")
    max, min, var, std = _unary("max"), _unary("min"), _unary("var"), _unary("std")
    logsumexp, argmax, argmin = _unary("logsumexp"), _unary("argmax"), _unary("argmin")
    all, any, clip, astype = _unary("all"), _unary("any"), _unary("clip"), _unary("astype")
    swapaxes, squeeze, flatten, copy = (
        _unary("swapaxes"),
        _unary("squeeze"),
        _unary("flatten"),
        _unary("copy"),
    )

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one length may be -1."""
        return OPERATIONS[np.reshape](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, e.g. `x.transpose(0, 3, 1, 2)`; reversed without arguments."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return OPERATIONS[np.transpose](self, order or None)


Variable.Result = Tensor


def _plain_index(index: Any) -> Any:
    """An index in which Tensors and lists have become arrays that nobody else can change."""
    if isinstance(index, tuple):
        return tuple(_plain_index(list(i) if isinstance(i, tuple) else i) for i in index)
    if isinstance(index, list):
        return np.array([i.item() if isinstance(i, Tensor) else i for i in index], np.intp if not index else None)
    return np.array(index) if isinstance(index, Tensor | np.ndarray) else index


def _unsupported(name: str) -> TypeError:
    return TypeError(
        f"np.{name} is not differentiable here, so a Tensor would silently lose its gradient: build it from the "
        "functions in tinymm.functional, or call it on t.numpy() if no gradient is needed"
    )


def _as_array(data: Any) -> np.ndarray:
    """Any numbers as an array that the operations can use; Python floats become float32."""
    array = np.asarray(data)
    dtype = array.dtype
    if dtype.kind not in "fiub":
        raise TypeError(f"tensor: cannot hold {dtype} values: give numbers or booleans")
    if dtype.char == "d" and not hasattr(data, "dtype"):
        return array.astype(np.float32)
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of `data`: numbers, nested lists, an array, a Tensor.

    Python floats become float32, arrays keep their dtype unless `dtype` says otherwise. TypeError for what is
    no number, and for integers with `requires_grad=True`.

    >>> tensor([[1.0, 2.0], [3.0, 4.0]]).dtype
    dtype('float32')
    """
    try:
        array = _as_array(data)
    except ValueError as error:  # ragged nested lists
        raise ValueError(f"tensor: the nested lists have unequal lengths ({error})") from None
    return Tensor(np.array(array, dtype=dtype, order="C"), requires_grad)
