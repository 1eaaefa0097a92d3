"""What the operator runs in the place of MCP servers that files refer to: ``AGENT_API_MCP_SERVERS``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_PROGRAM = {"command", "args", "env", "working_dir"}
_REMOTE = {"url", "transport", "headers"}


def parse_stand_ins(servers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By reference, such as ``docker:duckduckgo``, the fields of an MCP server as docker-agent's files write them.

    A server is a command line, a URL, or a mapping with ``command``, ``args``, ``env`` and ``working_dir``, or with
    ``url``, ``transport`` and ``headers``. Raises ValueError for anything else.
    """
    return {ref: _definition(ref, server) for ref, server in servers.items()}


def _definition(ref: str, server: Any) -> dict[str, Any]:
    if isinstance(server, str):
        server = {"url": server} if _is_url(server) else _program(ref, server)
    if not isinstance(server, Mapping) or not ({"command", "url"} & server.keys()):
        raise ValueError(f"{ref}: expected a command line, a URL, or an object with `command` or `url`")
    known = _PROGRAM if "command" in server else _REMOTE
    if unknown := sorted(server.keys() - known):
        raise ValueError(f"{ref}: unknown field {unknown[0]!r}; there are {', '.join(sorted(known))}")
    for name, value in server.items():
        _check(ref, name, value)
    return _remote(ref, server) if "url" in server else dict(server)


def _program(ref: str, line: str) -> dict[str, Any]:
    try:
        command, *args = shlex.split(line)
    except ValueError as exc:
        raise ValueError(f"{ref}: that is no command line") from exc
    return {"command": command, "args": args}


def _remote(ref: str, server: Mapping[str, Any]) -> dict[str, Any]:
    url = server["url"]
    if not _is_url(url) or not urlsplit(url).hostname:
        raise ValueError(f"{ref}: url: expected one that starts with http:// or https://")
    sse = urlsplit(url).path.rstrip("/").endswith("/sse")
    transport = server.get("transport", "sse" if sse else "http")
    if transport not in {"http", "sse"}:
        raise ValueError(f"{ref}: transport: expected http or sse")
    return {"remote": {"url": url, "transport_type": transport, "headers": server.get("headers", {})}}


def _check(ref: str, name: str, value: Any) -> None:
    if name == "args":
        good, expected = isinstance(value, list) and all(isinstance(item, str) for item in value), "a list of texts"
    elif name in {"env", "headers"}:
        good = isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())
        expected = "an object of texts"
    else:
        good, expected = isinstance(value, str) and bool(value.strip()), "text"
    if not good:
        raise ValueError(f"{ref}: {name}: expected {expected}")


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
