"""The data sets: `load_*` for what comes with the package, `fetch_*` for what is downloaded once.

Every set is a `Dataset`, whatever the sense: `x` (N, …), `y` (N,) int64, the index into `class_names`, and the same
indices, folds and batches for all. `CATALOGUE` lists them by name; `open_dataset` also reads your own images.
"""

from tinymm.data.datasets.catalogue import CATALOGUE, NAMED
from tinymm.data.datasets.dataset import ALL_THREE, Dataset, Senses
from tinymm.data.datasets.desk import DeskRequests, load_desk_requests
from tinymm.data.datasets.images import (
    BUNDLED,
    MNIST_ADDRESSES,
    MNIST_FILES,
    fetch_fashion_mnist,
    fetch_mnist,
    load_digits,
)
from tinymm.data.datasets.multimodal import MultimodalDataset, MultimodalDigits, load_multimodal_digits, pair_digits
from tinymm.data.datasets.own import open_dataset
from tinymm.data.datasets.sounds import fetch_fsdd
from tinymm.data.datasets.spoken import (
    SpokenRequests,
    load_pronunciations,
    load_spoken_digits,
    load_spoken_requests,
    spoken_digits_origins,
)
from tinymm.data.datasets.texts import fetch_banking77, fetch_sentiment, fetch_trec

__all__ = [
    "ALL_THREE",
    "CATALOGUE",
    "Dataset",
    "DeskRequests",
    "MultimodalDataset",
    "MultimodalDigits",
    "Senses",
    "SpokenRequests",
    "fetch_banking77",
    "fetch_fashion_mnist",
    "fetch_fsdd",
    "fetch_mnist",
    "fetch_sentiment",
    "fetch_trec",
    "load_desk_requests",
    "load_digits",
    "load_multimodal_digits",
    "load_pronunciations",
    "load_spoken_digits",
    "load_spoken_requests",
    "open_dataset",
    "pair_digits",
    "spoken_digits_origins",
]
