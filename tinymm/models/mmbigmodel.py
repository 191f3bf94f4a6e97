"""MMBigModel: convolution sees, an LSTM reads what was seen, logistic regression decides."""

from __future__ import annotations

from typing import Any

from tinymm import functional as F
from tinymm.nn import LSTM, ConvReLUPool, Linear, Module
from tinymm.tensor import Tensor


class MMBigModel(Module):
    """The reference pipeline for images (N, 1, 28, 28); returns the logits of `classes` classes, (N, classes).

        image                      (N, 1, 28, 28)
        convolution 3×3, ReLU      (N, 32, 26, 26)
        max pooling 2×2            (N, 32, 13, 13)
        convolution 3×3, ReLU      (N, 64, 11, 11)
        max pooling 2×2, flattened (N, 1600)
        dense, ReLU                (N, 128)
        128 features as a sequence (N, 128, 1)
        LSTM, its last state       (N, 128)
        dense, ReLU                (N, 128)
        dense: the logits          (N, 10)

    308,106 parameters with 10 classes. `data.image.digits_to_28` brings 8×8 digits to its size.
    """

    image_shape = (1, 28, 28)

    def __init__(self, classes: int = 10):
        self.conv1 = ConvReLUPool(1, 32, 3)
        self.conv2 = ConvReLUPool(32, 64, 3)
        self.features = Linear(64 * 5 * 5, 128)
        self.lstm = LSTM(1, 128)
        self.lstm.bias.data[128:256] = 1  # the forget gate begins open: Jozefowicz, Zaremba & Sutskever 2015
        self.hidden = Linear(128, 128)
        self.classifier = Linear(128, classes)

    def forward(self, x: Any) -> Tensor:
        if x.shape[1:] != self.image_shape:
            raise ValueError(
                f"MMBigModel: x is {x.shape}, but it needs images (N, 1, 28, 28): see tinymm.data.image for resizing"
            )
        x = self.conv2(self.conv1(x))
        x = F.relu(self.features(F.flatten(x, 1)))
        _, (x, _) = self.lstm(x[:, :, None])
        return self.classifier(F.relu(self.hidden(x)))
