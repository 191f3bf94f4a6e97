"""The models that a recipe can name, by sense: what stands before each, how it is made, and how it is usually trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinymm.data.audio import SpecAugment
from tinymm.data.datasets import ALL_THREE
from tinymm.data.datasets.strings import Joining
from tinymm.data.text import NGrams
from tinymm.models import CNN, BagOfTerms, MMBigModel, RowRNN, SpeechCNN, SpeechCRNN, SpeechToText, TextRNN
from tinymm.nn import LogisticRegression, Module
from tinymm.recipes.classification import CLASSIFICATION
from tinymm.recipes.front_end import FrontEnd
from tinymm.recipes.images import ImageFrontEnd
from tinymm.recipes.multimodal import FUSED, SENSES, MultimodalFrontEnd, fused_model
from tinymm.recipes.relations import RELATIONS, shared_space
from tinymm.recipes.sounds import SoundFrontEnd, Variation
from tinymm.recipes.speech import SpeechFrontEnd
from tinymm.recipes.task import Task
from tinymm.recipes.texts import TermsFrontEnd, TokensFrontEnd
from tinymm.recipes.transcription import Transcription


@dataclass(frozen=True)
class Choice:
    """A model that a recipe can name.

    Attributes:
        front_end: makes what stands before it. model: makes it, for a fitted front end and a number of classes.
        epochs, batch_size, augment: as it is usually trained. lr: by how much its rate differs from the optimiser's.
        task: what it is for. folds: of the cross-validation, if nothing else is said.
    """

    front_end: Callable[[], FrontEnd]
    model: Callable[..., Module]
    epochs: int
    lr: float = 1
    batch_size: int = 32
    augment: bool = False
    task: Task = CLASSIFICATION
    options: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 5


def _words_and_parts() -> TermsFrontEnd:
    return TermsFrontEnd(NGrams(words=(1, 2)), NGrams(words=None, characters=(2, 5)))


def _words_and_substrings() -> TermsFrontEnd:
    """For short requests in any script: where there are no spaces, runs of characters cross the words."""
    return TermsFrontEnd(NGrams(words=(1, 2)), NGrams(words=None, characters=(1, 4), across_words=True), min_df=2)


def _question_terms() -> TermsFrontEnd:
    plain: dict[str, Any] = {"placeholders": ()}  # which number it is tells what is asked for
    return TermsFrontEnd(
        NGrams(words=(1, 3), ends=True, punctuation=True, **plain),
        NGrams(words=None, characters=(2, 6), across_words=True, **plain),
        NGrams(words=None, question=True, **plain),
        min_df=2,
    )


def _bag_of_terms(front_end: TermsFrontEnd, classes: int) -> BagOfTerms:
    return BagOfTerms(len(front_end.terms), classes)


def _text_rnn(cell: str) -> Callable[[TokensFrontEnd, int], TextRNN]:
    return lambda front_end, classes: TextRNN(len(front_end.vocabulary), classes, cell)


def _speech_crnn(cell: str) -> Choice:
    return Choice(
        SoundFrontEnd,
        lambda front_end, classes: SpeechCRNN(front_end.bands, classes, cell),
        *(30, 2),
        batch_size=64,
        augment=True,
    )


def _transcribing(
    kind: str,
    joining: Joining,
    epochs: int = 25,
    lr: float = 3,
    batch_size: int = 32,
    variation: Variation | None = None,
    **options: Any,
) -> Choice:
    return Choice(
        lambda: SpeechFrontEnd(kind, joining=joining, variation=variation),
        lambda front_end, classes: SpeechToText(front_end.bands, len(front_end.labels), **options),
        *(epochs, lr, batch_size),
        augment=True,
        task=Transcription(joining),
        folds=0,
    )


# The first of each sense is its usual one.
MODELS: dict[str, dict[str, Choice]] = {
    "image": {
        "mmbigmodel": Choice(
            lambda: ImageFrontEnd(only=MMBigModel.image_shape), lambda front_end, classes: MMBigModel(classes), 20
        ),
        "cnn": Choice(ImageFrontEnd, lambda front_end, classes: CNN(front_end.input_shape, classes), 20, augment=True),
        "rnn": Choice(ImageFrontEnd, lambda front_end, classes: RowRNN(front_end.input_shape, classes), 20),
        "logistic": Choice(
            ImageFrontEnd,
            lambda front_end, classes: LogisticRegression(
                int(np.prod(front_end.input_shape)), classes, multinomial=True
            ),
            40,
            lr=10,
        ),
    },
    "audio": {
        "cnn": Choice(
            SoundFrontEnd,
            lambda front_end, classes: SpeechCNN(front_end.steps, front_end.bands, classes),
            *(30, 2),
            batch_size=64,
            augment=True,
        ),
        "crnn": _speech_crnn("gru"),
        "crnn-lstm": _speech_crnn("lstm"),
        "crnn-rnn": _speech_crnn("rnn"),
        "ctc": _transcribing("words", Joining()),
        "ctc-bidirectional": _transcribing("words", Joining(), bidirectional=True),
        "ctc-requests": _transcribing(
            "phonemes",
            Joining(most=3, gap=(0, 0.35), noisy=0.3),
            epochs=45,
            lr=6,
            batch_size=16,
            variation=Variation(tract=0.15, tilt=0.7, masks=SpecAugment(0, 0)),
            hidden_size=256,
            dropout=0.1,
        ),
        "ctc-characters": _transcribing("characters", Joining(most=1)),
    },
    "text": {
        "logistic": Choice(_words_and_parts, _bag_of_terms, 20, lr=20, batch_size=128),
        "substrings": Choice(_words_and_substrings, _bag_of_terms, 20, lr=20, batch_size=128),
        "questions": Choice(_question_terms, _bag_of_terms, 20, lr=20, batch_size=128),
        "lstm": Choice(TokensFrontEnd, _text_rnn("lstm"), 12, lr=2, augment=True),
        "gru": Choice(TokensFrontEnd, _text_rnn("gru"), 12, lr=2, augment=True),
        "rnn": Choice(TokensFrontEnd, _text_rnn("rnn"), 12, lr=2, augment=True),
        "characters": Choice(
            lambda: TokensFrontEnd("characters", longest=256), _text_rnn("gru"), 20, lr=2, augment=True
        ),
    },
    ALL_THREE: {
        "mmbigmodel": Choice(
            MultimodalFrontEnd,
            fused_model,
            60,
            augment=True,
            task=FUSED,
            options={"senses": ",".join(SENSES), "fusion": "late", "modality_dropout": 0.5},
        ),
        "shared-space": Choice(
            MultimodalFrontEnd, shared_space, 30, augment=True, task=RELATIONS, options={"senses": ",".join(SENSES)}
        ),
    },
}
MODEL_NAMES = list(dict.fromkeys(name for models in MODELS.values() for name in models))
