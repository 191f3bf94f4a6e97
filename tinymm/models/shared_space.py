"""The relations between senses: one space in which image, sound and word of the same thing lie near each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from tinymm import functional as F
from tinymm.nn import Linear, Module
from tinymm.tensor import Tensor


class SharedSpace(Module):
    """Each sense's encoder and a dense layer put what it perceives into one space of `size` dimensions.

    `forward` gives the points of each sense, (N, size), by sense; `loss` is small where points of the same sample (or of
    the same label) point the same way. What two senses say is compared by its cosine: `metrics.recall_at_k` looks for
    sounds by images, and the other way round; `plots.shared_space` shows the space. Source: Radford et al. (2021),
    Learning transferable visual models from natural language supervision, ICML.

    Args:
        encoders: by sense, such as `MMBigModel(audio=40, text=30).encoders`, which are trained along.
        size: dimensions of the space.

    Raises:
        ValueError: fewer than two senses.
    """

    def __init__(self, encoders: Mapping[str, Module], size: int = 64):
        if len(encoders) < 2:
            raise ValueError(f"SharedSpace: {len(encoders)} senses, but there must be at least two to relate")
        self.encoders = dict(encoders)
        self.projections = {sense: Linear(e.size, size) for sense, e in encoders.items()}  # type: ignore[attr-defined]

    def forward(self, **senses: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """The points of the senses given, each as its encoder takes it, or as a pair (sequences, lengths)."""
        if unknown := senses.keys() - self.encoders.keys():
            raise ValueError(
                f"SharedSpace: there is no sense {', '.join(sorted(unknown))}: it has {', '.join(self.encoders)}"
            )
        return {
            sense: self.projections[sense](self.encoders[sense](*(x if isinstance(x, tuple) else (x,))))
            for sense, x in senses.items()
        }

    @staticmethod
    def loss(points: Mapping[str, Any], labels: Any = None, temperature: float = 0.1) -> Tensor:
        """The mean of `functional.contrastive_loss` over all pairs of senses, for the points of the same N samples."""
        pairs = list(itertools.combinations(points.values(), 2))
        if not pairs:
            raise ValueError(f"SharedSpace.loss: got points of {', '.join(points) or 'nothing'}, expected two senses")
        losses = [F.contrastive_loss(a, b, labels, temperature) for a, b in pairs]
        return F.mean(F.stack(losses))
