"""``agents``: who is served, and with which tools."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..errors import ToolError
from .apps import label

if TYPE_CHECKING:
    from ..context import RunContext
    from ..tools.base import Toolset


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--tools", is_flag=True, help="Start the tool servers and list every tool.")
def agents(paths: tuple[str, ...], tools: bool) -> None:
    """List the agents. With --tools, ends with status 1 if a toolset is not available."""
    from .apps import described
    from .apps import make_app
    from .apps import service_of

    service = service_of(make_app(paths))
    if not tools:
        for line in described(service.registry):
            click.echo(line)
        return
    from ..context import RunContext

    context, complete = RunContext(settings=service.settings), True
    with context.on_end:
        for name, agent in service.registry.items():
            click.echo(click.style(name, bold=True) + (f"  {agent.description}" if agent.description else ""))
            for toolset in getattr(agent, "toolsets", ()):
                complete = _list(toolset, context) and complete
    sys.exit(0 if complete else 1)


def _list(toolset: Toolset, context: RunContext) -> bool:
    shown = label(toolset)
    try:
        found = toolset.tools(context)
    except ToolError as exc:
        click.echo(f"  {shown}: {click.style('not available', fg='red')}: {exc}")
        return False
    click.echo(f"  {shown}: {len(found)} tools")
    for tool in found:
        summary = tool.description.strip().partition("\n")[0]
        click.echo(
            f"    {tool.name}" + (" (read-only)" if tool.read_only else "") + (f"  {summary}" if summary else "")
        )
    return True
