"""Compile every kernel now, so that nothing waits for it later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm import kernels, nn, optim
from tinymm.data import image
from tinymm.tensor import Tensor


def warmup(dtypes: tuple[str, ...] = ("float32", "float64"), progress: bool = True) -> int:
    """Use every kernel once for each of `dtypes`, which compiles those not yet on disk; returns how many uses.

    Takes about 90 seconds the first time and two afterwards. With `progress` a bar says what is compiled.
    """
    from tqdm.auto import tqdm

    work = [(f"{name}, {dtype}", use) for dtype in dtypes for name, use in _uses(np.dtype(dtype))]
    with tqdm(work, unit="kernel", disable=not progress, dynamic_ncols=True) as bar:
        for name, use in bar:
            bar.set_postfix_str(name)
            use()  # as small work, which the caller does by itself
            with kernels.threads.sharing_all():
                use()  # as large work
    return len(work)


def _uses(dtype: np.dtype) -> Iterator[tuple[str, Callable[[], Any]]]:
    random = np.random.default_rng(0)

    def wanting(*shape: int) -> Tensor:
        return Tensor(random.standard_normal(shape).astype(dtype), requires_grad=True)

    def both_ways(function: Callable[..., Any], *inputs: Any) -> Callable[[], Any]:
        def use() -> None:
            outputs = function(*inputs)
            first = outputs[0] if isinstance(outputs, tuple) else outputs
            first.sum().backward()

        return use

    # Sizes of both kinds: filters enough to fill a tile, and so few that a kernel of its own takes over.
    yield "convolution", both_ways(F.conv2d, wanting(2, 4, 8, 8), wanting(32, 4, 3, 3), wanting(32))
    yield "convolution, few channels", both_ways(F.conv2d, wanting(2, 1, 34, 34), wanting(8, 1, 3, 3), wanting(8))
    yield "convolution, few filters", both_ways(F.conv2d, wanting(2, 2, 8, 8), wanting(2, 2, 3, 3), wanting(2))
    yield (
        "convolution, channel by channel",
        both_ways(lambda x, w: F.conv2d(x, w, groups=2), wanting(2, 2, 34, 34), wanting(2, 1, 3, 3)),
    )
    yield (
        "convolution, stride 2",
        both_ways(lambda x, w: F.conv2d(x, w, stride=2), wanting(2, 3, 9, 9), wanting(32, 3, 3, 3)),
    )
    yield "convolution, many channels", both_ways(F.conv2d, wanting(1, 32, 30, 30), wanting(32, 32, 3, 3))
    yield "convolution and pooling", both_ways(F.conv_relu_pool, wanting(2, 3, 8, 8), wanting(32, 3, 3, 3), wanting(32))
    yield "max pooling", both_ways(F.max_pool2d, wanting(2, 3, 8, 8), 2)
    yield "average pooling", both_ways(F.avg_pool2d, wanting(2, 3, 8, 8), 2)
    yield "matrix product", both_ways(F.matmul, wanting(64, 65), wanting(65, 64))  # for one thread, whatever the CPU
    yield "matrix product, small", both_ways(F.matmul, wanting(8, 8), wanting(8, 8))
    yield "softmax cross-entropy", both_ways(lambda z: F.cross_entropy(z, [0, 1]), wanting(2, 3))
    yield "CTC", both_ways(lambda z: F.ctc_loss(F.log_softmax(z, 2), [[1], [1]]), wanting(2, 3, 3))
    images = random.standard_normal((2, 1, 8, 8)).astype(dtype)
    yield "images, warp", lambda: image.affine(images, rotate=5)
    yield "images, resize", lambda: image.resize(images, 4)
    yield "images, filter", lambda: image.gaussian_blur(images, 1)
    yield "images, histogram", lambda: image.equalize_hist(images)
    yield "images, components", lambda: image.connected_components(images[0, 0] > 0)
    for name, layer in (("RNN", nn.RNN(9, 4)), ("LSTM", nn.LSTM(9, 4)), ("GRU", nn.GRU(9, 4))):
        yield name, both_ways(layer.astype(dtype), wanting(3, 5, 9))
    for make in (
        lambda p: optim.SGD(p, 0.1),
        lambda p: optim.SGD(p, 0.1, momentum=0.9),
        lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        optim.Adagrad,
        optim.RMSprop,
        optim.Adam,
    ):
        yield "optimisers", _step(make, wanting(3))
    theta, owners = random.standard_normal(3).astype(dtype), np.zeros(1, np.int64)
    yield "asynchronous descent", lambda: kernels.lock_free.descend(theta, theta.copy(), dtype.type(0.1))
    yield "claims", lambda: kernels.lock_free.claim(owners, 0, 1, 1)


def _step(make: Callable[[list[Tensor]], optim.Optimizer], parameter: Tensor) -> Callable[[], None]:
    def use() -> None:
        parameter.grad = Tensor(np.ones_like(parameter.data))
        make([parameter]).step()

    return use
