"""Ring all-reduce: every worker ends with the sum of all their vectors, and each sends and receives equally much.

Source: Patarasu & Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations".
"""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence

import numpy as np

from tinymm.distributed.links import Address, LinkError, Port, as_bytes, connect, receive_some


class Ring:
    """Worker `rank` of as many as there are addresses; it sends to the next, and receives from the one before.

    The vector is cut into one part for each worker. In W − 1 rounds each part goes around and grows to its sum, and in
    W − 1 more all sums go around. As each sum is made in one place, all workers end with the same bits.
    """

    def __init__(self, port: Port, rank: int, addresses: Sequence[Address], secret: bytes):
        self.rank, self.size = rank, len(addresses)
        self._links: list[socket.socket] = []
        if self.size > 1:
            following, before = connect(addresses[(rank + 1) % self.size], secret), None
            while before is None:
                before = port.accept(secret)
            self._links = [following, before]
            for link in self._links:
                link.setblocking(False)

    def all_reduce(self, vector: np.ndarray) -> None:
        """Put the sum over all workers into the vector, (n,), of the same dtype everywhere. LinkError if one is gone."""
        if self.size == 1:
            return
        parts = np.array_split(vector, self.size)
        came = np.empty_like(parts[0])  # the first parts are the longest
        for step in range(self.size - 1):
            part = parts[(self.rank - step - 1) % self.size]
            self._pass_on(parts[(self.rank - step) % self.size], came[: part.size])
            part += came[: part.size]
        for step in range(self.size - 1):
            self._pass_on(parts[(self.rank - step + 1) % self.size], parts[(self.rank - step) % self.size])

    def _pass_on(self, out: np.ndarray, into: np.ndarray) -> None:
        """Send to the next and receive from the one before, both at once: if all sent first, none would receive."""
        following, before = self._links
        to_send, to_fill = as_bytes(out), as_bytes(into)
        try:
            while to_send or to_fill:
                readable, writable, _ = select.select([before] if to_fill else [], [following] if to_send else [], [])
                if writable:
                    to_send = to_send[following.send(to_send) :]
                if readable:
                    to_fill = to_fill[receive_some(before, to_fill) :]
        except OSError as error:
            raise LinkError(f"a worker of the ring is gone ({error})") from None

    def close(self) -> None:
        """Leave the ring; those beside notice."""
        for link in self._links:
            link.close()
