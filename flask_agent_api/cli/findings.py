"""Finds out what of agent files works, without calling or starting anything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Iterator

from ..context import RunContext
from ..errors import ConfigError
from ..errors import ToolError
from ..formats.document import Notice
from ..formats.sources import files_of
from ..formats.sources import load_teams
from ..models.base import Model
from ..models.config import ModelConfig
from ..models.openai_chat import OpenAIChatModel
from ..models.provider_table import notes_for
from ..models.unavailable import UnavailableModel
from ..redaction import public_url
from ..runtime.agent import Agent
from ..runtime.agent import ModelAgent
from ..runtime.team import Team
from ..settings import Settings
from ..tools.deferred import innermost
from ..tools.mcp.toolset import MCPToolset
from .apps import handoffs
from .apps import labels
from .report import AgentReport
from .report import ModelReport
from .report import Problem
from .report import Report
from .report import SourceReport


def inspect(paths: Iterable[str], settings: Settings) -> Report:
    """The report on files, folders and import strings. One that does not load is told with its error."""
    return Report(tuple(source for path in paths for source in _path(path, settings)))


def _path(path: str, settings: Settings) -> Iterator[SourceReport]:
    """Each file of a folder by itself, so that a wrong one does not hide the others."""
    try:
        files = files_of(path)
    except ConfigError as exc:
        yield SourceReport(path, exc.message)
        return
    for file in files:
        try:
            teams = load_teams(file, settings)
        except ConfigError as exc:
            yield SourceReport(file, exc.message)
        else:
            yield from (_team(team, file, settings) for team in teams)


def _team(team: Team, source: str, settings: Settings) -> SourceReport:
    """A warning that several agents share, such as one about their model, is told of the first alone."""
    told: set[str] = set()
    problems = _problems(team.warnings, told)
    agents = tuple(_agent(agent, settings, told) for agent in team.agents.values())
    return SourceReport(team.path or source, "", team.default, agents, problems)


def _agent(agent: Agent, settings: Settings, told: set[str]) -> AgentReport:
    if not isinstance(agent, ModelAgent):
        return AgentReport(agent.name)
    models = {report.name: report for report in _models(agent.model)}
    return AgentReport(
        name=agent.name,
        models=tuple(models.values()),
        tools=tuple(labels(agent)),
        sub_agents=agent.sub_agents,
        handoffs=tuple(handoffs(agent)),
        commands=tuple(agent.commands),
        missing_grants=tuple(dict.fromkeys(word for word in _needs(agent, settings) if word not in settings.allow)),
        problems=_problems(agent.warnings, told),
        shared_servers=() if settings.mcp_per_run else tuple(dict.fromkeys(_processes(agent))),
    )


def _processes(agent: ModelAgent) -> Iterator[str]:
    """The agent's MCP servers that are started as processes."""
    for toolset in agent.toolsets:
        yield from (each.name for each in innermost(toolset) if isinstance(each, MCPToolset) and each.config.command)


def _models(model: Model) -> Iterator[ModelReport]:
    """The model, or all those that it stands for."""
    if members := getattr(model, "members", ()):
        for member in members:
            yield from _models(member)
    elif isinstance(model, UnavailableModel):
        yield ModelReport(model.name, problem=model.reason, unset=model.unset)
    elif isinstance(model, OpenAIChatModel):
        yield _called(model.config)
    else:
        yield ModelReport(model.name)


def _called(config: ModelConfig) -> ModelReport:
    lacks_key = config.token_key and not (config.api_key or config.key_optional or os.environ.get(config.token_key))
    unset = (*config.unset, *([config.token_key] if lacks_key else []))
    problem = f"{', '.join(unset)} is not set" if unset else ""
    return ModelReport(
        config.name, public_url(config.base_url), config.token_key, problem, unset, tuple(notes_for(config))
    )


def _needs(agent: ModelAgent, settings: Settings) -> Iterator[str]:
    """The grants that the agent's hooks and tools need. Servers and other agents, which need none, are not asked."""
    if agent.policy.hooks.events:
        yield from agent.policy.hooks.needs
    context = RunContext(settings=settings)
    for toolset in agent.toolsets:
        if toolset.kind not in {"a2a", "mcp"}:
            try:
                yield from (tool.needs for tool in toolset.tools(context) if tool.needs)
            except ToolError:
                pass


def _problems(warnings: Iterable[str], told: set[str]) -> tuple[Problem, ...]:
    """Those that were not told before, in the order of their lines."""
    new = [warning for warning in dict.fromkeys(warnings) if warning not in told]
    told.update(new)
    return tuple(sorted(map(_problem, new), key=lambda problem: problem.line))


def _problem(warning: str) -> Problem:
    if isinstance(warning, Notice):
        return Problem(warning.line, warning.where, warning.problem, warning.unset)
    return Problem(0, "", warning)
