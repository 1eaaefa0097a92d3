"""MCP servers in docker-agent files: a command, a remote server, or a reference to the file's ``mcps``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...settings import Settings
from ...tools.base import Toolset
from ...tools.header_template import HeaderTemplate
from ...tools.mcp.toolset import MCPServerConfig
from ...tools.mcp.toolset import MCPToolset
from ..placeholders import expand_address
from ..placeholders import expand_path
from ..placeholders import expand_variables
from ..placeholders import Expanded
from ..placeholders import header_template
from ..section import did_you_mean
from ..section import Section
from ..server_label import server_label
from ..urls import host_of
from .catalogue import catalogue_server
from .catalogue import PREFIX
from .fields import REMOTE
from .lifecycle import with_lifecycle
from .toolset_fields import MCP

_TRANSPORTS = ("", "streamable", "streamable-http", "http", "sse")


class Skipped(Exception):
    """This server cannot be used here; why has been noted as a warning."""


class MCPServers:
    """The MCP servers of one team. Entries that say the same share one toolset, so one process or connection.

    ``folder`` is the file's, where servers are started and relative paths begin. What the operator runs in the place of
    a reference goes before what the file says. Raises :class:`ConfigError` for a definition in ``mcps`` that is wrong.
    """

    def __init__(self, mcps: Section, folder: Path, environ: Mapping[str, str], settings: Settings) -> None:
        self._definitions = {name: mcps.section(name) for name in mcps.data}
        self._folder = folder
        self._environ = environ
        self._forwarded = settings.ever_forwarded
        self._stand_ins = settings.mcp_servers
        self._toolsets: dict[tuple[object, ...], list[tuple[MCPServerConfig, MCPToolset]]] = {}
        for definition in self._definitions.values():
            definition.check(MCP)

    def resolved(self, entry: Section) -> Section:
        """The entry with the definition that its ``ref`` names: its own fields win, both environments are merged.

        A field that is there and empty or false says nothing, as in docker-agent. Raises :class:`ConfigError`.
        """
        own = {name: value for name, value in entry.data.items() if value not in (None, "", [], False)}
        name = entry.text("ref")
        definition = self._definition(entry, name)
        if name.startswith(PREFIX):
            own.pop("remote", None)  # which can only say how to log in to a server of the catalogue
        if (definition is not None or not name) and own.pop("config", None):
            entry.warn("config", "is for Docker's gateway, which does not run this server: it has no effect")
        if definition is None:
            return Section(entry.document, entry.where, own, entry.warnings)
        env = {**(definition.get("env") or {}), **own.pop("env", {})}
        own.pop("ref")
        merged = Section(entry.document, entry.where, {**definition, **own, "env": env}, entry.warnings)
        return self.resolved(merged) if merged.text("ref").startswith(PREFIX) else merged

    def _definition(self, entry: Section, name: str) -> Mapping[str, Any] | None:
        """What the operator, or else the file, has for a reference; None if that is left to Docker, and for none."""
        if name in self._stand_ins:
            return self._stand_ins[name]
        if not name or ":" in name:
            return None
        if name not in self._definitions:
            hint = did_you_mean(name, self._definitions) or "; `mcps` at the top of the file defines them"
            raise entry.error("ref", f'there is no MCP server "{name}"{hint}')
        return self._definitions[name].data

    def toolset(self, entry: Section) -> Toolset | None:
        """The server of a resolved entry, with all its tools; None, and a warning, if it cannot be used here."""
        try:
            config = self._config(entry)
        except Skipped:
            return None
        return None if config is None else self._shared(with_lifecycle(config, entry))

    def _shared(self, config: MCPServerConfig) -> MCPToolset:
        env, headers = tuple(config.env.items()), tuple(config.headers.items())
        alike = self._toolsets.setdefault((config.command, config.args, config.url, env, headers), [])
        for known, toolset in alike:
            if known == config:
                return toolset
        alike.append((config, MCPToolset(config)))
        return alike[-1][1]

    def _config(self, entry: Section) -> MCPServerConfig | None:
        if entry.has("ref"):
            return catalogue_server(entry, self._folder, self._environ)
        if entry.has("command") == entry.has("remote"):
            raise entry.error(None, "an mcp toolset needs exactly one of `command`, `remote` and `ref`")
        return self._stdio(entry) if entry.has("command") else self._remote(entry)

    def _stdio(self, entry: Section) -> MCPServerConfig:
        command, args = entry.text("command"), tuple(entry.texts("args"))
        env = {
            name: self._filled(entry, f"env.{name}", expand_variables(value, self._environ))
            for name, value in entry.text_map("env").items()
        }
        folder = self._filled(entry, "working_dir", expand_path(entry.text("working_dir"), self._environ))
        return MCPServerConfig(
            name=entry.text("name") or server_label(command, args),
            command=command,
            args=args,
            env=env,
            cwd=str(self._folder / folder),
        )

    def _remote(self, entry: Section) -> MCPServerConfig:
        remote = entry.section("remote")
        remote.check(REMOTE)
        url = self._template(remote, "url", remote.text("url"))
        if not (host := host_of(url)):
            raise remote.error("url", "expected a URL that begins with http:// or https://")
        if remote.text("transport_type") not in _TRANSPORTS:
            remote.warn("transport_type", "expected streamable or sse; it is taken for streamable")
        headers = remote.text_map("headers")
        templates = {name: template for name, value in headers.items() if (template := header_template(value))}
        return MCPServerConfig(
            name=entry.text("name") or host,
            url=url,
            transport="sse" if remote.text("transport_type") == "sse" else "http",
            headers={
                name: self._template(remote, f"headers.{name}", value)
                for name, value in headers.items()
                if name not in templates
            },
            request_headers={name: self._of_request(remote, name, value) for name, value in templates.items()},
        )

    def _of_request(self, remote: Section, name: str, template: HeaderTemplate) -> HeaderTemplate:
        """The template with its ``${env.X}`` filled in; warns of headers that the operator lets nobody pass on."""
        key = f"headers.{name}"
        for asked in template.names:
            if asked not in self._forwarded:
                remote.warn(key, f"AGENT_API_FORWARD_HEADERS does not name {asked}, so it is never passed on")
        parts = (self._template(remote, key, part) if isinstance(part, str) else part for part in template.parts)
        return HeaderTemplate(tuple(parts))

    def _filled(self, entry: Section, key: str, expanded: Expanded) -> str:
        """The text, if all its variables are set."""
        if expanded.missing:
            entry.warn_of_unset(key, expanded.missing, "this MCP server is left out")
            raise Skipped
        return expanded.text

    def _template(self, entry: Section, key: str, text: str) -> str:
        """The text with its ``${env.X}``. A variable that is not set leaves nothing, as in docker-agent."""
        expanded = expand_address(text, self._environ)
        if expanded.unknown:
            entry.warn(key, f"{expanded.unknown[0]} is not supported yet, this MCP server is left out")
            raise Skipped
        if expanded.missing and key == "url":
            return self._filled(entry, key, expanded)
        if expanded.missing:
            entry.warn_of_unset(key, expanded.missing, "it is sent empty")
        return expanded.text
