"""MMBigModel: each sense has an encoder, fusion joins what they perceive, logistic regression decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinymm import functional as F
from tinymm.models.encoders import AudioEncoder, ImageEncoder, TextEncoder
from tinymm.models.fusion import FUSIONS, drop_senses
from tinymm.nn import Linear, Module
from tinymm.tensor import Tensor


class MMBigModel(Module):
    """Images, sounds and texts, alone or together, in; the logits of `classes` classes, (N, classes), out.

        image (N, 1, 28, 28)  ─ ImageEncoder ─ (N, 128) ┐
        audio (N, T, bands)   ─ AudioEncoder ─ (N, 128) ┼─ fusion ─ (N, classes)
        text  (N, T)          ─ TextEncoder  ─ (N, 128) ┘

    `MMBigModel()` sees only: the reference pipeline for images, 308,106 parameters with 10 classes, its fusion a dense
    layer. `data.image.digits_to_28` brings 8×8 digits to its size.

    Args:
        classes: how many.
        image: whether it sees images.
        audio: whether it hears: the number of mel bands, True for 40.
        text: whether it reads: the size of the vocabulary, `len(vocabulary)`.
        fusion: "early", "late", "gated" or "low-rank", see `tinymm.models.fusion`; not used with a single sense.
        modality_dropout: how probably each sense is taken away from a sample in training, never all of them.

    Attributes:
        encoders: by sense, in the order image, audio, text.

    Raises:
        ValueError: no sense, an unknown fusion, or a number out of its range.

    >>> model = MMBigModel(image=True, text=30, fusion="early")
    >>> model(text=np.array([[5, 9, 2], [7, 3, 0]])).shape
    (2, 10)
    """

    image_shape = ImageEncoder.image_shape

    def __init__(
        self,
        classes: int = 10,
        image: bool = True,
        audio: int = 0,
        text: int = 0,
        fusion: str = "late",
        modality_dropout: float = 0.5,
    ):
        if fusion not in FUSIONS:
            raise ValueError(f"MMBigModel: fusion {fusion!r} is unknown: choose one of {', '.join(FUSIONS)}")
        if not 0 <= modality_dropout <= 1:
            raise ValueError(f"MMBigModel: modality_dropout is {modality_dropout}, but it lies between 0 and 1")
        if text is True:
            raise ValueError("MMBigModel: text is True, but it is the size of the vocabulary: try len(vocabulary)")
        self.encoders: dict[str, Module] = {}
        if image:
            self.encoders["image"] = ImageEncoder()
        if audio:
            self.encoders["audio"] = AudioEncoder(40 if audio is True else audio)
        if text:
            self.encoders["text"] = TextEncoder(text)
        if not self.encoders:
            raise ValueError("MMBigModel: it has no sense: switch on image, audio or text")
        self.modality_dropout = modality_dropout
        sizes = [encoder.size for encoder in self.encoders.values()]  # type: ignore[attr-defined]
        if len(sizes) == 1:
            self.classifier = Linear(sizes[0], classes)
        else:
            self.fusion = FUSIONS[fusion](sizes, classes)

    def forward(self, image: Any = None, audio: Any = None, text: Any = None, present: Any = None) -> Tensor:
        """The logits, (N, classes), of N samples, from what is there of each.

        Args:
            image: (N, 1, 28, 28), or None where nobody saw anything.
            audio: log-mel features (N, T, bands), or (features, lengths) with the steps of each sound, or None.
            text: numbered characters or words (N, T), or (tokens, lengths), or None.
            present: (N, senses) bool, which senses each sample has, in the order of `encoders`; by default all that
                were given. What is not present may hold anything.

        Raises:
            ValueError: shapes that do not fit, a sense that the model does not have, or a sample without any.
        """
        senses = {"image": image, "audio": audio, "text": text}
        present = self._who_is_there(senses, present)
        if len(self.encoders) == 1:
            ((sense, encoder),) = self.encoders.items()
            return self.classifier(_encode(encoder, senses[sense], present[:, 0]))
        if self.training and self.modality_dropout:
            present = drop_senses(present, self.modality_dropout)
        features = [
            _encode(encoder, senses[sense], here)
            for (sense, encoder), here in zip(self.encoders.items(), present.T, strict=True)
        ]
        return self.fusion(features, present)

    def _who_is_there(self, senses: dict[str, Any], present: Any) -> np.ndarray:
        """`present`, checked, without the senses that were not given."""
        own = ", ".join(self.encoders)
        given = {sense: _samples(x) for sense, x in senses.items() if x is not None}
        if unknown := [sense for sense in given if sense not in self.encoders]:
            raise ValueError(f"MMBigModel: {unknown[0]} was given, but this model was made for {own}")
        if len(set(given.values())) != 1:
            came = ", ".join(f"{n} samples of {sense}" for sense, n in given.items()) or "nothing"
            raise ValueError(f"MMBigModel: got {came}, but it needs equally many of {own}, or at least one of them")
        there = np.empty((next(iter(given.values())), len(self.encoders)), bool)
        there[:] = [sense in given for sense in self.encoders]
        if present is not None:
            present = np.asarray(present)
            if present.shape != there.shape or present.dtype != bool:
                raise ValueError(
                    f"MMBigModel: present is {present.dtype} {present.shape}, but it says of each sample which of {own} "
                    f"it has: bool {there.shape}"
                )
            there &= present
            if not there.any(axis=1).all():
                raise ValueError(
                    f"MMBigModel: sample {np.flatnonzero(~there.any(axis=1))[0]} has none of {own}: leave it out"
                )
        return there

    def entries(self) -> Iterator[tuple[str, Any]]:
        """The encoders are called by their senses alone."""
        return ((name.removeprefix("encoders."), value) for name, value in super().entries())


def _samples(x: Any) -> int:
    return len(x[0] if isinstance(x, tuple) else x)


def _encode(encoder: Module, x: Any, here: np.ndarray) -> Any:
    """The features (N, size) of a sense; only samples that have it are looked at, the others get zeros."""
    parts = (x[0], *map(np.asarray, x[1:])) if isinstance(x, tuple) else (x,)
    if here.all():
        return encoder(*parts)
    shape = len(here), encoder.size  # type: ignore[attr-defined]
    if not here.any():
        return np.zeros(shape, next(iter(encoder.parameters())).dtype)
    return F.scatter(encoder(*(part[here] for part in parts)), here, shape)
