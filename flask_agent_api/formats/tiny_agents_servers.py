"""The MCP servers of an ``agent.json``."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from ..tools.base import Toolset
from ..tools.mcp import MCPServerConfig
from ..tools.mcp import MCPToolset
from .placeholders import expand_inputs
from .section import ANY
from .section import did_you_mean
from .section import Fields
from .section import one_of
from .section import Section
from .section import TEXT
from .section import TEXT_MAP
from .section import TEXTS
from .urls import host_of

_STDIO = Fields(
    {
        "type": one_of("stdio"),
        "command": TEXT,
        "args": TEXTS,
        "env": TEXT_MAP,
        "cwd": TEXT,
        "allowed_tools": TEXTS,
    }
)
_REMOTE = Fields(
    {
        "type": one_of("http", "sse"),
        "url": TEXT,
        "headers": TEXT_MAP,
        "allowed_tools": TEXTS,
    },
    {"timeout": ANY, "sse_read_timeout": ANY},
)


def tiny_agent_toolsets(agent: Section, folder: Path, environ: Mapping[str, str]) -> Iterator[Toolset]:
    """One toolset per server, in order; relative paths begin at ``folder``.

    Raises :class:`ConfigError` for a server that is wrong. An input without a value leaves nothing, with a warning.
    """
    for entry in agent.sections("servers"):
        server = _flattened(entry)
        yield MCPToolset(_remote(server, environ) if _kind(server) != "stdio" else _stdio(server, folder, environ))


def _flattened(entry: Section) -> Section:
    """The entry in today's form: older files keep everything but the type in ``config``."""
    if not isinstance(entry.data.get("config"), dict):
        return entry
    entry.warn("config", "an old form; put the fields of `config` beside `type`")
    data = {**entry.data["config"], **{key: value for key, value in entry.data.items() if key != "config"}}
    options = data.pop("options", None)
    request = options.get("requestInit") if isinstance(options, dict) else None
    if isinstance(request, dict) and "headers" in request:
        data.setdefault("headers", request["headers"])
    return Section(entry.document, entry.where, data, entry.warnings)


def _kind(server: Section) -> str:
    """``stdio``, ``http`` or ``sse``; without a type a command means stdio."""
    kind = server.data.get("type")
    if kind is None and server.has("command"):
        return "stdio"
    if kind not in {"stdio", "http", "sse"}:
        hint = did_you_mean(str(kind), ("stdio", "http", "sse")) if kind else ""
        raise server.error("type", f"expected stdio, http or sse{hint}")
    return str(kind)


def _stdio(server: Section, folder: Path, environ: Mapping[str, str]) -> MCPServerConfig:
    server.check(_STDIO)
    command = server.text("command")
    if not command:
        raise server.error(None, "a stdio server needs a `command`")
    return MCPServerConfig(
        name=Path(command).name,
        command=command,
        args=tuple(server.texts("args")),
        env={
            name: with_inputs(server, f"env.{name}", value, environ) for name, value in server.text_map("env").items()
        },
        cwd=str(folder / with_inputs(server, "cwd", server.text("cwd"), environ)),
        allowed_tools=_allowed(server),
    )


def _remote(server: Section, environ: Mapping[str, str]) -> MCPServerConfig:
    server.check(_REMOTE)
    url = with_inputs(server, "url", server.text("url"), environ)
    if not (host := host_of(url)):
        raise server.error("url", "expected a URL that begins with http:// or https://")
    return MCPServerConfig(
        name=host,
        url=url,
        transport="sse" if server.data.get("type") == "sse" else "http",
        headers={
            name: with_inputs(server, f"headers.{name}", value, environ)
            for name, value in server.text_map("headers").items()
        },
        allowed_tools=_allowed(server),
    )


def _allowed(server: Section) -> tuple[str, ...] | None:
    return tuple(server.texts("allowed_tools")) if server.has("allowed_tools") else None


def with_inputs(section: Section, key: str, text: str, environ: Mapping[str, str]) -> str:
    """The text with its ``${input:id}`` filled in; warns of inputs that have no value."""
    expanded = expand_inputs(text, environ)
    if expanded.missing:
        names = ", ".join(expanded.missing)
        section.warn(key, f"{names} is not set in the environment, the input stays empty")
    return expanded.text
