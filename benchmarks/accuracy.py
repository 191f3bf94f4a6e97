"""How right: the accuracies the README states, measured again, beside scikit-learn and PyTorch where they are installed.

python -m benchmarks.accuracy            all of them (about 15 minutes on two cores)
python -m benchmarks.accuracy digits     ten-fold cross-validation on the bundled digits
python -m benchmarks.accuracy mnist      five-fold cross-validation of the CNN on MNIST's test images
python -m benchmarks.accuracy curve      the reference model and PyTorch's twin on the same batches, epoch by epoch
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from typing import Any

import numpy as np

import tinymm as tm
from tinymm import functional as F
from tinymm.data.datasets import load_digits, open_dataset
from tinymm.data.loading import DataLoader
from tinymm.data.standardizing import Standardizer
from tinymm.models import MMBigModel
from tinymm.recipes import Recipe, train_model
from tinymm.splits import StratifiedKFold, train_test_split
from tinymm.training import predict
from tinymm.validation import cross_validate


def score(recipe: Recipe) -> None:
    """Cross-validate a recipe and print its scores."""
    data = open_dataset(recipe.data)
    started = time.perf_counter()

    def fit_predict(train: np.ndarray, _: np.ndarray, test: np.ndarray) -> np.ndarray:
        trained = train_model(recipe, data.subset(train), title=f"{recipe.model} on {data.name}")
        return trained.probabilities(data.x[test]).argmax(1)

    folds = StratifiedKFold(recipe.folds, shuffle=True, random_state=0)
    result = cross_validate(fit_predict, np.arange(len(data)), data.y, cv=folds)
    report(f"{recipe.model}, {data.name}, {recipe.folds} folds", result, started)


def report(name: str, result: Any, started: float) -> None:
    mean, std = result.mean, result.std
    print(
        f"{name}: accuracy {mean['accuracy']:.2%} ± {std['accuracy']:.2%}, macro F1 {mean['f1_macro']:.2%} "
        f"± {std['f1_macro']:.2%}  ({time.perf_counter() - started:.0f} s)",
        flush=True,
    )


def digits() -> None:
    score(Recipe(model="cnn", folds=10))
    score(Recipe(model="logistic", folds=10))
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


def mnist() -> None:
    score(Recipe(model="cnn", data="mnist-test", folds=5))


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


CLAIMS = {"digits": digits, "mnist": mnist, "curve": curve, "curve64": lambda: curve("float64")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"any of {', '.join(CLAIMS)}; all without one")
    chosen = parser.parse_args().claims or list(CLAIMS)
    for claim in chosen:
        if claim not in CLAIMS:
            parser.error(f"{claim!r} is unknown: choose from {', '.join(CLAIMS)}")
    for claim in chosen:
        CLAIMS[claim]()


if __name__ == "__main__":
    main()
