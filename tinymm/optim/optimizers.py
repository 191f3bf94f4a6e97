"""Optimisers: θ ← θ − η ∇L(θ) and its descendants.

Each optimiser's docstring prints its update rule. The rule itself runs in a kernel, in place and in one pass over
memory; `tinymm.formulas` has the same rules in plain NumPy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinymm import kernels
from tinymm.tensor import Tensor

Arrays = list[np.ndarray]


def _same_arrays(ones: Arrays, others: Arrays) -> bool:
    return len(ones) == len(others) and all(map(operator.is_, ones, others))


class Optimizer:
    """What the optimisers share: the parameters θ, the learning rate η = `lr`, and a state array per parameter.

    `parameters` is a list of Tensors that want gradients, float32 or float64, else TypeError. ValueError if it is empty
    or an option makes no sense.
    """

    _arrays: tuple[str, ...] = ()  # names of the state arrays, zero at first

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        if not isinstance(parameters, Iterable):
            raise TypeError(f"{type(self).__name__}: got a {type(parameters).__name__}: pass model.parameters()")
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError(f"{type(self).__name__}: no parameters to optimise: pass model.parameters()")
        for i, parameter in enumerate(self.parameters):
            if not (isinstance(parameter, Tensor) and parameter.requires_grad and parameter._node is None):
                raise ValueError(
                    f"{type(self).__name__}: parameter {i} is no leaf Tensor that wants a gradient: "
                    "pass a list of them, such as model.parameters()"
                )
            if parameter.dtype not in (np.float32, np.float64):
                raise TypeError(
                    f"{type(self).__name__}: parameter {i} is {parameter.dtype}, but the update rules are compiled for "
                    "float32 and float64: make it with .astype(np.float32)"
                )
        if len({id(parameter) for parameter in self.parameters}) < len(self.parameters):
            raise ValueError(f"{type(self).__name__}: a parameter comes twice and would be updated twice: pass it once")
        self.lr, self.weight_decay = lr, weight_decay
        self.steps = [0] * len(self.parameters)  # of each parameter: one that joins late begins at 1
        self._require(lr=lr, weight_decay=weight_decay)
        self._state = [{name: np.zeros_like(p.data) for name in self._arrays} for p in self.parameters]
        self._last: list[Any] = []  # the arrays of the last step: they seldom change

    def _require(self, limit: float = math.inf, **options: float) -> None:
        for name, value in options.items():
            if not 0 <= value < limit:
                bounds = "0 or more" if limit == math.inf else f"from 0 to below {limit:g}"
                raise ValueError(f"{type(self).__name__}: {name} is {value}, but it must be {bounds}")

    def update(self, thetas: Arrays, gradients: Arrays, steps: list[int], **states: Arrays) -> None:
        """Change parameters θ in place, given for each its gradient, its step t = 1, 2, … and its state arrays."""
        raise TypeError(f"{type(self).__name__}: define update(thetas, gradients, steps, **states)")

    def step(self) -> None:
        """Update every parameter that has a gradient.

        ValueError, and nothing is updated, if a gradient or state array does not fit its parameter.
        """
        self._apply({i: p.grad.data for i, p in enumerate(self.parameters) if p.grad is not None})

    def _apply(self, gradients: dict[int, np.ndarray]) -> None:
        """Update the parameters of these numbers with these gradients."""
        thetas, *states = self._arrays_of(gradients)
        for (i, gradient), theta in zip(gradients.items(), thetas, strict=True):
            if gradient.shape != theta.shape:
                self._check(i, theta, gradient)
        steps = []
        for i in gradients:
            self.steps[i] += 1
            steps.append(self.steps[i])
        self.update(thetas, list(gradients.values()), steps, **dict(zip(self._arrays, states, strict=True)))
        for i in gradients:
            self.parameters[i].mark_changed()

    def _arrays_of(self, numbers: Iterable[int]) -> list[Arrays]:
        """θ of the parameters of these numbers, and their state arrays: checked, and the same lists as long as they fit."""
        rows = [[self.parameters[i].data for i in numbers]]
        for name in self._arrays:
            rows.append([self._state[i][name] for i in numbers])
        if not all(map(_same_arrays, rows, self._last)) or len(rows) != len(self._last):
            for i, theta in zip(numbers, rows[0], strict=True):
                self._check(i, theta, theta)
            self._last = [kernels.optim.Located(row) for row in rows]
        return self._last

    def _check(self, i: int, theta: np.ndarray, gradient: np.ndarray) -> None:
        """Whether the arrays of parameter i fit together."""
        wrong = None if gradient.shape == theta.shape else ("gradient", gradient)
        for name, array in self._state[i].items():
            if array.shape != theta.shape or array.dtype != theta.dtype:
                wrong = wrong or (name, array)
        if wrong:
            name, array = wrong
            mend = "set .grad anew" if name == "gradient" else "make a new optimiser after changing a parameter"
            raise ValueError(
                f"{type(self).__name__}: parameter {i} is {theta.dtype} {theta.shape}, but its {name} is "
                f"{array.dtype} {array.shape}: {mend}"
            )

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: the step counts, the learning rate and copies of all state arrays."""
        state = [{name: array.copy() for name, array in arrays.items()} for arrays in self._state]
        return {"steps": list(self.steps), "lr": self.lr, "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`. ValueError if its arrays do not fit the parameters; then nothing changes."""
        if missing := {"steps", "lr", "state"} - state.keys():
            raise ValueError(
                f"{type(self).__name__}: this is no optimiser's state: it lacks {', '.join(sorted(missing))}"
            )
        arrays = state["state"]
        if [{n: a.shape for n, a in s.items()} for s in arrays] != [
            {n: a.shape for n, a in s.items()} for s in self._state
        ]:
            raise ValueError(
                f"{type(self).__name__}: this state is of another optimiser or another model: its arrays do not fit"
            )
        self.steps, self.lr = [int(t) for t in state["steps"]], float(state["lr"])
        self._state = [{n: np.array(a, a.dtype.newbyteorder("=")) for n, a in s.items()} for s in arrays]


class SGD(Optimizer):
    """Stochastic gradient descent: g is the gradient of a mini-batch.

        θ ← θ − η g
        with momentum μ:    v ← μ v + g,    θ ← θ − η v
        after Nesterov:     v ← μ v + g,    θ ← θ − η (g + μ v)

    Weight decay λ adds λ θ to g. Sources: Robbins & Monro 1951; momentum: Polyak 1964; Nesterov: Sutskever et al.
    2013, in PyTorch's form.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov looks ahead along the momentum: give momentum above 0, e.g. 0.9")
        self._arrays = ("velocity",) if momentum else ()
        super().__init__(parameters, lr, weight_decay)
        self._require(momentum=momentum)
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, thetas: Arrays, gradients: Arrays, steps: list[int], velocity: Arrays | None = None) -> None:  # type: ignore[override]
        options = self.lr, self.momentum, self.nesterov, self.weight_decay
        kernels.optim.sgd(thetas, gradients, velocity, *options)


class GD(SGD):
    """Gradient descent: θ ← θ − η ∇L(θ), with L taken over all the data: give it one batch of all.

    Source: Cauchy 1847; Goodfellow, Bengio & Courville (2016), section 4.3.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay=weight_decay)


class Adagrad(Optimizer):
    """s ← s + g²,    θ ← θ − η g / (√s + ε)

    Weight decay λ adds λ θ to g. Source: Duchi, Hazan & Singer 2011.
    """

    _arrays = ("total",)

    def __init__(self, parameters: Iterable[Tensor], lr: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self._require(eps=eps)
        self.eps = eps

    def update(self, thetas: Arrays, gradients: Arrays, steps: list[int], total: Arrays) -> None:  # type: ignore[override]
        kernels.optim.adagrad(thetas, gradients, total, self.lr, self.eps, self.weight_decay)


class RMSprop(Optimizer):
    """s ← α s + (1 − α) g²,    θ ← θ − η g / (√s + ε)

    With momentum μ the quotient goes through a velocity, v ← μ v + g / (√s + ε), θ ← θ − η v. `centered` also keeps
    m ← α m + (1 − α) g and divides by √(s − m²). Weight decay λ adds λ θ to g. Sources: Tieleman & Hinton 2012,
    lecture 6.5; centred: Graves 2013.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
    ):
        self._arrays = ("square", *(["velocity"] if momentum else []), *(["mean"] if centered else []))
        super().__init__(parameters, lr, weight_decay)
        self._require(eps=eps, momentum=momentum)
        self._require(1, alpha=alpha)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered

    def update(  # type: ignore[override]
        self,
        thetas: Arrays,
        gradients: Arrays,
        steps: list[int],
        square: Arrays,
        velocity: Arrays | None = None,
        mean: Arrays | None = None,
    ) -> None:
        options = self.lr, self.alpha, self.eps, self.momentum, self.weight_decay
        kernels.optim.rmsprop(thetas, gradients, square, velocity, mean, *options)


class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²,    θ ← θ − η m̂ / (√v̂ + ε)

    with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) at step t = 1, 2, … Weight decay λ adds λ θ to g. Source: Kingma & Ba
    2015, algorithm 1.
    """

    _arrays = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, lr, weight_decay)
        self._require(1, beta1=betas[0], beta2=betas[1])
        self._require(eps=eps)
        self.betas, self.eps = betas, eps

    def update(self, thetas: Arrays, gradients: Arrays, steps: list[int], m: Arrays, v: Arrays) -> None:  # type: ignore[override]
        options = self.lr, *self.betas, self.eps, self.weight_decay
        kernels.optim.adam(thetas, gradients, m, v, steps, *options)


class AdamW(Adam):
    """θ ← (1 − η λ) θ, then Adam's step with the gradient as it came: the decay λ is not scaled by √v̂.

    Source: Loshchilov & Hutter 2019, algorithm 2.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, thetas: Arrays, gradients: Arrays, steps: list[int], m: Arrays, v: Arrays) -> None:  # type: ignore[override]
        options = self.lr, *self.betas, self.eps, self.weight_decay
        kernels.optim.adamw(thetas, gradients, m, v, steps, *options)
