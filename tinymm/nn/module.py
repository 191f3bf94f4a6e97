"""The module: a part of a model that owns parameters, and finds them in the modules inside it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinymm.tensor import Tensor, tensor


class Parameter(Tensor):
    """A Tensor that a module learns: it wants a gradient, and `parameters()` finds it."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(tensor(data).data, requires_grad)  # a copy: it will be changed in place


_watching: list[Callable[[Module, tuple, Any], None]] = []


@contextlib.contextmanager
def watch(callback: Callable[[Module, tuple, Any], None]) -> Iterator[None]:
    """Inside this context, `callback(module, inputs, output)` is called after every module's forward pass."""
    _watching.append(callback)
    try:
        yield
    finally:
        _watching.remove(callback)


class Module:
    """A part of a model: parameters, buffers, other modules, and a `forward` that uses them.

    Assign parameters (`Parameter`), buffers (NumPy arrays) and modules (alone or in lists) to attributes; they are
    found there. `training` says whether layers such as dropout are active; `train()` and `eval()` set it.
    """

    training = True

    def forward(self, *inputs: Any) -> Any:
        """The module's output; every module writes its own."""
        raise TypeError(f"{type(self).__name__}: this module has no forward method: define forward(self, x)")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        output = self.forward(*inputs, **options)
        for callback in _watching:
            callback(self, inputs, output)
        return output

    # --- what it consists of ------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each module directly inside; those in a list are called name.0, name.1, …"""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                yield from ((f"{name}.{i}", v) for i, v in enumerate(value) if isinstance(v, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(name, module) for this module, called `prefix`, and all inside it."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named(self, kind: type) -> Iterator[tuple[str, Any]]:
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
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
        for _, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    value.data = value.data.astype(dtype)
                    value.grad = None
                elif isinstance(value, np.ndarray):
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
        for name, value in own.items():
            if value.shape != np.shape(state[name]):
                raise ValueError(
                    f"load_state_dict: {name} is {value.shape} here, but {np.shape(state[name])} in the state"
                )
        for name, value in own.items():
            if isinstance(value, Tensor):
                value.data[...] = np.asarray(state[name])
                value.mark_changed()
            else:
                value[...] = np.asarray(state[name])

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
                    f"Sequential: layer {i} is a {type(layer).__name__}, no module: pass Sequential(a, b), not a list"
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(number, layer)"""
        return ((str(i), layer) for i, layer in enumerate(self.layers))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)
