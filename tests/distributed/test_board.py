"""The board: every batch goes to one worker, and what a dead one left undone to another."""

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.distributed.board import Board


def test_threads_that_claim_at_once_get_each_batch_once():
    board = Board(Board.blank(5000, 4))
    got = {worker: [] for worker in range(1, 5)}
    barrier = threading.Barrier(4)

    def work(worker):
        barrier.wait()
        place = 0
        while (place := board.claim(worker, place)) >= 0:
            got[worker].append(place)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(itertools.chain(*got.values())) == list(range(5000))
    assert all((board.owner[places] == worker).all() for worker, places in got.items())


def test_a_state_is_gone_back_to_and_what_was_not_done_is_free():
    board = Board(Board.blank(6, 2))
    for place in range(3):
        board.note(board.claim(1), loss=1.5, right=1, samples=2, staleness=place)
    state = board.state_dict()
    assert board.claim(2) == 3 and not board.at_rest
    other = Board(Board.blank(6, 2))
    other.load_state_dict(state)
    assert other.at_rest and other.count == 3 and other.seen == 6 and other.sums(slice(0, 6)).tolist() == [4.5, 3, 6]
    assert [other.claim(2) for _ in range(4)] == [3, 4, 5, -1]
    with pytest.raises(ValueError, match="6 batches, this run 7"):
        Board(Board.blank(7, 2)).load_state_dict(state)


@settings(deadline=None, max_examples=30)
@given(batches=st.integers(1, 30), seed=st.integers(0, 999))
def test_whoever_dies_whenever_every_batch_is_done_in_the_end(batches, seed):
    rng, board, place = np.random.default_rng(seed), Board(Board.blank(batches, 3)), [0] * 4
    while not board.done.all():
        worker = int(rng.integers(1, 4))
        claimed = board.claim(worker, max(place[worker], 0))
        place[worker] = claimed
        if claimed >= 0 and rng.random() < 0.7:
            board.note(claimed, 1.0, 2.0, 3, staleness=0)
            board.count_update(worker)
        elif rng.random() < 0.5:
            undone = int(((board.owner == worker) & ~board.done).sum())
            assert board.release(worker) == undone
    assert board.updates == batches
    np.testing.assert_array_equal(board.sums(slice(None)), [batches, 2 * batches, 3 * batches])


def test_the_beginning_and_a_stop_are_seen():
    board = Board(Board.blank(1, 1))
    assert board.held and not board.stopped
    board.begin()
    assert not board.held and not board.stopped
    board.stop()
    assert board.stopped and board.claim(1) == 0 and board.claim(1) == -1


def test_what_is_chosen_by_is_a_copy_that_others_cannot_change():
    """A mask that grows while NumPy chooses by it would let it write beyond its memory."""
    board = Board(Board.blank(4, 1))
    board.note(2, loss=1, right=1, samples=5, staleness=7)
    chosen = board.done_now
    board.done[...] = True
    assert chosen.tolist() == [False, False, True, False] and board.staleness_now.tolist() == [0, 0, 7, 0]
