"""Who asks: a key, the host app's own user, or nobody but this machine."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from collections.abc import Sequence

from flask import Request

from ..context import ANONYMOUS
from ..context import Principal
from ..errors import AccessDenied
from ..errors import AuthenticationError

Authenticate = Callable[[Request], "Principal | None"]
"""A callable of the host app: the caller of a request, or None if it does not know him."""

_FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


class Door:
    """Lets in who belongs.

    First the host app's ``authenticate`` is asked, then the keys are tried. With neither, only requests from this
    machine that no proxy forwarded are served, unless ``insecure`` is set.
    """

    def __init__(self, keys: Sequence[str], authenticate: Authenticate | None, insecure: bool) -> None:
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._authenticate = authenticate
        self._insecure = insecure

    def principal(self, request: Request) -> Principal:
        """The caller. Raises :class:`AuthenticationError` or :class:`AccessDenied`."""
        if self._authenticate is not None and (principal := self._authenticate(request)) is not None:
            return principal
        if self._digests and (principal := self._by_key(request)) is not None:
            return principal
        if self._digests or self._authenticate is not None:
            raise AuthenticationError("Send a valid key as 'Authorization: Bearer KEY'")
        if not self._insecure:
            _require_this_machine(request)
        return ANONYMOUS

    def _by_key(self, request: Request) -> Principal | None:
        """Compares with every key, in the same time whichever fits (and whether one does)."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        sent = hashlib.sha256(key.strip().encode("latin-1", "replace")).digest()
        fits = [hmac.compare_digest(sent, digest) for digest in self._digests]
        return Principal(f"key:{sent.hex()[:12]}") if scheme.lower() == "bearer" and any(fits) else None


def _require_this_machine(request: Request) -> None:
    forwarded = any(header in request.headers for header in _FORWARDING_HEADERS)
    if forwarded or not _is_loopback(request.environ.get("REMOTE_ADDR", "")):
        raise AccessDenied(
            "No keys are configured, so only requests from this machine are served. Set AGENT_API_KEYS, or "
            "AGENT_API_INSECURE_NO_AUTH to serve everybody",
            code="keys_required",
        )


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
