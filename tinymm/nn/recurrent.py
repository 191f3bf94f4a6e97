"""Recurrent layers: the parameters of `functional.rnn`, `lstm` and `gru`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import random
from tinymm.nn.module import Module, Parameter
from tinymm.tensor import Tensor


class _Recurrent(Module):
    """The parameters that the recurrent layers share; all begin as U(−1/√H, 1/√H)."""

    gates = 1
    biases: tuple[str, ...] = ("bias",)

    def __init__(self, input_size: int, hidden_size: int):
        if input_size < 0 or hidden_size < 1:
            raise ValueError(
                f"{type(self).__name__}: {input_size} inputs and {hidden_size} units: give at least one unit"
            )
        rows = self.gates * hidden_size

        def uniform(*shape: int) -> Parameter:
            bound = 1 / np.sqrt(hidden_size)
            return Parameter(random.generator().uniform(-bound, bound, shape).astype(np.float32))

        self.weight_ih = uniform(rows, input_size)
        self.weight_hh = uniform(rows, hidden_size)
        for name in self.biases:
            setattr(self, name, uniform(rows))

    def describe(self) -> str:
        return f"{self.weight_ih.shape[1]}, {self.weight_hh.shape[1]}"


class RNN(_Recurrent):
    """hₜ = tanh(W xₜ + U hₜ₋₁ + b): x (N, T, input_size) gives (outputs (N, T, hidden_size), final state (N, hidden_size)).

    `h0` is the first state (zeros if None), `lengths` (N,) the steps that count, as in `functional.rnn`.
    """

    bias: Parameter

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        return F.rnn(x, self.weight_ih, self.weight_hh, self.bias, h0, lengths)


class LSTM(_Recurrent):
    """`functional.lstm`: x (N, T, input_size) gives (outputs (N, T, hidden_size), (h, c)), each (N, hidden_size)."""

    gates = 4
    bias: Parameter

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if state is not None and not (isinstance(state, tuple | list) and len(state) == 2):
            raise TypeError(f"LSTM: the state is a {type(state).__name__}, but it must be a pair (h0, c0)")
        h0, c0 = (None, None) if state is None else state
        return F.lstm(x, self.weight_ih, self.weight_hh, self.bias, h0, c0, lengths)


class GRU(_Recurrent):
    """`functional.gru`: x (N, T, input_size) gives (outputs (N, T, hidden_size), final state (N, hidden_size))."""

    gates = 3
    biases = ("bias_ih", "bias_hh")
    bias_ih: Parameter
    bias_hh: Parameter

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        return F.gru(x, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, h0, lengths)
