"""Data sets by name, and your own images from a file or folder."""

import os
from pathlib import Path

import numpy as np

from tinymm.data.datasets.catalogue import NAMED, suggestion
from tinymm.data.datasets.dataset import Dataset
from tinymm.npz import read_npz

NO_IMAGES = {"thumbs.db", "desktop.ini"}  # what file managers leave in folders; and whatever begins with a dot


def open_dataset(name: str | os.PathLike, on_problem: str = "raise") -> Dataset:
    """Return a data set by its name in `CATALOGUE` ("digits", "mnist", "fsdd", …), or your own images from a file or folder.

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
            f"data: there is no data set or file {str(name)!r}: {suggestion(str(name), NAMED).removesuffix('?')}, or give a "
            ".npz file or a folder of images"
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
    with path.open("rb") as file:
        if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
            raise ValueError(f"data: {path} holds a single array, but images and labels are needed: {write}")
    try:
        arrays = read_npz(path)
    except ValueError as error:
        if "Python objects" in str(error):
            raise ValueError(f"data: {path} holds Python objects: make x and y arrays of numbers, all alike") from None
        raise ValueError(
            f"data: {path} is damaged or no .npz file with the arrays x and y ({error}): {write}"
        ) from None
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
