"""Optimisers: gradient descent, stochastic and asynchronous, and its descendants; clipping, and schedules for the rate.

Each optimiser's docstring prints its update rule. The rule itself runs in a kernel, in place and in one pass over
memory; `tinymm.formulas` has the same rules in plain NumPy.
"""

from tinymm.optim.asynchronous import AsyncSGD, Delay, staleness_aware_lr
from tinymm.optim.clipping import clip_grad_norm, clip_grad_value
from tinymm.optim.optimizers import GD, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tinymm.optim.schedules import CosineLR, ExponentialLR, Schedule, StepLR, WarmupLR

__all__ = [
    *("GD", "SGD", "Adagrad", "Adam", "AdamW", "AsyncSGD", "Delay", "Optimizer", "RMSprop"),
    *("CosineLR", "ExponentialLR", "Schedule", "StepLR", "WarmupLR"),
    *("clip_grad_norm", "clip_grad_value", "staleness_aware_lr"),
]
