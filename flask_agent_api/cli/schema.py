"""``schema``: what agent files may say, for editors."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("format", type=click.Choice(["docker-agent", "tiny-agents"]), default="docker-agent")
def schema(format: str) -> None:
    """Print the JSON Schema of an agent file, by which an editor completes and checks it.

    \b
    flask-agent-api schema > team.schema.json
    and as the first line of team.yaml:
    # yaml-language-server: $schema=team.schema.json
    """
    from ..formats.docker_agent.schema import docker_agent_schema
    from ..formats.tiny_agents.schema import tiny_agent_schema

    made = tiny_agent_schema() if format == "tiny-agents" else docker_agent_schema()
    click.echo(json.dumps(made, indent=2))
