"""The commands of an agent in a docker-agent file: prompts that a user calls by ``/name``."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping

from ...runtime.command import Command
from ...runtime.command_template import parse_template
from ..section import did_you_mean
from ..section import found
from ..section import Section
from .fields import COMMAND
from .groups import used_groups


def load_commands(
    agent: Section, top: Section, agents: Collection[str], environ: Mapping[str, str]
) -> dict[str, Command]:
    """The commands by name: the agent's own, then those of the groups that it uses; of two the first counts.

    ``agents`` are the names that a command may switch to. Raises :class:`ConfigError` for an entry that is wrong.
    """
    commands: dict[str, Command] = {}
    for holder, key in [(agent, "commands"), *used_groups(agent, top, "commands")]:
        for name, command in dict(_commands(holder, key, agents, environ)).items():
            commands.setdefault(name, command)
    return commands


def _commands(
    holder: Section, key: str, agents: Collection[str], environ: Mapping[str, str]
) -> Iterator[tuple[str, Command]]:
    """From a mapping, or from a list of mappings with one name each."""
    for entries in holder.sections(key) if isinstance(holder.data.get(key), list) else [holder.section(key)]:
        for name, value in entries.data.items():
            if not isinstance(value, str | dict):
                raise entries.error(name, f"expected a prompt or a mapping with `instruction`, found {found(value)}")
            if isinstance(value, str):
                command = Section(entries.document, entries.where, {name: value}, entries.warnings)
                yield name.removeprefix("/"), _command(command, name, environ)
            else:
                yield name.removeprefix("/"), _described(entries.section(name), agents, environ)


def _described(entry: Section, agents: Collection[str], environ: Mapping[str, str]) -> Command:
    entry.check(COMMAND)
    agent = entry.text("agent")
    if agent and agent not in agents:
        if not set("/:@") & set(agent):
            raise entry.error("agent", f'there is no agent "{agent}"{did_you_mean(agent, agents)}')
        entry.warn("agent", f'agents from elsewhere are not supported yet, "{agent}" does not take over')
        agent = ""
    return _command(entry, "instruction", environ, entry.text("description"), agent)


def _command(entry: Section, key: str, environ: Mapping[str, str], description: str = "", agent: str = "") -> Command:
    parsed = parse_template(entry.text(key), environ)
    if parsed.missing:
        entry.warn_of_unset(key, parsed.missing, "it is left empty")
    for expression in parsed.unknown:
        entry.warn(key, f"{expression} stays as it is: prompts are not evaluated, and call no tools")
    return Command(parsed.template, description, agent)
