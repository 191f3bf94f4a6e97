"""Three senses of one digit: each alone, fused, degraded and missing; and one sense found by another.

python -m benchmarks.multimodal                   both of the following, 3 seeds
python -m benchmarks.multimodal fusion            accuracy of each sense alone and of each fusion, at every level
python -m benchmarks.multimodal relations         recall@1 between the senses after contrastive training
python -m benchmarks.multimodal fusion --seeds 1
python -m benchmarks.multimodal fusion --resume   only what is missing of its seeds and models, after an interruption

The first writes benchmarks/results/multimodal.md, multimodal.png of the levels at which all senses are degraded, and the
values from each seed into multimodal.json, model by model.

On `load_multimodal_digits()`: 1,438 samples to train on and 359 to test, which share no image, voice or typed form. All
models are trained by the recipes `multimodal` and `relations`, with the same random degradations of all senses, and
tested at stated levels: image noise is Gaussian of standard deviation σ on pixels from 0 to 1 (of the 8×8 image); sound
noise is white, at a signal-to-noise ratio; typing errors come on top of those that the texts have.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tinymm import plots
from tinymm.data.datasets import Dataset
from tinymm.data.degradation import Degradation
from tinymm.files import write_atomically
from tinymm.models.fusion import FUSIONS
from tinymm.recipes import RECIPES, Recipe, cut, load_data, train_model
from tinymm.recipes.multimodal import LEVELS, SENSES
from tinymm.recipes.relations import RELATIONS

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Level:
    """A degradation by its name."""

    name: str
    spoil: Degradation = field(default_factory=Degradation)


DEGRADED = [
    Level("as recorded"),
    *(Level(f"image noise σ {sigma}", Degradation(noise=sigma)) for sigma in (0.1, 0.2, 0.3, 0.4, 0.5)),
    *(Level(f"sound at {snr:+} dB", Degradation(snr=snr)) for snr in (10, 5, 0, -5, -10)),
    *(Level(f"{errors} more typing error{'s' * (errors > 1)}", Degradation(errors=errors)) for errors in (1, 2, 3, 4)),
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


def accuracies(seed: int, found: dict[str, list[float | None]]) -> Iterator[str]:
    """Train each model from one seed that is not yet in `found`, and put its accuracy at each level there; its name."""
    missing = [name for name in MODELS if len(found.get(name, [])) != len(DEGRADED)]
    if not missing:
        return
    data, test = split(RECIPES["multimodal"])
    samples = [level.spoil(test.x, np.random.default_rng(1000 + seed)) for level in DEGRADED]
    for name in missing:
        begun = time.perf_counter()
        trained = train_model(MODELS[name], data, title=f"seed {seed}, {name}", seed=seed)
        column: list[float | None] = []
        for level, x in zip(DEGRADED, samples, strict=True):
            blind = set(str(trained.recipe.senses).split(",")) <= set(level.spoil.missing)
            column.append(None if blind else float((trained.probabilities(x).argmax(axis=1) == test.y).mean()))
        found[name] = column
        print(f"  seed {seed}, {name}: {column[0]:.1%} ({time.perf_counter() - begun:.0f} s)", flush=True)
        yield name


def table(tables: list[np.ndarray]) -> str:
    """The mean of the tables, fusion in bold where it is at least as good as the best sense alone, and what follows."""
    lines = ["| " + " | ".join(["accuracy in %", *MODELS]) + " |", "|---" + "|---:" * len(MODELS) + "|"]
    notes = []
    for level, row in zip(DEGRADED, 100 * np.mean(tables, axis=0), strict=True):
        alone, fused = row[: len(SENSES)], row[len(SENSES) :]
        best = np.nanmax(alone)
        cells = ["–" if np.isnan(a) else f"{a:.1f}" for a in alone]
        cells += [f"**{a:.1f}**" if a >= best else f"{a:.1f}" for a in fused]
        lines.append("| " + " | ".join([level.name, *cells]) + " |")
        if ((alone >= 60) & (alone <= 80)).all():
            gains = ", ".join(f"{name} {a - best:+.1f}" for name, a in zip(FUSIONS, fused, strict=True))
            notes.append(f"{level.name}: each sense alone is at 60–80 %; points above the best of them: {gains}.")
    return "\n".join([*lines, "", *notes])


def fusion(seeds: int, folder: Path, resume: bool = False) -> None:
    """Measure all models from each seed; after each, the means so far go into multimodal.md and multimodal.png.

    resume: what is in multimodal.json is not measured again.
    """
    kept = folder / "multimodal.json"
    found = json.loads(kept.read_text(encoding="utf-8")) if resume and kept.exists() else {}
    folder.mkdir(parents=True, exist_ok=True)
    tables: list[np.ndarray] = []
    for seed in range(seeds):
        columns = found.setdefault(str(seed), {})
        for _ in accuracies(seed, columns):
            write_atomically(kept, (json.dumps(found, indent=1) + "\n").encode())
        tables.append(np.transpose([columns[name] for name in MODELS]).astype(float))  # None becomes NaN
        text = f"{table(tables)}\nMean of {seed + 1} seed{'s' if seed else ''}.\n"
        write_atomically(folder / "multimodal.md", f"# Three senses, alone and fused\n\n{text}".encode())
        rows = [0] + [i for i, level in enumerate(DEGRADED) if level.name.startswith("all: ")]
        lines = {name: np.array(tables)[:, rows, i] for i, name in enumerate(MODELS)}
        names = [DEGRADED[i].name.removeprefix("all: ") for i in rows]
        plots.save(
            plots.accuracy_against_noise(names, lines, "all senses are degraded", list(FUSIONS)),
            folder / "multimodal.png",
        )
    print(f"\n{text}", flush=True)


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
    parser.add_argument(
        "--resume", action="store_true", help="of fusion, measure only what the folder does not have yet"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder for multimodal.md and multimodal.png")
    options = parser.parse_args()
    parts = options.parts or ["fusion", "relations"]
    if unknown := set(parts) - {"fusion", "relations"}:
        parser.error(f"{', '.join(sorted(unknown))}: choose from fusion, relations")
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}, but it takes at least one")
    if "fusion" in parts:
        fusion(options.seeds, options.output, options.resume)
    if "relations" in parts:
        relations(options.seeds)


if __name__ == "__main__":
    main()
