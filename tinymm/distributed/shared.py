"""Arrays in one block of memory that several processes see."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

LINE = 64  # bytes of a line of the processor's cache: two arrays never share one

Layout = dict[str, tuple[int, tuple[int, ...], str]]  # name → where it begins, shape, dtype


class _Memory(SharedMemory):
    """Shared memory that, if arrays in it are still in use when it is closed, is given back with the last of them."""

    def close(self) -> None:
        with suppress(BufferError):
            super().close()


class SharedArrays(Mapping[str, np.ndarray]):
    """Copies of arrays, by name, in one new block of shared memory.

    `SharedArrays.attach(*block.handle)` gives another process the same memory. Nothing is left behind: `forget_name`, when
    all have attached, leaves a block that the system frees with the last process, however that ends; and before, if
    this process dies, the resource tracker of `multiprocessing` removes it.

    >>> block = SharedArrays({"theta": np.ones(2)})
    >>> other = SharedArrays.attach(*block.handle)
    >>> other["theta"][0] = 5
    >>> block["theta"]
    array([5., 1.])
    >>> other.close(), block.close()
    (None, None)
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        layout: Layout = {}
        size = 0
        for name, array in arrays.items():
            layout[name] = (size, array.shape, array.dtype.str)
            size += math.ceil(array.nbytes / LINE) * LINE
        self._open(_Memory(create=True, size=max(size, 1)), layout)
        self._named = True
        for name, array in arrays.items():
            self[name][...] = array

    @classmethod
    def attach(cls, name: str, layout: Layout) -> SharedArrays:
        """The block that another process made. FileNotFoundError if it is gone."""
        block = cls.__new__(cls)
        block._open(_Memory(name), layout)
        block._named = False
        return block

    def _open(self, memory: _Memory, layout: Layout) -> None:
        self._memory, self._layout = memory, layout
        # Unlike np.ndarray(buffer=…), this keeps the memory from being closed under an array.
        whole: np.ndarray = np.frombuffer(memory.buf, np.uint8)  # type: ignore[arg-type]
        self._arrays = {}
        for name, (start, shape, dtype) in layout.items():
            end = start + math.prod(shape) * np.dtype(dtype).itemsize
            self._arrays[name] = whole[start:end].view(dtype).reshape(shape)

    @property
    def handle(self) -> tuple[str, Layout]:
        """What another process needs to attach."""
        return self._memory.name, self._layout

    def forget_name(self) -> None:
        """Take the block's name away: who has attached keeps it, nobody else can."""
        if self._named:
            self._named = False
            with suppress(FileNotFoundError):
                self._memory.unlink()

    def close(self) -> None:
        """Give the memory back; the arrays must not be used any more. Whoever still holds one keeps the memory alive."""
        self.forget_name()
        self._arrays = {}
        self._memory.close()

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __enter__(self) -> SharedArrays:
        return self

    def __exit__(self, *details: Any) -> None:
        self.close()
