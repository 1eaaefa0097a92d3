"""Ports of this machine for servers of the tests."""

from __future__ import annotations

import atexit
import itertools
import socket
import threading
from collections.abc import Iterator

FIRST, LAST, BLOCK = 10_000, 32_000, 500
"""Below what the system hands out to clients, which would take a port before its server has started."""


def listens(port: int) -> bool:
    """Whether something listens on a port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nothing listens on, and that no other run of the tests hands out."""
    with _lock:
        return next(port for port in _ports if _can_bind(port))


def _can_bind(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _block() -> Iterator[int]:
    """The ports of a block of which the first is held for as long as this process lives."""
    for first in range(FIRST, LAST, BLOCK):
        try:
            _guard.bind(("127.0.0.1", first))
        except OSError:
            continue
        yield from itertools.cycle(range(first + 1, first + BLOCK))


_lock = threading.Lock()
_guard = socket.socket()
atexit.register(_guard.close)
_ports = _block()
