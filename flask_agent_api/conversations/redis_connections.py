"""Connections to a Redis, by its URL."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlencode

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..errors import ConfigError
from .redis_scripts import Argument

CONNECTIONS = 20
WAIT_SECONDS = 5.0
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0


class Connections:
    """As many connections as are needed at a time, up to a limit; who finds none free waits for one.

    The URL's query may have all that redis-py takes there (``max_connections``, ``socket_connect_timeout``,
    ``socket_timeout``, ``ssl_cert_reqs``...), ``timeout``: seconds to wait for a free connection, and ``prefix``, what
    all keys begin with. Raises :class:`ConfigError` for what it does not understand, without the URL, which may have a
    password. Safe in threads and greenlets.
    """

    def __init__(self, url: str) -> None:
        where, _, options = url.partition("?")
        query = dict(parse_qsl(options))
        self.prefix = query.pop("prefix", "agent_api:")
        if set(self.prefix) & set("{}"):
            raise ConfigError("The `prefix` of a Redis URL must not have braces.")
        self._pool, wait = _open(f"{where}?{urlencode(query)}")
        self._gate = _Gate(self._pool.max_connections, wait)

    @property
    def place(self) -> str:
        """Where Redis is, for the log: without what one needs to get in."""
        options = self._pool.connection_kwargs
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        return f"{place} (database {options.get('db') or 0})"

    def send(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        """The answers, in order; what Redis refuses is an error among them. Raises ``redis.RedisError``.

        If the connection is lost all is sent once more.
        """
        with self._gate:
            connection = self._pool.get_connection()
            try:
                return _exchange(connection, commands)
            except redis.ConnectionError:
                return _exchange(connection, commands)
            finally:
                self._pool.release(connection)

    def close(self, *, idle_only: bool = False) -> None:
        """Ends connections; new ones are made when they are needed."""
        self._pool.disconnect(inuse_connections=not idle_only)


def _open(url: str) -> tuple[Any, float]:
    """The pool, and how long one waits for one of its connections."""
    defaults = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS, "protocol": 2}
    limits = {"max_connections": CONNECTIONS, "timeout": WAIT_SECONDS}
    try:
        pool = redis.ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **defaults, **limits)
        wait: float = pool.connection_kwargs.pop("timeout")
        pool.connection_kwargs["decode_responses"] = False
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but looks at what it is given
    except (TypeError, ValueError, redis.RedisError):
        message = "AGENT_API_STORE or REDIS_URL: this is no URL of Redis, or has options that redis-py does not know. "
        # The cause is not told: it may quote a password that has an unquoted / or #.
        raise ConfigError(message + "A password's special characters must be percent-encoded.") from None
    return pool, wait


def _exchange(connection: Any, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
    answers: list[Any] | None = None
    try:
        connection.send_packed_command(connection.pack_commands(commands))  # connects if it is not connected
        answers = [_answer(connection) for _ in commands]
        return answers
    finally:
        if answers is None:  # also where a run was cancelled: nobody must get the answers that are still to come
            connection.disconnect()


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as exc:
        return exc


class _Gate:
    """Lets ``free`` tasks in at a time, in the order in which they came.

    That is why it stands before the pool: redis-py's own that waits gives a connection to who asks next, even if
    others have been waiting, and those may wait in vain.
    """

    def __init__(self, free: int, wait: float) -> None:
        self._free = free
        self._wait = wait
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        came = False
        try:
            came = turn.wait(self._wait)
        finally:
            if not came:
                self._give_up(turn)
        if not came:
            raise redis.TimeoutError(f"no connection was free within {self._wait:g} seconds")

    def _give_up(self, turn: threading.Event) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.__exit__()  # its turn came in the last moment, and goes to the next

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
