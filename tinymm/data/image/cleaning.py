"""Cleaning: find the samples that no model should learn from, say which they are, leave them out or stop.

images, labels, report = clean(images, labels, n_classes=10)
print(report)
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SHOWN = 5  # indices named per problem when a report is printed


@dataclass(frozen=True, eq=False, repr=False)
class CleaningReport:
    """What `clean` found.

    Attributes:
        total: number of samples that came.
        problems: the name of each problem found, and the indices of the samples that have it. A sample may have
            several problems.
        kept: (K,) indices of the samples that are left, ascending; use it to index other arrays alike.
        names: what each sample is called when the report is printed; its number when None.
    """

    total: int
    problems: dict[str, np.ndarray]
    kept: np.ndarray
    names: Sequence[str] | None = None

    def __repr__(self) -> str:
        dropped = self.total - len(self.kept)
        head = f"cleaning: {self.total:,} samples, {len(self.kept):,} kept, {dropped:,} dropped"
        width = max(map(len, self.problems), default=0)
        return "\n".join(
            [head] + [f"  {name:<{width}}  {len(who):>6,}  {self.called(who)}" for name, who in self.problems.items()]
        )

    def called(self, who: np.ndarray) -> str:
        """The first few of these samples by name."""
        more = ", …" if len(who) > SHOWN else ""
        if self.names is not None:
            return ", ".join(self.names[i] for i in who[:SHOWN]) + more
        return f"sample{'s' if len(who) > 1 else ''} {', '.join(str(i) for i in who[:SHOWN])}{more}"


def clean(
    images: np.ndarray | Sequence[np.ndarray],
    labels: ArrayLike,
    n_classes: int | None = None,
    shape: tuple[int, int, int] | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    on_problem: str = "drop",
    names: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray, CleaningReport]:
    """Check every image and label; return those without a problem and a report on the others.

    | problem            | a sample has it when                                                             |
    |--------------------|----------------------------------------------------------------------------------|
    | wrong shape        | its shape is not `shape` (by default the commonest one)                          |
    | missing values     | a pixel is NaN or infinite                                                       |
    | out of range       | a pixel lies outside `value_range`                                               |
    | constant           | all its pixels are equal                                                         |
    | invalid label      | its label is missing, no whole number, negative, or at least `n_classes`         |
    | duplicate          | an earlier sample has the same image and label: the first is kept                |
    | conflicting labels | another sample has the same image and another label: no one knows which is right |

    Duplicates are searched for among the samples that have none of the other problems.

    Args:
        images: (N, C, H, W), or a sequence of N arrays (C, H, W) when shapes differ.
        labels: (N,) whole numbers from 0.
        n_classes: labels must be below it; unchecked when None.
        shape: (C, H, W) that every image must have.
        value_range: lowest and highest pixel allowed.
        on_problem: "drop" leaves the samples out, "raise" makes any problem a ValueError.
        names: what messages call the samples, e.g. their files; by default their numbers.

    Returns:
        images (K, C, H, W), labels (K,) int64, CleaningReport.

    Raises:
        ValueError: lengths differ, axes are in the wrong order, integer images are not scaled, nothing is
            left, or `on_problem="raise"` and a problem was found.
        TypeError: labels or pixels are not numbers.

    >>> images = np.linspace(0, 1, 4 * 9).reshape(4, 1, 3, 3)
    >>> images[1, 0, 0, 0] = np.nan
    >>> images[2] = 0.5
    >>> x, y, report = clean(images, [0, 1, 0, 7], n_classes=2)
    >>> report
    cleaning: 4 samples, 1 kept, 3 dropped
      missing values       1  sample 1
      constant             1  sample 2
      invalid label        1  sample 3
    """
    if on_problem not in ("drop", "raise"):
        raise ValueError(f"clean: on_problem {on_problem!r} is unknown: choose 'drop' or 'raise'")
    samples = _as_samples(images)
    labels = _as_labels(labels)
    if len(samples) != len(labels):
        raise ValueError(f"clean: {len(samples)} images but {len(labels)} labels: each image needs one label")
    if len(samples) == 0:
        raise ValueError("clean: there are no images: expected at least one")

    shape = tuple(shape or Counter(sample.shape for sample in samples).most_common(1)[0][0])
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"clean: images of shape {shape} are no images: expected (channels, height, width)")
    right_shape = np.array([sample.shape == shape for sample in samples])
    stack = samples if isinstance(samples, np.ndarray) else _stack(samples, right_shape, shape)
    _check_scaled(stack, value_range)

    pixels = stack.reshape(len(stack), -1)
    missing = right_shape & ~np.isfinite(pixels).all(axis=1)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    bad = {
        "wrong shape": ~right_shape,
        "missing values": missing,
        "out of range": right_shape & ~missing & ((low < value_range[0]) | (high > value_range[1])),
        "constant": right_shape & ~missing & (low == high),
        "invalid label": ~_valid_labels(labels, n_classes),
    }
    fine = ~np.any(list(bad.values()), axis=0)
    bad["duplicate"], bad["conflicting labels"] = _duplicates(stack, labels, np.flatnonzero(fine))
    kept = np.flatnonzero(~np.any(list(bad.values()), axis=0))
    problems = {name: np.flatnonzero(who) for name, who in bad.items() if who.any()}
    report = CleaningReport(len(samples), problems, kept, names)
    if report.problems and (on_problem == "raise" or len(kept) == 0):
        highest = "" if n_classes is None else f" to {n_classes - 1}"
        expected = {
            "wrong shape": f"expected {shape}",
            "out of range": f"expected [{value_range[0]:g}, {value_range[1]:g}]",
            "invalid label": f"expected whole numbers from 0{highest}",
        }
        highest_pixel = 0.0
        if 2 * bad["out of range"].sum() > len(samples) and low[bad["out of range"]].min() >= value_range[0]:
            highest_pixel = float(high[bad["out of range"]].max())
        raise ValueError(_complaint(report, expected, highest_pixel))
    return stack[kept], labels[kept].astype(np.int64), report


def overlap(train_images: np.ndarray, test_images: np.ndarray) -> np.ndarray:
    """Return the leaks between two splits: pairs (i, j) with `train_images[i]` equal to `test_images[j]`.

    A model that has seen a test image in training is judged too kindly: expect an empty result.

    Args:
        train_images: (N, ...).
        test_images: (M, ...), the same shape of image.

    Returns:
        (K, 2) int64, one row for each test image that is also a training image (the first equal one), by j.

    >>> overlap(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [3.0, 4.0]]))
    array([[1, 1]])
    """
    train_images, test_images = np.asarray(train_images), np.asarray(test_images)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise ValueError(
            f"overlap: training images {train_images.shape} and test images {test_images.shape} differ in shape: "
            "only the first axis may"
        )
    dtype = np.result_type(train_images, test_images)
    first: dict[bytes, int] = {}
    for i, image in enumerate(train_images):
        first.setdefault(_fingerprint(image.astype(dtype)), i)
    pairs = [(first.get(_fingerprint(image.astype(dtype)), -1), j) for j, image in enumerate(test_images)]
    return np.array([pair for pair in pairs if pair[0] >= 0], np.int64).reshape(-1, 2)


def _as_samples(images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    if isinstance(images, np.ndarray) and images.dtype != object:
        if images.ndim != 4:
            mend = "images[:, None]" if images.ndim == 3 else "images.reshape(N, 1, height, width)"
            raise ValueError(f"clean: images {images.shape} need 4 axes (N, channels, height, width): try {mend}")
        if images.shape[3] in (1, 3, 4) and images.shape[1] > 4:
            raise ValueError(
                f"clean: images {images.shape} look like (N, height, width, channels): "
                "channels come second, try images.transpose(0, 3, 1, 2)"
            )
        samples: np.ndarray | list[np.ndarray] = images
    else:
        samples = [np.asarray(image) for image in images]
    for sample in samples[:1] if isinstance(samples, np.ndarray) else samples:
        if sample.dtype.kind not in "fiub":
            raise TypeError(f"clean: images of {sample.dtype} are not pixels: expected real numbers")
    return samples


def _as_labels(labels: ArrayLike) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1:
        mend = "labels[:, 0]" if labels.shape[1:] == (1,) else "labels.argmax(axis=1) for one-hot rows"
        raise ValueError(f"clean: labels {labels.shape} need one axis: try {mend}")
    if labels.dtype.kind not in "fiub":
        raise TypeError(
            f"clean: labels of {labels.dtype} are not numbers: "
            "try names, labels = np.unique(labels, return_inverse=True)"
        )
    return labels


def _stack(samples: list[np.ndarray], right: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return all samples as one array, zeros standing for those of another shape."""
    dtype = np.result_type(*(sample.dtype for sample in samples))
    stack = np.zeros((len(samples), *shape), dtype)
    for i in np.flatnonzero(right):
        stack[i] = samples[i]
    return stack


def _check_scaled(stack: np.ndarray, value_range: tuple[float, float]) -> None:
    if stack.dtype.kind in "iu" and stack.size and stack.max() > value_range[1]:
        raise ValueError(
            f"clean: images are {stack.dtype} from {stack.min()} to {stack.max()}, but pixels must lie in "
            f"[{value_range[0]:g}, {value_range[1]:g}]: {_scaling_hint(stack.max())}"
        )


def _scaling_hint(highest: float) -> str:
    full = next((full for full in (16, 255, 65535) if highest <= full), highest)
    return f"scale them first, try images.astype(np.float32) / {full}"


def _valid_labels(labels: np.ndarray, n_classes: int | None) -> np.ndarray:
    valid = np.isfinite(labels) & (labels >= 0) & (labels == np.floor(labels))
    return valid if n_classes is None else valid & (labels < n_classes)


def _fingerprint(image: np.ndarray) -> bytes:
    # adding 0 turns -0.0 into 0.0, which is equal but has other bytes
    return hashlib.blake2b((image + image.dtype.type(0)).tobytes(), digest_size=16).digest()


def _duplicates(images: np.ndarray, labels: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mark repeated samples, and all samples of an image that came with more than one label."""
    groups: dict[bytes, list[int]] = {}
    for i in where:
        groups.setdefault(_fingerprint(images[i]), []).append(i)
    duplicate, conflicting = np.zeros((2, len(images)), bool)
    for group in groups.values():
        if len(set(labels[group])) > 1:
            conflicting[group] = True
        else:
            duplicate[group[1:]] = True
    return duplicate, conflicting


def _complaint(report: CleaningReport, expected: dict[str, str], unscaled: float) -> str:
    """What was found and how to mend it; `unscaled` is the highest pixel where most images seem not to be scaled."""
    found = "; ".join(
        f"{len(who)} {name} ({', '.join(filter(None, [report.called(who), expected.get(name)]))})"
        for name, who in report.problems.items()
    )
    if unscaled:
        mend = _scaling_hint(unscaled)
    elif len(report.kept):
        mend = "mend them, or leave them out with on_problem='drop'"
    else:
        mend = "no sample would be left"
        if "out of range" in report.problems:
            mend += ", scale the images or give their value_range"
    return f"clean: of {report.total} samples, {found}: {mend}"
