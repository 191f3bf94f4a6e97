"""Layer and batch normalisation."""

from __future__ import annotations

import numpy as np

from tinymm.functional.checks import constant
from tinymm.tape import operation, plain_operation


@operation()
def normalize(x, axis=-1, eps=1e-5):
    """y = (x − mean(x)) / √(var(x) + ε) over `axis` (an integer or a tuple), var with 1/n. The shape stays."""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=axis, keepdims=True) + eps)


def _normalize_gradient(g, y, x, axis, eps):
    # The mean and the scale also depend on x: take out what would move them.
    moved = g - np.mean(g, axis=axis, keepdims=True) - y * np.mean(g * y, axis=axis, keepdims=True)
    return moved / np.sqrt(np.var(x, axis=axis, keepdims=True) + eps)


normalize.gradient(x=_normalize_gradient)


@plain_operation()
def layer_norm(x, weight=None, bias=None, eps=1e-5):
    """y = w · (x − mean) / √(var + ε) + b over the trailing axes that `weight` has (the last one without it).

    x (..., *weight.shape), weight and bias of one shape or None, else ValueError. Source: Ba, Kiros & Hinton 2016.
    """
    shape = np.shape(weight) if weight is not None else np.shape(x)[-1:]
    if np.shape(x)[np.ndim(x) - len(shape) :] != shape:
        raise ValueError(f"layer_norm: weight {shape} must match the last axes of x, which is {np.shape(x)}")
    if bias is not None and np.shape(bias) != shape:
        raise ValueError(f"layer_norm: bias {np.shape(bias)} must have the shape of weight, {shape}")
    y = normalize(x, tuple(range(-len(shape), 0)), eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


@plain_operation()
def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """y = w · (x − mean) / √(var + ε) + b for each channel of x (N, C, ...).

    While training, mean and var are the batch's own (var with 1/n) and move the arrays `running_mean` and
    `running_var` (C,) in place by `momentum` (var with 1/(n−1)); else the running ones are used. Needs more than
    one value per channel to train. ValueError for other shapes, TypeError where the running ones cannot move by a
    part. Source: Ioffe & Szegedy 2015.
    """
    if np.ndim(x) < 2 or np.shape(x)[1] != len(running_mean):
        raise ValueError(f"batch_norm: x is {np.shape(x)}, but axis 1 must have the {len(running_mean)} channels")
    constant("batch_norm", running_mean=running_mean, running_var=running_var)
    axes = (0, *range(2, np.ndim(x)))
    channel = (1, -1) + (1,) * (np.ndim(x) - 2)
    if training:
        values = np.asarray(x)
        n = values.size // max(values.shape[1], 1)
        if n < 2:
            raise ValueError(f"batch_norm: training needs more than one value per channel, but x is {values.shape}")
        y = normalize(x, axes, eps)
        for name, running in (("running_mean", running_mean), ("running_var", running_var)):
            if not np.can_cast(values.dtype, running.dtype, "same_kind") or running.dtype.kind != "f":
                raise TypeError(
                    f"batch_norm: {name} is {running.dtype} and x {values.dtype}: both must be floats to train: convert "
                    "with .astype(np.float32)"
                )
        running_mean += momentum * (values.mean(axes) - running_mean)
        running_var += momentum * (values.var(axes, ddof=1) - running_var)
    else:
        scale = (1 / np.sqrt(np.asarray(running_var) + eps)).astype(x.dtype)
        y = (x - np.asarray(running_mean, x.dtype).reshape(channel)) * scale.reshape(channel)
    if weight is not None:
        y = y * np.reshape(weight, channel)
    return y if bias is None else y + np.reshape(bias, channel)
