"""What a data set is: samples of one sense, their labels, and where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

ALL_THREE = "all three"  # the sense of samples that are seen, heard and read
PER_SAMPLE = ("x", "y", "groups", "index", "files")  # what a subset takes its part of


class Senses(NamedTuple):
    """One thing as it is seen, heard and read; None for a sense that is missing.

    >>> Senses(text="seven").given
    ('text',)
    """

    image: Any = None
    audio: Any = None
    text: Any = None

    @property
    def given(self) -> tuple[str, ...]:
        """The senses that are there."""
        return tuple(name for name, value in self._asdict().items() if value is not None)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples, their labels, and where they come from: one shape for images, sounds and texts.

    `x` is an array with one entry per sample, whatever the sense, so that indices, masks, folds and batches cut all of
    them alike: `x[train]`, `cross_validate(make, data.x, data.y)`, `DataLoader(data.x, data.y)`.

    Attributes:
        x: the samples, first axis N. Images: (N, channels, height, width) float32 in [0, 1]. Sounds: (N,) objects, each
            a float32 array (samples,) in [−1, 1], of any length. Texts: (N,) objects, each a str. All three together: (N,)
            objects, each a `Senses` of these. A list or tuple of sounds, texts or senses becomes such an array.
        y: (N,) int64 labels, `class_names[y[i]]` being the name of sample i's class.
        class_names: one name per class.
        name, source, licence: what to cite and what is allowed.
        files: the file of each sample, if each has one.
        groups: (N,) names of what samples have in common beside the class, such as the speaker; leave whole groups out
            to see how well a model does on new ones. None if nothing is known.
        index: (N,) int64 number of the sample among those of its class and group, if it has one.
        rate: samples per second in Hz, for sounds only.

    Raises:
        ValueError: x, y, groups, index or files differ in length.
        TypeError: a list or tuple x that holds neither texts nor arrays of one axis.

    >>> data = Dataset(["good", "bad", "fine"], np.array([1, 0, 1]), ("no", "yes"), "Replies", "own", "CC0")
    >>> data
    Replies: 3 texts of 3 to 4 characters, 2 classes (CC0; own)
    >>> data.subset(data.y == 1).x.tolist()
    ['good', 'fine']
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    name: str
    source: str
    licence: str
    files: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    index: np.ndarray | None = None
    rate: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.x, (list, tuple)):
            object.__setattr__(self, "x", as_samples(self.x))
        if len(self.x) != len(self.y):
            raise ValueError(f"Dataset: {len(self.x)} samples but {len(self.y)} labels: each needs one")
        for name in ("groups", "index", "files"):
            values = getattr(self, name)
            if values is not None and (name != "files" or values) and len(values) != len(self.y):
                raise ValueError(
                    f"Dataset: {len(self.y)} samples but {len(values)} {name}: give one for each, or leave them out"
                )

    @property
    def sense(self) -> str:
        """ "image", "audio", "text" or "all three": what the samples are."""
        if self.x.dtype == object and len(self.x) and isinstance(self.x[0], Senses):
            return ALL_THREE
        if self.rate is not None:
            return "audio"
        return "text" if self.x.dtype.kind in "OUT" else "image"

    def subset(self, chosen: Any) -> Dataset:
        """Return the samples at these indices, (n,) int, or where this mask, (N,) bool, is true, with all they have.

        Raises:
            TypeError: neither indices nor a mask.
            IndexError: an index beyond the samples, or a mask of another length.
        """
        rows = chosen_rows(chosen, len(self))
        parts = {name: getattr(self, name) for name in PER_SAMPLE}
        parts = {
            name: tuple(values[i] for i in rows) if name == "files" else values[rows]
            for name, values in parts.items()
            if values is not None and len(values)
        }
        return replace(self, **parts)

    def sha256(self) -> str:
        """The SHA-256 of the samples, labels and class names: equal data have equal ones, wherever they come from."""
        digest = hashlib.sha256(repr((self.x.shape, self.class_names, self.rate)).encode())
        for values in (self.x, self.y):
            for value in values if values.dtype.kind == "O" else [values]:
                for part in value if isinstance(value, Senses) else [value]:
                    array = np.array(() if part is None else part)
                    digest.update(f"{array.dtype} {array.shape}".encode())
                    digest.update(array.tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return (
            f"{self.name}: {len(self):,} {self._described()}, "
            f"{len(self.class_names)} classes ({self.licence}; {self.source})"
        )

    def _described(self) -> str:
        if self.sense == "image":
            return f"samples of {'×'.join(str(size) for size in self.x.shape[1:])} {self.x.dtype}"
        if self.sense == ALL_THREE:
            return f"samples of {' and '.join(sorted({name for sample in self.x for name in sample.given}))}"
        lengths = [len(sample) for sample in self.x] or [0]
        if self.rate is not None:
            return f"sounds of {min(lengths) / self.rate:.2f} to {max(lengths) / self.rate:.2f} s at {self.rate:,} Hz"
        return f"texts of {min(lengths):,} to {max(lengths):,} characters"


def chain(parts: Sequence[Dataset]) -> Dataset:
    """The samples of all parts in one set, under the name of the first; what not all of them have is left out.

    ValueError: no parts. They must be of one kind: the same classes, rate and size of image.
    """
    if not parts:
        raise ValueError("chain: there are no data sets to put together")
    values: dict[str, Any] = {}
    for name in PER_SAMPLE:
        found = [getattr(part, name) for part in parts]
        if any(value is None or not len(value) for value in found):
            values[name] = () if name == "files" else None
        else:
            values[name] = sum(found, ()) if name == "files" else np.concatenate(found)
    return replace(parts[0], **values)


def chosen_rows(chosen: Any, n: int) -> np.ndarray:
    """The indices of the chosen ones of n samples, (m,) int64: given as indices, negative ones from the end, or as a mask."""
    array = np.asarray(chosen)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iub"):
        raise TypeError(
            f"subset: chosen is {array.dtype} {array.shape}, expected indices, (n,) int, or a mask, ({n},) bool: "
            "for one sample try subset([i])"
        )
    return np.arange(n)[array if array.size or array.dtype == bool else array.astype(np.intp)]


def as_samples(samples: Sequence[Any]) -> np.ndarray:
    """Return texts, sounds of any lengths or senses, as an array (N,) of objects, which indices and masks can cut.

    >>> as_samples([np.zeros(3), np.zeros(3)]).shape
    (2,)
    """
    for i, sample in enumerate(samples):
        if not isinstance(sample, str | Senses) and not (isinstance(sample, np.ndarray) and sample.ndim == 1):
            kind = f"an array {sample.shape}" if isinstance(sample, np.ndarray) else f"a {type(sample).__name__}"
            raise TypeError(
                f"Dataset: sample {i} is {kind}, expected texts (str) or sounds, arrays with one axis: "
                "stack images with np.stack"
            )
    array = np.empty(len(samples), dtype=object)
    for i, sample in enumerate(samples):  # not array[:] = samples, which tries to stack sounds of equal length
        array[i] = sample
    return array


def check_subset(where: str, subset: str, known: tuple[str, ...]) -> None:
    """Raise ValueError if there is no such part of the data set."""
    if subset not in known:
        choice = " or ".join(filter(None, (", ".join(map(repr, known[:-1])), repr(known[-1]))))
        raise ValueError(f"{where}: subset {subset!r} is unknown: choose {choice}")
