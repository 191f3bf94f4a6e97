"""Encoders: from what one sense perceives to features (N, size) of which all senses have the same number."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm.functional.checks import checked_lengths
from tinymm.nn import GRU, LSTM, ConvReLUPool, Dropout, Embedding, Linear, Module
from tinymm.tensor import Tensor

SIZE = 128  # features of every sense


class ImageEncoder(Module):
    """Convolution sees, an LSTM reads what was seen: images (N, 1, 28, 28) give features (N, 128).

    image                      (N, 1, 28, 28)
    convolution 3×3, ReLU      (N, 32, 26, 26)
    max pooling 2×2            (N, 32, 13, 13)
    convolution 3×3, ReLU      (N, 64, 11, 11)
    max pooling 2×2, flattened (N, 1600)
    dense, ReLU                (N, 128)
    128 features as a sequence (N, 128, 1)
    LSTM, its last state       (N, 128)
    dense, ReLU                (N, 128)
    """

    image_shape = (1, 28, 28)
    size = SIZE

    def __init__(self) -> None:
        self.conv1 = ConvReLUPool(1, 32, 3)
        self.conv2 = ConvReLUPool(32, 64, 3)
        self.features = Linear(64 * 5 * 5, 128)
        self.lstm = LSTM(1, 128)
        self.lstm.bias.data[128:256] = 1  # the forget gate begins open: Jozefowicz, Zaremba & Sutskever 2015
        self.hidden = Linear(128, self.size)

    def forward(self, x: Any) -> Tensor:
        if x.shape[1:] != self.image_shape:
            raise ValueError(
                f"MMBigModel: image is {x.shape}, but it needs images (N, 1, 28, 28): see tinymm.data.image for resizing"
            )
        x = self.conv2(self.conv1(x))
        x = F.relu(self.features(F.flatten(x, 1)))
        _, (x, _) = self.lstm(x[:, :, None])
        return F.relu(self.hidden(x))


class AudioEncoder(Module):
    """Convolution hears short pieces, a GRU joins them in both directions: log-mel (N, T, bands) gives (N, 128).

        log-mel features, zeros after the end   (N, 1, T, bands)
        convolution 3×3, ReLU, max pooling 2×2  (N, 16, T/2, bands/2)
        convolution 3×3, ReLU, max pooling 2×2  (N, 32, T/4, bands/4)
        as a sequence                           (N, T/4, 32·bands/4)
        GRU in both directions                  (N, T/4, 128)
        mean over time, dropout, dense, ReLU    (N, 128)

    `lengths` (N,) are the steps of each sound; what lies after them changes nothing, whatever it is.
    After Amodei et al. (2016), Deep Speech 2, ICML, much smaller.
    """

    size = SIZE

    def __init__(self, bands: int = 40):
        if bands < 4:
            raise ValueError(f"AudioEncoder: {bands} bands are too few: two poolings by 2 need at least 4")
        self.bands = bands
        self.conv1 = ConvReLUPool(1, 16, 3, padding=1)
        self.conv2 = ConvReLUPool(16, 32, 3, padding=1)
        self.gru = GRU(32 * (bands // 4), 64, bidirectional=True)
        self.dropout = Dropout(0.3)
        self.hidden = Linear(128, self.size)

    def forward(self, x: Any, lengths: Any = None) -> Tensor:
        if x.ndim != 3 or x.shape[2] != self.bands:
            raise ValueError(
                f"MMBigModel: audio is {x.shape}, but it needs log-mel features (N, T, {self.bands}): see "
                "tinymm.data.audio.LogMel"
            )
        samples, steps, _ = x.shape
        lengths = checked_lengths("MMBigModel", "the lengths of audio", lengths, np.full(samples, steps))
        padding = max(4, steps + -steps % 4) - steps  # two poolings by 2 leave no rest
        x = F.pad(_ended(x, lengths, 1), ((0, 0), (0, padding), (0, 0)))
        x = self.conv1(x[:, None])
        x = self.conv2(_ended(x, -(-lengths // 2), 2))
        lengths = -(-lengths // 4)
        pieces = F.reshape(F.transpose(x, (0, 2, 1, 3)), (samples, x.shape[2], x.shape[1] * x.shape[3]))
        outputs, _ = self.gru(pieces, lengths=lengths)
        mean = F.sum(outputs, axis=1) / np.maximum(lengths, 1)[:, None].astype(outputs.dtype)
        return F.relu(self.hidden(self.dropout(mean)))


def _ended(x: Any, lengths: np.ndarray, axis: int) -> Any:
    """x with zeros where along `axis` the sample has ended."""
    goes_on = np.arange(x.shape[axis]) < lengths[:, None]
    return x if goes_on.all() else F.where(np.expand_dims(goes_on, tuple(set(range(1, x.ndim)) - {axis})), x, 0)


class TextEncoder(Module):
    """An LSTM reads numbered characters (or words) from both ends: tokens (N, T) give features (N, 128).

        tokens                                  (N, T)
        embedding, dropout                      (N, T, 48)
        LSTM in both directions, last states    (N, 128)
        dropout, dense, ReLU                    (N, 128)

    `lengths` (N,) are the tokens of each text; without them a text ends where only zeros follow. Sources: Hochreiter &
    Schmidhuber 1997; both directions: Schuster & Paliwal 1997.
    """

    size = SIZE

    def __init__(self, vocabulary_size: int):
        if vocabulary_size < 2:
            raise ValueError(f"TextEncoder: a vocabulary of {vocabulary_size} is too small: try len(vocabulary)")
        self.embedding = Embedding(vocabulary_size, 48, padding_idx=0)
        self.lstm = LSTM(48, 64, bidirectional=True)
        self.dropout = Dropout(0.3)
        self.hidden = Linear(128, self.size)

    def forward(self, x: Any, lengths: Any = None) -> Tensor:
        x = np.asarray(x)
        if x.ndim != 2:
            raise ValueError(
                f"MMBigModel: text is {x.shape}, but it needs numbered characters or words (N, T): see "
                "tinymm.data.text.pad_sequences"
            )
        samples, steps = x.shape
        if lengths is None:
            lengths = ((x != 0) * np.arange(1, steps + 1)).max(axis=1, initial=0)
        lengths = checked_lengths("MMBigModel", "the lengths of text", lengths, np.full(samples, steps))
        x = _ended(x, lengths, 1)
        _, (last, _) = self.lstm(self.dropout(self.embedding(x)), lengths=lengths)
        return F.relu(self.hidden(self.dropout(last)))
