"""Who asks: a key, the host app's own user, or nobody but this machine."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from collections.abc import Sequence

from flask import Request

from ..context import ANONYMOUS
from ..context import Principal
from ..errors import AuthenticationError
from .this_machine import Places

Authenticate = Callable[[Request], "Principal | None"]
"""A callable of the host app: the caller of a request, or None if it does not know him."""


class Door:
    """Lets in who belongs.

    First the host app's ``authenticate`` is asked, then the keys are tried. With neither, only requests from this
    machine that no proxy forwarded are served, unless ``insecure`` is set. ``places`` are as good as this machine.
    """

    def __init__(
        self, keys: Sequence[str], authenticate: Authenticate | None, insecure: bool, places: Places | None = None
    ) -> None:
        self._keys = [(hashlib.sha256(form).digest(), _key_name(key)) for key in keys for form in _forms(key)]
        self._authenticate = authenticate
        self._insecure = insecure
        self._places = places or Places()

    def principal(self, request: Request) -> Principal:
        """The caller. Raises :class:`AuthenticationError` or :class:`AccessDenied`."""
        if self._authenticate is not None and (principal := _checked(self._authenticate(request))) is not None:
            return principal
        if self._keys and (principal := self._by_key(request)) is not None:
            return principal
        if self._keys or self._authenticate is not None:
            raise AuthenticationError("Send a valid key as 'Authorization: Bearer KEY'")
        if not self._insecure:
            self._places.require_this_machine(request)
        elif self._places.hosts:
            self._places.require_host(request)
        return ANONYMOUS

    def _by_key(self, request: Request) -> Principal | None:
        """Compares with every key, whichever fits, so that the time tells nothing."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        sent = hashlib.sha256(key.strip(" \t").encode("latin-1", "replace")).digest()
        fits = [name for digest, name in self._keys if hmac.compare_digest(sent, digest)]
        return Principal(fits[0]) if fits and scheme.lower() == "bearer" else None


def _key_name(key: str) -> str:
    """A name for the holder of a key that is fit for logs."""
    return f"key:{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _forms(key: str) -> set[bytes]:
    """The bytes of a key in a header. Clients that write it as text write Latin-1, as HTTP once said."""
    return {key.encode(), key.encode("latin-1", "replace")} if max(key) < "\u0100" else {key.encode()}


def _checked(principal: Principal | None) -> Principal | None:
    """What ``authenticate`` returned. Somebody's own user object might be one that stands for nobody."""
    if principal is not None and not isinstance(principal, Principal):
        raise TypeError(f"authenticate must return a Principal or None, not {type(principal).__name__}")
    return principal
