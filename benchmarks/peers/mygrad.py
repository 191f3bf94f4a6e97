"""MyGrad: what it has layers for. It has no grouped convolution, no LSTM, and a GRU of another formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.peers import Arrays, Task


def begin(mode: str) -> dict[str, Any]:
    mygrad.turn_memory_guarding_off()  # as its guide advises for speed
    return {"conv2d": conv2d, "max_pool2d": max_pool2d, "classifier_step": classifier_step, "tape": tape}


def forward_or_both(work: Callable, arrays: Arrays, names: list[str], backward: bool) -> Task:
    inputs = [mygrad.tensor(arrays[name], constant=not backward) for name in names]

    def run() -> tuple:
        if not backward:
            with mygrad.no_autodiff:
                return (work(*inputs).data,)
        output = work(*inputs)
        output.backward(arrays["gradient"])
        return output.data, *(value.grad for value in inputs)

    def results() -> Arrays:
        keys = ["output", *(f"gradient of {name}" for name in names)]
        return dict(zip(keys, run(), strict=False))

    return Task(run, results)


def conv2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    if options["groups"] > 1:
        raise KeyError("conv2d")  # not among its works

    def work(x: Any, weight: Any, bias: Any) -> Any:
        y = conv_nd(x, weight, stride=options["stride"], padding=options["padding"])
        return y + bias.reshape(1, -1, 1, 1)

    return forward_or_both(work, arrays, ["x", "weight", "bias"], options["backward"])


def max_pool2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    size = options["window"]
    x = arrays["x"]
    rows, columns = (length // size * size for length in x.shape[2:])
    work = lambda x: max_pool(x[:, :, :rows, :columns], (size, size), size)  # noqa: E731  it wants windows that fit
    return forward_or_both(work, arrays, ["x"], options["backward"])


def tape(arrays: Arrays, options: dict[str, Any]) -> Task:
    def chain(x: Any) -> Any:
        for _ in range(options["operations"]):
            x = mygrad.tanh(x)
        return x

    return forward_or_both(chain, arrays, ["x"], True)


def classifier_step(arrays: Arrays, options: dict[str, Any]) -> Task:
    x, targets = arrays["x"], arrays["targets"]
    parameters = {name: mygrad.tensor(array) for name, array in arrays.items() if name not in ("x", "targets")}
    depth = len(parameters) // 2

    def run() -> float:
        y: Any = x
        for i in range(depth):
            y = mygrad.matmul(y, parameters[f"{i}.weight"].T) + parameters[f"{i}.bias"]
            y = relu(y) if i < depth - 1 else y
        loss = softmax_crossentropy(y, targets)
        loss.backward()
        for parameter in parameters.values():
            parameter.data -= 0.01 * parameter.grad
        return loss.item()

    def results() -> Arrays:
        losses = [run()]
        gradients = {f"gradient of {name}": p.grad.copy() for name, p in parameters.items()}
        return {"losses": np.array([*losses, run(), run()]), **gradients}

    return Task(run, results)
