"""Models that hear: networks on the log-mel features of short sounds."""

from __future__ import annotations

from typing import Any

from tinymm import functional as F
from tinymm.nn import GRU, BatchNorm2d, ConvReLUPool, Dropout, Flatten, Linear, Module, ReLU, Sequential
from tinymm.tensor import Tensor

Sizes = tuple[int, ...]


def _blocks(channels: Sizes) -> list[Module]:
    """Blocks of (convolution 3×3, ReLU, max pooling 2×2, batch normalisation), from one channel to the last of these."""
    layers: list[Module] = []
    for before, after in zip((1, *channels), channels, strict=False):
        layers += [ConvReLUPool(before, after, 3, padding=1), BatchNorm2d(after)]
    return layers


class SpeechCNN(Sequential):
    """Three blocks of (convolution 3×3, ReLU, max pooling 2×2, batch normalisation), then two dense layers.

    Takes features (N, 1, steps, bands), at least 8 of each; returns logits (N, classes). The normalisation comes after
    the pooling, where there is a quarter of the numbers left. After Abdel-Hamid et al. (2014), Convolutional neural
    networks for speech recognition, IEEE/ACM Trans. ASLP 22(10), with batch normalisation and dropout.
    """

    def __init__(
        self,
        steps: int = 32,
        bands: int = 40,
        classes: int = 10,
        channels: Sizes = (24, 48, 64),
        dropout: float = 0.3,
    ):
        if min(steps, bands) < 8:
            raise ValueError(
                f"SpeechCNN: {steps} steps of {bands} bands are too few: three poolings by 2 need at least 8 of each"
            )
        size = channels[-1] * (steps // 8) * (bands // 8)
        super().__init__(
            *_blocks(channels),
            *(Flatten(), Dropout(dropout), Linear(size, 128), ReLU(), Dropout(dropout), Linear(128, classes)),
        )


class SpeechCRNN(Module):
    """Convolution hears short pieces, a GRU joins them in both directions, and the mean over time decides.

        features                        (N, 1, T, bands)
        two blocks as in `SpeechCNN`    (N, 48, T/4, bands/4)
        as a sequence, dropout          (N, T/4, 48·bands/4)
        GRU in both directions          (N, T/4, 2·hidden_size)
        mean over time, dropout, dense  (N, classes), the logits

    After Amodei et al. (2016), Deep Speech 2, ICML, much smaller.
    """

    def __init__(
        self,
        bands: int = 40,
        classes: int = 10,
        channels: Sizes = (24, 48),
        hidden_size: int = 96,
        dropout: float = 0.3,
    ):
        self.convolutions = Sequential(*_blocks(channels))
        self.dropout = Dropout(dropout)
        self.gru = GRU(channels[-1] * (bands // 4), hidden_size, bidirectional=True)
        self.classifier = Linear(2 * hidden_size, classes)

    def forward(self, x: Any) -> Tensor:
        x = self.convolutions(x)
        samples, channels, steps, bands = x.shape
        pieces = F.reshape(F.transpose(x, (0, 2, 1, 3)), (samples, steps, channels * bands))
        outputs, _ = self.gru(self.dropout(pieces))
        return self.classifier(self.dropout(F.mean(outputs, axis=1)))
