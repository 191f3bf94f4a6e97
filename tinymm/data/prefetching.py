"""Batches made in advance by a background thread, so that reading overlaps with training."""

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Any

POLL = 0.05  # seconds after which a waiting side looks whether the other has gone


def ahead(items: Iterable[Any], count: int) -> Iterator[Any]:
    """The same items in the same order, of which a thread makes up to `count` in advance; with 0 there is no thread.

    An error while an item is made is raised where the item would have come. When the loop is left early, the thread ends
    after the item it is at.

    >>> list(ahead(range(4), 2))
    [0, 1, 2, 3]
    """
    if not count:
        yield from items
        return
    made: Queue[tuple[str, Any]] = Queue(count)
    left = threading.Event()

    def put(kind: str, value: Any = None) -> bool:
        while not left.is_set():
            try:
                made.put((kind, value), timeout=POLL)
                return True
            except Full:
                pass
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end")
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=produce, name="tinymm prefetch", daemon=True)
    thread.start()
    try:
        while True:
            try:
                kind, value = made.get(timeout=POLL)
            except Empty:
                continue
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        left.set()
        thread.join()
