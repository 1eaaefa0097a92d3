"""The tool ``fetch``."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from ...context import RunContext
from ...errors import NotAllowed
from ...errors import ToolError
from ...types import JSONSchema
from ...types import ToolResult
from ..arguments import positive
from ..arguments import texts
from ..base import Tool
from ..http.client import Request
from ..http.client import SECONDS
from ..http.client import send
from ..http.exchange import Response
from ..http.headers import FileHeaders
from ..http.url import parse_url
from ..http.url import WebURL
from ..process import Command
from ..process import run_command
from .domains import DomainRules
from .robots import Robots

MAX_URLS = 20
"""URLs that one call may ask for."""

MAX_SECONDS = 300
"""The longest time limit that a call may ask for."""

_CONVERT_SECONDS = 20.0
_SCRIPT = Path(__file__).with_name("page_text.py")
_MOST = 2 * 1024 * 1024
_ACCEPT = {
    "markdown": "text/markdown;q=1.0, text/plain;q=0.9, text/html;q=0.7, */*;q=0.1",
    "html": "text/html;q=1.0, text/plain;q=0.8, */*;q=0.1",
    "text": "text/plain;q=1.0, text/markdown;q=0.9, text/html;q=0.8, */*;q=0.1",
}
_PARAMETERS: JSONSchema = {
    "type": "object",
    "properties": {
        "urls": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "The http or https URLs to fetch.",
        },
        "format": {"type": "string", "enum": [*_ACCEPT], "description": "What HTML pages are turned into."},
        "timeout": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_SECONDS,
            "description": "Seconds that each URL may take.",
        },
    },
    "required": ["urls", "format"],
}


def has_fetch() -> bool:
    """Whether the extra ``fetch`` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("markdownify", "protego"))


@dataclass(frozen=True, slots=True)
class FetchConfig:
    """What a file says about fetching. ``seconds`` is for each URL, ``private`` asks for private addresses, too."""

    seconds: float = SECONDS
    headers: FileHeaders = field(default_factory=FileHeaders)
    rules: DomainRules = field(default_factory=DomainRules)
    private: bool = False


class FetchToolset:
    """Pages of the web, as Markdown, text or HTML. Addresses of this machine and its network are not fetched.

    Unless the file asks for them (``private``) and the operator allows it, with ``private-network``.
    """

    kind = "fetch"

    def __init__(self, name: str, config: FetchConfig) -> None:
        self.name = name
        self._config = config
        self._tools = (_Fetch(config),)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """How to use it."""
        return "`fetch` reads web pages by URL. It keeps to what a site's robots.txt asks of robots."


@dataclass(frozen=True, slots=True)
class _Page:
    """The result for one of several URLs; its fields are the keys of the JSON that the model reads."""

    url: str
    statusCode: int = 0
    status: str = ""
    contentType: str = ""
    contentLength: int = 0
    body: str = ""
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        optional = ("contentType", "body", "error")
        return {name: value for name, value in asdict(self).items() if value or name not in optional}


class _Fetch:
    name = "fetch"
    description = "Fetch HTTP or HTTPS URLs (GET only). Returns what each answered: status and content."
    read_only = True
    timeout: float | None = math.inf  # each URL has a time limit of its own
    needs = ""
    parameters = _PARAMETERS

    def __init__(self, config: FetchConfig) -> None:
        self._config = config

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult | str:
        """Fetches each URL. Raises :class:`ToolError` for wrong arguments and where the only URL is not allowed."""
        urls, output, seconds = _checked(arguments, self._config.seconds)
        private = self._config.private and "private-network" in ctx.settings.allow

        def admit(url: WebURL) -> bool:
            self._config.rules.check(url.host)
            return private

        own = self._config.headers.fill(ctx)
        robots = Robots(admit, own, seconds)

        def fetch(text: str) -> _Page:
            url = parse_url(text)
            self._config.rules.check(url.host)
            robots.check(url)
            limit = max(0.01, min(seconds, ctx.remaining))
            response = send(Request("GET", url, {"Accept": _ACCEPT[output]}, own, seconds=limit), admit)
            return _page(text, response, output)

        return _one(urls[0], fetch) if len(urls) == 1 else _several(urls, fetch)


def _checked(arguments: dict[str, Any], default: float) -> tuple[list[str], str, float]:
    urls = texts(arguments, "urls")
    if not 1 <= len(urls) <= MAX_URLS:
        raise ToolError(f"`urls` must be a list of 1 to {MAX_URLS} URLs")
    output = arguments.get("format") or "markdown"
    if output not in _ACCEPT:
        raise ToolError(f"`format` must be one of {', '.join(_ACCEPT)}")
    seconds = positive(arguments, "timeout")
    if seconds is not None and seconds > MAX_SECONDS:
        raise ToolError(f"`timeout` must be {MAX_SECONDS} seconds at the most")
    return urls, output, seconds or default


def _one(url: str, fetch: Any) -> ToolResult:
    try:
        page: _Page = fetch(url)
    except NotAllowed as exc:
        raise NotAllowed(f"fetching {url}: {exc}", exc.rule) from exc
    except ToolError as exc:
        return ToolResult(f"Error fetching {url}: {exc}", True)
    head = f"Successfully fetched {url} (Status: {page.statusCode}, Length: {page.contentLength} bytes)"
    return ToolResult(f"{head}:\n\n{page.body}")


def _several(urls: Sequence[str], fetch: Any) -> str:
    pages = []
    for url in urls:
        try:
            pages.append(fetch(url))
        except ToolError as exc:
            pages.append(_Page(url, error=str(exc)))
    return json.dumps([page.as_json() for page in pages], ensure_ascii=False)


def _page(text: str, response: Response, output: str) -> _Page:
    body = response.text()
    if output != "html" and "html" in response.content_type.lower():
        body = _converted(body, output)
    if response.cut:
        body += "\n[cut: the page is longer than 1 MB]"
    status = f"{response.status} {response.reason}".strip()
    return _Page(text, response.status, status, response.content_type, len(body.encode(errors="replace")), body)


def _converted(html: str, output: str) -> str:
    argv = [sys.executable, "-I", str(_SCRIPT), output]
    command = Command(argv, "/", stdin=html.encode(errors="replace"), head=_MOST)
    outcome = run_command(command, _CONVERT_SECONDS)
    if outcome.exit_code != 0:
        raise ToolError("the page's HTML is too tangled to be converted; ask for the format html")
    return outcome.stdout
