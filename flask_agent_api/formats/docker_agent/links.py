"""Which agents of a docker-agent file an agent may turn to: ``sub_agents``, ``handoffs`` and ``force_handoff``."""

from __future__ import annotations

from collections.abc import Iterator

from ..section import did_you_mean
from ..section import Section

MAX_FORCED = 100
"""How many agents may answer one after the other without being asked."""


def members(section: Section, key: str, agents: Section) -> Iterator[str]:
    """The names in a list of an agent that are agents of the file, each once.

    Others would have to be fetched from elsewhere. Raises :class:`ConfigError` for a name that can only be a slip.
    """
    for name in dict.fromkeys(section.texts(key)):
        if _is_member(section, key, name, agents):
            yield name


def forced_handoff(section: Section, agents: Section) -> str:
    """Who always goes on after an agent's answer, or "".

    Raises :class:`ConfigError` if that leads back to an agent that went before: the answer would have no end.
    """
    name = section.text("force_handoff")
    if not name or not _is_member(section, "force_handoff", name, agents):
        return ""
    order = [str(section.where[-1]), name]
    while order[-1] in agents.data and (name := agents.section(order[-1]).text("force_handoff")):
        if name in order:
            raise section.error("force_handoff", f"the conversation would never end: {' -> '.join([*order, name])}")
        order.append(name)
        if len(order) > MAX_FORCED:
            raise section.error("force_handoff", f"more than {MAX_FORCED} agents would answer one after the other")
    return order[1]


def _is_member(section: Section, key: str, name: str, agents: Section) -> bool:
    if name in agents.data:
        return True
    if not set("/:@") & set(name):
        hint = did_you_mean(name, agents.data) or f"; the agents are {', '.join(agents.data)}"
        raise section.error(key, f'there is no agent "{name}"{hint}')
    section.warn(key, f'agents from elsewhere are not supported yet, "{name}" is left out')
    return False
