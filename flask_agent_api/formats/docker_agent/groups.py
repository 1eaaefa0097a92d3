"""The groups at the top of a docker-agent file that its agents share: ``commands``, ``skills`` and ``toolsets``."""

from __future__ import annotations

from collections.abc import Iterator

from ..section import did_you_mean
from ..section import Section


def used_groups(agent: Section, top: Section, kind: str) -> Iterator[tuple[Section, str]]:
    """The groups that ``use_<kind>`` of an agent names: each as the mapping that holds it and its key there.

    What is warned of in a group is a warning of the agent. Raises :class:`ConfigError` for a group that is not there.
    """
    groups = top.section(kind).with_warnings(agent.warnings)
    field = f"use_{kind}"
    for name in dict.fromkeys(agent.texts(field)):
        if name not in groups.data:
            hint = did_you_mean(name, groups.data) or (f"; there are {', '.join(groups.data)}" if groups.data else "")
            raise agent.error(field, f'`{kind}` at the top of the file has no "{name}"{hint}')
        yield groups, name


def used_toolsets(agent: Section, top: Section) -> Iterator[Section]:
    """The entries of the toolsets that ``use_toolsets`` names: a group is one toolset, or a list of them."""
    for groups, name in used_groups(agent, top, "toolsets"):
        yield from groups.sections(name) if isinstance(groups.data[name], list) else [groups.section(name)]
