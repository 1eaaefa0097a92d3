"""Which connection to an MCP server a run uses: the one that all share, or its caller's own."""

from __future__ import annotations

import contextvars
import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Protocol

from ...concurrency import spawn
from ...context import RunContext
from ...errors import ToolError
from ...once import warn_once
from ...redaction import keep_secrets
from .config import MCPServerConfig
from .server import MCPServer

MOST_CALLERS = 100
"""Connections to one server that are open for callers of their own, at the most."""

IDLE_SECONDS = 300.0
"""How long such a connection stays open when its caller does not use it."""

_SALT = os.urandom(16)
logger = logging.getLogger("flask_agent_api.mcp")


class Connections(Protocol):
    """The connections of one process to one server."""

    def lease(self, ctx: RunContext) -> AbstractContextManager[MCPServer]:
        """The connection for a run, which stays open inside. Raises :class:`ToolError` if there can be none."""
        ...

    def peek(self, ctx: RunContext) -> MCPServer | None:
        """The connection for a run if it has been used before."""
        ...

    def status(self) -> str:
        """The state in a few words, for display."""
        ...

    def close(self) -> None:
        """Ends all connections. The next use makes new ones."""
        ...


def connections(config: MCPServerConfig) -> Connections:
    """The connections that a configuration asks for."""
    return CallersConnections(config) if config.request_headers else SharedConnection(config)


def headers_of(config: MCPServerConfig, ctx: RunContext) -> dict[str, str]:
    """The headers that the run's request has values for. Raises :class:`ToolError` for a value that is not fit."""
    filled = {}
    for name, template in config.request_headers.items():
        if missing := template.missing(ctx.headers):
            warn_once(
                logger, "MCP server %s: the header %s is not sent where a request has no %s that may be forwarded",
                config.name, name, " and ".join(missing),
            )  # fmt: skip
            continue
        filled[name] = template.fill(ctx.headers)
    return filled


def with_headers(config: MCPServerConfig, headers: Mapping[str, str]) -> MCPServerConfig:
    """The configuration of a connection that sends these in the place of those that differ by caller."""
    keep_secrets(headers, passing=True)
    return replace(config, headers={**config.headers, **headers}, request_headers={})


class SharedConnection:
    """One connection for all callers."""

    def __init__(self, config: MCPServerConfig) -> None:
        self._server = MCPServer(config)

    def lease(self, ctx: RunContext) -> AbstractContextManager[MCPServer]:
        return nullcontext(self._server)

    def peek(self, ctx: RunContext) -> MCPServer | None:
        return self._server

    def status(self) -> str:
        return self._server.status()

    def close(self) -> None:
        self._server.close()


@dataclass(slots=True)
class _Caller:
    server: MCPServer
    users: int = 0
    last_used: float = field(default_factory=time.monotonic)

    @property
    def idle(self) -> bool:
        return self.users == 0 and not self.server.starting


class CallersConnections:
    """A connection for each caller and each set of header values: what one may see, no other gets.

    There are a hundred at the most; for another caller the one that was not used for longest is closed, and each is
    closed after five minutes without use.
    """

    def __init__(self, config: MCPServerConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._sweeping = False

    @contextmanager
    def lease(self, ctx: RunContext) -> Iterator[MCPServer]:
        headers = headers_of(self._config, ctx)
        caller = self._enter(_key(ctx, headers), headers)
        try:
            yield caller.server
        finally:
            with self._lock:
                caller.users -= 1
                caller.last_used = time.monotonic()

    def peek(self, ctx: RunContext) -> MCPServer | None:
        caller = self._callers.get(_key(ctx, headers_of(self._config, ctx)))
        return caller.server if caller is not None else None

    def status(self) -> str:
        return f"connected for {len(self._callers)} callers" if self._callers else "not started"

    def close(self) -> None:
        with self._lock:
            callers = list(self._callers.values())
            self._callers.clear()
        for caller in callers:
            caller.server.close()

    def _enter(self, key: str, headers: Mapping[str, str]) -> _Caller:
        with self._lock:
            caller = self._callers.get(key)
            removed = self._make_room() if caller is None else None
            if caller is None:
                caller = self._callers[key] = _Caller(MCPServer(with_headers(self._config, headers)))
                logger.debug("MCP server %s: a connection for the caller %.8s", self._config.name, key)
                self._sweep_from_now_on()
            caller.users += 1
            self._callers.move_to_end(key)
        if removed is not None:
            removed.server.close()
        return caller

    def _make_room(self) -> _Caller | None:
        if len(self._callers) < MOST_CALLERS:
            return None
        key = next((key for key, caller in self._callers.items() if caller.idle), None)
        if key is None:
            raise ToolError(f"MCP server {self._config.name}: {MOST_CALLERS} callers use it at the moment, try later")
        return self._callers.pop(key)

    def _sweep_from_now_on(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            # It outlives the request that starts it, so it must not hold on to its context.
            contextvars.Context().run(spawn, self._sweep)

    def _sweep(self) -> None:
        """Closes what nobody uses, until nothing is left."""
        while True:
            time.sleep(IDLE_SECONDS / 4)
            for caller in self._unused():
                caller.server.close()
            with self._lock:
                if not self._callers:
                    self._sweeping = False
                    return

    def _unused(self) -> list[_Caller]:
        before = time.monotonic() - IDLE_SECONDS
        with self._lock:
            keys = [key for key, caller in self._callers.items() if caller.idle and caller.last_used < before]
            return [self._callers.pop(key) for key in keys]


def _key(ctx: RunContext, headers: Mapping[str, str]) -> str:
    """Tells callers apart without giving their values away: it is in the log."""
    told = repr((ctx.principal.id, sorted(headers.items())))
    return hashlib.blake2b(told.encode(), key=_SALT, digest_size=16).hexdigest()
