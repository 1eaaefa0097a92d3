"""A stand-in for a model that cannot be called."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ModelUnavailable
from ..errors import NO_RETRY
from .base import ModelEvent
from .base import ModelRequest


class UnavailableModel:
    """Its agent loads and is listed; each call raises :class:`ModelUnavailable` (503) with ``reason``.

    ``unset`` names environment variables that would mend it.
    """

    def __init__(self, name: str, reason: str, unset: tuple[str, ...] = ()) -> None:
        self.name = name
        self.reason = reason
        self.unset = unset

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        """Raises at once."""
        raise ModelUnavailable(self.reason, code="model_unavailable", headers=NO_RETRY)
