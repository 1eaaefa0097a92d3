"""The toolsets of docker-agent files that make requests."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping

from ...tools.base import Toolset
from ...tools.fetch.domains import Domain
from ...tools.fetch.domains import DomainRules
from ...tools.fetch.toolset import FetchConfig
from ...tools.fetch.toolset import FetchToolset
from ...tools.fetch.toolset import has_fetch
from ...tools.header_template import HeaderTemplate
from ...tools.http.headers import FileHeaders
from ...tools.unavailable import UnavailableToolset
from ..placeholders import expand_templates
from ..placeholders import header_template
from ..section import Section
from .toolsets import Maker

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding", "upgrade"})


class WebToolsets:
    """Makes these toolsets. ``forwarded`` are the headers of requests that the operator lets files pass on."""

    def __init__(self, environ: Mapping[str, str], forwarded: Collection[str]) -> None:
        self._environ = environ
        self._forwarded = forwarded

    def makers(self) -> dict[str, Maker]:
        """By type."""
        return {"fetch": self._fetch}

    def _fetch(self, agent: str, entry: Section) -> Toolset:
        if entry.texts("allowed_domains") and entry.texts("blocked_domains"):
            raise entry.error("blocked_domains", "a fetch toolset has either `allowed_domains` or `blocked_domains`")
        rules = DomainRules(_domains(entry, "allowed_domains"), _domains(entry, "blocked_domains"))
        headers = self.headers(entry, of_requests=False)
        if headers.fixed and not rules.allowed:
            entry.warn("headers", "every host that the model chooses gets them; `allowed_domains` would limit that")
        if not has_fetch():
            problem = "fetch needs markdownify and protego: pip install 'flask-agent-api[fetch]'"
            entry.warn("type", f"{problem}; the agent runs without it")
            return UnavailableToolset("fetch", "fetch", problem)
        seconds = float(entry.data.get("timeout") or FetchConfig().seconds)
        return FetchToolset("fetch", FetchConfig(seconds, headers, rules, entry.data.get("allow_private_ips") is True))

    def headers(self, entry: Section, *, of_requests: bool = True) -> FileHeaders:
        """The ``headers`` of an entry, which may hold ``${env.X}`` and, with ``of_requests``, ``${headers.X}``."""
        fixed: dict[str, str] = {}
        templates: dict[str, HeaderTemplate] = {}
        for name, value in entry.text_map("headers").items():
            key = f"headers.{name}"
            if not _TOKEN.fullmatch(name):
                raise entry.error(key, "no header can have this name")
            if name.lower() in _OURS:
                entry.warn(key, "this header is set for each request, what stands here has no effect")
                continue
            template = header_template(value) if of_requests else None
            if template is None:
                fixed[name] = self.expanded(entry, key, value)
            else:
                templates[name] = self._of_request(entry, key, template)
        return FileHeaders(fixed, templates)

    def expanded(self, entry: Section, key: str, text: str) -> str:
        """The text with its ``${env.X}``; a variable that is not set leaves nothing, as in docker-agent."""
        expanded = expand_templates(text, self._environ)
        if expanded.unknown:
            entry.warn(key, f"{expanded.unknown[0]} is not supported here, it is sent as it stands")
        if expanded.missing:
            entry.warn_of_unset(key, expanded.missing, "it is sent empty")
        return expanded.text

    def _of_request(self, entry: Section, key: str, template: HeaderTemplate) -> HeaderTemplate:
        for asked in template.names:
            if asked not in self._forwarded:
                entry.warn(key, f"AGENT_API_FORWARD_HEADERS does not name {asked}, so it is never passed on")
        parts = (self.expanded(entry, key, part) if isinstance(part, str) else part for part in template.parts)
        return HeaderTemplate(tuple(parts))


def _domains(entry: Section, key: str) -> tuple[Domain, ...]:
    domains = []
    for position, text in enumerate(entry.texts(key)):
        try:
            domains.append(Domain.parse(text))
        except ValueError as exc:
            raise entry.error(key, f"item {position + 1}: {exc}") from None
    return tuple(domains)
