"""URLs as tools may request them: each is taken apart once, strictly, and only the parts are used from then on."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import quote
from urllib.parse import SplitResult
from urllib.parse import urljoin
from urllib.parse import urlsplit

from ...errors import ToolError

_PORTS = {"http": 80, "https": 443}
_MOST = 8192
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_KEPT = "%/:?#[]@!$&'()*+,;=~"  # what a path or query may hold as it is


@dataclass(frozen=True, slots=True)
class WebURL:
    """An ``http`` or ``https`` URL. ``host`` is a name in lower case or an IP address, ``path`` has the query too."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)  # of webhooks it is the key

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be the same for credentials to be sent along."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host, with the port if it is not the scheme's own: the value of a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def join(self, reference: str) -> WebURL:
        """The URL that a relative or absolute one means here. Raises :class:`ToolError`."""
        return parse_url(urljoin(str(self), reference))


def parse_url(text: str) -> WebURL:
    """The parts of a URL, without its fragment.

    Raises :class:`ToolError` for any other scheme, for a login in it, and for whatever readers of URLs disagree about:
    backslashes, spaces, numbers that are no plain IP address, zones of addresses.
    """
    if len(text) > _MOST:
        raise ToolError(f"invalid URL: it has more than {_MOST} characters")
    if _UNFIT.search(text):
        raise ToolError("invalid URL: it holds spaces, control characters or backslashes")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ToolError("invalid URL: its host or port cannot be read") from None
    if parts.scheme and parts.scheme not in _PORTS:
        raise ToolError("only HTTP and HTTPS URLs are supported")
    if not parts.scheme or not host:
        raise ToolError("invalid URL: missing scheme or host")
    if "@" in parts.netloc:
        raise ToolError("invalid URL: a user name or password in front of the host is not supported")
    if port == 0:
        raise ToolError("invalid URL: there is no port 0")
    return WebURL(parts.scheme, _host(host), port or _PORTS[parts.scheme], _path(parts))


def _host(text: str) -> str:
    if ":" in text:
        return _address(text)
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        raise ToolError("invalid URL: no such host name is possible") from None
    name = name.lower().removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _address(name)
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise ToolError("invalid URL: no such host name is possible")
    return name


def _address(text: str) -> str:
    """An IP address in its one form. What 2130706433 or 0177.0.0.1 means depends on the reader."""
    try:
        if "%" not in text:
            address = ipaddress.ip_address(text)
            return str(getattr(address, "ipv4_mapped", None) or address)
    except ValueError:
        pass
    raise ToolError("invalid URL: IP addresses must be four decimal numbers, or an IPv6 address without a zone")


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", _KEPT)
    return f"{path}?{quote(parts.query, _KEPT)}" if parts.query else path
