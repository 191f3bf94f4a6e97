"""JAX, every work one jitted function; channels last and time first, which XLA likes best on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from benchmarks.peers import Arrays, Task


def begin(mode: str) -> dict[str, Any]:
    return {
        "matmul": matmul, "conv2d": conv2d, "max_pool2d": max_pool2d, "rnn": _recurrent(rnn), "lstm": _recurrent(lstm),
        "gru": _recurrent(gru), "adam": adam, "classifier_step": classifier_step,
        "reference_training": reference_training, "reference_prediction": reference_prediction,
    }  # fmt: skip


IMAGE, FILTER = (0, 2, 3, 1), (2, 3, 1, 0)  # (N, C, H, W) → (N, H, W, C) and (O, C, kh, kw) → (kh, kw, C, O)


def back(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The transposition that undoes another."""
    return tuple(int(i) for i in np.argsort(axes))


def forward_or_both(
    function: Callable, arrays: Arrays, layouts: dict[str, tuple[int, ...]], output: tuple[int, ...], backward: bool
) -> Task:
    """`function` of the named inputs, each transposed as `layouts` says; with `backward`, also their gradients."""
    inputs = [jnp.asarray(arrays[name].transpose(axes)) for name, axes in layouts.items()]
    if backward:
        gradient = jnp.asarray(arrays["gradient"].transpose(output))

        @jax.jit
        def work(gradient: Any, *inputs: Any) -> tuple:
            y, pull = jax.vjp(function, *inputs)
            return y, *pull(gradient)  # y is returned too: XLA leaves out what nobody sees

        inputs = [gradient, *inputs]
    else:
        work = jax.jit(lambda *inputs: (function(*inputs),))

    def run() -> Any:
        return jax.block_until_ready(work(*inputs))

    def results() -> Arrays:
        named = {"output": output, **{f"gradient of {name}": axes for name, axes in layouts.items()}}
        pairs = zip(named.items(), run(), strict=False)
        return {name: np.asarray(value).transpose(back(axes)) for (name, axes), value in pairs}

    return Task(run, results)


def matmul(arrays: Arrays, options: dict[str, Any]) -> Task:
    a, b = jnp.asarray(arrays["a"]), jnp.asarray(arrays["b"])
    product = jax.jit(jnp.matmul)
    return Task(lambda: product(a, b).block_until_ready(), lambda: {"product": np.asarray(product(a, b))})


def convolve(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0, groups: int = 1) -> Any:
    y = lax.conv_general_dilated(
        x, weight, (stride, stride), [(padding, padding)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )  # fmt: skip
    return y + bias


def pool(x: Any, window: int = 2) -> Any:
    size = (1, window, window, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, size, size, "VALID")


def conv2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    how = {name: options[name] for name in ("stride", "padding", "groups")}
    layouts = {"x": IMAGE, "weight": FILTER, "bias": (0,)}
    return forward_or_both(lambda *inputs: convolve(*inputs, **how), arrays, layouts, IMAGE, options["backward"])


def max_pool2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    return forward_or_both(lambda x: pool(x, options["window"]), arrays, {"x": IMAGE}, IMAGE, options["backward"])


def rnn(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    """x (T, N, D); as in the other two, the inputs' share of all steps is one product before the loop."""

    def cell(h: Any, from_x: Any) -> tuple:
        h = jnp.tanh(from_x + h @ weight_hh.T)
        return h, h

    return lax.scan(cell, jnp.zeros((x.shape[1], len(weight_hh))), x @ weight_ih.T + bias)[1]


def lstm(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    def cell(state: tuple, from_x: Any) -> tuple:
        h, c = state
        i, f, g, o = jnp.split(from_x + h @ weight_hh.T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[1], weight_hh.shape[1]))
    return lax.scan(cell, (zero, zero), x @ weight_ih.T + bias)[1]


def gru(x: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    def cell(h: Any, from_x: Any) -> tuple:
        (rx, zx, nx), (rh, zh, nh) = jnp.split(from_x, 3, 1), jnp.split(h @ weight_hh.T + bias_hh, 3, 1)
        r, z = jax.nn.sigmoid(rx + rh), jax.nn.sigmoid(zx + zh)
        h = (1 - z) * jnp.tanh(nx + r * nh) + z * h
        return h, h

    return lax.scan(cell, jnp.zeros((x.shape[1], weight_hh.shape[1])), x @ weight_ih.T + bias_ih)[1]


def _recurrent(layer: Callable) -> Callable[[Arrays, dict[str, Any]], Task]:
    def prepare(arrays: Arrays, options: dict[str, Any]) -> Task:
        time_first = (1, 0, 2)
        layouts = {"x": time_first} | {
            name: tuple(range(array.ndim)) for name, array in arrays.items() if name.startswith(("weight", "bias"))
        }
        return forward_or_both(layer, arrays, layouts, time_first, options["backward"])

    return prepare


def update(parameters: Any, gradients: Any, state: tuple) -> tuple:
    """Adam, as Kingma & Ba (2015) print it."""
    tree = jax.tree.map
    t, m, v = state
    t = t + 1
    m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
    v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
    first, second = 1 - 0.9**t, 1 - 0.999**t
    parameters = tree(lambda p, m, v: p - 0.001 * (m / first) / (jnp.sqrt(v / second) + 1e-8), parameters, m, v)
    return parameters, (t, m, v)


def fresh_state(parameters: Any) -> tuple:
    return jnp.zeros(()), jax.tree.map(jnp.zeros_like, parameters), jax.tree.map(jnp.zeros_like, parameters)


def adam(arrays: Arrays, options: dict[str, Any]) -> Task:
    names = [name for name in arrays if not name.endswith(" gradient")]
    parameters = {name: jnp.asarray(arrays[name]) for name in names}
    gradients = {name: jnp.asarray(arrays[f"{name} gradient"]) for name in names}
    state = fresh_state(parameters)
    step = jax.jit(update, donate_argnums=(0, 2))  # in place

    def run() -> None:
        nonlocal parameters, state
        parameters, state = jax.block_until_ready(step(parameters, gradients, state))

    def results() -> Arrays:
        run()
        return {name: np.array(value) for name, value in parameters.items()}

    return Task(run, results)


def cross_entropy(logits: Any, targets: Any) -> Any:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), targets[:, None], axis=1))


def _training(forward: Callable, parameters: dict[str, Any], update: Callable, state: Any, arrays: Arrays) -> Task:
    """One jitted function: loss, gradients and update, in place."""
    x, targets = jnp.asarray(arrays["x"]), jnp.asarray(arrays["targets"])

    def loss_of(parameters: Any, x: Any, targets: Any) -> Any:
        return cross_entropy(forward(parameters, x), targets)

    def step(parameters: Any, state: Any, x: Any, targets: Any) -> tuple:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, targets)
        return loss, *update(parameters, gradients, state)

    step = jax.jit(step, donate_argnums=(0, 1))

    def run() -> float:
        nonlocal parameters, state
        loss, parameters, state = jax.block_until_ready(step(parameters, state, x, targets))
        return float(loss)

    def results() -> Arrays:
        gradients = jax.jit(jax.grad(loss_of))(parameters, x, targets)
        named = {f"gradient of {name}": np.asarray(g) for name, g in gradients.items()}
        return {"losses": np.array([run(), run(), run()]), **named}

    return Task(run, results)


def classifier_step(arrays: Arrays, options: dict[str, Any]) -> Task:
    parameters = {name: jnp.asarray(a) for name, a in arrays.items() if name.endswith(("weight", "bias"))}
    depth = len(parameters) // 2

    def forward(p: dict[str, Any], x: Any) -> Any:
        for i in range(depth):
            x = x @ p[f"{i}.weight"].T + p[f"{i}.bias"]
            x = jax.nn.relu(x) if i < depth - 1 else x
        return x

    def descend(parameters: Any, gradients: Any, state: Any) -> tuple:
        return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients), state

    return _training(forward, parameters, descend, (), arrays)


def reference_model(p: dict[str, Any], x: Any) -> Any:
    x = x.transpose(IMAGE)
    for layer in ("conv1", "conv2"):
        x = pool(jax.nn.relu(convolve(x, p[f"{layer}.weight"].transpose(FILTER), p[f"{layer}.bias"])))
    x = x.transpose(back(IMAGE)).reshape(len(x), -1)
    x = jax.nn.relu(x @ p["features.weight"].T + p["features.bias"])
    h = lstm(x.T[:, :, None], p["lstm.weight_ih"], p["lstm.weight_hh"], p["lstm.bias"])[-1]
    h = jax.nn.relu(h @ p["hidden.weight"].T + p["hidden.bias"])
    return h @ p["classifier.weight"].T + p["classifier.bias"]


def _reference_parameters(arrays: Arrays) -> dict[str, Any]:
    return {name: jnp.asarray(array) for name, array in arrays.items() if name not in ("x", "targets")}


def reference_training(arrays: Arrays, options: dict[str, Any]) -> Task:
    parameters = _reference_parameters(arrays)
    return _training(reference_model, parameters, update, fresh_state(parameters), arrays)


def reference_prediction(arrays: Arrays, options: dict[str, Any]) -> Task:
    parameters, x = _reference_parameters(arrays), jnp.asarray(arrays["x"])
    predict = jax.jit(reference_model)
    return Task(
        lambda: predict(parameters, x).block_until_ready(),
        lambda: {"logits": np.asarray(predict(parameters, x))},
    )
