"""How a store talks to Redis: in one go, once more after a lost connection, and with one error for all that fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlencode

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..errors import ConfigError
from .base import StoreUnavailable
from .redis_scripts import Argument
from .redis_scripts import Call

logger = logging.getLogger("flask_agent_api.conversations")

Command = Call | tuple[Argument, ...]
"""A script, or a command of Redis with its arguments."""

CONNECTIONS = 20
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
_AT_ONCE = 500
_QUIET_SECONDS = 60.0


class RedisClient:
    """Connections to the Redis of a URL, as many as are needed at a time; who finds none free waits for one.

    The URL's query may have all that redis-py takes there (``max_connections``, ``timeout``: seconds to wait for a free
    connection, ``socket_connect_timeout``, ``socket_timeout``, ``ssl_cert_reqs``...), and ``prefix``. Raises
    :class:`ConfigError` for what it does not understand, without the URL, which may have a password.
    """

    def __init__(self, url: str) -> None:
        where, _, options = url.partition("?")
        query = dict(parse_qsl(options))
        self.prefix = query.pop("prefix", "agent_api:")
        if set(self.prefix) & set("{}"):
            raise ConfigError("The `prefix` of a Redis URL must not have braces.")
        self._pool: Any = _pool(f"{where}?{urlencode(query)}")
        self._outages = _Outages(_place(self._pool))

    def ask(self, *commands: Command) -> Sequence[Any]:
        """The answers, in order. Raises :class:`StoreUnavailable`, and says why in the log.

        If the connection is lost all is sent again, although it may have been done: it must be harmless to repeat.
        """
        answers: list[Any] = []
        for first in range(0, len(commands), _AT_ONCE):
            answers += self._ask(commands[first : first + _AT_ONCE])
        return answers

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        last = commands[-1]
        name = last.script.name if isinstance(last, Call) else str(last[0])
        try:
            answers = self._answers(commands)
        except redis.RedisError as exc:
            self._outages.begin(exc, name)
            raise StoreUnavailable from exc
        self._outages.end(name)
        return answers

    def _answers(self, commands: Sequence[Command]) -> list[Any]:
        short = [_by_sha(command) for command in commands]
        answers = self._send(short)
        if any(isinstance(answer, redis.exceptions.ReadOnlyError) for answer in answers):
            self._pool.disconnect(inuse_connections=False)  # another machine has taken over; the name leads there now
            answers = self._send(short)
        if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
            answers = self._send([_in_full(command) for command in commands])
        for answer in answers:
            if isinstance(answer, redis.ResponseError):
                raise answer
        return answers

    def _send(self, commands: Sequence[tuple[Argument, ...]], *, again: bool = True) -> list[Any]:
        connection = self._pool.get_connection()
        try:
            return _exchange(connection, commands)
        except redis.ConnectionError:
            if not again:
                raise
        finally:
            self._pool.release(connection)
        return self._send(commands, again=False)

    def close(self) -> None:
        """Ends all connections; the next question makes new ones."""
        self._pool.disconnect()


def _pool(url: str) -> redis.BlockingConnectionPool:
    defaults = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS, "protocol": 2}
    limits = {"max_connections": CONNECTIONS, "timeout": ANSWER_SECONDS}
    try:
        pool = redis.BlockingConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **defaults, **limits)
        pool.connection_kwargs["decode_responses"] = False
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but looks at what it is given
    except (TypeError, ValueError, redis.RedisError) as exc:
        raise ConfigError("AGENT_API_STORE or REDIS_URL: this is not a URL of Redis as redis-py reads it.") from exc
    return pool


def _place(pool: redis.BlockingConnectionPool) -> str:
    """Where Redis is, for the log: without what one needs to get in."""
    options = pool.connection_kwargs
    place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return f"{place} (database {options.get('db') or 0})"


def _by_sha(command: Command) -> tuple[Argument, ...]:
    return ("EVALSHA", command.script.sha, *command.rest) if isinstance(command, Call) else command


def _in_full(command: Command) -> tuple[Argument, ...]:
    return ("EVAL", command.script.source, *command.rest) if isinstance(command, Call) else command


def _exchange(connection: Any, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
    """The answers; what Redis refuses is among them as an error. Any other error ends the connection."""
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        return [_answer(connection) for _ in commands]
    except BaseException:
        connection.disconnect()  # also where a run was cancelled: nobody must get the answers that are still to come
        raise


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as exc:
        return exc


@dataclass(slots=True)
class _Outage:
    since: float
    told: bool


class _Outages:
    """What the log says of failures: when one begins and when it is over, at the most once a minute of each kind."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._outages: dict[str, _Outage] = {}
        self._last_told: dict[str, float] = {}

    def begin(self, exc: redis.RedisError, name: str) -> None:
        """A question failed: Redis refused what ``name`` says, or could not be asked at all."""
        kind = name if isinstance(exc, redis.ResponseError) else ""
        if kind in self._outages:
            return
        now = time.monotonic()
        told = now - self._last_told.get(kind, -_QUIET_SECONDS) >= _QUIET_SECONDS
        self._outages[kind] = _Outage(now, told)
        if told:
            self._last_told[kind] = now
            what = f"refuses to {name}" if kind else "cannot be asked"
            message = "Redis at %s %s, so conversations are unavailable: %s: %s"
            logger.warning(message, self._place, what, type(exc).__name__, exc)

    def end(self, name: str) -> None:
        """A question was answered."""
        for kind in ("", name) if self._outages else ():
            outage = self._outages.pop(kind, None)
            if outage is not None and outage.told:
                what = f"does {name}" if kind else "answers"
                logger.warning("Redis at %s %s again, after %.1f s", self._place, what, time.monotonic() - outage.since)
