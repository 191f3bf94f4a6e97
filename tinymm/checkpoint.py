"""Saving and loading: nested dicts, lists, numbers, strings, arrays and Tensors in one file, without pickle.

The file is a NumPy `.npz` archive: every array is a member of its own, and the member `structure` is JSON text that
says how they fit together, which version of the format this is, and the SHA-256 of all arrays. Loading a file never
runs code from it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tinymm.files import write_atomically
from tinymm.tensor import Tensor

FORMAT = 1


class CheckpointError(ValueError):
    """The file is damaged, of another version, or no checkpoint at all."""


def save(obj: Any, path: str | os.PathLike[str]) -> Path:
    """Write `obj` to `path`, whole or not at all: the old file stays until the new one is complete.

    `obj` is any nest of dicts (keys are strings or integers), lists, tuples, numbers, strings, None, arrays and Tensors,
    such as a `state_dict()`. TypeError names the first thing that is none of these; then nothing is written.

    >>> save({"weight": np.ones(2), "epoch": 3}, "checkpoint.npz")  # doctest: +SKIP
    """
    arrays: dict[str, np.ndarray] = {}
    structure = {"format": FORMAT, "content": _encode(obj, arrays, "")}
    structure["sha256"] = _digest(arrays)
    text = np.frombuffer(json.dumps(structure).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, structure=text, **arrays)  # type: ignore[arg-type]
    return write_atomically(path, buffer.getvalue())


def load(path: str | os.PathLike[str]) -> Any:
    """What `save` wrote to `path`. FileNotFoundError if there is no such file, CheckpointError if it is not intact."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            structure = json.loads(archive["structure"].tobytes())
            arrays = {name: archive[name] for name in archive.files if name != "structure"}
        version, content, sha256 = structure["format"], structure["content"], structure.get("sha256")
    except Exception as error:  # the parsers of a damaged archive raise whatever they stumble over
        raise CheckpointError(f"load: {path} is no tinymm checkpoint, or it is damaged ({error})") from None
    if version != FORMAT:
        raise CheckpointError(
            f"load: {path} has format {version}, but this version of tinymm reads format {FORMAT}: another version wrote it"
        )
    if sha256 != _digest(arrays):
        raise CheckpointError(f"load: {path} is damaged: its arrays do not have the SHA-256 that was written with them")
    return _decode(content, arrays)


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()


def _encode(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """JSON for `value`; its arrays go to `arrays`. All but plain values are {kind: content}."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return {"tensor": _encode(value.data, arrays, where), "requires_grad": value.requires_grad}
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "fiubU":
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
