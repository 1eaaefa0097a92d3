"""The toolset ``api``: one HTTP endpoint, written in the agent file, as a tool."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from ..types import ToolResult
from .base import Tool
from .http.answer import answer_text
from .http.client import Request
from .http.client import SECONDS
from .http.client import send
from .http.headers import FileHeaders
from .http.private import admit_home
from .http.templates import URLTemplate

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""The methods that an endpoint may be called with."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a file says about its endpoint. ``seconds`` is for each call; ``private`` is its ``allow_private_ips``."""

    name: str
    method: str
    url: URLTemplate
    instruction: str = ""
    arguments: Mapping[str, JSONSchema] = field(default_factory=dict)
    required: Sequence[str] = ()
    headers: FileHeaders = field(default_factory=FileHeaders)
    seconds: float = SECONDS
    private: bool | None = None


class APIToolset:
    """The one tool, which is called like the endpoint."""

    kind = "api"

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.name
        self._instruction = endpoint.instruction
        self._tools = (APITool(endpoint),)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """The file's."""
        return self._instruction


class APITool:
    """Calls an endpoint: arguments stand in its URL and, with POST, PUT and PATCH, are its JSON body."""

    timeout: float | None = math.inf  # the request has its own
    needs = ""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.name = endpoint.name
        self.description = endpoint.instruction or f"Calls the HTTP endpoint {endpoint.name}."
        self.read_only = endpoint.method == "GET"
        self.parameters: JSONSchema = {"type": "object", "properties": dict(endpoint.arguments)}
        if endpoint.required:
            self.parameters["required"] = [*endpoint.required]

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult:
        """The endpoint's answer. Raises :class:`ToolError` for a required argument that is not there."""
        endpoint = self._endpoint
        if missing := [name for name in endpoint.required if arguments.get(name) is None]:
            raise ToolError(f"the argument {', '.join(missing)} is missing")
        url = endpoint.url.fill(arguments)
        body = json.dumps(arguments).encode() if endpoint.method in _WITH_BODY else None
        seconds = max(0.01, min(endpoint.seconds, ctx.remaining))
        request = Request(endpoint.method, url, {}, endpoint.headers.fill(ctx), body, seconds)
        response = send(request, admit_home(url, ctx, asked=endpoint.private))
        if response.status >= 400:
            status = f"{response.status} {response.reason}".strip()
            return ToolResult(f"API request failed with status {status}: {answer_text(response)}", True)
        return ToolResult(answer_text(response))
