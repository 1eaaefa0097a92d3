"""Where a request goes and how to get there: TLS, proxies of the environment, sockets."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import SplitResult
from urllib.parse import unquote
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..per_process import PerProcess
from ..redaction import keep_secret

_PORTS = {"http": 80, "https": 443}
_MAX_TUNNEL_HEAD = 16 * 1024

tls_context = PerProcess(lambda: ssl.create_default_context())
"""The trusted certificates of this process; OpenSSL reads ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` by itself."""


class TransportError(Exception):
    """A call failed below HTTP. ``phase`` says when: connect, first_byte, idle, body, total or protocol.

    The message is fit for clients: it names no host and no address.
    """

    def __init__(self, message: str, phase: str) -> None:
        super().__init__(message)
        self.message = message
        self.phase = phase


class TransportTimeout(TransportError):
    """A time limit was reached."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A forward proxy; ``authorization`` is the value of Proxy-Authorization, empty for none."""

    tls: bool
    host: str
    port: int
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """What a connection can be reused for: everything but the path.

    ``address`` is the one IP address of the host to connect to, also through a proxy; empty for whichever it has.
    """

    tls: bool
    host: str
    port: int
    proxy: Proxy | None = None
    address: str = ""

    @property
    def authority(self) -> str:
        """``host``, ``host:port`` or ``[v6]:port``: the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart; ``path`` is what the request line carries."""

    route: Route
    path: str = field(repr=False)  # its query may hold a key

    @classmethod
    def parse(cls, url: str) -> Target:
        """Looks the proxies of the environment up as well. Raises :class:`ConfigError` if the URL is none."""
        parts = _split(url)
        tls = parts.scheme == "https"
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
        port = parts.port or _PORTS[parts.scheme]
        route = Route(tls, host, port, proxy_for(parts.scheme, parts.hostname or "", port))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if route.proxy and not tls:
            path = f"http://{route.authority}{path}"
        return cls(route, path)

    def head(self, headers: dict[str, str]) -> bytes:
        """The request up to the value of Content-Length. Raises ValueError for a header that HTTP cannot carry."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: {self.route.authority}"]
        if self.route.proxy and not self.route.tls and self.route.proxy.authorization:
            lines.append(f"Proxy-Authorization: {self.route.proxy.authorization}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise ValueError("a header holds a line break")
        return "\r\n".join([*lines, "Accept-Encoding: identity", "Content-Length: "]).encode("ascii")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or any(character <= " " for character in url):
        raise ConfigError(f"A model's base URL must look like https://host/v1, not {_without_login(url)!r}")
    return parts


def _without_login(url: str) -> str:
    return url.rpartition("@")[2]


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy of ``http_proxy``, ``https_proxy`` or ``all_proxy``, unless ``no_proxy`` exempts the host.

    Raises :class:`ConfigError` for a proxy that cannot be used.
    """
    proxies = urllib.request.getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    proxy = urlsplit(url if "://" in url else f"http://{url}")
    if proxy.scheme not in _PORTS or not proxy.hostname:
        raise ConfigError(
            f"The proxy for {scheme} URLs must be an http:// one, not {_without_login(url)!r}: "
            f"change {scheme}_proxy, or name the model's host in no_proxy"
        )
    if proxy.scheme == "https" and scheme == "https":
        raise ConfigError("A proxy that is itself reached by https:// cannot carry https: write http:// in https_proxy")
    return Proxy(proxy.scheme == "https", proxy.hostname, proxy.port or _PORTS[proxy.scheme], _basic(proxy))


def _basic(proxy: SplitResult) -> str:
    if not proxy.username:
        return ""
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    basic = f"Basic {base64.b64encode(login.encode()).decode()}"
    keep_secret(basic, unquote(proxy.password or ""))
    return basic


def connect(route: Route, timeout: float) -> socket.socket:
    """A new connection, through the proxy and with TLS as the route wants it.

    ``timeout`` is for each address that the host has, and again for each step of a handshake.
    """
    try:
        return open_socket(route, timeout)
    except ssl.SSLCertVerificationError as exc:
        message = f"The certificate of the model's provider was refused: {exc.verify_message}"
        raise TransportError(f"{message} (for an own CA set SSL_CERT_FILE)", "connect") from exc
    except TimeoutError as exc:
        raise TransportTimeout("The model's provider could not be reached in time", "connect") from exc
    except OSError as exc:
        raise TransportError("The model's provider could not be reached", "connect") from exc


def open_socket(route: Route, timeout: float) -> socket.socket:
    """Like :func:`connect`; raises OSError, and :class:`TransportError` for a proxy that refuses."""
    hop = route.proxy or route
    with ExitStack() as undo:
        sock = _opened(hop.host if route.proxy else route.address or route.host, hop.port, timeout)
        undo.callback(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hop.tls and hop is not route:
            sock = _secured(sock, hop.host, undo)
        if route.proxy and (route.tls or route.address):
            _open_tunnel(sock, route, route.proxy)
        if route.tls:
            sock = _secured(sock, route.host, undo)
        undo.pop_all()
        return sock


def _opened(host: str, port: int, timeout: float) -> socket.socket:
    """An address needs no name service, which costs a thread where green threads run."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return socket.create_connection((host, port), timeout)
    with ExitStack() as undo:
        sock = socket.socket(family, socket.SOCK_STREAM)
        undo.callback(sock.close)
        sock.settimeout(timeout)
        sock.connect((host, port))
        undo.pop_all()
        return sock


def _secured(sock: socket.socket, host: str, undo: ExitStack) -> ssl.SSLSocket:
    """The handshake comes last, so that one that is cancelled leaves no socket open."""
    secured = tls_context.get().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    undo.callback(secured.close)
    secured.do_handshake()
    return secured


def _open_tunnel(sock: socket.socket, route: Route, proxy: Proxy) -> None:
    host = route.address or route.host
    authority = f"[{host}]:{route.port}" if ":" in host else f"{host}:{route.port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MAX_TUNNEL_HEAD and (data := sock.recv(4096)):
        head += data
    status = head.split(b" ", 2)[1:2]
    if not head.startswith(b"HTTP/1.") or b"\r\n\r\n" not in head or not status[0].startswith(b"2"):
        answer = status[0].decode("latin-1")[:3] if status else "nothing"
        raise TransportError(f"The proxy to the model's provider answered {answer}", "connect")
