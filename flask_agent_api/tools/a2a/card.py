"""Agent cards: who an agent is, what it can do, and where it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ToolError
from ..http.url import WebURL
from .dialect import Dialect
from .dialect import V0
from .dialect import V1

WELL_KNOWN = (".well-known/agent-card.json", ".well-known/agent.json")
"""Where a card is, from an agent's address on; the second one up to version 0.2 of the protocol."""

_MOST_SKILLS = 100
_MOST_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Skill:
    """Something that an agent can do."""

    id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an agent is asked, and how. ``tenant`` goes with each request, if it is not empty."""

    url: WebURL
    dialect: Dialect
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """An agent as it describes itself. One that names no skills has one: itself."""

    name: str
    description: str
    skills: tuple[Skill, ...]
    endpoint: Endpoint


def card_urls(base: WebURL) -> list[WebURL]:
    """Where the card of an agent may be; the address itself if it is that of a JSON file."""
    path = base.path.partition("?")[0]
    if path.endswith(".json"):
        return [base]
    return [WebURL(base.scheme, base.host, base.port, f"{path.rstrip('/')}/{known}") for known in WELL_KNOWN]


def read_card(data: Any, base: WebURL) -> Card:
    """The card in the JSON of a server at ``base``, in any version's shape.

    Raises :class:`ToolError` for what is no card, and for an agent that does not speak JSON-RPC.
    """
    if not isinstance(data, dict) or not _text(data, "name"):
        raise ToolError(f"what {base.host} has in the place of an agent card is none")
    name, description = _text(data, "name"), _text(data, "description")
    skills = tuple(skill for each in _mappings(data, "skills")[:_MOST_SKILLS] if (skill := _skill(each)).id)
    return Card(name, description, skills or (Skill(name, name, description),), _endpoint(data, base))


def _skill(data: Mapping[str, Any]) -> Skill:
    id, name = _text(data, "id"), _text(data, "name")
    return Skill(id or name, name or id, _text(data, "description"))


def _endpoint(data: Mapping[str, Any], base: WebURL) -> Endpoint:
    """The newest of the interfaces that are understood here, the agent's own order within a version."""
    offered = list(_interfaces(data))
    for dialect in (V1, V0):
        for binding, version, url, tenant in offered:
            if binding.upper() == "JSONRPC" and _dialect(version) is dialect:
                return Endpoint(base.join(url) if url else base, dialect, tenant)
    bindings = ", ".join(sorted({f"{binding} {version}" for binding, version, _, _ in offered}))
    raise ToolError(f"the agent at {base.host} is not asked over JSON-RPC in a version that is known here: {bindings}")


def _interfaces(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Binding, version, address and tenant of each interface; before 1.0 one is the card's own."""
    for each in _mappings(data, "supportedInterfaces"):
        version = _text(each, "protocolVersion") or "1.0"
        yield _text(each, "protocolBinding"), version, _text(each, "url"), _text(each, "tenant")
    if data.get("supportedInterfaces"):
        return
    version = _text(data, "protocolVersion") or "0.2"
    yield _text(data, "preferredTransport") or "JSONRPC", version, _text(data, "url"), ""
    for each in _mappings(data, "additionalInterfaces"):
        yield _text(each, "transport"), version, _text(each, "url"), ""


def _dialect(version: str) -> Dialect | None:
    return {"0": V0, "1": V1}.get(version.partition(".")[0])


def _mappings(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = data.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(data: Mapping[str, Any], key: str) -> str:
    """A text of a stranger: no longer than a prompt should have it."""
    value = data.get(key)
    return value.strip()[:_MOST_CHARS] if isinstance(value, str) else ""
