"""How right: what the README states, measured again, beside scikit-learn and PyTorch where they are installed.

python -m benchmarks.accuracy               all of them (hours on two cores)
python -m benchmarks.accuracy speech        one of them; `--help` lists them, and the recipe of each row is in ROWS below
python -m benchmarks.accuracy speech --seeds 1
python -m benchmarks.accuracy mnist --resume    only what is missing of its seeds and folds, after an interruption

A row is trained and tested as its recipe says, once from each seed, which also draws the folds where there are any.
The mean over the seeds ± their standard deviation, and the time of a training, go into benchmarks/results/accuracy.md,
where the rows that are not measured now stay as they were; the values of all folds into accuracy.json beside it, fold by
fold, so that `--resume` goes on where a measurement was stopped (what was measured by other code is not noticed).
The other claims are `digits`, which adds scikit-learn's figures, and `curve` (`curve64` in float64): the reference model
and PyTorch's twin on the same batches, epoch by epoch. For the fused senses see `python -m benchmarks.multimodal`.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import tinymm as tm
from benchmarks.machine import Strangers, describe
from benchmarks.scoreboard import Score, Spent, keep, load
from tinymm import functional as F
from tinymm.data.datasets import load_digits, open_dataset
from tinymm.data.loading import DataLoader
from tinymm.data.standardizing import Standardizer
from tinymm.kernels.threads import get_num_threads
from tinymm.models import MMBigModel
from tinymm.recipes import RECIPES, Recipe, train_model
from tinymm.splits import StratifiedKFold, train_test_split
from tinymm.training import predict
from tinymm.validation import cross_validate

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """A recipe and the goal it must reach, if it must: an accuracy, or a word error rate at most.

    `tested_on` names another data set: the model then learns from all of its own data and is tested on all of that.
    """

    recipe: Recipe
    goal: float | None = None
    tested_on: str | None = None


ROWS: dict[str, list[Row]] = {
    "digits": [Row(Recipe(model="cnn", folds=10)), Row(Recipe(model="logistic", folds=10))],
    "mnist": [Row(RECIPES["mnist"], 0.988)],
    "speech": [Row(RECIPES["speech"], 0.99), Row(replace(RECIPES["speech"], model="crnn"), 0.99)],
    "speakers": [Row(replace(RECIPES["speech"], split="groups"), 0.85)],
    "synthetic": [Row(replace(RECIPES["speech"], data="spoken-digits"), 0.60, tested_on="fsdd")],
    "strings": [
        Row(RECIPES["speech-to-text"], 0.05),
        Row(replace(RECIPES["speech-to-text"], data="spoken-digits")),
        Row(replace(RECIPES["speech-to-text"], data="spoken-digits"), tested_on="fsdd"),
    ],
    "sentiment": [Row(RECIPES["sentiment"], 0.85)],
    "topic": [Row(RECIPES["topic"], 0.91)],
    "intent": [Row(RECIPES["intent"], 0.90)],
}


def measure(claim: str, row: Row, seeds: int, folder: Path, resume: bool = False) -> None:
    """Train and test from each seed, print the first measure of the recipe's task, and keep it with what is in `folder`.

    resume: what is there of this row is not measured again.
    """
    recipe = row.recipe.complete()
    score = Score(
        claim=claim,
        model=str(recipe.model),
        data=recipe.data + (f" and {recipe.extra_data}" if recipe.extra_data else ""),
        tested=row.tested_on or f"{recipe.split} split",
        goal=row.goal,
        threads=get_num_threads(),
        machine="{processor}, {processors} processors, {memory}, {system}, Python {python}".format(**describe()),
    )
    if resume:
        score = next((kept for kept in load(folder / "accuracy.json") if kept.row == score.row), score)
    for seed in range(seeds):
        if seed not in score.finished:
            for longer in measure_seed(score, row, seed):
                keep(score := longer, folder, ROWS)
        print(f"  seed {seed}: {' '.join(f'{value:.2%}' for value in score.found[seed])}", flush=True)
    print("  ".join(filter(None, score.cells())), flush=True)


def measure_seed(score: Score, row: Row, seed: int) -> Iterator[Score]:
    """The score with one more fold, again and again until it has all of this seed."""
    recipe = replace(row.recipe, seed=seed).complete()
    task = recipe.task
    loaded = task.load(recipe)
    if row.tested_on:
        folds = [(loaded.data, open_dataset(row.tested_on))]
    else:
        parts = task.cut(recipe, loaded)
        rows = parts.folds or [(parts.train, parts.held)]
        folds = [(loaded.training(train), loaded.data.subset(test)) for train, test in rows]
    for i in range(len(score.found.get(seed, [])), len(folds)):
        train, test = folds[i]
        strangers, processor, clock = Strangers(time.process_time), time.process_time(), time.perf_counter()
        trained = train_model(recipe, train, title=f"fold {i + 1}/{len(folds)}", seed=seed + i)
        spent = Spent(time.process_time() - processor, time.perf_counter() - clock, strangers.share())
        test = task.test_set(test)
        judged = task.judge([(test, trained.predict(test.x))])
        name, (value,) = next(iter(judged.summary.items()))
        score = replace(score, measure=name, folds=len(folds), date=time.strftime("%Y-%m-%d")).add(seed, value, spent)
        yield score


def report(name: str, result: Any, started: float) -> None:
    mean, std = result.mean, result.std
    print(
        f"{name}: accuracy {mean['accuracy']:.2%} ± {std['accuracy']:.2%}, macro F1 {mean['f1_macro']:.2%} "
        f"± {std['f1_macro']:.2%}  ({time.perf_counter() - started:.0f} s)",
        flush=True,
    )


def peers_on_digits() -> None:
    if importlib.util.find_spec("sklearn") is None:
        print("scikit-learn is not installed: its figures are left out")
        return
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    data = load_digits()
    x = data.x.reshape(len(data), -1)
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    for name, make in (
        (
            "scikit-learn logistic regression",
            lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        ),
        ("scikit-learn RBF SVM", lambda: SVC(gamma=0.02, C=10)),
    ):
        started = time.perf_counter()
        report(f"{name}, {data.name}, 10 folds", cross_validate(make, x, data.y, cv=folds), started)


def curve(dtype: str = "float32", epochs: int = 12, batch_size: int = 64) -> None:
    """Accuracy after every epoch on a fifth of MNIST's test images, trained on the rest: Adam 0.001, norm clipped to 1.

    Training is chaotic: in float32 a last bit that is rounded differently becomes a different curve within an epoch or
    two. PyTorch with one thread instead of two shows how far two right answers lie apart; in float64 they part later.
    """
    data = open_dataset("mnist-test")
    x, x_test, y, y_test = train_test_split(data.x, data.y, test_size=0.2, stratify=data.y, random_state=0)
    standardizer = Standardizer("all").fit(x)
    x, x_test = (standardizer.transform(images).astype(dtype) for images in (x, x_test))
    tm.manual_seed(0)
    model = MMBigModel().astype(dtype)
    start = model.state_dict()
    batches = DataLoader(x, y, batch_size=batch_size, seed=0)

    optimizer = tm.optim.Adam(model.parameters())
    ours = []
    for epoch in range(epochs):
        started = time.perf_counter()
        for xb, yb in batches:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            tm.optim.clip_grad_norm(optimizer.parameters, 1.0)
            optimizer.step()
        ours.append(float((predict(model, x_test).argmax(1) == y_test).mean()))
        print(f"tinymm epoch {epoch + 1:2}: {ours[-1]:.2%}  ({time.perf_counter() - started:.1f} s)", flush=True)

    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its curve is left out")
        return
    curves = {}
    for threads in (2, 1) if dtype == "float32" else (2,):
        order = DataLoader(x, y, batch_size=batch_size, seed=0)
        curves[threads] = torch_curve(start, order, x_test, y_test, epochs, threads)
    print(f"{dtype}, tinymm against PyTorch: {differences(ours, curves[2])}")
    if 1 in curves:
        print(f"{dtype}, PyTorch with one thread against two: {differences(curves[1], curves[2])}")


def differences(a: list[float], b: list[float]) -> str:
    points = 100 * np.abs(np.subtract(a, b))
    return f"accuracies after each epoch differ by {points.mean():.2f} points on average, {points.max():.2f} at most"


def torch_curve(
    start: dict[str, np.ndarray], batches: Any, x_test: np.ndarray, y_test: np.ndarray, epochs: int, threads: int
) -> list[float]:
    """The same weights, batches and steps in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)

    class Last(nn.Module):
        def forward(self, x: Any) -> Any:
            return x[1][0][0]

    class Sequence(nn.Module):
        def forward(self, x: Any) -> Any:
            return x[:, :, None]

    twin = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(
            nn.Flatten(),
            nn.Linear(1600, 128),
            nn.ReLU(),
            Sequence(),
            nn.LSTM(1, 128, batch_first=True),
            Last(),
        ),
        *(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    twin = twin.to(torch.from_numpy(x_test).dtype)
    values = [torch.tensor(v) for v in start.values()]
    own = [p for name, p in twin.named_parameters() if "bias_hh" not in name]
    with torch.no_grad():
        for p, v in zip(own, values, strict=True):
            p.copy_(v)
        twin[10].bias_hh_l0.zero_()
    optimizer = torch.optim.Adam(own)  # one bias, as the formula has
    accuracies = []
    for epoch in range(epochs):
        started = time.perf_counter()
        for xb, yb in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(twin(torch.from_numpy(xb)), torch.from_numpy(yb)).backward()
            norm = torch.sqrt(sum((p.grad**2).sum() for p in own))
            if norm > 1:  # torch.nn.utils.clip_grad_norm_ divides by ‖g‖ + 1e-6, which is another curve before long
                for p in own:
                    p.grad /= norm
            optimizer.step()
        with torch.no_grad():
            logits = torch.cat([twin(torch.from_numpy(x_test[i : i + 256])) for i in range(0, len(x_test), 256)])
        accuracies.append(float((logits.numpy().argmax(1) == y_test).mean()))
        print(
            f"PyTorch epoch {epoch + 1:2}: {accuracies[-1]:.2%}  ({time.perf_counter() - started:.1f} s)",
            flush=True,
        )
    return accuracies


OTHERS = {"curve": curve, "curve64": lambda: curve("float64")}


def main() -> None:
    claims = [*ROWS, *OTHERS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"any of {', '.join(claims)}; all without one")
    parser.add_argument("--seeds", type=int, default=3, help="how often each row is trained (default: 3)")
    parser.add_argument("--resume", action="store_true", help="measure only what the folder does not have yet")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder for accuracy.md and accuracy.json")
    options = parser.parse_args()
    if unknown := set(options.claims) - set(claims):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(claims)}")
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}, but it takes at least one")
    for claim in options.claims or claims:
        for row in ROWS.get(claim, []):
            measure(claim, row, options.seeds, options.output, options.resume)
        if claim == "digits":
            peers_on_digits()
        if claim in OTHERS:
            OTHERS[claim]()


if __name__ == "__main__":
    main()
