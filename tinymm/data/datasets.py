"""The data sets: `load_*` for what comes with the package, `fetch_*` for what is downloaded once.

Every image set follows one convention: `x` is float32 of shape (N, channels, height, width), 0 is background
(black) and 1 full ink (white); `y` is int64 of shape (N,), the index into `class_names`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinymm.data.download import RemoteFile, fetch_file
from tinymm.data.idx import read_idx

NO_IMAGES = {"thumbs.db", "desktop.ini"}  # what file managers leave in folders; and whatever begins with a dot
BUNDLED = Path(__file__).parent / "bundled"

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


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples, their labels, and where they come from.

    Attributes:
        x: the samples, first axis N. Images: (N, channels, height, width) float32 in [0, 1].
        y: (N,) int64 labels, `class_names[y[i]]` being the name of sample i's class.
        class_names: one name per class.
        name, source, licence: what to cite and what is allowed.
        files: the file of each sample, if each has one.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    name: str
    source: str
    licence: str
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"Dataset: {len(self.x)} samples but {len(self.y)} labels: each needs one")

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        shape = "×".join(str(size) for size in self.x.shape[1:])
        return (
            f"{self.name}: {len(self):,} samples of {shape} {self.x.dtype}, "
            f"{len(self.class_names)} classes ({self.licence}; {self.source})"
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
    if subset not in MNIST_FILES:
        raise ValueError(f"fetch_mnist: subset {subset!r} is unknown: choose 'train' or 'test'")
    image_path, label_path = (fetch_file(file, "mnist", MNIST_ADDRESSES, data_home) for file in MNIST_FILES[subset])
    return Dataset(
        x=read_idx(image_path, axes=3)[:, None] / np.float32(255),
        y=read_idx(label_path, axes=1).astype(np.int64),
        class_names=tuple("0123456789"),
        name=f"MNIST {subset}",
        source="http://yann.lecun.com/exdb/mnist",
        licence="CC BY-SA 3.0",
    )


NAMED = {
    "digits": load_digits,
    "mnist": lambda: fetch_mnist("train"),
    "mnist-test": lambda: fetch_mnist("test"),
}


def open_dataset(name: str | os.PathLike, on_problem: str = "raise") -> Dataset:
    """Return a data set by name ("digits", "mnist", "mnist-test"), or your own images from a file or folder.

    A `.npz` file holds the arrays `x`, (N, C, H, W) floats in [0, 1] or (N, H, W) if they are grey, `y`, N whole
    numbers from 0, and if you like `class_names`. A folder holds one folder of image files per class, named like the
    class; the images become grey, bright ink on dark ground, 28×28 pixels. With `on_problem="drop"` an image that
    cannot be read becomes NaN, which `clean` counts and leaves out.

    Raises:
        FileNotFoundError: neither a known name nor a file. ValueError: the file or folder is not as described.
    """
    if str(name) in NAMED:
        return NAMED[str(name)]()
    path = Path(name)
    if path.is_dir():
        return _from_folder(path, on_problem)
    if not path.is_file():
        raise FileNotFoundError(
            f"data: there is no data set or file {str(name)!r}: choose one of {', '.join(NAMED)}, or give a .npz file or "
            "a folder of images"
        )
    return _from_npz(path)


def _from_npz(path: Path) -> Dataset:
    arrays = _read_npz(path)
    x, y = arrays["x"], arrays["y"]
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"data: x {x.shape} and y {y.shape} in {path} must have one entry per sample")
    if x.ndim == 3:
        x = x[:, None]
    if x.dtype.kind == "f":
        x = x.astype(np.float32)
    return Dataset(x, y, _class_names(path, arrays), path.stem, str(path), "as given")


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    write = "write it with np.savez(path, x=images, y=labels)"
    try:
        stored = np.load(path, allow_pickle=False)
        arrays = {} if isinstance(stored, np.ndarray) else {key: stored[key] for key in stored.files}
    except Exception as error:  # the parsers of a damaged archive raise whatever they stumble over
        if "Object arrays" in str(error):
            raise ValueError(f"data: {path} holds Python objects: make x and y arrays of numbers, all alike") from None
        raise ValueError(f"data: {path} is damaged or no .npz file with the arrays x and y: {write}") from None
    if isinstance(stored, np.ndarray):
        raise ValueError(f"data: {path} holds a single array, but images and labels are needed: {write}")
    if missing := [key for key in ("x", "y") if key not in arrays]:
        held = ", ".join(arrays) or "nothing"
        raise ValueError(
            f"data: {path} is no .npz file with the arrays x and y, it has {held}: {missing[0]} is missing"
        )
    return arrays


def _class_names(path: Path, arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    """The names as stored; else the numbers from 0, which the labels must then be without gaps."""
    present = np.unique(arrays["y"])
    whole = present.dtype.kind in "iu" and len(present) > 0
    if "class_names" not in arrays:
        if whole and (present[0] < 0 or present[-1] >= len(present)):
            raise ValueError(
                f"data: the labels in {path} run from {present[0]} to {present[-1]}, but there are {len(present)} "
                "different ones: number the classes from 0 without gaps, or store their class_names"
            )
        return tuple(str(n) for n in range(len(present)))
    names = tuple(str(n) for n in arrays["class_names"].ravel())
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"data: the class_names in {path} hold {twice[0]!r} twice: give each class a name of its own")
    if whole and present[-1] >= len(names):
        raise ValueError(
            f"data: {path} has {len(names)} class_names, but labels up to {present[-1]}: name all {present[-1] + 1} classes"
        )
    return names


def _from_folder(path: Path, on_problem: str) -> Dataset:
    from tinymm.data.image import bright_ink, frame_ink, read_image

    classes = sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise ValueError(f"data: {path} holds no folders: put the images of each class into a folder of its name")
    images, labels, files = [], [], []
    for label, name in enumerate(classes):
        for file in _class_files(path / name):
            try:
                image = bright_ink(read_image(file)[None])
                images.append((image if image.shape[2:] == (28, 28) else frame_ink(image, 28, 4))[0])
            except ValueError as error:
                if on_problem != "drop":
                    raise ValueError(f"{error}, or leave it out with on_problem='drop'") from error
                images.append(np.full((1, 28, 28), np.nan, np.float32))
            labels.append(label)
            files.append(f"{name}/{file.name}")
    return Dataset(
        *(np.stack(images), np.array(labels), tuple(classes), path.resolve().name, str(path), "as given"),
        files=tuple(files),
    )


def _class_files(folder: Path) -> list[Path]:
    """The image files of one class. ValueError if there are none."""
    inside = sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.name.lower() not in NO_IMAGES)
    files = [p for p in inside if p.is_file()]
    if not files:
        mend = "put images of its class into it, or remove it"
        if any(p.is_dir() for p in inside):
            train = folder.with_name("train")
            mend = f"did you mean {train if train.is_dir() else folder}?"
        raise ValueError(f"data: the folder {folder} holds no images: {mend}")
    return files
