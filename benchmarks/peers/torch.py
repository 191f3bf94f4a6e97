"""PyTorch, eager or compiled, as a user would write it; Adam in its fused form, the fastest it has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import Arrays, Task

WORKS: dict[str, Any] = {}
_compile: Callable = lambda function: function  # noqa: E731


def begin(mode: str) -> dict[str, Any]:
    global _compile
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    works = {
        "matmul": matmul, "conv2d": conv2d, "max_pool2d": max_pool2d, "adam": adam, "classifier_step": classifier_step,
        "reference_training": reference_training, "reference_prediction": reference_prediction,
    }  # fmt: skip
    if mode == "compile":
        _compile = torch.compile
        del works["matmul"], works["adam"]
        return works
    # torch.compile leaves recurrent layers to the eager mode, so that only the eager mode has their rows
    return works | {"rnn": rnn, "lstm": lstm, "gru": gru, "tape": tape}


def tape(arrays: Arrays, options: dict[str, Any]) -> Task:
    def chain(x: torch.Tensor) -> torch.Tensor:
        for _ in range(options["operations"]):
            x = torch.tanh(x)
        return x

    return forward_or_both(chain, arrays, {"x": torch.from_numpy(arrays["x"])}, True)


def forward_or_both(function: Callable, arrays: Arrays, inputs: dict[str, torch.Tensor], backward: bool) -> Task:
    """`function` of x; with `backward`, also the gradients of all inputs for the given gradient of the output."""
    x = inputs["x"]
    function = _compile(function)
    if not backward:

        def run() -> tuple:
            # the compiler has guards of its own for inference mode, so that it gets no_grad
            with torch.inference_mode() if _compile is not torch.compile else torch.no_grad():
                return (function(x),)

    else:
        gradient = torch.from_numpy(arrays["gradient"])
        wanted = [t.requires_grad_() for t in inputs.values()]

        def run() -> tuple:
            output = function(x)
            return output, *torch.autograd.grad(output, wanted, gradient)

    def results() -> Arrays:
        keys = ["output", *(f"gradient of {name}" for name in inputs)]
        return {key: value.detach().numpy() for key, value in zip(keys, run(), strict=False)}

    return Task(run, results)


def _tensors(arrays: Arrays, *names: str) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(arrays[name]) for name in names}


def matmul(arrays: Arrays, options: dict[str, Any]) -> Task:
    a, b = _tensors(arrays, "a", "b").values()
    return Task(lambda: a @ b, lambda: {"product": (a @ b).numpy()})


def conv2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    how = {name: options[name] for name in ("stride", "padding", "groups")}
    inputs = _tensors(arrays, "x", "weight", "bias")
    w, b = inputs["weight"], inputs["bias"]
    return forward_or_both(lambda x: F.conv2d(x, w, b, **how), arrays, inputs, options["backward"])


def max_pool2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    inputs = _tensors(arrays, "x")
    return forward_or_both(lambda x: F.max_pool2d(x, options["window"]), arrays, inputs, options["backward"])


def _load(layer: nn.Module, values: dict[str, np.ndarray]) -> None:
    with torch.no_grad():
        for name, value in values.items():
            layer.get_parameter(name).copy_(torch.from_numpy(value))


def _recurrent(kind: type, biases: list[str]) -> Callable[[Arrays, dict[str, Any]], Task]:
    def prepare(arrays: Arrays, options: dict[str, Any]) -> Task:
        layer = one_bias(kind(arrays["x"].shape[2], arrays["weight_hh"].shape[1], batch_first=True))
        names = ["weight_ih", "weight_hh", *biases]
        _load(layer, {_layer_name(name): arrays[name] for name in names})
        if kind is nn.GRU:
            layer.bias_hh_l0.requires_grad_()
        weights = {name: layer.get_parameter(_layer_name(name)) for name in names}
        return forward_or_both(lambda x: layer(x)[0], arrays, {**_tensors(arrays, "x"), **weights}, options["backward"])

    return prepare


def _layer_name(name: str) -> str:
    return f"{'bias_ih' if name == 'bias' else name}_l0"


def one_bias(layer: Any) -> Any:
    """Its second bias is zero and learns nothing: the formula has one."""
    nn.init.zeros_(layer.bias_hh_l0)
    layer.bias_hh_l0.requires_grad_(False)
    return layer


rnn, lstm = _recurrent(nn.RNN, ["bias"]), _recurrent(nn.LSTM, ["bias"])
gru = _recurrent(nn.GRU, ["bias_ih", "bias_hh"])


def adam(arrays: Arrays, options: dict[str, Any]) -> Task:
    names = [name for name in arrays if not name.endswith(" gradient")]
    parameters = [torch.tensor(arrays[name], requires_grad=True) for name in names]
    for parameter, name in zip(parameters, names, strict=True):
        parameter.grad = torch.from_numpy(arrays[f"{name} gradient"])
    optimizer = torch.optim.Adam(parameters, fused=True)

    def results() -> Arrays:
        optimizer.step()
        return {name: p.detach().numpy().copy() for name, p in zip(names, parameters, strict=True)}

    return Task(optimizer.step, results)


def _training(model: Callable, parameters: dict[str, Any], optimizer: torch.optim.Optimizer, arrays: Arrays) -> Task:
    x, targets = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["targets"])
    loss_of = _compile(lambda x, targets: F.cross_entropy(model(x), targets))

    def run() -> float:
        optimizer.zero_grad()
        loss = loss_of(x, targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    def results() -> Arrays:
        losses = [run()]
        gradients = {f"gradient of {name}": p.grad.numpy().copy() for name, p in parameters.items()}
        return {"losses": np.array([*losses, run(), run()]), **gradients}

    return Task(run, results)


def classifier_step(arrays: Arrays, options: dict[str, Any]) -> Task:
    depth = sum(name.endswith(".weight") for name in arrays)
    layers: list[nn.Module] = []
    for i in range(depth):
        outputs, inputs = arrays[f"{i}.weight"].shape
        layer = nn.Linear(inputs, outputs)
        _load(layer, {"weight": arrays[f"{i}.weight"], "bias": arrays[f"{i}.bias"]})
        layers += [layer, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    named = {f"{i}.{name}": p for i in range(depth) for name, p in model[2 * i].named_parameters()}
    return _training(model, named, torch.optim.SGD(model.parameters(), lr=0.01), arrays)


class ReferenceModel(nn.Module):
    """tinymm's MMBigModel."""

    def __init__(self, arrays: Arrays):
        super().__init__()
        self.conv1, self.conv2, self.pool = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3), nn.MaxPool2d(2)
        self.features, self.lstm = nn.Linear(1600, 128), one_bias(nn.LSTM(1, 128, batch_first=True))
        self.hidden, self.classifier = nn.Linear(128, 128), nn.Linear(128, 10)
        self.named = {
            name: self.get_parameter(f"lstm.{_layer_name(name[5:])}" if name.startswith("lstm.") else name)
            for name in arrays
            if name not in ("x", "targets")
        }
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(torch.from_numpy(arrays[name]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.features(x.flatten(1)))
        _, (h, _) = self.lstm(x[:, :, None])
        return self.classifier(F.relu(self.hidden(h[0])))


def reference_training(arrays: Arrays, options: dict[str, Any]) -> Task:
    model = ReferenceModel(arrays)
    return _training(model, model.named, torch.optim.Adam(model.named.values(), fused=True), arrays)


def reference_prediction(arrays: Arrays, options: dict[str, Any]) -> Task:
    task = forward_or_both(ReferenceModel(arrays).eval(), arrays, _tensors(arrays, "x"), backward=False)
    return Task(task.run, lambda: {"logits": task.results()["output"]})
