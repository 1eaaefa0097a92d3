"""Carries MCP messages over the pipes of a child process: one JSON-RPC message a line."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import anyio
from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData
from mcp_types import INTERNAL_ERROR
from mcp_types import jsonrpc_message_adapter
from mcp_types import JSONRPCError

from .process import ServerProcess

MAX_LINE = 4 * 1024 * 1024
"""Bytes of a message from a server, at the most; a longer one is dropped and its call fails."""

_EXIT_SECONDS = 1.0
_LOOK_SECONDS = 0.25
_TERM_SECONDS = 0.5
_ENDS = 200
_ID = re.compile(rb'\A\{\s*"jsonrpc":\s*"2\.0",\s*"id":\s*(\d+)|"jsonrpc":\s*"2\.0",\s*"id":\s*(\d+)\s*\}\s*\Z')
_MAX_STDERR_LINES = 1000
_MAX_STDERR_LINE = 2**16
_MAX_STDERR_CHARS = 500
_logger = logging.getLogger("flask_agent_api.mcp")


class PipeTransport(Transport):
    """The messages of one server process. Leaving it ends the process: by itself, by SIGTERM, by SIGKILL.

    Sets ``ended`` when the server has closed its end. ``secrets`` are struck out of what it writes to its stderr.
    """

    def __init__(self, process: ServerProcess, name: str, ended: asyncio.Event, secrets: tuple[str, ...] = ()) -> None:
        self.last_words = ""
        """The last line the server wrote to its stderr."""
        self._process = process
        self._name = name
        self._ended = ended
        self._secrets = secrets

    async def __aenter__(self) -> tuple[Any, Any]:
        into_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        self._streams = (into_session, from_server, to_server, from_session)
        self._stdin = await _writer(self._process.stdin.writer)
        stdout, out = await _reader(self._process.stdout.reader, MAX_LINE)
        stderr, err = await _reader(self._process.stderr.reader, _MAX_STDERR_LINE)
        self._pipes = (self._stdin.transport, out, err)
        self._draining = asyncio.create_task(self._drain(stderr))
        receiving = asyncio.create_task(self._receive(stdout, into_session))
        sending = asyncio.create_task(self._send(from_session, into_session))
        self._tasks = (receiving, sending, asyncio.create_task(self._watch(receiving)))
        return from_server, to_server

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._end_process()
        finally:
            self._process.signal_group(signal.SIGKILL)
            for task in (*self._tasks, self._draining):
                task.cancel()
            for stream in self._streams:
                stream.close()
            for pipe in self._pipes:
                pipe.close()
            if self._stdin.transport.get_write_buffer_size():
                self._stdin.transport.abort()

    async def exit_code(self, seconds: float) -> int | None:
        """The process's exit code, as soon as it is known; None if it still runs after ``seconds``."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (code := self._process.exit_code()) is None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)
        if code is not None:
            await asyncio.wait([self._draining], timeout=0.1)  # its last words may still be in the pipe
        return code

    async def _end_process(self) -> None:
        self._stdin.close()
        if await self.exit_code(_EXIT_SECONDS) is None:
            self._process.signal_group(signal.SIGTERM)
            if await self.exit_code(_TERM_SECONDS) is None:
                self._process.signal_group(signal.SIGKILL)
                await self.exit_code(_TERM_SECONDS)

    async def _watch(self, receiving: asyncio.Task[None]) -> None:
        """Ends the connection of a process that has ended although one that it started holds the pipe open."""
        while self._process.exit_code() is None:
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.wait([receiving], timeout=_LOOK_SECONDS)  # what it wrote last may still be on its way
        receiving.cancel()

    async def _receive(self, stdout: asyncio.StreamReader, into_session: Any) -> None:
        try:
            async for line, whole in _lines(stdout):
                message = self._parsed(line) if whole else self._too_long(line)
                if message is not None:
                    await into_session.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the session has ended before the server
        finally:
            self._ended.set()
            into_session.close()

    def _parsed(self, line: bytes) -> SessionMessage | None:
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            if line.strip():
                _logger.debug("MCP server %s wrote a line that is no message: %.200r", self._name, line)
            return None

    def _too_long(self, ends: bytes) -> SessionMessage | None:
        _logger.warning("MCP server %s sent a message of more than %d bytes: dropped", self._name, MAX_LINE)
        found = _ID.search(ends)
        if found is None:
            return None
        error = ErrorData(code=INTERNAL_ERROR, message=f"The result is larger than {MAX_LINE} bytes")
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=int(found[1] or found[2]), error=error))

    async def _send(self, from_session: Any, into_session: Any) -> None:
        try:
            async for item in from_session:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._stdin.write(text.encode() + b"\n")
                await self._stdin.drain()
        except OSError:
            self._ended.set()
            into_session.close()  # the server may go on, but it reads no more

    async def _drain(self, stderr: asyncio.StreamReader) -> None:
        count = 0
        async for line, _ in _lines(stderr):
            text = line.decode(errors="replace").strip()[:_MAX_STDERR_CHARS]
            for secret in self._secrets:
                text = text.replace(secret, "***")
            self.last_words = text or self.last_words
            count += 1
            if text and count <= _MAX_STDERR_LINES:
                _logger.info("MCP server %s: %s", self._name, text)


async def _reader(pipe: Any, limit: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader(limit=limit)
    connect = asyncio.get_running_loop().connect_read_pipe
    transport, _ = await connect(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport


async def _writer(pipe: Any) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bool]]:
    """The lines, each with whether it is whole. Of one that is too long only the two ends are given."""
    head = tail = b""
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as exc:
            part = await reader.readexactly(exc.consumed)
            head, tail = head or part[:_ENDS], part[-_ENDS:]
            continue
        except asyncio.IncompleteReadError as exc:
            line = exc.partial
        if head:
            yield head + b" " + (tail + line)[-_ENDS:], False
        elif line:
            yield line, True
        if not line.endswith(b"\n"):
            return
        head = tail = b""
