"""Modules and layers: what models are built from."""

from tinymm.nn.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvReLUPool,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    LogisticRegression,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from tinymm.nn.module import Module, Parameter, Sequential, watch
from tinymm.nn.recurrent import GRU, LSTM, RNN

__all__ = [
    *("Module", "Parameter", "Sequential", "watch"),
    *(
        "Linear",
        "LogisticRegression",
        "Conv1d",
        "Conv2d",
        "ConvReLUPool",
        "MaxPool2d",
        "AvgPool2d",
        "Flatten",
        "ReLU",
        "Tanh",
        "Sigmoid",
    ),
    *("Dropout", "Embedding", "BatchNorm2d", "LayerNorm", "RNN", "LSTM", "GRU"),
]
