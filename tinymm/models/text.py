"""Models that read texts: logistic regression on weighted terms, and recurrent networks on words or characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm.functional.sparse import sparse_linear
from tinymm.nn import Dropout, Embedding, Linear, LogisticRegression, Module
from tinymm.nn.recurrent import recurrent
from tinymm.tensor import Tensor


class BagOfTerms(LogisticRegression):
    """p = softmax(W x + b) for weighted terms x, a `CSRMatrix` (N, terms); returns the logits (N, classes).

    Two classes have two rows of weights, too. Source: Goodfellow, Bengio & Courville, "Deep Learning" (2016), section
    6.2.2; for texts, Joachims (1998), Text categorization with support vector machines, ECML.
    """

    def __init__(self, terms: int, classes: int):
        super().__init__(terms, classes, multinomial=True)

    def forward(self, x: Any) -> Tensor:
        return sparse_linear(x, self.weight, self.bias)


class TextRNN(Module):
    """Numbered words or characters, read from both ends by a tanh RNN, LSTM or GRU; what it remembers decides.

        tokens                          (N, T)      whole numbers, 0 at the end of short texts
        embedding, dropout              (N, T, embedding_dim)
        the cell in both directions     (N, T, 2·hidden_size)
        largest of each unit over time, and the last states: (N, 4·hidden_size)
        dropout, dense: the logits      (N, classes)

    `cell` is "rnn", "lstm" or "gru".

    Sources: Elman 1990, Hochreiter & Schmidhuber 1997, Cho et al. 2014; both directions: Schuster & Paliwal 1997; the
    maximum over time: Collobert et al. (2011), Natural language processing (almost) from scratch, JMLR 12.
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int,
        cell: str = "lstm",
        embedding_dim: int = 64,
        hidden_size: int = 64,
        dropout: float = 0.4,
    ):
        self.embedding = Embedding(vocabulary_size, embedding_dim, padding_idx=0)
        self.dropout = Dropout(dropout)
        self.rnn = recurrent("TextRNN", cell, embedding_dim, hidden_size)
        self.classifier = Linear(4 * hidden_size, classes)

    def forward(self, x: Any) -> Tensor:
        lengths = (np.asarray(x) != 0).sum(axis=1)
        outputs, final = self.rnn(self.dropout(self.embedding(x)), lengths=lengths)
        last = final[0] if isinstance(final, tuple) else final
        there = np.arange(x.shape[1]) < lengths[:, None]
        outputs = F.where(there[:, :, None], outputs, outputs.dtype.type(-1))  # the least that a unit can say
        features = F.concatenate([F.max(outputs, axis=1), last], axis=1)
        return self.classifier(self.dropout(features))
