"""HIPS autograd: NumPy's formulas written out, time step by time step. It has no layers of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as np
from autograd import make_vjp, value_and_grad

from benchmarks.peers import Arrays, Task


def begin(mode: str) -> dict[str, Any]:
    return {
        "rnn": _recurrent(rnn), "lstm": _recurrent(lstm), "gru": _recurrent(gru), "classifier_step": classifier_step,
        "tape": tape,
    }  # fmt: skip


def sigmoid(x: Any) -> Any:
    return 0.5 * (np.tanh(0.5 * x) + 1)


def rnn(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    from_x, h, outputs = np.dot(x, weight_ih.T) + bias, np.zeros((len(x), len(weight_hh)), np.float32), []
    for t in range(x.shape[1]):
        h = np.tanh(from_x[:, t] + np.dot(h, weight_hh.T))
        outputs.append(h)
    return np.stack(outputs, axis=1)


def lstm(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    size = weight_hh.shape[1]
    from_x, outputs = np.dot(x, weight_ih.T) + bias, []
    h = c = np.zeros((len(x), size), np.float32)
    for t in range(x.shape[1]):
        gates = from_x[:, t] + np.dot(h, weight_hh.T)
        i, f, g, o = (gates[:, k * size : (k + 1) * size] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def gru(x: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    size = weight_hh.shape[1]
    from_x, outputs = np.dot(x, weight_ih.T) + bias_ih, []
    h = np.zeros((len(x), size), np.float32)
    for t in range(x.shape[1]):
        a, b = from_x[:, t], np.dot(h, weight_hh.T) + bias_hh
        r, z = sigmoid(a[:, :size] + b[:, :size]), sigmoid(a[:, size : 2 * size] + b[:, size : 2 * size])
        h = (1 - z) * np.tanh(a[:, 2 * size :] + r * b[:, 2 * size :]) + z * h
        outputs.append(h)
    return np.stack(outputs, axis=1)


def tape(arrays: Arrays, options: dict[str, Any]) -> Task:
    def chain(x: Any) -> Any:
        for _ in range(options["operations"]):
            x = np.tanh(x)
        return x

    return _recurrent(chain)(arrays, options)


def _recurrent(layer: Callable) -> Callable[[Arrays, dict[str, Any]], Task]:
    def prepare(arrays: Arrays, options: dict[str, Any]) -> Task:
        names = [name for name in arrays if name != "gradient"]
        inputs = tuple(arrays[name] for name in names)
        pull_and_output = make_vjp(lambda inputs: layer(*inputs))

        def run() -> tuple:
            if not options["backward"]:
                return (layer(*inputs),)
            pull, output = pull_and_output(inputs)
            return output, *pull(arrays["gradient"])

        def results() -> Arrays:
            keys = ["output", *(f"gradient of {name}" for name in names)]
            return dict(zip(keys, run(), strict=False))

        return Task(run, results)

    return prepare


def classifier_step(arrays: Arrays, options: dict[str, Any]) -> Task:
    x, targets = arrays["x"], arrays["targets"]
    parameters = {name: array for name, array in arrays.items() if name not in ("x", "targets")}
    depth, samples = len(parameters) // 2, np.arange(len(x))

    def loss_of(p: dict[str, Any]) -> Any:
        y = x
        for i in range(depth):
            y = np.dot(y, p[f"{i}.weight"].T) + p[f"{i}.bias"]
            y = np.maximum(y, 0) if i < depth - 1 else y
        y = y - np.max(y, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(y), axis=1)) - y[samples, targets])

    loss_and_gradients = value_and_grad(loss_of)

    def run() -> float:
        loss, gradients = loss_and_gradients(parameters)
        for name, parameter in parameters.items():
            parameter -= 0.01 * gradients[name]
        return float(loss)

    def results() -> Arrays:
        _, gradients = loss_and_gradients(parameters)
        named = {f"gradient of {name}": gradients[name] for name in parameters}
        return {"losses": np.array([run(), run(), run()]), **named}

    return Task(run, results)
