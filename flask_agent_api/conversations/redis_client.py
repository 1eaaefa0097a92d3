"""How a store asks Redis: by scripts that Redis may have forgotten, with one error for all that fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from .base import StoreUnavailable
from .redis_connections import Connections
from .redis_scripts import Argument
from .redis_scripts import Call

logger = logging.getLogger("flask_agent_api.conversations")

Command = Call | tuple[Argument, ...]
"""A script, or a command of Redis with its arguments."""

_AT_ONCE = 500
_QUIET_SECONDS = 60.0


class RedisClient:
    """Asks the Redis of a URL, see :class:`Connections`. ``prefix`` is what keys have to begin with.

    ``without`` is what the log says of a Redis that cannot be asked.
    """

    def __init__(self, url: str, without: str = "conversations are unavailable") -> None:
        self._connections = Connections(url)
        self._outages = _Outages(self._connections.place, without)
        self.prefix = self._connections.prefix

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
        answers = self._connections.send(short)
        if any(isinstance(answer, redis.exceptions.ReadOnlyError) for answer in answers):
            self._connections.close(idle_only=True)  # another machine has taken over; the name leads there now
            answers = self._connections.send(short)
        if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
            answers = self._connections.send([_in_full(command) for command in commands])
        for answer in answers:
            if isinstance(answer, redis.ResponseError):
                raise answer
        return answers

    def close(self) -> None:
        """Ends all connections; the next question makes new ones."""
        self._connections.close()


def _by_sha(command: Command) -> tuple[Argument, ...]:
    return ("EVALSHA", command.script.sha, *command.rest) if isinstance(command, Call) else command


def _in_full(command: Command) -> tuple[Argument, ...]:
    return ("EVAL", command.script.source, *command.rest) if isinstance(command, Call) else command


@dataclass(slots=True)
class _Outage:
    since: float
    told: bool


class _Outages:
    """What the log says of failures: when one begins and when it is over, at the most once a minute of each kind."""

    def __init__(self, place: str, without: str) -> None:
        self._place = place
        self._without = without
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
            message = "Redis at %s %s, so %s: %s: %s"
            logger.warning(message, self._place, what, self._without, type(exc).__name__, exc)

    def end(self, name: str) -> None:
        """A question was answered."""
        for kind in ("", name) if self._outages else ():
            outage = self._outages.pop(kind, None)
            if outage is not None and outage.told:
                what = f"does {name}" if kind else "answers"
                logger.warning("Redis at %s %s again, after %.1f s", self._place, what, time.monotonic() - outage.since)
