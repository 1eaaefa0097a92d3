"""Texts with places for headers of the request that a run answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ToolError


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """Stands for a header of the request; ``default`` for one that is not there or empty. ``name`` is lower case."""

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class HeaderTemplate:
    """A text in parts, some of which are known only when a request is there."""

    parts: tuple[str | RequestHeader, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that it asks for."""
        return tuple(part.name for part in self.parts if isinstance(part, RequestHeader))

    def missing(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """The headers that have neither a value nor a default."""
        asked = [part for part in self.parts if isinstance(part, RequestHeader) and part.default is None]
        return tuple(part.name for part in asked if not headers.get(part.name))

    def fill(self, headers: Mapping[str, str]) -> str:
        """The whole text; what is missing leaves nothing.

        Raises :class:`ToolError` for a value with line breaks or anything else that is not printable ASCII: it could
        become a header, or a request, of its own.
        """
        return "".join(part if isinstance(part, str) else _value(part, headers) for part in self.parts)


def _value(part: RequestHeader, headers: Mapping[str, str]) -> str:
    value = headers.get(part.name) or part.default or ""
    if not (value.isascii() and value.isprintable()):
        raise ToolError(f"the request's header {part.name} has characters that cannot be passed on")
    return value
