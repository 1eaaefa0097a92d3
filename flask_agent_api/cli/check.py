"""``check``: what of agent files works, and what does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .report import AgentReport
    from .report import ModelReport
    from .report import Problem
    from .report import Report
    from .report import SourceReport

_INDENT = " " * 7


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--strict", is_flag=True, help="Take for an error what does not work, is not set or not allowed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def check(paths: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Load agent files and say what works.

    Nothing is called and nothing is started. Ends with status 0 if all files load, and 1 if one does not; with --strict
    also if something in them does not work here.
    """
    from ..settings import Settings
    from .findings import inspect

    report = inspect(paths, Settings.from_mapping({}))
    for line in [json.dumps(report.as_json(), indent=2)] if as_json else _lines(report):
        click.echo(line)
    sys.exit(1 if report.wrong or (strict and not report.complete) else 0)


def _lines(report: Report) -> Iterator[str]:
    for source in report.sources:
        yield from _source_lines(source)
    for provider, sentences in report.notes.items():
        yield f"{click.style('note', fg='blue')}   {provider}, through Chat Completions:"
        yield from (f"{_INDENT}- {sentence}" for sentence in sentences)
    if report.missing_variables:
        yield f"Not set: {', '.join(report.missing_variables)}"
    if report.missing_grants:
        grants = ",".join(report.missing_grants)
        yield f"Not allowed: {grants} (docs/safety.md). To allow it: FLASK_AGENT_API_ALLOW={grants}"
    mute = f", {_count(report.mute, 'agent')} cannot answer yet" if report.mute else ""
    yield f"{len(report.sources)} checked, {report.wrong} wrong, {_count(report.warnings, 'warning')}{mute}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _source_lines(source: SourceReport) -> Iterator[str]:
    if source.error:
        yield f"{click.style('error', fg='red')}  {source.error}"
        return
    yield f"{click.style('ok', fg='green')}     {source.source}"
    yield from (_problem_line(problem, _INDENT) for problem in source.problems)
    for agent in source.agents:
        yield from _agent_lines(agent, agent.name == source.default and len(source.agents) > 1)


def _agent_lines(agent: AgentReport, is_default: bool) -> Iterator[str]:
    yield f"{_INDENT}{click.style(agent.name, bold=True)}{' (default)' if is_default else ''}"
    rows = [
        *(("model", _model_text(model)) for model in agent.models),
        ("tools", ", ".join(agent.tools)),
        ("tasks to", ", ".join(agent.sub_agents)),
        ("hands to", ", ".join(agent.handoffs)),
        ("commands", ", ".join(f"/{command}" for command in agent.commands)),
        ("needs", ", ".join(agent.missing_grants)),
        ("shared", _shared_text(agent.shared_servers)),
    ]
    yield from (f"{_INDENT}  {name:8}  {text}" for name, text in rows if text)
    yield from (_problem_line(problem, f"{_INDENT}  ", f"agents.{agent.name}.") for problem in agent.problems)


def _shared_text(servers: tuple[str, ...]) -> str:
    return f"{', '.join(servers)}: a process for all callers of a worker (docs/tools/mcp.md)" if servers else ""


def _model_text(model: ModelReport) -> str:
    if model.problem:
        return f"{model.name}: {click.style(model.problem, fg='red')}"
    return f"{model.name} at {model.endpoint}" if model.endpoint else model.name


def _problem_line(problem: Problem, indent: str, known: str = "") -> str:
    """``known`` is the beginning of the place, which the lines above tell."""
    line = f"line {problem.line}" if problem.line else ""
    place = ", ".join(filter(None, [line, problem.where.removeprefix(known)]))
    text = f"{place}: {problem.problem}" if place else problem.problem
    return f"{indent}{click.style('warning', fg='yellow')}   {text}"
