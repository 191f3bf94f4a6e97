"""Keras on TensorFlow: every work one tf.function, with XLA ("jit") or without; channels last, the only order it has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peers import Arrays, Task

_jit = False


def begin(mode: str) -> dict[str, Any]:
    global _jit
    _jit = mode == "jit"
    threads = int(os.environ["OMP_NUM_THREADS"])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return {
        "matmul": matmul, "conv2d": conv2d, "max_pool2d": max_pool2d, "rnn": rnn, "lstm": lstm, "gru": gru, "adam": adam,
        "classifier_step": classifier_step, "reference_training": reference_training,
        "reference_prediction": reference_prediction,
    }  # fmt: skip


def function(work: Callable) -> Callable:
    return tf.function(work, jit_compile=_jit)


# How an array in tinymm's layout becomes Keras's, and back.
def same(array: np.ndarray) -> np.ndarray:
    return array


def images(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 2, 3, 1)


def images_back(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 3, 1, 2)


def filters(array: np.ndarray) -> np.ndarray:
    return array.transpose(2, 3, 1, 0)


def filters_back(array: np.ndarray) -> np.ndarray:
    return array.transpose(3, 2, 0, 1)


def features(array: np.ndarray) -> np.ndarray:
    """The dense layer behind the last pooling: (128, channels · rows · columns) → (rows · columns · channels, 128)."""
    return array.reshape(128, 64, 5, 5).transpose(2, 3, 1, 0).reshape(1600, 128)


def features_back(array: np.ndarray) -> np.ndarray:
    return array.reshape(5, 5, 64, 128).transpose(3, 2, 0, 1).reshape(128, 1600)


def gru_order(array: np.ndarray) -> np.ndarray:
    """Rows of r, z, n → rows of z, r, n, and the same way back."""
    r, z, n = np.split(array, 3)
    return np.concatenate([z, r, n])


Layouts = dict[str, tuple[Callable, Callable]]
TURNED = (np.transpose, np.transpose)
PLAIN = (same, same)


def forward_or_both(
    work: Callable, arrays: Arrays, layouts: Layouts, output: tuple[Callable, Callable], backward: bool
) -> Task:
    """`work(x, *weights)`; with `backward`, also the gradients of all inputs."""
    inputs = [tf.constant(there(arrays[name])) for name, (there, _) in layouts.items()]
    if backward:
        gradient = tf.constant(output[0](arrays["gradient"]))

        @function
        def call(gradient: Any, *inputs: Any) -> tuple:
            with tf.GradientTape() as tape:
                for value in inputs:
                    tape.watch(value)
                y = work(*inputs)
            return y, *tape.gradient(y, inputs, output_gradients=gradient)

        inputs = [gradient, *inputs]
    else:
        call = function(lambda *inputs: (work(*inputs),))

    def run() -> Any:
        return call(*inputs)

    def results() -> Arrays:
        backs = {"output": output[1], **{f"gradient of {name}": back for name, (_, back) in layouts.items()}}
        return {name: back(value.numpy()) for (name, back), value in zip(backs.items(), run(), strict=False)}

    return Task(run, results)


def matmul(arrays: Arrays, options: dict[str, Any]) -> Task:
    a, b = tf.constant(arrays["a"]), tf.constant(arrays["b"])
    product = function(tf.matmul)
    return Task(lambda: product(a, b), lambda: {"product": product(a, b).numpy()})


def conv2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    stride, p, groups = options["stride"], options["padding"], options["groups"]
    edges = [[0, 0], [p, p], [p, p], [0, 0]]

    def work(x: Any, weight: Any, bias: Any) -> Any:
        if groups > 1:  # depthwise: a filter per channel
            weight = tf.transpose(weight, (0, 1, 3, 2))
            y = tf.nn.depthwise_conv2d(tf.pad(x, edges), weight, [1, stride, stride, 1], "VALID")
        else:
            y = tf.nn.conv2d(x, weight, stride, edges if p else "VALID")
        return tf.nn.bias_add(y, bias)

    layouts = {"x": (images, images_back), "weight": (filters, filters_back), "bias": PLAIN}
    return forward_or_both(work, arrays, layouts, (images, images_back), options["backward"])


def max_pool2d(arrays: Arrays, options: dict[str, Any]) -> Task:
    size, how = options["window"], (images, images_back)
    return forward_or_both(
        lambda x: tf.nn.max_pool2d(x, size, size, "VALID"), arrays, {"x": how}, how, options["backward"]
    )


RECURRENT: Layouts = {"weight_ih": TURNED, "weight_hh": TURNED, "bias": PLAIN}
GRU_WEIGHT = (lambda a: gru_order(a).T, lambda a: gru_order(a.T))
GRU: Layouts = {"weight_ih": GRU_WEIGHT, "weight_hh": GRU_WEIGHT}


def _recurrent(kind: type, layouts: Layouts) -> Callable[[Arrays, dict[str, Any]], Task]:
    """A Keras layer with its weights set; the gradients are those of x and of its variables."""

    def prepare(arrays: Arrays, options: dict[str, Any]) -> Task:
        layer = kind(arrays["weight_hh"].shape[1], return_sequences=True)
        x = tf.constant(arrays["x"])
        layer.build(x.shape)
        values = [there(arrays[name]) for name, (there, _) in layouts.items()]
        if kind is keras.layers.GRU:
            values.append(np.stack([gru_order(arrays["bias_ih"]), gru_order(arrays["bias_hh"])]))
        layer.set_weights(values)
        weights = [weight.value for weight in layer.trainable_weights]

        @function
        def call(x: Any, gradient: Any) -> tuple:
            if gradient is None:
                return (layer(x),)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x)
            return y, *tape.gradient(y, [x, *weights], output_gradients=gradient)

        gradient = tf.constant(arrays["gradient"]) if options["backward"] else None

        def results() -> Arrays:
            found = [value.numpy() for value in call(x, gradient)]
            named = dict(zip(["output", "gradient of x"], found, strict=False))
            for (name, (_, back)), value in zip(layouts.items(), found[2:], strict=False):
                named[f"gradient of {name}"] = back(value)
            if kind is keras.layers.GRU and options["backward"]:
                named["gradient of bias_ih"], named["gradient of bias_hh"] = map(gru_order, found[-1])
            return named

        return Task(lambda: call(x, gradient), results)

    return prepare


rnn, lstm = _recurrent(keras.layers.SimpleRNN, RECURRENT), _recurrent(keras.layers.LSTM, RECURRENT)
gru = _recurrent(keras.layers.GRU, GRU)


def adam(arrays: Arrays, options: dict[str, Any]) -> Task:
    names = [name for name in arrays if not name.endswith(" gradient")]
    parameters = [keras.Variable(arrays[name]) for name in names]
    gradients = [tf.constant(arrays[f"{name} gradient"]) for name in names]
    optimizer = keras.optimizers.Adam(0.001, epsilon=1e-8)
    optimizer.build(parameters)

    @function
    def run() -> None:
        optimizer.apply(gradients, parameters)

    def results() -> Arrays:
        run()
        return {name: np.array(p) for name, p in zip(names, parameters, strict=True)}

    return Task(run, results)


def _training(model: Any, layouts: Layouts, optimizer: Any, arrays: Arrays, x: np.ndarray) -> Task:
    """One tf.function: loss, gradients and update."""
    images, targets = tf.constant(x), tf.constant(arrays["targets"])
    optimizer.build(model.trainable_variables)
    weights = model.trainable_variables

    def loss_and_gradients(x: Any, targets: Any) -> tuple:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, model(x, training=True))
            loss = tf.reduce_mean(losses)
        return loss, tape.gradient(loss, [weight.value for weight in weights])

    @function
    def step(x: Any, targets: Any) -> Any:
        loss, gradients = loss_and_gradients(x, targets)
        optimizer.apply(gradients, weights)
        return loss

    def run() -> float:
        return float(step(images, targets).numpy())

    def results() -> Arrays:
        _, gradients = function(loss_and_gradients)(images, targets)
        named = {
            f"gradient of {name}": back(g.numpy())
            for (name, (_, back)), g in zip(layouts.items(), gradients, strict=True)
        }
        return {"losses": np.array([run(), run(), run()]), **named}

    return Task(run, results)


def _set(model: Any, layouts: Layouts, arrays: Arrays) -> Any:
    model.set_weights([there(arrays[name]) for name, (there, _) in layouts.items()])
    return model


def classifier_step(arrays: Arrays, options: dict[str, Any]) -> Task:
    depth = sum(name.endswith(".weight") for name in arrays)
    model = keras.Sequential([keras.Input(arrays["x"].shape[1:])])
    layouts: Layouts = {}
    for i in range(depth):
        layouts |= {f"{i}.weight": TURNED, f"{i}.bias": PLAIN}
        outputs = len(arrays[f"{i}.bias"])
        model.add(keras.layers.Dense(outputs, activation="relu" if i < depth - 1 else None))
    return _training(_set(model, layouts, arrays), layouts, keras.optimizers.SGD(0.01), arrays, arrays["x"])


REFERENCE: Layouts = {
    "conv1.weight": (filters, filters_back), "conv1.bias": PLAIN,
    "conv2.weight": (filters, filters_back), "conv2.bias": PLAIN,
    "features.weight": (features, features_back), "features.bias": PLAIN,
    "lstm.weight_ih": TURNED, "lstm.weight_hh": TURNED, "lstm.bias": PLAIN,
    "hidden.weight": TURNED, "hidden.bias": PLAIN, "classifier.weight": TURNED, "classifier.bias": PLAIN,
}  # fmt: skip


def reference_model(arrays: Arrays) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Reshape((128, 1)),
            layers.LSTM(128),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    return _set(model, REFERENCE, arrays)


def reference_training(arrays: Arrays, options: dict[str, Any]) -> Task:
    optimizer = keras.optimizers.Adam(0.001, epsilon=1e-8)
    return _training(reference_model(arrays), REFERENCE, optimizer, arrays, images(arrays["x"]))


def reference_prediction(arrays: Arrays, options: dict[str, Any]) -> Task:
    model, x = reference_model(arrays), tf.constant(images(arrays["x"]))
    predict = function(lambda x: model(x, training=False))
    return Task(lambda: predict(x), lambda: {"logits": predict(x).numpy()})
