"""One connection to an MCP server, from its start to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from ... import loop_thread
from ...concurrency import Outcome
from ...errors import ToolError
from ...types import JSONSchema
from ...types import ToolResult
from .config import MCPServerConfig
from .content import tool_result
from .http import http_failure
from .http import http_transport
from .http import HTTPWatch
from .process import ServerProcess
from .transport import PipeTransport

_CLOSE_SECONDS = 2.5
_MAX_PAGES = 100
_SESSION_ERRORS = {types.INVALID_REQUEST, types.CONNECTION_CLOSED, -32001}
_SDK_HTTP_ERROR = "Server returned an error response"  # what the SDK says if the body is no JSON-RPC error
_logger = logging.getLogger("flask_agent_api.mcp")


class SessionLost(Exception):
    """The connection is gone, or the server has forgotten it, and the call was not carried out."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the server describes it."""

    name: str
    description: str
    parameters: JSONSchema
    read_only: bool


class MCPSession:
    """A connection. Coroutines run on the process's loop, everything else in the tasks that use it.

    ``process`` is the server to speak to if it is a child of ours.
    """

    def __init__(self, config: MCPServerConfig, process: ServerProcess | None) -> None:
        self.tools: tuple[ToolSpec, ...] = ()
        self.instructions = ""
        self.stale = False
        """Whether the server has said that its tools have changed."""
        self.reason = ""
        """Why the connection has ended."""
        self._config = config
        self._process = process
        self._watch = HTTPWatch()
        self._connected = False
        self._end = asyncio.Event()
        self._ended = asyncio.Event()
        self._pipes = PipeTransport(process, config.name, self._end, _secrets(config)) if process else None

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return self._connected and not self._end.is_set()

    def open(self) -> None:
        """Connects and lists the tools. Raises :class:`ToolError`, in which case nothing is left behind."""
        ready: Outcome[None] = Outcome()
        job = loop_thread.submit(self._own(ready.set))
        try:
            ready.wait(self._config.startup_timeout)
        except TimeoutError:
            raise ToolError(f"did not start within {self._config.startup_timeout:g} s") from None
        finally:
            if not self.alive:
                job.cancel()

    def close(self) -> None:
        """Ends the connection, if it has not ended, and waits for that for a short while."""
        with suppress(TimeoutError):
            loop_thread.run(self._close(), _CLOSE_SECONDS)

    async def _close(self) -> None:
        self._end.set()
        await self._ended.wait()

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Calls a tool; cancelling the coroutine cancels the call on the server.

        Raises :class:`ToolError`, and :class:`SessionLost` if the call may be repeated on a new connection.
        """
        if not self.alive:
            raise SessionLost
        try:
            return tool_result(await self._client.call_tool(name, arguments))
        except MCPError as exc:
            if self._watch.session_lost and (exc.code in _SESSION_ERRORS or exc.message == _SDK_HTTP_ERROR):
                self._end.set()
                raise SessionLost from None
            if exc.code == types.CONNECTION_CLOSED and (self._end.is_set() or exc.message == "Connection closed"):
                self._end.set()
                raise ToolError(await self._last_reason()) from None
            refused = exc.message == _SDK_HTTP_ERROR and self._watch.failed_status
            raise ToolError(http_failure(self._config, self._watch, None) if refused else exc.message) from None
        except (RuntimeError, ValueError) as exc:
            if not self.alive:
                raise ToolError(await self._last_reason()) from None
            _logger.warning("MCP server %s: tool %s: %s", self._config.name, name, exc)
            raise ToolError(f"MCP server {self._config.name} sent a result that does not fit its own schema") from None

    async def list_tools(self) -> None:
        """Reads the tools anew, all pages. Raises :class:`ToolError`."""
        self.stale = False
        found: list[types.Tool] = []
        cursor: str | None = None
        try:
            if self._client.server_capabilities.tools is None:
                return
            for _ in range(_MAX_PAGES):
                page = await self._client.list_tools(cursor=cursor)
                found.extend(page.tools)
                cursor = page.next_cursor
                if not cursor:
                    break
        except (MCPError, RuntimeError, ValueError) as exc:
            self.stale = True
            raise ToolError(f"tools cannot be listed: {exc}") from exc
        self.tools = tuple(_spec(tool) for tool in found)

    async def _own(self, ready: Callable[[None, Exception | None], object]) -> None:
        """Enters and leaves the connection: both must happen in the same task."""
        error: Exception | None = None
        try:
            async with self._connection() as self._client:
                self.instructions = self._client.instructions or ""
                await self.list_tools()
                self._connected = True
                ready(None, None)
                await self._wait_for_end()
        except Exception as exc:  # the SDK and anyio raise groups of anything; what it means is in the reason
            _logger.debug("MCP server %s: connection ended", self._config.name, exc_info=True)
            error = _root(exc)
        finally:
            self._connected = False
            self.reason = self._describe(error)
            if self._process is not None:
                self._process.close()
            self._ended.set()
            ready(None, ToolError(self.reason))

    def _connection(self) -> Client:
        return Client(
            self._pipes or http_transport(self._config, self._watch, self._end),
            mode="auto" if self._config.transport == "http" else "legacy",
            message_handler=self._notice,
            list_roots_callback=_no_roots,
            logging_callback=self._log,
            client_info=types.Implementation(name="flask-agent-api", version="0"),
            cache=None,
        )

    async def _wait_for_end(self) -> None:
        listener = asyncio.create_task(self._listen())
        try:
            await self._end.wait()
        finally:
            listener.cancel()

    async def _listen(self) -> None:
        """Servers of the stateless era tell of changes only on a stream that the client opens for it."""
        capability = self._client.server_capabilities.tools
        if self._client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (
            capability and capability.list_changed
        ):
            return
        with suppress(MCPError, RuntimeError, TimeoutError):
            async with self._client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.stale = True

    async def _notice(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.stale = True

    async def _log(self, params: types.LoggingMessageNotificationParams) -> None:
        _logger.debug("MCP server %s says (%s): %.500r", self._config.name, params.level, params.data)

    async def _last_reason(self) -> str:
        """Why the connection ended, once that is known."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _CLOSE_SECONDS)
        return f"MCP server {self._config.name} {self.reason or 'closed the connection'}"

    def _describe(self, error: Exception | None) -> str:
        if isinstance(error, ToolError):
            return str(error)
        if self._process is None or self._pipes is None:
            return http_failure(self._config, self._watch, error)
        code = self._process.exit_code()
        if isinstance(error, MCPError) and error.code != types.CONNECTION_CLOSED:
            return f"refused the connection: {error.message}"
        if code is None:
            return "closed the connection"
        how = f"exited with code {code}" if code >= 0 else f"was ended by signal {-code}"
        return f"{how}: {self._pipes.last_words}" if self._pipes.last_words else how


async def _no_roots(context: object) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])


def _spec(tool: types.Tool) -> ToolSpec:
    return ToolSpec(
        name=tool.name,
        description=tool.description or tool.title or "",
        parameters={"type": "object", "properties": {}, **tool.input_schema},
        read_only=bool(tool.annotations and tool.annotations.read_only_hint),
    )


def _root(error: Exception) -> Exception:
    """The error inside a group of errors that says the most: one of the network before one of the protocol."""
    inner = getattr(error, "exceptions", None)
    if not inner:
        return error
    leaves = [_root(exc) for exc in inner]
    return next((leaf for leaf in leaves if not isinstance(leaf, MCPError)), leaves[0])


def _secrets(config: MCPServerConfig) -> tuple[str, ...]:
    return tuple(value for value in config.env.values() if len(value) >= 8)
