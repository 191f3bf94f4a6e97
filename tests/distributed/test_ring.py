"""Links and the ring: sums of all, the same bits everywhere, strangers kept out, and nobody waits for one who is gone."""

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymm.distributed.links import SECRET, LinkError, Port, connect, receive, send
from tinymm.distributed.ring import Ring

HOST = "127.0.0.1"


def ring(size):
    """As many members of a ring, each of which may only be used by a thread of its own."""
    ports, secret = [Port(HOST) for _ in range(size)], os.urandom(SECRET)
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda i: Ring(ports[i], i, [p.address for p in ports], secret), range(size)))


def together(members, vectors):
    with ThreadPoolExecutor(len(members)) as pool:
        list(pool.map(lambda member, vector: member.all_reduce(vector), members, vectors))


@settings(deadline=None, max_examples=20)
@given(size=st.integers(1, 5), length=st.integers(0, 40), dtype=st.sampled_from([np.float32, np.float64]))
def test_all_have_the_sum_to_the_same_bits(size, length, dtype):
    vectors = np.random.default_rng(length).normal(size=(size, length)).astype(dtype)
    expected, members = vectors.sum(axis=0), ring(size)
    together(members, vectors)
    np.testing.assert_allclose(vectors[0], expected, rtol=1e-4, atol=1e-4)
    assert (vectors == vectors[0]).all()
    for member in members:
        member.close()


def test_vectors_larger_than_what_the_system_buffers():
    vectors = np.ones((3, 5_000_000), np.float32)
    together(ring(3), vectors)
    assert (vectors == 3).all()


def test_whoever_leaves_is_noticed_by_all_and_not_waited_for():
    members = ring(3)

    def reduce_or_leave(i):
        try:
            members[i].all_reduce(np.ones(9)) if i else None
        finally:
            members[i].close()

    with ThreadPoolExecutor(3) as pool:
        outcomes = [pool.submit(reduce_or_leave, i) for i in range(3)]
        errors = [type(outcome.exception(timeout=20)) for outcome in outcomes]
    assert errors == [type(None), LinkError, LinkError]


def test_a_port_lets_in_only_who_knows_the_secret():
    port, secret = Port(HOST), os.urandom(SECRET)
    came = []
    for wrong in (os.urandom(SECRET), b"GET / HTTP/1.1"):
        with socket.create_connection(port.address) as stranger:
            stranger.sendall(wrong)
            stranger.shutdown(socket.SHUT_WR)
            came.append(port.accept(secret))
    friend = connect(port.address, secret)
    link = port.accept(secret)
    assert came == [None, None] and link is not None
    array = np.zeros((2, 3))
    send(friend, np.arange(6.0))
    receive(link, array)
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])


def test_the_end_of_the_other_side_is_an_error_in_words():
    port, secret = Port(HOST), os.urandom(SECRET)
    friend = connect(port.address, secret)
    link = port.accept(secret)
    threading.Timer(0.05, friend.close).start()
    with pytest.raises(LinkError, match="the other end is gone"):
        receive(link, np.zeros(3))
    with pytest.raises(LinkError, match="cannot be reached"):
        connect((HOST, 1), secret)
