"""The contrastive loss: what belongs together shall point the same way."""

from __future__ import annotations

import numpy as np

from tinymm.functional.activations import log_softmax
from tinymm.functional.checks import operand, same_dtype
from tinymm.functional.linear import matmul
from tinymm.tape import plain_operation


@plain_operation()
def contrastive_loss(a, b, labels=None, temperature=0.1):
    """L = ½ meanᵢ −(1/|Pᵢ|) Σ_{j∈Pᵢ} ln softmaxⱼ(cos(aᵢ, bⱼ) / τ), plus the same from b to a

    a and b (N, D) are what two senses made of the same N samples. Without labels, Pᵢ = {i}: each a shall find its own b
    among all of the batch, and each b its a. With labels (N,), Pᵢ are all samples of the same label. τ is the
    temperature, above 0. ValueError where shapes do not fit or there are no samples. Sources: Oord et al. 2018
    (InfoNCE); Radford et al. 2021 (both ways); Khosla et al. 2020, equation 2 (several positives).
    """
    a, b = operand(a), operand(b)
    if a.ndim != 2 or a.shape != b.shape or not len(a):
        raise ValueError(
            f"contrastive_loss: a is {a.shape} and b {b.shape}, but both must be (N, D), row i of the same sample"
        )
    same_dtype("contrastive_loss", a=a, b=b)
    if not temperature > 0:
        raise ValueError(f"contrastive_loss: temperature is {temperature}, but it must be above 0")
    numbers = np.arange(len(a)) if labels is None else np.asarray(labels)
    if numbers.shape != (len(a),):
        raise ValueError(f"contrastive_loss: labels {numbers.shape} must hold one label per sample: ({len(a)},)")
    positive = (numbers[:, None] == numbers).astype(a.dtype)
    share = positive / positive.sum(
        axis=1, keepdims=True
    )  # of each row; equality goes both ways, so share.T of columns
    similarity = matmul(_unit(a), np.transpose(_unit(b))) / temperature
    found = log_softmax(similarity, 1) * share + log_softmax(similarity, 0) * share.T
    return np.sum(found) * (-0.5 / len(a))


def _unit(x):
    """Each row divided by its length; rows of zeros stay."""
    return x / np.sqrt(np.maximum(np.sum(x * x, axis=1, keepdims=True), np.finfo(x.dtype).tiny))
