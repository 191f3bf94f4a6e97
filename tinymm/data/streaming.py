"""Data larger than memory: shards on disk, read where they lie, and batches of them in a random order.

A folder of shards holds `shards.json` and, for each shard and field, a plain `.npy` file, such as `x-00000.npy`. They are
mapped into memory, so that only what a batch needs is read, and opened without pickle: nothing in them is ever run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinymm.data.loading import DataLoader
from tinymm.files import write_atomically
from tinymm.sparse import Rows

INDEX = "shards.json"
FORMAT = 1


def write_shards(
    folder: str | os.PathLike[str],
    parts: Iterable[Sequence[np.ndarray]],
    fields: Sequence[str] = ("x", "y"),
    shard_size: int = 4096,
) -> Path:
    """Write samples to shards of `shard_size` each (the last may have fewer); returns the folder.

    `parts` gives aligned arrays, one per field, of any number of samples each, as they come: no more than a shard and a
    part are in memory at once. The index is written last, so that a folder is whole or is none. ValueError for no samples,
    arrays that do not fit each other, or objects; FileExistsError if the folder has shards.

    >>> write_shards("shards", ((read(f).x, read(f).y) for f in files))  # doctest: +SKIP
    """
    folder = Path(folder)
    if (folder / INDEX).exists():
        raise FileExistsError(f"write_shards: {folder} has shards: choose another folder")
    if shard_size < 1:
        raise ValueError(f"write_shards: shard_size is {shard_size}, but a shard must have at least 1 sample")
    folder.mkdir(parents=True, exist_ok=True)
    sizes: list[int] = []
    waiting: list[np.ndarray] | None = None
    for part in parts:
        arrays = [np.asarray(array) for array in part]
        _check_part(arrays, fields, waiting)
        waiting = arrays if waiting is None else [np.concatenate(pair) for pair in zip(waiting, arrays, strict=True)]
        while len(waiting[0]) >= shard_size:
            sizes.append(_write(folder, fields, [array[:shard_size] for array in waiting], len(sizes)))
            waiting = [array[shard_size:] for array in waiting]
    if waiting is not None and len(waiting[0]):
        sizes.append(_write(folder, fields, waiting, len(sizes)))
    if not sizes:
        raise ValueError("write_shards: there are no samples")
    index = {"format": FORMAT, "fields": list(fields), "sizes": sizes}
    write_atomically(folder / INDEX, (json.dumps(index) + "\n").encode())
    return folder


def _check_part(arrays: list[np.ndarray], fields: Sequence[str], before: list[np.ndarray] | None) -> None:
    shapes = ", ".join(f"{array.dtype} {array.shape}" for array in arrays)
    if len(arrays) != len(fields) or len({len(array) for array in arrays}) > 1:
        raise ValueError(f"write_shards: a part is {shapes}: it needs {', '.join(fields)}, equally long")
    if any(array.dtype.hasobject for array in arrays):
        raise ValueError(
            f"write_shards: a part is {shapes}: shards hold numbers, so turn sounds and texts into numbers first"
        )
    if before is not None and any(
        (a.dtype, a.shape[1:]) != (b.dtype, b.shape[1:]) for a, b in zip(arrays, before, strict=True)
    ):
        were = ", ".join(f"{array.dtype} (n, {', '.join(map(str, array.shape[1:]))})" for array in before)
        raise ValueError(f"write_shards: a part is {shapes}, but the one before it was {were}: all must be alike")


def _write(folder: Path, fields: Sequence[str], arrays: list[np.ndarray], number: int) -> int:
    for field, array in zip(fields, arrays, strict=True):
        np.save(_file(folder, field, number), array, allow_pickle=False)
    return len(arrays[0])


def _file(folder: Path, field: str, number: int) -> Path:
    return folder / f"{field}-{number:05}.npy"


class ShardedArray(Rows):
    """One field of all shards, as an array (N, …) whose rows are read when they are asked for: `array[rows]`.

    A shard is mapped when it is first needed. It can be given to other processes, which map the files themselves.
    """

    def __init__(self, folder: Path, field: str, sizes: Sequence[int]):
        self.folder, self.field = folder, field
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self._shards: dict[int, np.ndarray] = {}
        first = self._shard(0)
        self.shape: tuple[int, ...] = (int(self.starts[-1]), *first.shape[1:])
        self.dtype, self.ndim = first.dtype, first.ndim

    def _shard(self, number: int) -> np.ndarray:
        if number not in self._shards:
            path = _file(self.folder, self.field, number)
            try:
                shard = np.load(path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError) as error:
                raise ValueError(
                    f"StreamingLoader: {path} is damaged or no .npy file ({error}): write it again"
                ) from None
            size = int(self.starts[number + 1] - self.starts[number])
            if len(shard) != size:
                raise ValueError(f"StreamingLoader: {path} has {len(shard)} samples, but the index says {size}")
            self._shards[number] = shard
        return self._shards[number]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Copies of these rows, (n,) int, or of a slice."""
        rows = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        shards = np.searchsorted(self.starts, rows, side="right") - 1
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for number in np.unique(shards):
            here = shards == number
            found[here] = self._shard(int(number))[rows[here] - self.starts[number]]
        return found

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_shards": {}}


class StreamingLoader(DataLoader):
    """A `DataLoader` over a folder of shards that may be larger than memory.

    The order is random in two steps, so that the disk reads long stretches: the data are cut into blocks of `block`
    neighbouring samples, which are shuffled; then, window by window, the samples of `buffer` consecutive blocks' worth are
    shuffled among each other, as in a shuffle buffer. It follows from the seed and the epoch alone: a run can be
    repeated or resumed, and any batch asked for by its number, in any process. A background thread reads
    `prefetch` batches in advance.

    Args:
        folder: what `write_shards` made.
        batch_size, shuffle, seed, drop_last, augment: as in `DataLoader`.
        buffer: samples that are shuffled among each other, and what a window costs in reading.
        block: neighbouring samples that are read together.
        prefetch: batches in advance; 0 for no thread.

    Raises:
        FileNotFoundError: there are no shards. ValueError: the index or a shard is damaged, or as in `DataLoader`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
        buffer: int = 8192,
        block: int = 64,
        prefetch: int = 2,
    ):
        if buffer < 1 or block < 1 or prefetch < 0:
            raise ValueError(
                f"StreamingLoader: buffer is {buffer}, block {block}, prefetch {prefetch}: at least 1, 1 and 0"
            )
        arrays = open_shards(folder)
        super().__init__(
            *arrays, batch_size=batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last, augment=augment
        )
        self.buffer, self.block, self.prefetch = buffer, block, prefetch
        self._window: tuple[int, int, np.ndarray] = -1, -1, np.arange(0)  # epoch, number, order

    def rows(self, epoch: int, batch: int) -> np.ndarray:
        """Which samples a batch has, (n,)."""
        first, end = batch * self.batch_size, min((batch + 1) * self.batch_size, self.n_samples)
        if not self.shuffle:
            return np.arange(first, end)
        found = []
        for number in range(first // self.buffer, (end - 1) // self.buffer + 1):
            start = number * self.buffer
            found.append(self._window_order(epoch, number)[max(first - start, 0) : end - start])
        return np.concatenate(found)

    def _window_order(self, epoch: int, number: int) -> np.ndarray:
        """The samples of one window of an epoch, shuffled."""
        if self._window[:2] != (epoch, number):
            blocks = self._block_order(epoch)
            start, end = number * self.buffer, min((number + 1) * self.buffer, self.n_samples)
            # The short block, if there is one, is wherever the shuffle has put it: positions after it move up.
            lengths = np.minimum(self.block, self.n_samples - blocks * self.block)
            ends = np.cumsum(lengths)
            chosen = slice(np.searchsorted(ends, start, side="right"), np.searchsorted(ends, end) + 1)
            parts = [
                np.arange(max(e - length, start), min(e, end)) - (e - length) + b * self.block
                for b, length, e in zip(blocks[chosen], lengths[chosen], ends[chosen], strict=True)
            ]
            order = self._generator(epoch, number, 1).permutation(np.concatenate(parts))
            self._window = epoch, number, order
        return self._window[2]

    def _block_order(self, epoch: int) -> np.ndarray:
        if self._order[0] != epoch:
            self._order = epoch, self._generator(epoch).permutation(-(-self.n_samples // self.block))
        return self._order[1]

    def state_dict(self) -> dict:
        """The position, as in `DataLoader`."""
        return super().state_dict() | {"buffer": self.buffer, "block": self.block}


def open_shards(folder: str | os.PathLike[str]) -> list[ShardedArray]:
    """The fields of a folder of shards. FileNotFoundError if there are none, ValueError if the index is damaged."""
    path = Path(folder) / INDEX
    if not path.is_file():
        raise FileNotFoundError(f"StreamingLoader: {folder} has no {INDEX}: write_shards makes such a folder")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        version, fields, sizes = (
            index["format"],
            [str(name) for name in index["fields"]],
            [int(n) for n in index["sizes"]],
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"StreamingLoader: {path} is damaged ({error!r}): write the shards again") from None
    if (
        version != FORMAT
        or not fields
        or not sizes
        or min(sizes) < 1
        or any(os.path.basename(name) != name for name in fields)
    ):
        raise ValueError(
            f"StreamingLoader: {path} says nothing that this version of tinymm can read: write the shards again"
        )
    return [ShardedArray(Path(folder), name, sizes) for name in fields]
