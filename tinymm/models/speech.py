"""Models that hear: networks on log-mel features, of short sounds to tell apart and of speech to write down."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm.nn import GRU, BatchNorm2d, ConvReLUPool, Dropout, Flatten, Linear, Module, ReLU, Sequential
from tinymm.nn.recurrent import recurrent
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
    """Convolution hears short pieces, a recurrent layer joins them in both directions, and the mean over time decides.

        features                        (N, 1, T, bands)
        two blocks as in `SpeechCNN`    (N, 48, T/4, bands/4)
        as a sequence, dropout          (N, T/4, 48·bands/4)
        the cell in both directions     (N, T/4, 2·hidden_size)
        mean over time, dropout, dense  (N, classes), the logits

    `cell` is "rnn", "lstm" or "gru". After Amodei et al. (2016), Deep Speech 2, ICML, much smaller.
    """

    def __init__(
        self,
        bands: int = 40,
        classes: int = 10,
        cell: str = "gru",
        channels: Sizes = (24, 48),
        hidden_size: int = 96,
        dropout: float = 0.3,
    ):
        self.convolutions = Sequential(*_blocks(channels))
        self.dropout = Dropout(dropout)
        self.rnn = recurrent("SpeechCRNN", cell, channels[-1] * (bands // 4), hidden_size)
        self.classifier = Linear(2 * hidden_size, classes)

    def forward(self, x: Any) -> Tensor:
        x = self.convolutions(x)
        samples, channels, steps, bands = x.shape
        pieces = F.reshape(F.transpose(x, (0, 2, 1, 3)), (samples, steps, channels * bands))
        outputs, _ = self.rnn(self.dropout(pieces))
        return self.classifier(self.dropout(F.mean(outputs, axis=1)))


class SpeechToText(Module):
    """Log-probabilities of labels over time, for CTC: convolutions hear short pieces, a GRU joins them.

        features                                          (N, T, bands)
        zeros before and after                            (N, BEFORE + T + AFTER, bands)
        twice: convolution 3×3, ReLU, max pooling 2×2,
        batch normalisation                               (N, channels, S, bands/4), S = ⌈T/4⌉ + EXTRA
        as a sequence, dropout                            (N, S, channels·bands/4)
        GRU, dropout, dense, log-softmax                  (N, S, classes)

    Step s of the result has heard the features up to 4 s + LOOK_AHEAD and, one-directional, nothing later, so that
    sound can be transcribed while it arrives: `convolve` takes the features in pieces that overlap, `read` goes on from
    the state that the last piece left. In time the convolutions are not padded by themselves: all zeros come before and
    after the features. With `bidirectional=True` the GRU needs the whole sound, which ends where only zeros follow.

    After Amodei et al. (2016), Deep Speech 2, ICML, much smaller; the loss is Graves et al.'s (2006), see `ctc_loss`.
    """

    STRIDE = 4  # steps of the features for one of the result
    FIELD = 10  # steps of the features that one of the result is made of
    EXTRA = 5  # steps after the end of the sound, in which the last label can still be written
    BEFORE, AFTER = 3, 6 + STRIDE * EXTRA  # zeros around the features
    LOOK_AHEAD = FIELD - 1 - BEFORE

    def __init__(
        self,
        bands: int = 40,
        classes: int = 11,
        channels: Sizes = (16, 32),
        hidden_size: int = 128,
        bidirectional: bool = False,
        dropout: float = 0.2,
    ):
        layers: list[Module] = []
        for before, after in zip((1, *channels), channels, strict=False):
            layers += [ConvReLUPool(before, after, 3, padding=(0, 1)), BatchNorm2d(after)]
        self.bands = bands
        self.convolutions = Sequential(*layers)
        self.dropout = Dropout(dropout)
        self.gru = GRU(channels[-1] * (bands // 4), hidden_size, bidirectional)
        self.classifier = Linear(hidden_size * (2 if bidirectional else 1), classes)

    @classmethod
    def steps(cls, lengths: Any) -> Any:
        """Steps of the result for so many steps of the features: ⌈T / 4⌉ + EXTRA."""
        return -(-lengths // cls.STRIDE) + cls.EXTRA

    def forward(self, x: Any) -> Tensor:
        lengths = self.steps(_lengths(x)) if self.gru.bidirectional else None
        x = F.pad(x, ((0, 0), (self.BEFORE, self.AFTER), (0, 0)))
        return self.read(self.convolve(x), lengths=lengths)[0]

    def convolve(self, x: Any) -> Tensor:
        """Features (N, T, bands) with what comes before and after to pieces (N, (T − FIELD) // STRIDE + 1, size)."""
        samples, steps, bands = x.shape
        x = self.convolutions(F.reshape(x, (samples, 1, steps, bands)))
        samples, channels, steps, bands = x.shape
        return F.reshape(F.transpose(x, (0, 2, 1, 3)), (samples, steps, channels * bands))

    def read(self, pieces: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        """Pieces (N, S, size) to log-probabilities (N, S, classes), from a state on, and the state at the end."""
        outputs, state = self.gru(self.dropout(pieces), state, lengths)
        return F.log_softmax(self.classifier(self.dropout(outputs)), axis=2), state


def _lengths(x: Any) -> np.ndarray:
    """The steps of each sound in x (N, T, bands), after which only zeros follow; at least 1."""
    sounding = np.asarray(x).any(axis=2)
    return np.maximum((sounding * np.arange(1, x.shape[1] + 1)).max(axis=1, initial=0), 1)
