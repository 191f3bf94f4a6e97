"""The plain models beside MMBigModel: what does each of its parts add? (Logistic regression is `nn.LogisticRegression`.)"""

from __future__ import annotations

from typing import Any

from tinymm.nn import RNN, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from tinymm.tensor import Tensor


class CNN(Sequential):
    """Two blocks of (convolution 3×3, batch normalisation, ReLU, max pooling 2×2), then two dense layers.

    Takes images (N, *image_shape) with image_shape = (C, H, W), H and W at least 4; returns logits (N, classes).
    After LeCun et al. 1998, with ReLU, batch normalisation and dropout.
    """

    def __init__(self, image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10):
        channels, rows, columns = image_shape
        if min(rows, columns) < 4:
            raise ValueError(
                f"CNN: images {image_shape} are too small: two poolings by 2 need at least 4 rows and columns"
            )
        super().__init__(
            *(Conv2d(channels, 32, 3, padding=1), BatchNorm2d(32), ReLU(), MaxPool2d(2)),
            *(Conv2d(32, 64, 3, padding=1), BatchNorm2d(64), ReLU(), MaxPool2d(2)),
            *(Flatten(), Dropout(0.25), Linear(64 * (rows // 4) * (columns // 4), 128), ReLU()),
            *(Dropout(0.25), Linear(128, classes)),
        )


class RowRNN(Module):
    """A tanh RNN that reads the image row by row, and a dense layer on its last state.

    Takes images (N, *image_shape); returns logits (N, classes). After Elman 1990.
    """

    def __init__(self, image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, hidden_size: int = 128):
        channels, _, columns = image_shape
        self.rnn = RNN(channels * columns, hidden_size)
        self.classifier = Linear(hidden_size, classes)

    def forward(self, x: Any) -> Tensor:
        rows = x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])
        _, state = self.rnn(rows)
        return self.classifier(state)
