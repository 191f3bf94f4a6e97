"""tinymm, as a user would write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinymm as tm
from benchmarks.peers import Arrays, Task
from tinymm import functional as F
from tinymm.models import MMBigModel


def begin(mode: str) -> dict[str, Any]:
    return {
        "matmul": matmul, "conv2d": conv2d, "max_pool2d": max_pool2d, "rnn": rnn, "lstm": lstm, "gru": gru, "adam": adam,
        "classifier_step": classifier_step, "tape": tape, "reference_training": reference_training,
        "reference_prediction": reference_prediction,
    }  # fmt: skip


def forward_or_both(function: Callable[..., tm.Tensor], arrays: Arrays, names: list[str], backward: bool) -> Task:
    """`function` of the named inputs; with `backward`, also their gradients, for the given gradient of the output."""
    inputs = [tm.tensor(arrays[name], requires_grad=backward) for name in names]

    def run() -> tuple:
        if not backward:
            with tm.no_grad():
                return (function(*inputs),)
        output = function(*inputs)
        return output, *tm.grad(output, inputs, arrays["gradient"])

    def results() -> Arrays:
        keys = ["output", *(f"gradient of {name}" for name in names)]
        return {key: value.numpy() for key, value in zip(keys, run(), strict=False)}

    return Task(run, results)


def matmul(arrays: Arrays, options: dict[str, Any]) -> Task:
    a, b = tm.tensor(arrays["a"]), tm.tensor(arrays["b"])
    return Task(lambda: a @ b, lambda: {"product": (a @ b).numpy()})


def conv2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    how = {name: options[name] for name in ("stride", "padding", "groups")}
    names = ["x", "weight", "bias"]
    return forward_or_both(lambda x, w, b: F.conv2d(x, w, b, **how), arrays, names, options["backward"])


def max_pool2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    return forward_or_both(lambda x: F.max_pool2d(x, options["window"]), arrays, ["x"], options["backward"])


def tape(arrays: Arrays, options: dict[str, Any]) -> Task:
    def chain(x: tm.Tensor) -> tm.Tensor:
        for _ in range(options["operations"]):
            x = F.tanh(x)
        return x

    return forward_or_both(chain, arrays, ["x"], True)


def _recurrent(layer: Callable, biases: list[str]) -> Callable[[Arrays, dict[str, Any]], Task]:
    def prepare(arrays: Arrays, options: dict[str, Any]) -> Task:
        names = ["x", "weight_ih", "weight_hh", *biases]
        return forward_or_both(lambda *inputs: layer(*inputs)[0], arrays, names, options["backward"])

    return prepare


rnn, lstm = _recurrent(F.rnn, ["bias"]), _recurrent(F.lstm, ["bias"])
gru = _recurrent(F.gru, ["bias_ih", "bias_hh"])


def adam(arrays: Arrays, options: dict[str, Any]) -> Task:
    names = [name for name in arrays if not name.endswith(" gradient")]
    parameters = [tm.tensor(arrays[name], requires_grad=True) for name in names]
    for parameter, name in zip(parameters, names, strict=True):
        parameter.grad = tm.tensor(arrays[f"{name} gradient"])
    optimizer = tm.optim.Adam(parameters)

    def results() -> Arrays:
        optimizer.step()
        return {name: p.numpy().copy() for name, p in zip(names, parameters, strict=True)}

    return Task(optimizer.step, results)


def _training(
    forward: Callable[[Any], tm.Tensor], parameters: dict[str, Any], optimizer: tm.optim.Optimizer, arrays: Arrays
) -> Task:
    """A step: forward, softmax cross-entropy, backward, update. The results are those of the first three steps."""
    x, targets = arrays["x"], arrays["targets"]

    def run() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(x), targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    def results() -> Arrays:
        losses = [run()]
        gradients = {f"gradient of {name}": p.grad.numpy().copy() for name, p in parameters.items()}
        return {"losses": tm.tensor([*losses, run(), run()]).numpy(), **gradients}

    return Task(run, results)


def classifier_step(arrays: Arrays, options: dict[str, Any]) -> Task:
    depth = sum(name.endswith(".weight") for name in arrays)
    layers: list[tm.nn.Module] = []
    for i in range(depth):
        outputs, inputs = arrays[f"{i}.weight"].shape
        layer = tm.nn.Linear(inputs, outputs)
        layer.load_state_dict({"weight": arrays[f"{i}.weight"], "bias": arrays[f"{i}.bias"]})
        layers += [layer, tm.nn.ReLU()]
    model = tm.nn.Sequential(*layers[:-1])
    named = {f"{i}.{name}": p for i in range(depth) for name, p in model[2 * i].named_parameters()}
    return _training(model, named, tm.optim.SGD(model.parameters(), lr=0.01), arrays)


def reference_model(arrays: Arrays) -> MMBigModel:
    model = MMBigModel()
    model.load_state_dict({name: arrays[short(name)] for name, _ in model.named_parameters()})
    return model


def short(name: str) -> str:
    """A parameter's name without the sense that it serves, as the rows have it."""
    return name.removeprefix("image.")


def reference_training(arrays: Arrays, options: dict[str, Any]) -> Task:
    model = reference_model(arrays)
    named = {short(name): p for name, p in model.named_parameters()}
    return _training(model, named, tm.optim.Adam(model.parameters()), arrays)


def reference_prediction(arrays: Arrays, options: dict[str, Any]) -> Task:
    model = reference_model(arrays).eval()
    x = arrays["x"]

    def run() -> tm.Tensor:
        with tm.no_grad():
            return model(x)

    return Task(run, lambda: {"logits": run().numpy()})
