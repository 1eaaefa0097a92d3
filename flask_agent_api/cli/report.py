"""What ``check`` has found out, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a file asks for in vain. ``line`` is 0 and ``where`` empty if it has no place.

    ``unset`` names environment variables that would mend it.
    """

    line: int
    where: str
    problem: str
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model that an agent may call. ``problem`` says why it cannot be called; ``notes`` what its endpoint lacks."""

    name: str
    endpoint: str = ""
    key: str = ""
    problem: str = ""
    unset: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentReport:
    """One agent: its models, tools, fellow agents and commands, the grants it needs in vain, and other problems.

    ``shared_servers`` are its MCP servers of which a worker has one process for all callers.
    """

    name: str
    models: tuple[ModelReport, ...] = ()
    tools: tuple[str, ...] = ()
    sub_agents: tuple[str, ...] = ()
    handoffs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    missing_grants: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    shared_servers: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether one of its models can be called."""
        return not self.models or not all(model.problem for model in self.models)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A file, a folder of tiny-agents or an import string. With an ``error`` it does not load."""

    source: str
    error: str = ""
    default: str = ""
    agents: tuple[AgentReport, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All that was checked."""

    sources: tuple[SourceReport, ...]

    @property
    def wrong(self) -> int:
        """How many sources do not load."""
        return sum(bool(source.error) for source in self.sources)

    @property
    def warnings(self) -> int:
        """How many problems there are in those that load."""
        return sum(1 for _ in self._problems())

    @property
    def mute(self) -> int:
        """How many agents cannot answer."""
        return sum(not agent.answers for agent in self._agents())

    @property
    def missing_variables(self) -> list[str]:
        """The environment variables that are not set, each once."""
        found = [name for model in self._models() for name in model.unset]
        return list(dict.fromkeys([*found, *(name for problem in self._problems() for name in problem.unset)]))

    @property
    def missing_grants(self) -> list[str]:
        """The words that ``AGENT_API_ALLOW`` lacks, each once."""
        return list(dict.fromkeys(word for agent in self._agents() for word in agent.missing_grants))

    @property
    def notes(self) -> dict[str, list[str]]:
        """What is lost on the way to a provider, by its name."""
        notes: dict[str, list[str]] = {}
        for model in self._models():
            if model.notes:
                notes[model.name.partition("/")[0]] = list(model.notes)
        return notes

    @property
    def complete(self) -> bool:
        """Whether everything in the files works here."""
        return not (self.wrong or self.warnings or self.mute or self.missing_variables or self.missing_grants)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        counts = {"checked": len(self.sources), "wrong": self.wrong, "warnings": self.warnings, "mute": self.mute}
        lists = {"missing_variables": self.missing_variables, "missing_grants": self.missing_grants}
        return {**counts, **lists, "notes": self.notes, **dataclasses.asdict(self)}

    def _agents(self) -> Iterator[AgentReport]:
        for source in self.sources:
            yield from source.agents

    def _models(self) -> Iterator[ModelReport]:
        for agent in self._agents():
            yield from agent.models

    def _problems(self) -> Iterator[Problem]:
        for source in self.sources:
            yield from source.problems
            for agent in source.agents:
                yield from agent.problems
