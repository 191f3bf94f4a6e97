"""Recurrent layers: the parameters of `functional.rnn`, `lstm` and `gru`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import random
from tinymm.nn.module import Module, Parameter
from tinymm.tensor import Tensor


class _Recurrent(Module):
    """The parameters that the recurrent layers share; all begin as U(−1/√H, 1/√H).

    With `bidirectional=True` a second set of parameters, `weight_ih_reverse` and so on, reads each sequence from its
    end to its beginning. The outputs of both are put side by side, (N, T, 2H), and so are the states, (N, 2H): the
    forward one has seen the last step last, the backward one the first step. Source: Schuster & Paliwal 1997.
    """

    gates = 1
    biases: tuple[str, ...] = ("bias",)
    weight_ih: Parameter
    weight_hh: Parameter

    def __init__(self, input_size: int, hidden_size: int, bidirectional: bool = False):
        if input_size < 0 or hidden_size < 1:
            raise ValueError(
                f"{type(self).__name__}: {input_size} inputs and {hidden_size} units: give at least one unit"
            )
        rows = self.gates * hidden_size

        def uniform(*shape: int) -> Parameter:
            bound = 1 / np.sqrt(hidden_size)
            return Parameter.first(shape, lambda shape: random.generator().uniform(-bound, bound, shape))

        self.bidirectional = bidirectional
        for direction in ("", "_reverse") if bidirectional else ("",):
            setattr(self, f"weight_ih{direction}", uniform(rows, input_size))
            setattr(self, f"weight_hh{direction}", uniform(rows, hidden_size))
            for name in self.biases:
                setattr(self, name + direction, uniform(rows))

    def describe(self) -> str:
        rows, input_size = self.weight_ih.shape
        return f"{input_size}, {rows // self.gates}{', bidirectional=True' if self.bidirectional else ''}"

    def _run(self, function: Callable[..., Any], x: Any, starts: tuple[Any, ...], lengths: Any) -> Any:
        """The outputs and the tuple of final states of `function`, in one direction or both."""
        names = ("weight_ih", "weight_hh", *self.biases)
        if not self.bidirectional:
            return function(x, *(getattr(self, name) for name in names), *starts, lengths)
        size = self.weight_hh.shape[1]
        for start in starts:
            if start is not None and start.shape != (x.shape[0], 2 * size):
                raise ValueError(
                    f"{type(self).__name__}: a first state is {start.shape}, but both directions together need "
                    f"{(x.shape[0], 2 * size)}"
                )
        halves: list[tuple[Any, Any]] = []
        for half, direction in enumerate(("", "_reverse")):
            weights = (getattr(self, name + direction) for name in names)
            own = (None if start is None else start[:, half * size : (half + 1) * size] for start in starts)
            outputs, final = function(reverse(x, lengths) if half else x, *weights, *own, lengths)
            halves.append((reverse(outputs, lengths) if half else outputs, final if len(starts) > 1 else (final,)))
        (outputs, final), (outputs_reverse, final_reverse) = halves
        joined = tuple(F.concatenate(pair, axis=1) for pair in zip(final, final_reverse, strict=True))
        return F.concatenate((outputs, outputs_reverse), axis=2), joined if len(joined) > 1 else joined[0]


def reverse(x: Any, lengths: Any = None) -> Any:
    """Each sequence of x (N, T, …) from its end to its beginning; what lies after its length (N,) stays where it is."""
    if lengths is None:
        return F.flip(x, 1)
    samples, steps = x.shape[:2]
    lengths, t = np.asarray(lengths)[:, None], np.arange(steps)
    return x[np.arange(samples)[:, None], np.where(t < lengths, lengths - 1 - t, t)]


class RNN(_Recurrent):
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b): x (N, T, input_size) gives (outputs (N, T, hidden_size), final state (N, hidden_size)).

    `h0` is the first state (zeros if None), `lengths` (N,) the steps that count, as in `functional.rnn`. With
    `bidirectional=True` outputs and states are 2·hidden_size wide, both directions side by side.
    """

    bias: Parameter

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        return self._run(F.rnn, x, (h0,), lengths)


class LSTM(_Recurrent):
    """`functional.lstm`: x (N, T, input_size) gives (outputs (N, T, hidden_size), (h, c)), each (N, hidden_size).

    With `bidirectional=True` all three are 2·hidden_size wide, both directions side by side.
    """

    gates = 4
    bias: Parameter

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if state is not None and not (isinstance(state, tuple | list) and len(state) == 2):
            raise TypeError(f"LSTM: the state is a {type(state).__name__}, but it must be a pair (h0, c0)")
        return self._run(F.lstm, x, (None, None) if state is None else tuple(state), lengths)


class GRU(_Recurrent):
    """`functional.gru`: x (N, T, input_size) gives (outputs (N, T, hidden_size), final state (N, hidden_size)).

    With `bidirectional=True` both are 2·hidden_size wide, both directions side by side.
    """

    gates = 3
    biases = ("bias_ih", "bias_hh")
    bias_ih: Parameter
    bias_hh: Parameter

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        return self._run(F.gru, x, (h0,), lengths)


RECURRENT: dict[str, type[RNN] | type[LSTM] | type[GRU]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def recurrent(model: str, cell: str, input_size: int, hidden_size: int) -> RNN | LSTM | GRU:
    """The layer of this cell, "rnn", "lstm" or "gru", that reads both ways. ValueError, naming the model, for others."""
    if cell not in RECURRENT:
        raise ValueError(f"{model}: cell {cell!r} is unknown: choose one of {', '.join(RECURRENT)}")
    return RECURRENT[cell](input_size, hidden_size, bidirectional=True)
