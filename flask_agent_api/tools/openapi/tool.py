"""An operation of an API as a tool."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from urllib.parse import urlencode

from ...context import RunContext
from ...errors import ToolError
from ...types import JSONSchema
from ...types import ToolResult
from ..http.answer import answer_text
from ..http.client import Request
from ..http.client import send
from ..http.headers import FileHeaders
from ..http.private import admit_home
from ..http.templates import as_url_text
from ..http.templates import check_path
from ..http.url import parse_url
from ..http.url import WebURL
from .operations import Operation

_PLACES = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Service:
    """Where an API is and how it is asked. ``home`` is the origin that the agent file names."""

    base: WebURL
    home: WebURL
    headers: FileHeaders
    seconds: float
    private: bool | None


class OperationTool:
    """Makes the request of one operation."""

    timeout: float | None = math.inf  # the request has its own
    needs = ""

    def __init__(self, operation: Operation, service: Service) -> None:
        self._operation = operation
        self._service = service
        self.name = operation.name
        self.description = operation.description
        self.read_only = operation.read_only
        self.parameters: JSONSchema = operation.parameters

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult:
        """The API's answer. Raises :class:`ToolError` for wrong arguments."""
        operation, service = self._operation, self._service
        given = {name: value for name, value in arguments.items() if value is not None}
        self._check(given)
        url = self._url(given)
        own = service.headers.fill(ctx)
        headers = {"Accept": "application/json", **self._headers(given)}
        seconds = max(0.01, min(service.seconds, ctx.remaining))
        request = Request(operation.method, url, headers, own, self._body(given), seconds)
        response = send(request, admit_home(service.home, ctx, asked=service.private))
        if response.status >= 400:
            return ToolResult(f"HTTP {response.status}: {answer_text(response)}", True)
        return ToolResult(answer_text(response))

    def _check(self, given: Mapping[str, Any]) -> None:
        known = self._operation.places
        if unknown := [name for name in given if name not in known]:
            raise ToolError(f"there is no argument {unknown[0]!r}; there are: {', '.join(known) or 'none'}")
        if missing := [name for name in self.parameters.get("required", ()) if name not in given]:
            raise ToolError(f"the argument {', '.join(missing)} is missing")

    def _at(self, place: str, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if self._operation.places[name] == place}

    def _url(self, given: Mapping[str, Any]) -> WebURL:
        def value(found: re.Match[str]) -> str:
            text = as_url_text(given[found[1]])
            if not text:
                raise ToolError(f"`{found[1]}` must not be empty")
            return quote(text, safe="", errors="replace")

        base = str(self._service.base).partition("?")[0].rstrip("/")
        path = _PLACES.sub(value, self._operation.path.partition("?")[0])
        pairs = [
            (name, as_url_text(each))
            for name, item in self._at("query", given).items()
            for each in (item if isinstance(item, list) else [item])
        ]
        url = parse_url(
            base + quote(path, "%/:@!$&'()*+,;=~") + (f"?{urlencode(pairs, errors='replace')}" if pairs else "")
        )
        check_path(url)
        return url

    def _headers(self, given: Mapping[str, Any]) -> dict[str, str]:
        headers = {name: as_url_text(value) for name, value in self._at("header", given).items()}
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise ToolError(f"`{name}` is sent as a header, it can only be printable ASCII")
        return headers

    def _body(self, given: Mapping[str, Any]) -> bytes | None:
        fields = self._at("body", given)
        if not fields:
            return None
        whole = self._operation.whole_body
        return json.dumps(
            fields["body"] if whole else {name.removeprefix("body_"): value for name, value in fields.items()}
        ).encode()
