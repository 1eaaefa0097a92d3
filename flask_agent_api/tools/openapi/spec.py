"""An OpenAPI description as plain data, with its inner references."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from urllib.parse import urljoin

from ...errors import ToolError
from ..http.url import parse_url
from ..http.url import WebURL

MAX_BYTES = 10 * 1024 * 1024
"""What a description may have."""

_MAX_HOPS = 16

ParseYAML = Callable[[str], Any]
"""Reads YAML safely; raises :class:`ToolError`."""


class Spec:
    """A description of OpenAPI 3. What is missing or of the wrong shape counts as empty."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    @classmethod
    def parse(cls, text: str, parse_yaml: ParseYAML) -> Spec:
        """From JSON, or else YAML. Raises :class:`ToolError` for anything but a description of OpenAPI 3."""
        try:
            data = json.loads(text)
        except RecursionError:
            raise ToolError("the OpenAPI description is nested too deeply") from None
        except ValueError:
            data = parse_yaml(text)
        if not isinstance(data, dict) or "swagger" in data:
            what = "is of Swagger 2, OpenAPI 3 is needed" if isinstance(data, dict) else "is no OpenAPI description"
            raise ToolError(f"the description {what}")
        if not isinstance(data.get("paths"), dict):
            raise ToolError("the OpenAPI description has no paths")
        return cls(data)

    def resolve(self, value: Any) -> dict[str, Any]:
        """A mapping, or what its ``$ref`` in this document leads to; empty if that is nothing or a circle."""
        for _ in range(_MAX_HOPS):
            if not isinstance(value, dict):
                return {}
            if not isinstance(reference := value.get("$ref"), str):
                return value
            value = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None  # other documents are not fetched
        value: Any = self.data
        for step in reference[2:].split("/"):
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return value

    def base_url(self, home: WebURL | None) -> WebURL:
        """Where the API is: the first server, relative to ``home``, where the description came from; else its origin.

        Raises :class:`ToolError` if that is no URL to be asked.
        """
        servers = self.data.get("servers")
        server = self.resolve(servers[0]) if isinstance(servers, list) and servers else {}
        url = server.get("url") or "/"
        if not isinstance(url, str):
            raise ToolError("the first server of the OpenAPI description has no URL")
        for name, variable in self.resolve(server.get("variables")).items():
            url = url.replace(f"{{{name}}}", str(self.resolve(variable).get("default", "")))
        if home is None and "://" not in url:
            raise ToolError("the OpenAPI description names no server by a whole URL")
        return parse_url(urljoin(str(home), url) if home else url)
