"""Items made in advance: the same ones, errors in their place, and no thread left."""

import threading
import time

import pytest

from tinymm.data.prefetching import ahead


def threads():
    return [t for t in threading.enumerate() if t.name == "tinymm prefetch"]


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_the_same_items_in_the_same_order(count):
    assert list(ahead(iter(range(20)), count)) == list(range(20))
    assert not threads()


def test_it_works_in_advance_but_not_too_far():
    made = []
    items = ahead((made.append(i) or i for i in range(100)), 4)
    assert next(items) == 0
    until = time.monotonic() + 5
    while len(made) < 6 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 6  # one was taken, four wait, one is at the door
    items.close()
    assert not threads()


def test_an_error_comes_where_its_item_would_have_come():
    def items():
        yield 1
        raise OSError("the disk is gone")

    found = []
    with pytest.raises(OSError, match="gone"):
        for item in ahead(items(), 2):
            found.append(item)
    assert found == [1] and not threads()
