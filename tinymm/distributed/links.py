"""Connections over which the workers of a cluster send arrays to each other; Ray, that starts them, is not in between."""

from __future__ import annotations

import hmac
import socket
from contextlib import suppress

import numpy as np

Address = tuple[str, int]

SECRET = 32  # bytes by which those who belong together know each other
PATIENCE = 30.0  # seconds for the others to come to a meeting
GREETING = 3.0  # seconds for one who has come to say the secret
# The system finds out by itself when a machine is gone: asked after 5 s of silence, and 3 times every 2 s.
PROBES = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}


class LinkError(ConnectionError):
    """The worker at the other end is gone."""


class Port:
    """Where others can connect to, at `address`; known are those who have the secret."""

    def __init__(self, host: str):
        self._socket = socket.create_server((host, 0))
        self.address: Address = self._socket.getsockname()[:2]

    def fileno(self) -> int:
        """For `select`, which tells that somebody has come."""
        return self._socket.fileno()

    def accept(self, secret: bytes) -> socket.socket | None:
        """The next who connects; None if it has not this secret. LinkError if nobody does in time."""
        try:
            self._socket.settimeout(PATIENCE)
            other, _ = self._socket.accept()
        except OSError as error:
            raise LinkError(f"nobody connected to {self.address} within {PATIENCE:.0f} s ({error})") from None
        with suppress(OSError):
            other.settimeout(GREETING)
            if hmac.compare_digest(_exactly(other, SECRET), secret):
                return _ready(other)
        other.close()  # a stranger, or one of a team that has since changed
        return None


def connect(address: Address, secret: bytes) -> socket.socket:
    """A link to the port at this address. LinkError if it cannot be reached."""
    try:
        link = socket.create_connection(address, PATIENCE)
        link.sendall(secret)
    except OSError as error:
        raise LinkError(f"{address} cannot be reached ({error})") from None
    return _ready(link)


def _ready(link: socket.socket) -> socket.socket:
    link.settimeout(None)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if hasattr(socket, name):  # not on every system
            link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return link


def send(link: socket.socket, *arrays: np.ndarray) -> None:
    """Send whole arrays; the other end must know their shapes and dtypes."""
    try:
        for array in arrays:
            link.sendall(as_bytes(array))
    except OSError as error:
        raise LinkError(f"the worker at the other end is gone ({error})") from None


def receive(link: socket.socket, *arrays: np.ndarray) -> None:
    """Fill these arrays with what comes."""
    try:
        for array in arrays:
            rest = as_bytes(array)
            while rest:
                rest = rest[receive_some(link, rest) :]
    except OSError as error:
        raise LinkError(f"the worker at the other end is gone ({error})") from None


def receive_some(link: socket.socket, into: memoryview) -> int:
    """Receive what there is; how many bytes."""
    count = link.recv_into(into)
    if not count:
        raise ConnectionResetError("it has ended")
    return count


def as_bytes(array: np.ndarray) -> memoryview:
    """The memory of a contiguous array."""
    return memoryview(array).cast("B") if array.size else memoryview(b"")  # type: ignore[arg-type]


def _exactly(link: socket.socket, count: int) -> bytes:
    found = np.empty(count, np.uint8)
    receive(link, found)
    return found.tobytes()
