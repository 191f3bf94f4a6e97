"""Three senses of one digit: each alone, fused, degraded and missing; and one sense found by another.

python -m benchmarks.multimodal                   both of the following, 3 seeds
python -m benchmarks.multimodal fusion            accuracy of each sense alone and of each fusion, at every level
python -m benchmarks.multimodal relations         recall@1 between the senses after contrastive training
python -m benchmarks.multimodal --seeds 1 --picture noise.png

On `load_multimodal_digits()`: 1,438 samples to train on and 359 to test, which share no image, voice or typed form. All
models are trained by the recipes `multimodal` and `relations`, with the same random degradations of all senses, and
tested at stated levels: image noise is Gaussian of standard deviation σ on pixels from 0 to 1 (of the 8×8 image); sound
noise is white, at a signal-to-noise ratio; typing errors come on top of those that the texts have.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field, replace

import numpy as np

from tinymm import plots
from tinymm.data.datasets import Dataset
from tinymm.data.degradation import Degradation
from tinymm.models.fusion import FUSIONS
from tinymm.recipes import RECIPES, Recipe, cut, load_data, train_model
from tinymm.recipes.multimodal import LEVELS, SENSES
from tinymm.recipes.relations import RELATIONS


@dataclass(frozen=True)
class Level:
    """A degradation by its name."""

    name: str
    spoil: Degradation = field(default_factory=Degradation)


DEGRADED = [
    Level("as recorded"),
    *(Level(f"image noise σ {sigma}", Degradation(noise=sigma)) for sigma in (0.1, 0.2, 0.3, 0.4, 0.5)),
    *(Level(f"sound at {snr:+} dB", Degradation(snr=snr)) for snr in (10, 5, 0, -5, -10)),
    *(Level(f"{errors} more typing errors", Degradation(errors=errors)) for errors in (1, 2, 3, 4)),
    *(Level(f"all: {name}", spoil) for name, spoil in LEVELS.items() if name != "as recorded"),
    *(Level(f"no {sense}", Degradation(missing=(sense,))) for sense in SENSES),
]
MODELS: dict[str, Recipe] = {sense: replace(RECIPES["multimodal"], senses=sense) for sense in SENSES} | {
    name: replace(RECIPES["multimodal"], fusion=name) for name in FUSIONS
}


def split(recipe: Recipe) -> tuple[Dataset, Dataset]:
    """What is trained and what is tested on."""
    loaded = load_data(recipe)
    parts = cut(recipe, loaded)
    return loaded.data.subset(parts.train), loaded.data.subset(parts.held)


def accuracies(seed: int) -> np.ndarray:
    """Train all models from one seed: the accuracy at each level (rows) of each model (columns)."""
    data, test = split(RECIPES["multimodal"])
    samples = [level.spoil(test.x, np.random.default_rng(1000 + seed)) for level in DEGRADED]
    columns = []
    for name, recipe in MODELS.items():
        begun = time.perf_counter()
        trained = train_model(recipe, data, title=f"seed {seed}, {name}", seed=seed)
        column = []
        for level, x in zip(DEGRADED, samples, strict=True):
            blind = set(str(trained.recipe.senses).split(",")) <= set(level.spoil.missing)
            column.append(np.nan if blind else float((trained.probabilities(x).argmax(axis=1) == test.y).mean()))
        columns.append(column)
        print(f"  seed {seed}, {name}: {column[0]:.1%} ({time.perf_counter() - begun:.0f} s)", flush=True)
    return np.transpose(columns)


def show(tables: list[np.ndarray]) -> None:
    """The mean of the tables, and how far fusion is above the best single sense where each alone is at 60–80 %."""
    print("\n| " + " | ".join(["accuracy in %", *MODELS]) + " |\n|---" + "|---:" * len(MODELS) + "|")
    for level, row in zip(DEGRADED, 100 * np.mean(tables, axis=0), strict=True):
        alone, fused = row[: len(SENSES)], row[len(SENSES) :]
        best = np.nanmax(alone)
        cells = ["–" if np.isnan(a) else f"{a:.1f}" for a in alone]
        cells += [f"**{a:.1f}**" if a >= best else f"{a:.1f}" for a in fused]
        print("| " + " | ".join([level.name, *cells]) + " |")
        if ((alone >= 60) & (alone <= 80)).all():
            gains = ", ".join(f"{name} {a - best:+.1f}" for name, a in zip(FUSIONS, fused, strict=True))
            print(f"  each alone is at 60–80 %; points above the best of them: {gains}")


def fusion(seeds: int, picture: str | None = None) -> None:
    """Print the table of accuracies, mean over seeds; bold where fusion is at least as good as the best sense alone."""
    started, tables = time.perf_counter(), []
    for seed in range(seeds):
        tables.append(accuracies(seed))
        show(tables)
        print(f"mean of {seed + 1} seeds, {time.perf_counter() - started:.0f} s", flush=True)
    if picture:
        rows = [0] + [i for i, level in enumerate(DEGRADED) if level.name.startswith("all: ")]
        lines = {name: np.array(tables)[:, rows, i] for i, name in enumerate(MODELS)}
        names = [DEGRADED[i].name.removeprefix("all: ") for i in rows]
        print(plots.save(plots.accuracy_against_noise(names, lines, "all senses are degraded", list(FUSIONS)), picture))


def relations(seeds: int) -> None:
    """Print recall@1 from each sense to each other on the test set, mean over seeds."""
    started, tables = time.perf_counter(), []
    recipe = RECIPES["relations"]
    data, test = split(recipe)
    for seed in range(seeds):
        trained = train_model(recipe, data, title=f"seed {seed}, relations", seed=seed)
        tables.append(RELATIONS.judge([(test, trained.predict(test.x))]).table)
    for row in tables[0]:
        print(f"recall@1, {row}: {np.mean([table[row]['recall@1'] for table in tables]):.1%}")
    print(f"mean of {seeds} seeds, {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="fusion or relations; both without one")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", metavar="PATH", help="where to draw the accuracy against noise")
    options = parser.parse_args()
    parts = options.parts or ["fusion", "relations"]
    if unknown := set(parts) - {"fusion", "relations"}:
        parser.error(f"{', '.join(sorted(unknown))}: choose from fusion, relations")
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}, but it takes at least one")
    if "fusion" in parts:
        fusion(options.seeds, options.picture)
    if "relations" in parts:
        relations(options.seeds)


if __name__ == "__main__":
    main()
