"""The toolset ``a2a`` of docker-agent files: a remote agent by its address."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ToolError
from ...settings import Settings
from ...tools.a2a.toolset import A2AConfig
from ...tools.a2a.toolset import A2AToolset
from ...tools.base import Toolset
from ...tools.header_template import HeaderTemplate
from ...tools.http.url import parse_url
from ..placeholders import expand_templates
from ..placeholders import header_template
from ..section import Section


class RemoteAgents:
    """Makes the toolsets of one team that ask remote agents."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._forwarded = settings.ever_forwarded

    def toolset(self, agent: str, entry: Section) -> Toolset | None:
        """The toolset of an entry; None, and a warning, if its address is not known. Raises :class:`ConfigError`."""
        address = self._template(entry, "url", entry.text("url"))
        values = {name: self._header(entry, name, value) for name, value in entry.text_map("headers").items()}
        if address is None or None in values.values():
            return None
        try:
            url = parse_url(address)
        except ToolError as exc:
            raise entry.error("url", f"{exc}; expected the address of an agent, https://...") from None
        if entry.data.get("allow_private_ips") is True and "private-network" not in self._settings.allow:
            entry.warn("allow_private_ips", "it has no effect until AGENT_API_ALLOW has private-network")
        fixed = {name: value for name, value in values.items() if isinstance(value, str)}
        of_requests = {name: value for name, value in values.items() if isinstance(value, HeaderTemplate)}
        return A2AToolset(A2AConfig(url, entry.text("name"), fixed, of_requests, entry.data.get("timeout")))

    def _header(self, entry: Section, name: str, value: str) -> str | HeaderTemplate | None:
        """What is sent; None, and a warning, if that is not known. Warns of headers that nobody may pass on."""
        key = f"headers.{name}"
        template = header_template(value)
        if template is None:
            return self._template(entry, key, value)
        for asked in template.names:
            if asked not in self._forwarded:
                entry.warn(key, f"AGENT_API_FORWARD_HEADERS does not name {asked}, so it is never passed on")
        parts = [self._template(entry, key, part) if isinstance(part, str) else part for part in template.parts]
        known = tuple(part for part in parts if part is not None)
        return HeaderTemplate(known) if len(known) == len(parts) else None

    def _template(self, entry: Section, key: str, text: str) -> str | None:
        """The text with its ``${env.X}``; None, and a warning, for an address or an expression that is not known.

        Elsewhere a variable that is not set leaves nothing, as in docker-agent.
        """
        expanded = expand_templates(text, self._environ)
        if expanded.unknown:
            entry.warn(key, f"{expanded.unknown[0]} is not supported yet, this agent is left out")
            return None
        if expanded.missing:
            entry.warn_of_unset(key, expanded.missing, "this agent is left out" if key == "url" else "it is sent empty")
        return None if expanded.missing and key == "url" else expanded.text
