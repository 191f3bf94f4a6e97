"""Gradients cut short, so that one bad batch does not throw the parameters far away."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinymm.tensor import Tensor


def _several(parameters: Iterable[Tensor] | Tensor) -> Iterable[Tensor]:
    """A Tensor alone is one parameter, not a row of them."""
    return [parameters] if isinstance(parameters, Tensor) else parameters


def clip_grad_norm(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """g ← g · min(1, max_norm / ‖g‖) with ‖g‖ over all parameters together; returns ‖g‖ before.

    A norm that is not finite leaves the gradients as they are. Source: Pascanu, Mikolov & Bengio 2013.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm: max_norm is {max_norm}, but it must be above 0")
    gradients = [p.grad for p in _several(parameters) if p.grad is not None]
    norm = math.sqrt(sum(float(np.sum(np.square(g.data, dtype=np.float64))) for g in gradients))
    if math.isfinite(norm) and norm > max_norm:
        for g in gradients:
            g.data *= max_norm / norm
    return norm


def clip_grad_value(parameters: Iterable[Tensor] | Tensor, limit: float) -> None:
    """Every element of every gradient into [−limit, limit]. ValueError unless the limit is above 0."""
    if not limit > 0:
        raise ValueError(f"clip_grad_value: the limit is {limit}, but it must be above 0")
    for p in _several(parameters):
        if p.grad is not None:
            np.clip(p.grad.data, -limit, limit, out=p.grad.data)
