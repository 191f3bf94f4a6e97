"""Saving and loading: nested dicts, lists, numbers, strings, arrays and Tensors in one file, without pickle.

The file is a NumPy `.npz` archive: every array is a member of its own, and the member `structure` is JSON text that
says how they fit together, which version of the format this is, and the SHA-256 of all of it. Loading a file never
runs code from it, and never takes much more memory than the file is long (see `tinymm.npz`).
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinymm.files import write_atomically
from tinymm.npz import KINDS, read_npz
from tinymm.tensor import Tensor

FORMAT = 2
STRUCTURE = "structure"


class CheckpointError(ValueError):
    """The file is damaged, of another version, or no checkpoint at all."""


def save(obj: Any, path: str | os.PathLike[str], keep_previous: bool = False) -> Path:
    """Write `obj` to `path`, whole or not at all: the old file stays until the new one is complete and on the disk.

    `obj` is any nest of dicts (keys are strings or integers), lists, tuples, numbers, strings, None, arrays and Tensors,
    such as a `state_dict()`. TypeError names the first thing that is none of these, OSError says that the disk is full
    or the like; then nothing is written. With `keep_previous` the old file is kept as `previous(path)`, where
    `load(path, or_previous=True)` looks when this one is damaged.

    >>> save({"weight": np.ones(2), "epoch": 3}, "checkpoint.npz")  # doctest: +SKIP
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        content = _encode(obj, arrays, "")
    except RecursionError:
        raise ValueError("save: obj is nested too deeply, or holds itself: save a flatter one") from None
    text = json.dumps({"format": FORMAT, "content": content, "sha256": _digest(content, arrays)}).encode()

    def write(file: BinaryIO) -> None:
        np.savez(file, **{STRUCTURE: np.frombuffer(text, np.uint8)}, **arrays)  # type: ignore[arg-type]

    return write_atomically(path, write, previous(path) if keep_previous else None)


def previous(path: str | os.PathLike[str]) -> Path:
    """Where the file that was at `path` before is kept: beside it, with `.previous` before the suffix."""
    path = Path(path)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def load(path: str | os.PathLike[str], or_previous: bool = False) -> Any:
    """What `save` wrote to `path`. FileNotFoundError if there is no such file, CheckpointError if it is not intact.

    With `or_previous`, the one before it is used in these cases, if it is there and intact, and a warning says so.
    """
    try:
        return _load(Path(path))
    except (CheckpointError, FileNotFoundError) as error:
        before = previous(path)
        if not or_previous or not before.is_file():
            raise
        content = _load(before)
        warnings.warn(f"{error}; {before}, which was saved before it, is used instead", stacklevel=2)
        return content


def _load(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    damaged = f"load: {path} is no tinymm checkpoint, or it is damaged"
    try:
        arrays = read_npz(path, compressed=False)
        structure = json.loads(arrays.pop(STRUCTURE).tobytes())
        version, content, sha256 = structure["format"], structure["content"], structure.get("sha256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{damaged} ({error})") from None
    if version != FORMAT:
        raise CheckpointError(
            f"load: {path} has format {version!r:.20}, but this version of tinymm reads format {FORMAT}: another version "
            "wrote it"
        )
    if sha256 != _digest(content, arrays):
        raise CheckpointError(
            f"load: {path} is damaged: its content does not have the SHA-256 that was written with it"
        )
    try:
        return _decode(content, arrays)
    except Exception as error:
        raise CheckpointError(f"{damaged} ({type(error).__name__}: {error})") from None


def _digest(content: Any, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(content).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(
            np.ascontiguousarray(array).reshape(-1).view(np.uint8).data if array.size and array.itemsize else b""
        )
    return digest.hexdigest()


def _encode(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """JSON for `value`; its arrays go to `arrays`. All but plain values are {kind: content}."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return {"tensor": _encode(value.data, arrays, where), "requires_grad": value.requires_grad}
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in KINDS:
            name = f"array{len(arrays)}"
            arrays[name] = array
            return {"array": name} if isinstance(value, np.ndarray) else {"scalar": name}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(v, arrays, f"{where}[{i}]") for i, v in enumerate(value)]}
    if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
        return {"dict": [[key, _encode(v, arrays, f"{where}[{key!r}]")] for key, v in value.items()]}
    raise TypeError(
        f"save: obj{where} is a {type(value).__name__}: save dicts, lists, numbers, strings, arrays and Tensors, e.g. a "
        "state_dict()"
    )


def _decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return Tensor(_decode(value["tensor"], arrays), value["requires_grad"])
    ((kind, content),) = value.items()
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        return arrays[content][()]
    if kind == "dict":
        return {key: _decode(v, arrays) for key, v in content}
    decoded = [_decode(v, arrays) for v in content]
    return decoded if kind == "list" else tuple(decoded)
