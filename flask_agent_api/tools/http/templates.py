"""URLs with places for arguments of a tool call: nothing that is put in can change who is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ...errors import ToolError
from .url import parse_url
from .url import WebURL

_DEFAULT = r"""(?:\|\|\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*)?"""
_NAME = r"([A-Za-z_]\w*)"
_PLACE = re.compile(rf"\$\{{\s*(?:encodeURIComponent\(\s*{_NAME}\s*\)|{_NAME})\s*{_DEFAULT}\}}")
_AUTHORITY = re.compile(r"https?://[^/?#$\\]+[/?#]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Stands for an argument; ``default`` for one that is not there."""

    name: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class URLTemplate:
    """A URL in parts. Scheme, host and port stand in the first of them."""

    parts: tuple[str | Place, ...]

    @classmethod
    def parse(cls, text: str) -> URLTemplate:
        """Reads ``${name}``, ``${name || 'default'}`` and ``${encodeURIComponent(name)}``, which mean the same.

        Raises ValueError for other placeholders, and for one in the place of scheme, host or port.
        """
        parts: list[str | Place] = []
        end = 0
        for found in _PLACE.finditer(text):
            default = found[3] if found[3] is not None else found[4]
            parts += [text[end : found.start()], Place(found[1] or found[2], default or "")]
            end = found.end()
        template = cls(tuple(part for part in (*parts, text[end:]) if part))
        if left := re.search(r"\$\{[^}]*\}?", "".join(part for part in template.parts if isinstance(part, str))):
            raise ValueError(f"{left[0]} is not supported here")
        template._check()
        return template

    def _check(self) -> None:
        first = self.parts[0] if self.parts else ""
        if not isinstance(first, str) or (len(self.parts) > 1 and not _AUTHORITY.match(first)):
            raise ValueError("scheme, host and port must be written out, followed by a slash")
        try:
            parse_url("".join(part if isinstance(part, str) else "x" for part in self.parts))
        except ToolError as exc:
            raise ValueError(str(exc)) from None

    def fill(self, arguments: Mapping[str, Any]) -> WebURL:
        """The URL with the arguments in it, each encoded. Raises :class:`ToolError` for ones that walk up the path."""
        url = parse_url("".join(part if isinstance(part, str) else _value(part, arguments) for part in self.parts))
        check_path(url)
        return url


def check_path(url: WebURL) -> None:
    """Raises :class:`ToolError` for a path with ``.`` or ``..`` in it: servers would ask somewhere else."""
    if {".", ".."} & set(url.path.partition("?")[0].split("/")):
        raise ToolError("an argument that is `.` or `..` cannot be part of the path")


def as_url_text(value: Any) -> str:
    """A value as it stands in a URL: switches in lower case, lists with commas, objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(map(as_url_text, value))
    return json.dumps(value, ensure_ascii=False)


def _value(place: Place, arguments: Mapping[str, Any]) -> str:
    return quote(as_url_text(arguments.get(place.name)) or place.default, safe="", errors="replace")
