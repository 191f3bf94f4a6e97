"""The list of all data sets: what each holds, how large it is, and whether it is on this computer."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinymm.data.datasets.dataset import ALL_THREE, Dataset, chain
from tinymm.data.datasets.desk import load_desk_requests
from tinymm.data.datasets.images import (
    BUNDLED,
    FASHION_FILES,
    MNIST_FILES,
    fetch_fashion_mnist,
    fetch_mnist,
    load_digits,
)
from tinymm.data.datasets.multimodal import load_multimodal_digits
from tinymm.data.datasets.sounds import FSDD_FILE, fetch_fsdd
from tinymm.data.datasets.spoken import load_spoken_digits, load_spoken_requests
from tinymm.data.datasets.texts import (
    BANKING77_FILES,
    SENTIMENT_ARCHIVE,
    SENTIMENT_FILES,
    TREC_FILES,
    fetch_banking77,
    fetch_sentiment,
    fetch_trec,
)
from tinymm.data.download import RemoteFile, cached_copy, own_copy


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue.

    Attributes:
        name: as in `tinymm data fetch NAME` and `tinymm train --data NAME`.
        sense: "image", "audio", "text" or "all three".
        samples, test, classes: how many; `test` of the samples are the official test set, 0 if there is none.
        licence: what is allowed.
        load: returns the whole set, downloading it first if need be.
        bundled: the files that come with the package, for those that do.
        folder, files: what is fetched, and its subfolder of `$TINYMM_DATA` and the cache.
        instead: files in `$TINYMM_DATA` that serve as well, all together.
    """

    name: str
    sense: str
    samples: int
    test: int
    classes: int
    licence: str
    load: Callable[[], Any]
    bundled: tuple[str, ...] = ()
    folder: str = ""
    files: tuple[RemoteFile, ...] = ()
    instead: tuple[RemoteFile, ...] = ()

    @property
    def size(self) -> int:
        """Bytes on disk, or to download."""
        if self.bundled:
            return sum((BUNDLED / name).stat().st_size for name in self.bundled)
        return sum(file.size for file in self.files)

    def where(self, data_home: str | os.PathLike | None = None) -> str:
        """ "bundled", "in TINYMM_DATA", "in cache", "partly in cache" or "not fetched"; looks at names, not contents."""
        if self.bundled:
            return "bundled"
        if self._owned(self.files) or self._owned(self.instead):
            return "in TINYMM_DATA"
        cached = [cached_copy(file.name, self.folder, data_home) for file in self.files]
        if all(_here(path) or own_copy(path.name, self.folder) for path in cached):
            return "in cache"
        begun = any(_here(path) or _here(path.with_name(f"{path.name}.part")) for path in cached)
        return "partly in cache" if begun else "not fetched"

    def _owned(self, files: Sequence[RemoteFile]) -> bool:
        return bool(files) and all(own_copy(file.name, self.folder) for file in files)


def _here(path: Path) -> bool:
    return path.is_file()


def _desk_requests() -> Dataset:
    """The requests by intent; `load_desk_requests` has the sentiments too."""
    requests = load_desk_requests()
    return Dataset(
        x=requests.texts,
        y=requests.intents,
        class_names=requests.intent_names,
        name="Customer-desk requests",
        source="bundled/desk_requests.md",
        licence="MIT",
        groups=requests.languages,
    )


def _multimodal_digits() -> Dataset:
    """Both parts of `load_multimodal_digits`, one after the other."""
    train, test = load_multimodal_digits()
    return replace(chain([train.together(), test.together()]), name="Multimodal digits")


CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry("digits", "image", 1797, 0, 10, "CC BY 4.0", load_digits, bundled=("digits.npz",)),
        Entry("spoken-digits", "audio", 3800, 0, 10, "MIT", load_spoken_digits, bundled=("spoken_digits.npz",)),
        Entry(
            *("spoken-requests", "audio", 2177, 0, 119, "MIT", lambda: load_spoken_requests().sounds),
            bundled=("spoken_requests.npz", "spoken_requests.tsv", "pronunciations.tsv"),
        ),
        Entry("desk-requests", "text", 2517, 0, 15, "MIT", _desk_requests, bundled=("desk_requests.tsv",)),
        Entry(
            *("multimodal-digits", ALL_THREE, 1797, 359, 10, "CC BY 4.0, MIT", _multimodal_digits),
            bundled=("digits.npz", "spoken_digits.npz"),
        ),
        Entry(
            *("mnist", "image", 60_000, 0, 10, "CC BY-SA 3.0", fetch_mnist),
            folder="mnist",
            files=MNIST_FILES["train"],
        ),
        Entry(
            *("mnist-test", "image", 10_000, 10_000, 10, "CC BY-SA 3.0", lambda: fetch_mnist("test")),
            folder="mnist",
            files=MNIST_FILES["test"],
        ),
        Entry(
            *("fashion-mnist", "image", 60_000, 0, 10, "MIT", fetch_fashion_mnist),
            folder="fashion-mnist",
            files=FASHION_FILES["train"],
        ),
        Entry(
            *("fashion-mnist-test", "image", 10_000, 10_000, 10, "MIT", lambda: fetch_fashion_mnist("test")),
            folder="fashion-mnist",
            files=FASHION_FILES["test"],
        ),
        Entry(
            *("fsdd", "audio", 3000, 300, 10, "CC BY-SA 4.0", lambda: fetch_fsdd("all")),
            folder="fsdd",
            files=(FSDD_FILE,),
        ),
        Entry(
            *("sentiment", "text", 3000, 0, 2, "CC BY 4.0", fetch_sentiment),
            folder="sentiment",
            files=(SENTIMENT_ARCHIVE,),
            instead=tuple(SENTIMENT_FILES.values()),
        ),
        Entry(
            *("banking77", "text", 13_083, 3080, 77, "CC BY 4.0", lambda: fetch_banking77("all")),
            folder="banking77",
            files=tuple(BANKING77_FILES.values()),
        ),
        Entry(
            *("trec", "text", 5952, 500, 6, "for research", lambda: fetch_trec("all")),
            folder="trec",
            files=tuple(TREC_FILES.values()),
        ),
    )
}

NAMED: dict[str, Callable[[], Dataset]] = {name: entry.load for name, entry in CATALOGUE.items()}


def suggestion(name: str, names: Iterable[str]) -> str:
    """What to write instead of an unknown name: the closest one that there is, or all of them.

    >>> suggestion("mnits", ["digits", "mnist"])
    'did you mean mnist?'
    >>> suggestion("trees", ["digits", "mnist"])
    'choose one of digits, mnist'
    """
    import difflib

    names = list(names)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"choose one of {', '.join(names)}"
