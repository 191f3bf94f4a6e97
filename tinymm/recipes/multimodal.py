"""Several senses at once: what stands before a model that sees, hears and reads, and its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.data.audio import LogMel, SpecAugment, change_speed, mix_noise, normalize_features
from tinymm.data.audio.sound import MAX_RATE
from tinymm.data.datasets import ALL_THREE, Dataset, Senses
from tinymm.data.datasets.dataset import as_samples
from tinymm.data.degradation import Degradation
from tinymm.data.image.augmentation import Augmentation
from tinymm.data.text import Vocabulary, characters, clean_text, mistype, pad_sequences
from tinymm.models import MMBigModel
from tinymm.nn import Module
from tinymm.recipes.classification import Classification
from tinymm.recipes.front_end import FrontEnd, claimed
from tinymm.recipes.images import ImageFrontEnd, first_feature_maps
from tinymm.recipes.sounds import draw_prediction, read_speech
from tinymm.recipes.task import Drawing, Judged
from tinymm.recipes.texts import read_text

if TYPE_CHECKING:
    from tinymm.recipes.training import Trained

SENSES = Senses._fields
BANDS, STEPS = 40, 80  # of the log-mel features, 10 ms a step: longer sounds are cut
LETTERS = 64  # of a text; longer ones are cut
UNREADABLE = "<unknown>"  # stands for a text of which cleaning leaves nothing
NOISE, SNR, ERRORS, SPEED = (0.0, 0.5), (-10.0, 30.0), 4, (0.85, 1.15)  # how training samples are spoiled at random
CLEAN = 0.25  # of the training sounds get no noise: a model that never heard silence mistakes it
IMAGE_FILES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
SOUND_FILES = {".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".au"}

# Levels at which a report shows the accuracy with each sense alone and with all of them, by name.
LEVELS = {
    "as recorded": Degradation(),
    **{
        f"σ {noise}, {snr:+} dB, {errors} error{'s' * (errors > 1)}": Degradation(noise, snr, errors)
        for noise, snr, errors in (
            (0.2, 5, 1),
            (0.2, 0, 2),
            (0.3, 0, 3),
            (0.3, -5, 4),
            (0.4, -5, 4),
            (0.5, -5, 4),
            (0.5, -10, 5),
        )
    },
}


class MultimodalFrontEnd(FrontEnd):
    """Samples that are `Senses` as batches {sense: input}, and under "present" who has which, {sense: (N,) bool}.

    Images are enlarged to 28×28 and standardised; sounds become log-mel features, each band with mean 0 and deviation 1
    over the sound, given as (features, lengths); texts numbered characters. A sense that no sample of a batch has is left
    out. In training images are moved, sounds played faster or slower, each sense is spoiled by noise or typing errors
    of a random strength, and stripes of the sounds are masked: only then does fusion learn when to trust which sense.

    Attributes:
        rate: samples per second of the sounds.
    """

    sense = ALL_THREE

    def __init__(self) -> None:
        self.images = ImageFrontEnd(only=MMBigModel.image_shape)
        self.vocabulary = Vocabulary(min_count=2)
        self.rate: int = 8000
        self.moved, self.masked = Augmentation(shift=0.06), SpecAugment()

    @property
    def log_mel(self) -> LogMel:
        return LogMel(self.rate, BANDS)

    def fit_prepare(self, data: Dataset) -> np.ndarray:
        """ValueError: the images have another shape than 8×8 and 28×28, or a sense is in no sample."""
        for sense in SENSES:
            if all(getattr(sample, sense) is None for sample in data.x):
                raise ValueError(f"{data.name}: no sample has {sense}: give some that have it")
        images = np.stack([sample.image for sample in data.x if sample.image is not None])
        seen = Dataset(images, np.zeros(len(images), int), data.class_names, data.name, data.source, data.licence)
        self.images.fit_prepare(seen)
        self.vocabulary.fit(letters(sample.text) for sample in data.x if sample.text is not None)
        self.rate = data.rate or self.rate
        return self.prepare(data.x)

    def prepare(self, samples: np.ndarray) -> np.ndarray:
        """The samples as they are: everything is done batch by batch, as in training everything varies."""
        return samples

    def __call__(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> dict[str, Any]:
        make: dict[str, Callable[..., Any]] = {"image": self._images, "audio": self._sounds, "text": self._texts}
        batch: dict[str, Any] = {"present": {}}
        for sense in SENSES:
            there = np.array([getattr(sample, sense) is not None for sample in rows])
            batch["present"][sense] = there
            if there.any():
                made = make[sense]([getattr(sample, sense) for sample in rows[there]], rng)
                batch[sense] = (
                    tuple(_spread(part, there) for part in made) if isinstance(made, tuple) else _spread(made, there)
                )
        return batch

    def _images(self, images: Sequence[np.ndarray], rng: np.random.Generator | None) -> np.ndarray:
        x = np.stack(images)
        if rng is not None:
            noise = rng.uniform(*NOISE, (len(x), 1, 1, 1)) * rng.standard_normal(x.shape)
            x = (self.moved(x, rng) + noise).astype(np.float32)
        return self.images(self.images.prepare(x))

    def _sounds(self, sounds: Sequence[np.ndarray], rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        if rng is not None:
            snr = np.where(rng.random(len(sounds)) < CLEAN, np.inf, rng.uniform(*SNR, len(sounds)))
            sounds = [
                mix_noise(change_speed(x, rng.uniform(*SPEED)), level, rng)
                for x, level in zip(sounds, snr, strict=True)
            ]
        log_mel = self.log_mel
        features, lengths = pad_sequences([normalize_features(log_mel(x)[:STEPS]) for x in sounds])
        return (features if rng is None else self.masked(features, rng)), lengths

    def _texts(self, texts: Sequence[str], rng: np.random.Generator | None) -> np.ndarray:
        if rng is not None:
            texts = [mistype(text, rng, int(rng.integers(ERRORS + 1))) for text in texts]
        return pad_sequences([self.vocabulary.encode(letters(text) or [UNREADABLE]) for text in texts])[0]

    def read(self, item: str | Senses) -> Senses:
        """A sample from its image file, sound file and text; of one string by its ending, or else it is the text itself."""
        if isinstance(item, str):
            ending = Path(item[-300:]).suffix.lower()
            kind = "image" if ending in IMAGE_FILES else "audio" if ending in SOUND_FILES else "text"
            item = Senses(**{kind: item})
        if not item.given:
            raise ValueError(f"nothing was given: give one or more of {', '.join(SENSES)}")
        read = {"image": self.images.read, "audio": lambda path: read_speech(path, self.rate), "text": read_text}
        return Senses(**{sense: read[sense](getattr(item, sense)) for sense in item.given})

    def pictures(self, samples: np.ndarray) -> np.ndarray | None:
        if any(sample.image is None for sample in samples):
            return None
        return np.stack([sample.image for sample in samples])

    def drawings(self, trained: Trained, tested: Dataset) -> dict[str, Drawing]:
        from tinymm import plots

        found: dict[str, Drawing] = {}
        own = senses_of(trained)
        whole = [sample for sample in tested.x if not set(own) - set(sample.given)]
        if not whole:
            return found
        if "image" in own:
            maps = first_feature_maps(trained.model, self(as_samples([Senses(image=whole[0].image)])))
            found["What the first convolution answers to one image"] = "feature_maps", lambda: plots.feature_maps(maps)  # type: ignore[arg-type]
        if "audio" in own:

            def classify(sounds: np.ndarray) -> np.ndarray:
                return trained.probabilities(as_samples([Senses(audio=sound) for sound in sounds]))

            found["A sound alone, and the prediction while it goes on"] = (
                "spectrogram",
                lambda: draw_prediction(whole[0].audio, self.log_mel, classify, trained.class_names),
            )
        return found

    def state_dict(self) -> dict[str, Any]:
        return {
            "images": self.images.state_dict(),
            "vocabulary": self.vocabulary.state_dict(),
            "rate": self.rate,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.images.load_state_dict(state["images"])
        self.vocabulary.load_state_dict(state["vocabulary"])
        (self.rate,) = claimed("rate", [state["rate"]], MAX_RATE)


def letters(text: str) -> list[str]:
    """The characters that a model reads of a text: numbers stay what they are."""
    return characters(clean_text(text[: 4 * LETTERS], placeholders=()))[:LETTERS]


def _spread(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Values (n, …) of those that are there among all N, (N, …), with zeros for the others."""
    if there.all():
        return values
    spread = np.zeros((len(there), *values.shape[1:]), values.dtype)
    spread[there] = values
    return spread


def senses_of(trained: Trained) -> tuple[str, ...]:
    """The senses that a model was trained with."""
    return tuple(str(trained.recipe.senses).split(","))


def model_of(senses: str, front_end: MultimodalFrontEnd, classes: int, **options: Any) -> MMBigModel:
    """A model with these senses, for what the front end gives."""
    own = senses.split(",")
    return MMBigModel(
        classes,
        image="image" in own,
        audio=BANDS * ("audio" in own),
        text=len(front_end.vocabulary) * ("text" in own),
        **options,
    )


class Fused(Module):
    """An `MMBigModel` that takes the batches of a `MultimodalFrontEnd`; senses that it does not have are not looked at."""

    def __init__(self, model: MMBigModel):
        self.model = model

    def forward(self, batch: dict[str, Any]) -> Any:
        own = [sense for sense in self.model.encoders if sense in batch]
        if not own:
            raise ValueError(f"this model was trained with {' and '.join(self.model.encoders)}: give it one of these")
        present = np.stack([batch["present"][sense] for sense in self.model.encoders], axis=1)
        return self.model(**{sense: batch[sense] for sense in own}, present=present)


def fused_model(
    front_end: MultimodalFrontEnd, classes: int, senses: str, fusion: str, modality_dropout: float
) -> Fused:
    return Fused(model_of(senses, front_end, classes, fusion=fusion, modality_dropout=modality_dropout))


class MultimodalClassification(Classification):
    """Classes told by several senses; the report shows what each adds where another is spoiled."""

    def drawings(self, trained: Trained, judged: Judged) -> dict[str, Drawing]:
        from tinymm import plots

        found = super().drawings(trained, judged)
        own = senses_of(trained)
        if len(own) > 1:
            found["Accuracy against noise, by the senses used"] = (
                "noise",
                lambda: plots.accuracy_against_noise(
                    list(LEVELS), accuracies_by_senses(trained, judged.tested), "all senses are spoiled", ["together"]
                ),
            )
        return found


FUSED = MultimodalClassification()


def accuracies_by_senses(trained: Trained, tested: Dataset, seed: int = 0) -> dict[str, list[float]]:
    """The accuracy at each of the `LEVELS` with each sense of the model alone, and with all of them "together"."""
    own = senses_of(trained)
    used = {sense: tuple(set(SENSES) - {sense}) for sense in own} | {"together": ()}

    def accuracy(level: Degradation) -> float:
        spoiled = level(tested.x, np.random.default_rng(seed))
        return float(np.mean(trained.probabilities(spoiled).argmax(axis=1) == tested.y))

    return {
        name: [accuracy(replace(level, missing=missing)) for level in LEVELS.values()] for name, missing in used.items()
    }
