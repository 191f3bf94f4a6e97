"""The differentiable operations: arrays in, arrays out; Tensors in, recorded Tensors out."""

from tinymm.functional.activations import (
    dropout,
    leaky_relu,
    log_softmax,
    logaddexp,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from tinymm.functional.arithmetic import (
    abs,
    add,
    astype,
    clip,
    copy,
    cos,
    divide,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sin,
    sqrt,
    square,
    subtract,
    where,
)
from tinymm.functional.contrastive import contrastive_loss
from tinymm.functional.convolution import conv1d, conv2d, conv_relu_pool
from tinymm.functional.ctc import ctc_loss
from tinymm.functional.linear import dot, einsum, embedding, linear, matmul, outer
from tinymm.functional.losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from tinymm.functional.normalization import batch_norm, layer_norm, normalize
from tinymm.functional.pooling import avg_pool2d, max_pool2d
from tinymm.functional.recurrent import gru, lstm, rnn
from tinymm.functional.reductions import cumsum, logsumexp, max, mean, min, prod, std, sum, var
from tinymm.functional.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    flip,
    getitem,
    moveaxis,
    pad,
    reshape,
    roll,
    scatter,
    split,
    squeeze,
    stack,
    swapaxes,
    take,
    transpose,
)
from tinymm.functional.sparse import sparse_linear

__all__ = [name for name, value in list(globals().items()) if callable(value)]
