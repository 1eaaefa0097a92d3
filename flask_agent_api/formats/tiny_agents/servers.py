"""The MCP servers of an ``agent.json``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...tools.base import Toolset
from ...tools.mcp.toolset import MCPServerConfig
from ...tools.mcp.toolset import MCPToolset
from ..section import did_you_mean
from ..section import found
from ..section import Section
from ..server_label import server_label
from ..urls import host_of
from .fields import OPTIONS
from .fields import REMOTE
from .fields import REQUEST
from .fields import STDIO
from .inputs import Inputs

_KINDS = ("stdio", "http", "sse")

_NO_INSTRUCTION = ""
"""What a server says about itself is not in the prompt: that is what the folder's prompt file says."""


def tiny_agent_toolsets(agent: Section, folder: Path, inputs: Inputs) -> Iterator[Toolset]:
    """One toolset per server, in order; relative paths begin at ``folder``.

    Raises :class:`ConfigError` for a server that is wrong.
    """
    for entry in agent.sections("servers"):
        server = _flattened(entry)
        kind = _kind(server)
        yield MCPToolset(_stdio(server, folder, inputs) if kind == "stdio" else _remote(server, kind, inputs))


def _flattened(entry: Section) -> Section:
    """The entry in today's form: older files keep everything but the type in ``config``."""
    if not entry.has("config"):
        return entry
    entry.warn("config", "an old form; put the fields of `config` beside `type`")
    config = entry.section("config")
    data = {**config.data, **{key: value for key, value in entry.data.items() if key != "config"}}
    if "options" in data:
        del data["options"]
        outer = config.section("options") if "options" in config.data else entry.section("options")
        outer.check(OPTIONS)
        request = outer.section("requestInit")
        request.check(REQUEST)
        data.setdefault("headers", request.data.get("headers"))
    return Section(entry.document, config.where, data, entry.warnings)


def _kind(server: Section) -> str:
    """``stdio``, ``http`` or ``sse``. Without a type a command means stdio, and a URL what its end says."""
    kind = server.data.get("type")
    if kind is None and server.has("command"):
        return "stdio"
    if kind is None and server.has("url"):
        kind = "sse" if str(server.data["url"]).rstrip("/").endswith("/sse") else "http"
        server.warn(None, f"has no `type`, it is taken for {kind}")
    if kind not in _KINDS:
        hint = did_you_mean(kind, _KINDS) if isinstance(kind, str) else f", found {found(kind)}"
        raise server.error("type", f"expected stdio, http or sse{hint}")
    return str(kind)


def _stdio(server: Section, folder: Path, inputs: Inputs) -> MCPServerConfig:
    server.check(STDIO)
    command = server.text("command").strip()
    if not command:
        raise server.error(None, "a stdio server needs a `command`")
    args = inputs.leave(server, "args", server.texts("args"))
    return MCPServerConfig(
        name=server_label(command, args),
        command=command,
        args=args,
        env={name: inputs.fill(server, f"env.{name}", value) for name, value in server.text_map("env").items()},
        cwd=str(folder / os.path.expanduser(inputs.fill(server, "cwd", server.text("cwd")))),
        allowed_tools=_allowed(server),
        instruction=_NO_INSTRUCTION,
    )


def _remote(server: Section, kind: str, inputs: Inputs) -> MCPServerConfig:
    server.check(REMOTE)
    url = inputs.fill(server, "url", server.text("url")).strip()
    if not (host := host_of(url)):
        raise server.error("url", "expected a URL that begins with http:// or https://")
    config = MCPServerConfig(
        name=host,
        url=url,
        transport="sse" if kind == "sse" else "http",
        headers={
            name: inputs.fill(server, f"headers.{name}", value) for name, value in server.text_map("headers").items()
        },
        allowed_tools=_allowed(server),
        instruction=_NO_INSTRUCTION,
    )
    if server.has("timeout"):
        config = replace(config, startup_timeout=float(server.data["timeout"]))
    if server.has("sse_read_timeout"):
        config = replace(config, call_timeout=float(server.data["sse_read_timeout"]))
    return config


def _allowed(server: Section) -> tuple[str, ...] | None:
    return tuple(server.texts("allowed_tools")) if server.has("allowed_tools") else None
