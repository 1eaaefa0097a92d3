"""The toolset ``lsp`` of docker-agent files: the language servers of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import ToolError
from ...tools.base import Toolset
from ...tools.lsp.server import ServerConfig
from ...tools.lsp.toolset import LSPToolset
from ...tools.unavailable import UnavailableToolset
from ..placeholders import expand_variables
from ..section import Section
from .files import FileToolsets
from .lifecycle import with_lifecycle

_OWN = ("tools", "instruction", "defer", "toon", "model", "readonly")


class LanguageServers:
    """Makes the toolsets of one team. The servers of an agent share one set of tools, that of its first entry."""

    def __init__(self, files: FileToolsets, environ: Mapping[str, str]) -> None:
        self._files = files
        self._environ = environ
        self._servers: dict[str, list[ServerConfig]] = {}

    def toolset(self, agent: str, entry: Section) -> Toolset | None:
        """The toolset of an agent's first entry; None for those after it, whose servers are added to it.

        Raises :class:`ConfigError`.
        """
        try:
            config = self._config(entry)
        except ToolError as exc:
            entry.warn(None, f"{exc}. The agent runs without this language server")
            return UnavailableToolset("lsp", entry.text("command"), str(exc))
        if (servers := self._servers.get(agent)) is not None:
            for key in _OWN:
                if entry.data.get(key):
                    entry.warn(key, "of several language servers that of the first counts")
            servers.append(config)
            return None
        servers = self._servers[agent] = [config]
        return LSPToolset(servers)

    def _config(self, entry: Section) -> ServerConfig:
        command = entry.text("command")
        if not command:
            raise entry.error("command", "a language server needs a `command`")
        env = {}
        for name, value in entry.text_map("env").items():
            expanded = expand_variables(value, self._environ)
            if expanded.missing:
                entry.warn_of_unset(f"env.{name}", expanded.missing, "the language server cannot be started")
                raise ToolError(f"`env.{name}` needs the variable {', '.join(expanded.missing)}, which is not set")
            env[name] = expanded.text
        config = ServerConfig(
            name=Path(command).name,
            command=command,
            jail=self._files.jail(entry),
            args=tuple(entry.texts("args")),
            env=env,
            file_types=tuple(entry.texts("file_types")),
        )
        return with_lifecycle(config, entry)
