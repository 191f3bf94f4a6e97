"""Image sets: the bundled digits, MNIST and Fashion-MNIST.

One convention: `x` is float32 of shape (N, channels, height, width), 0 is background (black) and 1 full ink (white).
"""

import os
from pathlib import Path

import numpy as np

from tinymm.data.datasets.dataset import Dataset, check_subset
from tinymm.data.download import RemoteFile, fetch_file
from tinymm.data.idx import read_idx

BUNDLED = Path(__file__).parents[1] / "bundled"

MNIST_ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
MNIST_FILES = {
    "train": (
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
    ),
    "test": (
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
}

FASHION_ADDRESSES = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",)
FASHION_FILES = {
    "train": (
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
    ),
    "test": (
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
}
FASHION_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load_digits() -> Dataset:
    """Return the bundled handwritten digits: 1,797 real images of 8×8 pixels.

    `x` is (1797, 1, 8, 8) float32: the 0 to 16 inked dots of each pixel, divided by 16.

    Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits (its test part), UCI Machine
    Learning Repository, CC BY 4.0, https://doi.org/10.24432/C50P49.

    >>> load_digits()
    UCI digits: 1,797 samples of 1×8×8 float32, 10 classes (CC BY 4.0; https://doi.org/10.24432/C50P49)
    """
    with np.load(BUNDLED / "digits.npz", allow_pickle=False) as stored:
        images, labels = stored["images"], stored["labels"]
    return Dataset(
        x=images[:, None] / np.float32(16),
        y=labels.astype(np.int64),
        class_names=tuple("0123456789"),
        name="UCI digits",
        source="https://doi.org/10.24432/C50P49",
        licence="CC BY 4.0",
    )


def fetch_mnist(subset: str = "train", data_home: str | os.PathLike | None = None) -> Dataset:
    """Return MNIST, downloaded on first use: handwritten digits of 28×28 pixels.

    Args:
        subset: "train" (60,000 images) or "test" (10,000).
        data_home: the folder that keeps downloads; by default the user's cache. The folder named by the
            environment variable TINYMM_DATA is looked in first (its subfolder `mnist`).

    Returns:
        Dataset whose `x` is (N, 1, 28, 28) float32: the pixels 0 to 255, divided by 255.

    Raises:
        ValueError: an unknown subset, or a file that is not the official one.
        ConnectionError: no network; the message says where to put the files.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", CC BY-SA 3.0; LeCun, Bottou,
    Bengio and Haffner (1998), Gradient-based learning applied to document recognition, Proc. IEEE 86(11).
    """
    check_subset("fetch_mnist", subset, tuple(MNIST_FILES))
    images, labels = (fetch_file(file, "mnist", MNIST_ADDRESSES, data_home) for file in MNIST_FILES[subset])
    return Dataset(
        *_read(images, labels),
        class_names=tuple("0123456789"),
        name=f"MNIST {subset}",
        source="http://yann.lecun.com/exdb/mnist",
        licence="CC BY-SA 3.0",
    )


def fetch_fashion_mnist(subset: str = "train", data_home: str | os.PathLike | None = None) -> Dataset:
    """Return Fashion-MNIST, downloaded on first use: articles of clothing in 10 classes, 28×28 pixels.

    Subsets, `data_home`, the shape and range of `x`, and errors as for `fetch_mnist`; the subfolder is `fashion-mnist`.

    Source: Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms, arXiv:1708.07747, MIT licence.
    """
    check_subset("fetch_fashion_mnist", subset, tuple(FASHION_FILES))
    images, labels = (fetch_file(file, "fashion-mnist", FASHION_ADDRESSES, data_home) for file in FASHION_FILES[subset])
    return Dataset(
        *_read(images, labels),
        class_names=FASHION_NAMES,
        name=f"Fashion-MNIST {subset}",
        source="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
    )


def _read(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = read_idx(images, axes=3)[:, None], read_idx(labels, axes=1)
    return x / np.float32(255), y.astype(np.int64)
