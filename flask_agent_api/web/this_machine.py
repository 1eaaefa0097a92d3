"""Which requests come from this machine, where nobody has to show a key.

A browser on this machine shows pages from anywhere, which may send requests here, under a host name of theirs that was
made to resolve to this machine as well. So the address of the client is not enough: the host that a request names and
the page that it comes from count, too.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request

from ..errors import AccessDenied

_FORWARDING_KEYS = {
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
}
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,255}))(?::[0-9]{0,5})?")


@dataclass(frozen=True, slots=True)
class Places:
    """The ``hosts`` (names without a port) and ``origins`` that are as good as this machine's own."""

    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def require_this_machine(self, request: Request) -> None:
        """Raises :class:`AccessDenied` for a request from elsewhere, or one that a proxy forwarded."""
        environ = request.environ
        if not _FORWARDING_KEYS.isdisjoint(environ) or not _is_loopback(environ.get("REMOTE_ADDR", "")):
            raise AccessDenied(
                "No keys are configured, so only requests from this machine are served. Set AGENT_API_KEYS, or "
                "AGENT_API_INSECURE_NO_AUTH to serve everybody",
                code="keys_required",
            )
        self.require_host(request)
        if (origin := environ.get("HTTP_ORIGIN")) is not None:
            self._require_page(origin)

    def require_host(self, request: Request) -> None:
        """Raises :class:`AccessDenied` for a request to a name that is not ours. Browsers always name one."""
        host = request.environ.get("HTTP_HOST")
        if host and not self._is_ours(_name_of(host)):
            raise AccessDenied(
                "This server is not known by the host name of the request. Set AGENT_API_ALLOWED_HOSTS to serve it "
                "under that name without keys",
                code="host_not_allowed",
            )

    def _require_page(self, origin: str) -> None:
        if origin in self.origins or self._is_ours(_name_of_page(origin)):
            return
        raise AccessDenied(
            "Web pages from elsewhere are not served without keys. Set AGENT_API_KEYS, or list the page's origin in "
            "AGENT_API_CORS_ORIGINS",
            code="origin_not_allowed",
        )

    def _is_ours(self, name: str) -> bool:
        return name == "localhost" or name.endswith(".localhost") or _is_loopback(name) or name in self.hosts


@functools.lru_cache(maxsize=64)
def _name_of(host: str) -> str:
    """The name in a ``Host`` header, empty if it is none."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower() if match else ""


def _name_of_page(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


@functools.lru_cache(maxsize=64)
def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
