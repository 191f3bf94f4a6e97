"""Layers. Each forward pass is one call of `tinymm.functional`.

Names, weight layouts and default first values are PyTorch's, so that weights can move between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import initializers, random
from tinymm.nn.module import Module, Parameter
from tinymm.sparse import CSRMatrix
from tinymm.tensor import Tensor


class Linear(Module):
    """y = x Wᵀ + b for x (..., in_features); weight (out_features, in_features), bias (out_features,)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        self.weight = Parameter.first((out_features, in_features), initializers.fan_in_uniform)
        self.bias = Parameter.first(out_features, _bias(in_features)) if bias else None

    def forward(self, x: Any) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def describe(self) -> str:
        out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}{'' if self.bias is not None else ', bias=False'}"


def _bias(fan_in: int) -> Callable[[tuple[int, ...]], np.ndarray]:
    bound = 1 / np.sqrt(max(fan_in, 1))
    return lambda shape: random.generator().uniform(-bound, bound, shape)


class LogisticRegression(Module):
    """p = σ(w·x + b) for two classes, p = softmax(W x + b) for more.

    `forward` gives the logits, (N,) for two classes and (N, classes) for more, which the losses take; with
    `multinomial=True` two classes are treated like more.
    x (N, ...) may be a `CSRMatrix`, as a vectorizer makes it of texts.
    `predict_proba` gives p as an array (N, classes), `predict` the class numbers (N,). All axes of x after the first
    are laid out as one, so images can be given as they are. Weights begin at zero: the loss is convex.
    Source: Goodfellow, Bengio & Courville, "Deep Learning" (2016), sections 5.7.1 and 6.2.2.
    """

    def __init__(self, in_features: int, classes: int = 2, multinomial: bool | None = None):
        if classes < 2:
            raise ValueError(f"LogisticRegression: {classes} classes, but there must be at least 2 to tell apart")
        rows = classes if multinomial or (multinomial is None and classes > 2) else 1
        if rows == 1 and classes > 2:
            raise ValueError(
                f"LogisticRegression: {classes} classes need multinomial=True: one weight vector tells two apart"
            )
        self.weight = Parameter.first((rows, in_features), np.zeros)
        self.bias = Parameter.first(rows, np.zeros)

    def forward(self, x: Any) -> Tensor:
        if isinstance(x, CSRMatrix):
            logits = F.sparse_linear(x, self.weight, self.bias)
        else:
            logits = F.linear(F.flatten(x, 1), self.weight, self.bias)
        return logits[:, 0] if len(self.bias) == 1 else logits

    def loss(self, x: Any, targets: Any) -> Tensor:
        """The mean cross-entropy of the probabilities for `targets` (N,)."""
        logits = self(x)
        if len(self.bias) == 1:
            return F.binary_cross_entropy_with_logits(logits, np.asarray(targets))
        return F.cross_entropy(logits, targets)

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability of every class, (N, classes)."""
        logits = self(x).detach()
        if len(self.bias) > 1:
            return F.softmax(logits, 1).numpy()
        p = F.sigmoid(logits).numpy()
        return np.stack([1 - p, p], axis=1)

    def predict(self, x: Any) -> np.ndarray:
        """The most probable class of every sample, (N,)."""
        return self.predict_proba(x).argmax(axis=1)

    def describe(self) -> str:
        rows, in_features = self.weight.shape
        return f"{in_features}, classes={max(rows, 2)}"


class _Convolution(Module):
    """The parameters and options that both convolutions share."""

    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: {in_channels} input and {out_channels} output channels cannot both be cut into "
                f"{groups} groups"
            )
        size = (kernel_size,) * self.axes if isinstance(kernel_size, int) else tuple(kernel_size)
        if min(*size, in_channels, out_channels) < 1 or len(size) != self.axes:
            raise ValueError(
                f"{type(self).__name__}: {in_channels} and {out_channels} channels, kernel_size {kernel_size}: all must be "
                f"at least 1, and the kernel has {self.axes} sizes"
            )
        shape = (out_channels, in_channels // groups, *size)
        self.weight = Parameter.first(shape, initializers.fan_in_uniform)
        self.bias = Parameter.first(out_channels, _bias(math.prod(shape[1:]))) if bias else None
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def describe(self) -> str:
        out_channels, channels, *size = self.weight.shape
        shown = [f"{channels * self.groups}, {out_channels}, kernel_size={'x'.join(map(str, size))}"]
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        shown += [f"{name}={getattr(self, name)}" for name in usual if getattr(self, name) != usual[name]]
        return ", ".join(shown + ([] if self.bias is not None else ["bias=False"]))


class Conv2d(_Convolution):
    """`functional.conv2d` with its own weight (out_channels, in_channels/groups, kh, kw) and bias (out_channels,)."""

    def forward(self, x: Any) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvReLUPool(_Convolution):
    """Convolution, ReLU and max pooling 2×2 in one pass over memory: `functional.conv_relu_pool`, with stride 1."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], padding: Any = 0):
        super().__init__(in_channels, out_channels, kernel_size, padding=padding)

    def forward(self, x: Any) -> Tensor:
        return F.conv_relu_pool(x, self.weight, self.bias, self.padding)


class Conv1d(_Convolution):
    """`functional.conv1d` with its own weight (out_channels, in_channels/groups, k) and bias (out_channels,)."""

    axes = 1

    def forward(self, x: Any) -> Tensor:
        return F.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Embedding(Module):
    """A row of weight (num_embeddings, embedding_dim) for each integer; row `padding_idx`, if given, stays zero."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        if padding_idx is not None and not 0 <= padding_idx < num_embeddings:
            raise ValueError(
                f"Embedding: padding_idx is {padding_idx}, but the table has rows 0 to {num_embeddings - 1}"
            )
        self.weight = Parameter.first(
            (num_embeddings, embedding_dim), lambda shape: random.generator().normal(size=shape)
        )
        self.padding_idx = padding_idx
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, indices: Any) -> Tensor:
        rows = F.embedding(indices, self.weight)
        if self.padding_idx is None:
            return rows
        return F.where((np.asarray(indices) != self.padding_idx)[..., None], rows, 0)

    def describe(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class BatchNorm2d(Module):
    """`functional.batch_norm` over images (N, num_features, H, W), with weight, bias and running statistics."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.weight = Parameter.first(num_features, np.ones)
        self.bias = Parameter.first(num_features, np.zeros)
        self.running_mean = np.zeros(num_features, np.float32)
        self.running_var = np.ones(num_features, np.float32)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Any) -> Tensor:
        if x.ndim != 4:
            raise ValueError(
                f"BatchNorm2d: x is {x.shape}, but it must have four axes: (images, channels, rows, columns)"
            )
        statistics = self.running_mean, self.running_var
        return F.batch_norm(x, *statistics, self.weight, self.bias, self.training, self.momentum, self.eps)

    def describe(self) -> str:
        return str(len(self.bias))


class LayerNorm(Module):
    """`functional.layer_norm` over the last axes, which have the lengths `normalized_shape`, with weight and bias."""

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5):
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.weight = Parameter.first(shape, np.ones)
        self.bias = Parameter.first(shape, np.zeros)
        self.eps = eps

    def forward(self, x: Any) -> Tensor:
        return F.layer_norm(x, self.weight, self.bias, self.eps)

    def describe(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Any) -> Tensor:
        return F.relu(x)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, x: Any) -> Tensor:
        return F.tanh(x)


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ)"""

    def forward(self, x: Any) -> Tensor:
        return F.sigmoid(x)


class Flatten(Module):
    """All axes after the first laid out as one."""

    def forward(self, x: Any) -> Tensor:
        return F.flatten(x, 1)


class Dropout(Module):
    """`functional.dropout` with probability p while training; nothing in evaluation."""

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is {p}, but a probability lies between 0 and 1")
        self.p = p

    def forward(self, x: Any) -> Tensor:
        return F.dropout(x, self.p, self.training)

    def describe(self) -> str:
        return str(self.p)


class _Pool2d(Module):
    def __init__(self, kernel_size: int | tuple[int, int], stride: Any = None, padding: int | tuple[int, int] = 0):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def describe(self) -> str:
        shown = [str(self.kernel_size)]
        shown += [f"stride={self.stride}"] if self.stride is not None else []
        return ", ".join(shown + ([f"padding={self.padding}"] if self.padding else []))


class MaxPool2d(_Pool2d):
    """`functional.max_pool2d`"""

    def forward(self, x: Any) -> Tensor:
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """`functional.avg_pool2d`"""

    def forward(self, x: Any) -> Tensor:
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding)
