"""MCP over HTTP: the SDK's transports, with our headers and an eye on what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from .config import MCPServerConfig

_SESSION_ID = "mcp-session-id"
_CONNECT_SECONDS = 30.0
_READ_SECONDS = 3600.0


class HTTPWatch:
    """What the responses of one connection say beyond what the SDK passes on."""

    def __init__(self) -> None:
        self.failed_status = 0
        """The last response's status if it was 400 or more, else 0."""
        self.session_lost = False
        """Whether the server no longer knows our session. A request answered so was not carried out."""
        self.sent_on_to = ""
        """The host that the last response points to, if that is another one. The SDK does not go there."""

    async def see(self, response: httpx2.Response) -> None:
        """Called with each response before the SDK reads it."""
        status = response.status_code
        self.failed_status = status if status >= 400 else 0
        here = response.request.url
        there = here.join(response.headers["location"]) if response.has_redirect_location else here
        self.sent_on_to = "" if there.netloc == here.netloc else there.netloc.decode()
        if _SESSION_ID in response.request.headers and status in {400, 404}:
            # 404 is what the protocol says; some servers answer 400 and name the session in the text.
            self.session_lost |= status == 404 or b"session" in (await response.aread()).lower()


def http_transport(config: MCPServerConfig, watch: HTTPWatch, ended: asyncio.Event) -> AbstractAsyncContextManager[Any]:
    """The transport of a remote server: streamable HTTP, or the older SSE, which sets ``ended`` when it is cut."""
    return _sse(config, watch.see, ended) if config.transport == "sse" else _streamable(config, watch.see)


def http_failure(config: MCPServerConfig, watch: HTTPWatch, error: Exception | None) -> str:
    """Why the connection could not be made or ended, in a few words."""
    host = urlsplit(config.url or "").netloc.rpartition("@")[2]
    if isinstance(error, httpx2.ConnectError):
        return f"cannot connect to {host}"
    if isinstance(error, httpx2.TimeoutException):
        return f"{host} did not answer in time"
    if watch.failed_status in {401, 403}:
        return f"{host} answered HTTP {watch.failed_status}: check the headers that are configured for it"
    if watch.failed_status:
        return f"{host} answered HTTP {watch.failed_status}"
    if watch.sent_on_to:
        return f"{host} sends callers on to {watch.sent_on_to}: if that is right, configure its address"
    return f"{host} closed the connection"


@asynccontextmanager
async def _streamable(
    config: MCPServerConfig, see: Callable[[httpx2.Response], Awaitable[None]]
) -> AsyncGenerator[Any, None]:
    hooks = {"response": [see]}
    timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_READ_SECONDS)
    client = httpx2.AsyncClient(headers=dict(config.headers), timeout=timeout, event_hooks=hooks)
    async with client, streamable_http_client(config.url or "", http_client=client) as streams:
        yield streams


@asynccontextmanager
async def _sse(
    config: MCPServerConfig, see: Callable[[httpx2.Response], Awaitable[None]], ended: asyncio.Event
) -> AsyncGenerator[Any, None]:
    def client(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth, event_hooks={"response": [see]})

    async with sse_client(
        config.url or "",
        headers=dict(config.headers),
        timeout=_CONNECT_SECONDS,
        sse_read_timeout=_READ_SECONDS,
        httpx_client_factory=client,
    ) as (received, sent):
        yield _Watched(received, ended), sent


class _Watched:
    """A stream of messages that tells when it has ended, so that a cut is known before the next call."""

    def __init__(self, stream: Any, ended: asyncio.Event) -> None:
        self._stream = stream
        self._ended = ended

    async def receive(self) -> Any:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._ended.set()
            raise

    async def __aenter__(self) -> _Watched:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stream.aclose()
