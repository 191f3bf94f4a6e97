"""The switch that says whether operations are recorded."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any


class _Recording(threading.local):
    """Whether operations are recorded; each thread has its own answer."""

    enabled = True


_recording = _Recording()


class no_grad:
    """Inside this context (or decorated function) nothing is recorded and no result wants a gradient.

    >>> import tinymm as tm
    >>> import numpy as np
    >>> w = tm.Tensor(np.ones(2), requires_grad=True)
    >>> with tm.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    _value = False

    def __new__(cls, function: Callable | None = None) -> Any:
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_recording.enabled)
        _recording.enabled = self._value

    def __exit__(self, *exception: object) -> None:
        _recording.enabled = self._before.pop()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            with type(self)():
                return function(*args, **options)

        return wrapped


class enable_grad(no_grad):
    """The opposite of `no_grad`: records again inside it."""

    _value = True


def is_recording() -> bool:
    """Whether operations are being recorded in this thread."""
    return _recording.enabled
