"""The module: a part of a model that owns parameters, and finds them in the modules inside it."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinymm.tensor import Tensor, tensor


class Parameter(Tensor):
    """A Tensor that a module learns: it wants a gradient, and `parameters()` finds it."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(tensor(data).data, requires_grad)  # a copy: it will be changed in place

    @classmethod
    def first(cls, shape: int | tuple[int, ...], values: Callable[..., Any]) -> Parameter:
        """A parameter with the first values(shape). ValueError inside `as_large_as` if it is larger than that."""
        shape = (shape,) if isinstance(shape, int) else shape
        if math.prod(shape) > _building.most:
            raise ValueError(
                f"the model would have a parameter {shape}, but all its state together {_building.most:,} numbers"
            )
        return cls(np.asarray(values(shape), np.float32))


class _Building(threading.local):
    most: float = math.inf  # numbers of a parameter


_building = _Building()  # each thread builds its own models


@contextlib.contextmanager
def as_large_as(state: Mapping[str, Any]) -> Iterator[None]:
    """In this context, layers take memory only for parameters no larger than all of a `state_dict` together.

    For models whose sizes come from a file: it cannot claim more than it holds.
    """
    before, _building.most = _building.most, sum(np.size(value) for value in state.values())
    try:
        yield
    finally:
        _building.most = before


class _Watching(threading.local):
    def __init__(self) -> None:
        self.callbacks: list[Callable[[Module, tuple, Any], None]] = []


_watching = _Watching()  # each thread watches its own calls


@contextlib.contextmanager
def watch(callback: Callable[[Module, tuple, Any], None]) -> Iterator[None]:
    """Inside this context, `callback(module, inputs, output)` is called after every module's forward pass."""
    _watching.callbacks.append(callback)
    try:
        yield
    finally:
        _watching.callbacks.remove(callback)


def _entries(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(name, value), and for lists, tuples and dicts what is inside: name.0, name.key, …"""
    if isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _entries(f"{name}.{i}", inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _entries(f"{name}.{key}", inner)
    else:
        yield name, value


class Module:
    """A part of a model: parameters, buffers, other modules, and a `forward` that uses them.

    Assign parameters (`Parameter`), buffers (NumPy arrays) and modules to attributes, alone or in lists, tuples and
    dicts; they are found there. `training` says whether layers such as dropout are active; `train()` and `eval()` set it.
    """

    training = True

    def forward(self, *inputs: Any) -> Any:
        """The module's output; every module writes its own."""
        raise TypeError(f"{type(self).__name__}: this module has no forward method: define forward(self, x)")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        output = self.forward(*inputs, **options)
        for callback in _watching.callbacks:
            callback(self, inputs, output)
        return output

    # --- what it consists of ------------------------------------------------------------------------------

    def entries(self) -> Iterator[tuple[str, Any]]:
        """(name, value) for all that is assigned to this module, inside lists and dicts too: name.0, name.key, …"""
        for name, value in vars(self).items():
            yield from _entries(name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each module directly inside."""
        return ((name, value) for name, value in self.entries() if isinstance(value, Module))

    def named_modules(self, prefix: str = "", around: tuple[Module, ...] = ()) -> Iterator[tuple[str, Module]]:
        """(name, module) for this module, called `prefix`, and all inside it; `around` are those it lies in."""
        yield prefix, self
        for name, child in self.named_children():
            if child is not self and child not in around:  # a module may know the one it is part of
                yield from child.named_modules(f"{prefix}.{name}" if prefix else name, (*around, self))

    def _named(self, kind: type) -> Iterator[tuple[str, Any]]:
        for prefix, module in self.named_modules():
            for name, value in module.entries():
                if isinstance(value, kind):
                    yield (f"{prefix}.{name}" if prefix else name), value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) for each parameter, e.g. ("layers.0.weight", ...); a shared one comes once."""
        seen: set[int] = set()
        for name, parameter in self._named(Parameter):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order in which they were assigned."""
        return [parameter for _, parameter in self.named_parameters()]

    def train(self, mode: bool = True) -> Module:
        """Make layers that behave differently in training do so (or not); returns itself."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """The opposite of `train()`."""
        return self.train(False)

    def astype(self, dtype: Any) -> Module:
        """Turn all parameters and buffers into float32 or float64; returns itself. Make the optimiser afterwards."""
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None
        for _, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    setattr(module, name, value.astype(dtype))
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    # --- saving and loading -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by name."""
        state = {name: parameter.data.copy() for name, parameter in self.named_parameters()}
        state.update((name, buffer.copy()) for name, buffer in self._named(np.ndarray))
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy values into all parameters and buffers; nothing changes unless all names and shapes fit.

        KeyError for names that are missing or unknown, ValueError for a shape that differs.
        """
        own: dict[str, Any] = dict(self.named_parameters()) | dict(self._named(np.ndarray))
        if missing := own.keys() - state.keys():
            raise KeyError(f"load_state_dict: the state lacks {', '.join(sorted(missing))}: is it of another model?")
        if unknown := state.keys() - own.keys():
            raise KeyError(f"load_state_dict: this model has no {', '.join(sorted(unknown))}: is it of another model?")
        values = {}
        for name, value in own.items():
            values[name] = np.asarray(state[name])
            if values[name].shape != value.shape or values[name].dtype.kind not in "fiub":
                raise ValueError(
                    f"load_state_dict: {name} is {value.dtype} {value.shape} here, but {values[name].dtype} "
                    f"{values[name].shape} in the state"
                )
        for name, value in own.items():
            np.copyto(value.data if isinstance(value, Tensor) else value, values[name], casting="unsafe")
            if isinstance(value, Tensor):
                value.mark_changed()

    # --- showing itself -----------------------------------------------------------------------------------

    def describe(self) -> str:
        """The options that a repr shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        children = list(self.named_children())
        if not children:
            return f"{type(self).__name__}({self.describe()})"
        inside = "\n".join(f"{name}: {child!r}" for name, child in children).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inside}\n)"

    def _repr_html_(self) -> str:
        from tinymm.nn.display import module_html

        return module_html(self)

    def summary(self, *inputs: Any) -> Any:
        """A table of the layers, their output shapes and parameters, from one forward pass of `inputs`."""
        from tinymm.nn.display import summary

        return summary(self, *inputs)


class Sequential(Module):
    """One module after the other: `Sequential(Linear(64, 32), ReLU(), Linear(32, 10))`."""

    def __init__(self, *layers: Module):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(
                    f"Sequential: layer {i} is {layer!r:.60}, no module: pass modules, e.g. Sequential(Linear(4, 2), ReLU())"
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def entries(self) -> Iterator[tuple[str, Any]]:
        """The layers are called by their numbers alone."""
        return ((name.removeprefix("layers."), value) for name, value in super().entries())

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)
