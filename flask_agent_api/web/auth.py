"""Who asks: a key, the host app's own user, or nobody but this machine."""

from __future__ import annotations

from collections.abc import Callable

from flask import Request

from ..context import ANONYMOUS
from ..context import Principal
from ..errors import AuthenticationError
from .keyring import Keyring
from .this_machine import Places

Authenticate = Callable[[Request], "Principal | None"]
"""A callable of the host app: the caller of a request, or None if it does not know him."""


class Door:
    """Lets in who belongs.

    First the host app's ``authenticate`` is asked, then the keys are tried. With neither, only requests from this
    machine that no proxy forwarded are served, unless ``insecure`` is set. ``places`` are as good as this machine.
    """

    def __init__(
        self, keys: Keyring, authenticate: Authenticate | None, insecure: bool, places: Places | None = None
    ) -> None:
        self.keys = keys
        self._authenticate = authenticate
        self._insecure = insecure
        self._places = places or Places()

    @property
    def lacks_keys(self) -> bool:
        """Whether other machines are not served because nobody has said who may come in."""
        return not (self.keys or self._authenticate is not None or self._insecure)

    def principal(self, request: Request) -> Principal:
        """The caller. Raises :class:`AuthenticationError` or :class:`AccessDenied`."""
        if self._authenticate is not None and (principal := _checked(self._authenticate(request))) is not None:
            return principal
        has_keys = bool(self.keys)
        if has_keys and (principal := self._by_key(request)) is not None:
            return principal
        if has_keys or self._authenticate is not None:
            raise AuthenticationError("Send a valid key as 'Authorization: Bearer KEY'")
        if not self._insecure:
            self._places.require_this_machine(request)
        elif self._places.hosts:
            self._places.require_host(request)
        return ANONYMOUS

    def _by_key(self, request: Request) -> Principal | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        found = self.keys.find(key.strip(" \t").encode("latin-1", "replace"))
        return found if scheme.lower() == "bearer" else None


def _checked(principal: Principal | None) -> Principal | None:
    """What ``authenticate`` returned. Somebody's own user object might be one that stands for nobody."""
    if principal is not None and not isinstance(principal, Principal):
        raise TypeError(f"authenticate must return a Principal or None, not {type(principal).__name__}")
    return principal
