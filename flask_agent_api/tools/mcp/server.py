"""The connection of one process to an MCP server: started once, shared by all runs, restarted when it breaks."""

from __future__ import annotations

import contextvars
import importlib
import logging
import threading
from typing import Any
from typing import TYPE_CHECKING

from ... import loop_thread
from ...concurrency import offload
from ...concurrency import spawn
from ...errors import ToolError
from ...types import ToolResult
from .backoff import Backoff
from .config import MCPServerConfig
from .process import ServerProcess

if TYPE_CHECKING:
    from .session import MCPSession
    from .session import ToolSpec

_START_SLACK = 10.0
_logger = logging.getLogger("flask_agent_api.mcp")


class MCPServer:
    """A server as this process knows it. Nothing is started before the first use."""

    def __init__(self, config: MCPServerConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._session: MCPSession | None = None
        self._start: _Start | None = None
        self._backoff = Backoff(config.restarts)
        self._over = False

    def tools(self) -> tuple[ToolSpec, ...]:
        """The server's tools, read again if it said that they have changed. Raises :class:`ToolError`."""
        session = self._connected()
        if session.stale:
            try:
                loop_thread.run(session.list_tools(), self._config.startup_timeout)
            except TimeoutError:
                raise ToolError(f"MCP server {self._config.name} did not list its tools in time") from None
        return session.tools

    def call(self, tool: str, arguments: dict[str, Any], timeout: float | None) -> ToolResult:
        """Calls a tool. Raises :class:`ToolError`, after ``timeout`` seconds too; the server is told to stop then."""
        lost = importlib.import_module(".session", __package__).SessionLost
        try:
            return self._call(tool, arguments, timeout)
        except lost:
            _logger.info("MCP server %s has lost our session: connecting again", self._config.name)
        try:
            return self._call(tool, arguments, timeout)
        except lost:
            raise ToolError(f"MCP server {self._config.name} loses its sessions") from None

    @property
    def starting(self) -> bool:
        """Whether an attempt to connect is under way."""
        return self._start is not None

    def instructions(self) -> str:
        """What the server says about itself; empty if it is not running."""
        session = self._session
        return session.instructions if session is not None else ""

    def close(self) -> None:
        """Ends the connection and the server that was started for it. The next use starts it again."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def end(self) -> None:
        """Like :meth:`close`, and for good: what is being started ends as soon as it runs."""
        self._over = True
        self.close()

    def status(self) -> str:
        """The state in a few words, for display."""
        session = self._session
        if session is not None and session.alive:
            return f"running ({len(session.tools)} tools)"
        if self.starting:
            return "starting"
        reason = self._backoff.reason or (session.reason if session is not None else "")
        return f"failed: {reason}" if reason else "not started"

    def _call(self, tool: str, arguments: dict[str, Any], timeout: float | None) -> ToolResult:
        session = self._connected()
        try:
            return loop_thread.run(session.call(tool, arguments), timeout)
        except TimeoutError:
            raise ToolError(f"{tool} timed out after {timeout:g} s") from None

    def _connected(self) -> MCPSession:
        """The live session, started if need be: by one task for all that wait for it."""
        with self._lock:
            session = self._session
            if session is not None and session.alive:
                return session
            if self._over:
                raise ToolError(self._failure("the run has ended"))
            if self._start is None:
                self._may_start(session)
                self._start = _Start(session)
                # The server outlives the request that starts it, so it must not hold on to its context.
                contextvars.Context().run(spawn, self._run_start, self._start)
            start = self._start
        if not start.done.wait(self._config.startup_timeout + _START_SLACK):
            raise ToolError(self._failure("is still starting"))
        if start.session is None:
            raise ToolError(self._failure(start.reason))
        return start.session

    def _may_start(self, previous: MCPSession | None) -> None:
        if previous is not None:
            self._backoff.ended(previous.reason or "ended")
            self._session = None
        wait = self._backoff.wait()
        if wait > 0:
            again = "it is not started again" if wait == float("inf") else f"the next attempt is in {wait:.0f} s"
            raise ToolError(self._failure(f"{self._backoff.reason}; {again}"))
        self._backoff.starting()

    def _run_start(self, start: _Start) -> None:
        try:
            if start.previous is not None:
                start.previous.close()
            start.session = self._open()
        except ToolError as exc:
            start.reason = str(exc)
        except Exception:
            _logger.exception("MCP server %s could not be started", self._config.name)
        finally:
            if start.session is None:
                self._backoff.failed(start.reason)
                _logger.warning("MCP server %s: %s", self._config.name, start.reason)
            else:
                self._backoff.started()
            self._session, self._start = start.session, None
            start.done.set()
            if self._over:
                self.close()

    def _open(self) -> MCPSession:
        try:
            # The first import takes about a second.
            module = offload(importlib.import_module, f"{__package__}.session")
        except ModuleNotFoundError as exc:
            raise ToolError(f"needs {exc.name}, which is not installed: pip install 'flask-agent-api[mcp]'") from None
        config = self._config if self._config.launcher is None else self._config.launcher.launch(self._config)
        process = ServerProcess(config) if config.transport == "stdio" else None
        session: MCPSession = module.MCPSession(config, process)
        session.open()
        return session

    def _failure(self, reason: str) -> str:
        return f"MCP server {self._config.name}: {reason}"


class _Start:
    """One attempt to connect, for all who wait for it. ``previous`` is the connection that it replaces."""

    def __init__(self, previous: MCPSession | None) -> None:
        self.previous = previous
        self.done = threading.Event()
        self.session: MCPSession | None = None
        self.reason = "could not be started"
