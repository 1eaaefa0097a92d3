"""The toolset ``a2a``: one tool for each skill of a remote agent."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ...context import RunContext
from ...errors import ToolError
from ...per_process import PerProcess
from ...redaction import keep_secrets
from ...redaction import keep_url
from ...types import JSONSchema
from ...types import ToolResult
from ..arguments import text
from ..base import Tool
from ..header_template import HeaderTemplate
from ..http.client import Admit
from ..http.url import WebURL
from ..mcp.backoff import Backoff
from ..mcp.backoff import RestartPolicy
from ..names import fit_name
from .card import Card
from .card import Skill
from .remote import fetch_card
from .remote import RemoteAgent

CARD_SECONDS = 300.0
"""How long a card is used before it is fetched again."""

_PARAMETERS: JSONSchema = {
    "type": "object",
    "properties": {"message": {"type": "string", "description": "What to ask the agent; it knows nothing else."}},
    "required": ["message"],
}


@dataclass(frozen=True, slots=True)
class A2AConfig:
    """A remote agent. ``name`` goes before the names of its tools; ``timeout`` is in seconds, None for the setting's.

    ``headers`` and ``request_headers`` are sent with each question, the latter filled in from the request at hand.
    """

    url: WebURL
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_headers: Mapping[str, HeaderTemplate] = field(default_factory=dict, repr=False)
    timeout: float | None = None


class A2AToolset:
    """The skills of the agent at an address, as its card lists them. Nothing is fetched before a run needs it."""

    kind = "a2a"

    def __init__(self, config: A2AConfig) -> None:
        self.name = config.name or config.url.host
        self._config = config
        keep_secrets(config.headers)
        keep_url(str(config.url))
        self._cards = PerProcess(lambda: _Cards(config))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """One for each skill. Raises :class:`ToolError` if the card cannot be had."""
        card = self._cards.get().current(ctx)
        found: dict[str, SkillTool] = {}
        for skill in card.skills:
            tool = SkillTool(self._config, card, skill)
            found.setdefault(tool.name, tool)
        return tuple(found.values())

    def instructions(self, ctx: RunContext) -> str:
        """What the agent says about itself and its skills."""
        card = self._cards.get().known
        if card is None:
            return ""
        skills = "".join(f"\n- {skill.name}: {skill.description}" for skill in card.skills)
        return f"The agent {card.name} can be asked with tools. {card.description}\nIts skills:{skills}"


class SkillTool:
    """A skill of a remote agent. All of an agent's tools ask the same agent: the skill tells the model what for."""

    read_only = False
    needs = ""
    parameters = _PARAMETERS

    def __init__(self, config: A2AConfig, card: Card, skill: Skill) -> None:
        self.name = tool_name(config.name, skill.id)
        self.description = f"Asks the agent {card.name} for its skill {skill.name}. {skill.description}".rstrip()
        self.timeout = config.timeout
        self._config = config
        self._card = card

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> ToolResult:
        """Asks the agent. Raises :class:`ToolError`."""
        message = text(arguments, "message")
        seconds = min(ctx.settings.tool_timeout if self.timeout is None else self.timeout, ctx.remaining)
        remote = RemoteAgent(self._card.endpoint, self._headers(ctx), admit(ctx))
        return remote.ask(message, seconds)

    def _headers(self, ctx: RunContext) -> dict[str, str]:
        """The headers of the file. They follow the card to another host, but never from HTTPS to HTTP.

        Raises :class:`ToolError`.
        """
        config, there = self._config, self._card.endpoint.url
        headers = dict(config.headers)
        for name, template in config.request_headers.items():
            if not template.missing(ctx.headers):
                headers[name] = template.fill(ctx.headers)
        if headers and config.url.scheme == "https" and there.scheme == "http":
            raise ToolError(f"the agent's card leads to {there}, where headers cannot be sent safely")
        return headers


class _Cards:
    """The card of an agent, fetched by one run for all of a process. A failure is not tried again at once."""

    def __init__(self, config: A2AConfig) -> None:
        self.known: Card | None = None
        self._config = config
        self._until = 0.0
        self._lock = threading.Lock()
        self._backoff = Backoff(RestartPolicy())

    def current(self, ctx: RunContext) -> Card:
        """The card, fetched if it is not there or old. Raises :class:`ToolError`."""
        with self._lock:
            if self.known is not None and time.monotonic() < self._until:
                return self.known
            if (wait := self._backoff.wait()) > 0:
                raise ToolError(f"{self._backoff.reason or 'too many attempts'}; the next attempt is in {wait:.0f} s")
            self._backoff.starting()
            try:
                self.known = fetch_card(self._config.url, self._config.headers, admit(ctx))
            except ToolError as exc:
                self._backoff.failed(str(exc))
                raise
            self._backoff.started()
            self._until = time.monotonic() + CARD_SECONDS
            return self.known


def tool_name(prefix: str, skill: str) -> str:
    """``[prefix_]skill`` in lower-case letters, digits and single ``_``, as docker-agent has it."""
    joined = f"{prefix}_{skill}" if prefix else skill
    return fit_name(re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9]", "_", joined)).strip("_").lower()) or "agent"


def admit(ctx: RunContext) -> Admit:
    """Lets requests go to hosts of the internet, and to private ones where the operator allows it."""
    private = "private-network" in ctx.settings.allow
    return lambda url: private
