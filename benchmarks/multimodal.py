"""Three senses of one digit: each alone, fused, degraded and missing; and one sense found by another.

python -m benchmarks.multimodal                   both of the following, 3 seeds
python -m benchmarks.multimodal fusion            accuracy of each sense alone and of each fusion, at every level
python -m benchmarks.multimodal relations         recall@1 between the senses after contrastive training
python -m benchmarks.multimodal --seeds 1 --picture space.png

On `load_multimodal_digits()`: 1,438 samples to train on and 359 to test, which share no image, voice or typed form. All
models are trained alike, with the same random degradations of all senses, and tested at stated levels: image noise is
Gaussian of standard deviation σ on pixels from 0 to 1 (of the 8×8 image); sound noise is white, at a signal-to-noise
ratio; typing errors come on top of those that the texts have.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinymm as tm
from tinymm import functional as F
from tinymm import plots
from tinymm.data.audio import LogMel, SpecAugment, change_speed, mix_noise, normalize_features
from tinymm.data.datasets import MultimodalDataset, load_multimodal_digits
from tinymm.data.image import Augmentation, digits_to_28
from tinymm.data.standardizing import Standardizer
from tinymm.data.text import Vocabulary, characters, clean_text, mistype, pad_sequences
from tinymm.metrics import recall_at_k
from tinymm.models import MMBigModel
from tinymm.models.fusion import FUSIONS
from tinymm.models.shared_space import SharedSpace
from tinymm.nn import Module

SENSES = ("image", "audio", "text")
EPOCHS, BATCH, RATE, TAKES = 30, 32, 0.001, 6
STEPS = 80  # of 10 ms: longer sounds are cut


@dataclass(frozen=True)
class Level:
    """How much each sense is degraded, and which are missing."""

    name: str
    noise: float = 0.0  # σ
    snr: float = np.inf  # dB
    errors: int = 0
    missing: str = ""


LEVELS = [
    Level("as recorded"),
    *(Level(f"image noise σ {sigma}", noise=sigma) for sigma in (0.1, 0.2, 0.3, 0.4, 0.5)),
    *(Level(f"sound at {snr:+} dB", snr=snr) for snr in (10, 5, 0, -5, -10)),
    *(Level(f"{errors} more typing errors", errors=errors) for errors in (1, 2, 3, 4)),
    *(
        Level(f"all: σ {sigma}, {snr:+} dB, {errors} errors", sigma, snr, errors)
        for sigma, snr, errors in ((0.2, 5, 1), (0.2, 0, 2), (0.3, 0, 3), (0.3, -5, 4), (0.4, -5, 4), (0.5, -10, 5))
    ),
    *(Level(f"no {sense}", missing=sense) for sense in SENSES),
]


class FrontEnds:
    """From the samples of a data set to what the encoders take; standardised by the training data."""

    def __init__(self, train: MultimodalDataset):
        self.standardizer = Standardizer("all").fit(digits_to_28(train.image))
        self.log_mel = LogMel(train.rate)
        self.vocabulary = Vocabulary(min_count=2).fit(map(self.letters, train.text))

    @staticmethod
    def letters(text: str) -> list[str]:
        return characters(clean_text(text, placeholders=()))

    def images(self, images: np.ndarray, sigma: Any, rng: np.random.Generator) -> np.ndarray:
        """`sigma` is one number, or one per image."""
        noise = np.reshape(sigma, (-1, 1, 1, 1)) * rng.standard_normal(images.shape)
        return self.standardizer.transform(digits_to_28((images + noise).astype(np.float32)))

    def sounds(self, sounds: np.ndarray, snr: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        ratios = np.broadcast_to(snr, len(sounds))
        noisy = (mix_noise(sound, ratio, rng) for sound, ratio in zip(sounds, ratios, strict=True))
        return pad_sequences([normalize_features(self.log_mel(sound)) for sound in noisy], STEPS)

    def texts(self, texts: Any, errors: Any, rng: np.random.Generator) -> np.ndarray:
        numbers = np.broadcast_to(errors, len(texts))
        typed = [mistype(text, rng, int(n)) for text, n in zip(texts, numbers, strict=True)]
        return pad_sequences([self.vocabulary.encode(self.letters(text)) for text in typed])[0]

    def degraded(self, data: MultimodalDataset, level: Level, rng: np.random.Generator) -> dict[str, Any]:
        return {
            "image": self.images(data.image, level.noise, rng),
            "audio": self.sounds(data.audio, level.snr, rng),
            "text": self.texts(data.text, level.errors, rng),
        }


class Batches:
    """Epochs of training batches ({sense: input}, labels), every sample degraded at random, anew each time.

    Of each sound a few takes are made beforehand: noise at −10 to 30 dB, and up to 15 % faster or slower.
    """

    def __init__(self, data: MultimodalDataset, front_ends: FrontEnds, seed: int):
        self.data, self.front_ends, self.seed = data, front_ends, seed
        rng = np.random.default_rng(seed)
        self.takes = []
        for _ in range(TAKES):
            played = np.empty(len(data), dtype=object)
            for i, sound in enumerate(data.audio):
                played[i] = change_speed(sound, rng.uniform(0.85, 1.15))
            self.takes.append(front_ends.sounds(played, rng.uniform(-10, 30, len(data)), rng))

    def epoch(self, number: int) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        rng = np.random.default_rng((self.seed, number))
        moved, masked = Augmentation(shift=0.06), SpecAugment()
        for rows in np.array_split(rng.permutation(len(self.data)), len(self.data) // BATCH):
            n = len(rows)
            images = moved(self.data.image[rows], rng)
            take, ends = (values[rows] for values in self.takes[rng.integers(TAKES)])
            sounds = masked(take[:, : ends.max()], rng), ends
            yield (
                {
                    "image": self.front_ends.images(images, rng.uniform(0, 0.5, n), rng),
                    "audio": sounds,
                    "text": self.front_ends.texts(self.data.text[rows], rng.integers(0, 5, n), rng),
                },
                self.data.y[rows],
            )


def train(model: Module, batches: Batches, loss: Callable[[dict[str, Any], np.ndarray], tm.Tensor]) -> None:
    """Adam with a cosine schedule; `loss` is that of a batch."""
    optimizer = tm.optim.Adam(model.parameters(), lr=RATE)
    schedule = tm.optim.CosineLR(optimizer, EPOCHS)
    model.train()
    for epoch in range(EPOCHS):
        for inputs, y in batches.epoch(epoch):
            optimizer.zero_grad()
            loss(inputs, y).backward()
            tm.optim.clip_grad_norm(optimizer.parameters, 1.0)
            optimizer.step()
        schedule.step()
    model.eval()


def models(words: int) -> dict[str, Callable[[], MMBigModel]]:
    alone: dict[str, dict[str, Any]] = {
        "image": {},
        "audio": {"image": False, "audio": 40},
        "text": {"image": False, "text": words},
    }
    made = {sense: lambda options=options: MMBigModel(**options) for sense, options in alone.items()}
    return made | {name: lambda name=name: MMBigModel(audio=40, text=words, fusion=name) for name in FUSIONS}


def accuracies(seed: int) -> np.ndarray:
    """Train all models from one seed: the accuracy at each level (rows) of each model (columns)."""
    data, test = load_multimodal_digits()
    front_ends = FrontEnds(data)
    batches, rng = Batches(data, front_ends, seed), np.random.default_rng(1000 + seed)
    at = [front_ends.degraded(test, level, rng) for level in LEVELS]
    columns = []
    for name, make in models(len(front_ends.vocabulary)).items():
        begun = time.perf_counter()
        tm.manual_seed(seed)
        model = make()
        train(model, batches, lambda x, y: F.cross_entropy(model(**{s: x[s] for s in model.encoders}), y))  # noqa: B023
        columns.append([accuracy(model, level, inputs, test.y) for level, inputs in zip(LEVELS, at, strict=True)])
        print(f"  seed {seed}, {name}: {columns[-1][0]:.1%} ({time.perf_counter() - begun:.0f} s)", flush=True)
    return np.transpose(columns)


def accuracy(model: MMBigModel, level: Level, inputs: dict[str, Any], y: np.ndarray) -> float:
    own = {sense: inputs[sense] for sense in model.encoders if sense != level.missing}
    if not own:
        return np.nan
    with tm.no_grad():
        return float((model(**own).data.argmax(axis=1) == y).mean())


def show(tables: list[np.ndarray]) -> None:
    """The mean of the tables, and how far fusion is above the best single sense where each alone is at 60–80 %."""
    print("\n| " + " | ".join(["accuracy in %", *SENSES, *FUSIONS]) + " |\n|---" + "|---:" * (3 + len(FUSIONS)) + "|")
    for level, row in zip(LEVELS, 100 * np.mean(tables, axis=0), strict=True):
        best = np.nanmax(row[:3])
        cells = [
            "–" if np.isnan(a) else f"**{a:.1f}**" if i > 2 and a >= best else f"{a:.1f}" for i, a in enumerate(row)
        ]
        print("| " + " | ".join([level.name, *cells]) + " |")
        if ((row[:3] >= 60) & (row[:3] <= 80)).all():
            gains = ", ".join(f"{name} {a - best:+.1f}" for name, a in zip(FUSIONS, row[3:], strict=True))
            print(f"  each alone is at 60–80 %; points above the best of them: {gains}")


def fusion(seeds: int) -> None:
    """Print the table of accuracies, mean over seeds; bold where fusion is at least as good as the best sense alone."""
    started = time.perf_counter()
    show([accuracies(seed) for seed in range(seeds)])
    print(f"mean of {seeds} seeds, {time.perf_counter() - started:.0f} s", flush=True)


def relations(seeds: int, picture: str | None = None) -> None:
    """Print recall@1 from each sense to each other on the test set, mean over seeds."""
    started, tables = time.perf_counter(), []
    pairs = list(itertools.permutations(SENSES, 2))
    for seed in range(seeds):
        data, test = load_multimodal_digits()
        front_ends = FrontEnds(data)
        tm.manual_seed(seed)
        encoders = MMBigModel(audio=40, text=len(front_ends.vocabulary)).encoders
        space = SharedSpace(encoders)
        train(space, Batches(data, front_ends, seed), lambda x, y: space.loss(space(**x), y))  # noqa: B023
        with tm.no_grad():
            points = {
                s: p.data for s, p in space(**front_ends.degraded(test, LEVELS[0], np.random.default_rng(seed))).items()
            }
        tables.append([recall_at_k(points[a], points[b], test.y, test.y) for a, b in pairs])
    for (a, b), recall in zip(pairs, np.mean(tables, axis=0), strict=True):
        print(f"recall@1, {a} to {b}: {recall:.1%}")
    print(f"mean of {seeds} seeds, {time.perf_counter() - started:.0f} s", flush=True)
    if picture:
        print(plots.save(plots.shared_space(points, dict.fromkeys(points, test.y), test.class_names), picture))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="fusion or relations; both without one")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", metavar="PATH", help="where to draw the shared space of the last seed")
    options = parser.parse_args()
    parts = options.parts or ["fusion", "relations"]
    if unknown := set(parts) - {"fusion", "relations"}:
        parser.error(f"{', '.join(sorted(unknown))}: choose from fusion, relations")
    if "fusion" in parts:
        fusion(options.seeds)
    if "relations" in parts:
        relations(options.seeds, options.picture)


if __name__ == "__main__":
    main()
