"""One request and its response, on a connection of their own to an address that was checked before."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from http import HTTPStatus

import httptools

from ...errors import ConfigError
from ...errors import ToolError
from ...models.connection import MAX_HEAD_BYTES
from ...models.connection import Message
from ...models.connection import READ_BYTES
from ...models.route import open_socket
from ...models.route import proxy_for
from ...models.route import Route
from ...models.route import TransportError
from .content import Body
from .content import decoded
from .content import is_text
from .url import WebURL

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered. ``content`` is decompressed; ``cut`` tells that it was longer than the limit."""

    url: WebURL
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    cut: bool = False

    @property
    def content_type(self) -> str:
        """The header, empty if there is none."""
        return self.headers.get("content-type", "")

    @property
    def reason(self) -> str:
        """The usual words for the status, ``Not Found``; empty for a status that has none."""
        return HTTPStatus(self.status).phrase if self.status in HTTPStatus._value2member_map_ else ""

    def text(self) -> str:
        """The content as text. Raises :class:`ToolError` if it is none."""
        if self.content and not is_text(self.content_type, self.content):
            kind = self.content_type.partition(";")[0].strip() or "binary data"
            raise ToolError(f"the content is {kind[:80]}, which cannot be read as text")
        return decoded(self.content, self.content_type)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes out once. ``until`` is on the monotonic clock, ``limit`` in bytes, decompressed."""

    method: str
    url: WebURL
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    limit: int
    until: float

    @property
    def left(self) -> float:
        """Seconds until the time is up. Raises TimeoutError when there are none."""
        if (left := self.until - time.monotonic()) <= 0:
            raise TimeoutError
        return left

    def head(self) -> bytes:
        """The request up to its body. Raises :class:`ToolError` for a header that HTTP cannot carry."""
        lines = [f"{self.method} {self.url.path} HTTP/1.1", f"Host: {self.url.authority}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body is not None or self.method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(self.body or b'')}")
        lines += ["Accept-Encoding: gzip, deflate", "Connection: close", "", ""]
        if any(character in line for line in lines for character in "\r\n\0"):
            raise ToolError("a header holds a line break, it cannot be sent")
        try:
            return "\r\n".join(lines).encode("latin-1")
        except UnicodeEncodeError:
            raise ToolError("a header holds characters that cannot be sent") from None


def exchange(sent: Sent, addresses: list[str]) -> Response:
    """Sends a request to the first of the addresses that can be reached.

    Whatever happens to the task that waits here, the socket is closed. Raises :class:`ToolError`, TimeoutError.
    """
    head = sent.head()
    try:
        with closing(_connected(sent, addresses)) as sock:
            sock.settimeout(sent.left)
            sock.sendall(head + (sent.body or b""))
            return _response(sent, sock)
    except TimeoutError:
        raise
    except ssl.SSLCertVerificationError as exc:
        raise ToolError(f"the certificate of {sent.url.host} was refused: {exc.verify_message}") from exc
    except TransportError as exc:
        raise ToolError("the proxy that leads out refused the connection") from exc
    except ConfigError as exc:
        raise ToolError("the proxy that leads out cannot be used") from exc
    except OSError as exc:
        raise ToolError(f"{sent.url.host} cannot be reached, or it broke the connection off") from exc


def _connected(sent: Sent, addresses: list[str]) -> socket.socket:
    """Each address is tried; the last one's failure counts."""
    url = sent.url
    proxy = proxy_for(url.scheme, url.host, url.port)
    for last, address in ((number == len(addresses), address) for number, address in enumerate(addresses, 1)):
        try:
            route = Route(url.scheme == "https", url.host, url.port, proxy, address)
            return open_socket(route, min(_CONNECT_SECONDS, sent.left))
        except OSError:
            if last or sent.until <= time.monotonic():
                raise
    raise TimeoutError


def _response(sent: Sent, sock: socket.socket) -> Response:
    """Reads the head, then as much of the body as may be kept."""
    message = Message()
    pieces = _pieces(sent, sock, message)
    size = 0
    while not message.status:
        size += next(pieces, 0) or _broken(sent)
        if size > MAX_HEAD_BYTES and not message.status:
            raise ToolError(f"{sent.url.host} sent headers without end")
    headers = dict(message.headers)
    body = Body("" if sent.method == "HEAD" else headers.get("content-encoding", ""), sent.limit)
    if sent.method != "HEAD":
        body.add(message.take_body())
        while not message.complete and not body.full and next(pieces, 0):
            body.add(message.take_body())
        if message.framed and not message.complete and not body.full:
            _broken(sent)
    return Response(sent.url, message.status, headers, body.content(), body.full)


def _pieces(sent: Sent, sock: socket.socket, message: Message) -> Iterator[int]:
    """Feeds the parser and yields how much was read, until the connection ends."""
    while True:
        sock.settimeout(sent.left)
        data = sock.recv(READ_BYTES)
        if not data:
            return
        try:
            message.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not message.complete:
                raise ToolError(f"{sent.url.host} did not answer in valid HTTP") from None
        yield len(data)


def _broken(sent: Sent) -> int:
    raise ToolError(f"{sent.url.host} broke its answer off")
