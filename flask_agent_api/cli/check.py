"""``check``: what of an agent file loads, and what does not."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from ..errors import ConfigError
from .apps import labels


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
def check(paths: tuple[str, ...], strict: bool) -> None:
    """Load agent files and say what works.

    Ends with status 0 if all of them load, warnings included, and 1 if one does not.
    """
    results = [_check(path) for path in paths]
    errors = sum(not loads for loads, _ in results)
    warnings = sum(count for _, count in results)
    click.echo(f"{len(paths)} checked, {errors} wrong, {warnings} warnings")
    sys.exit(1 if errors or (strict and warnings) else 0)


def _check(path: str) -> tuple[bool, int]:
    """Whether a source loads, and how many warnings there are."""
    from ..formats.sources import load_teams
    from ..settings import Settings

    try:
        teams = load_teams(path, Settings.from_mapping({}))
    except ConfigError as exc:
        click.echo(f"{click.style('error', fg='red')}  {exc}")
        return False, 0
    count = 0
    for team in teams:
        click.echo(f"{click.style('ok', fg='green')}     {team.path or path}")
        count += _warn(team.warnings, "       ")
        for name, agent in team.agents.items():
            toolsets = labels(agent)
            click.echo(f"       {name}" + (f"  (tools: {', '.join(toolsets)})" if toolsets else ""))
            count += _warn(getattr(agent, "warnings", ()), "         ")
    return True, count


def _warn(warnings: Iterable[str], indent: str) -> int:
    lines = [f"{indent}{click.style('warning', fg='yellow')}: {warning}" for warning in warnings]
    for line in lines:
        click.echo(line)
    return len(lines)
