"""The command line: ``flask-agent-api`` and, inside a Flask app, ``flask agent-api``.

Nothing here imports Flask before a command runs: ``serve`` has to patch the standard library first.
"""

from __future__ import annotations

import sys

import click

from ..errors import ConfigError
from .agents import agents
from .chat import chat
from .check import check
from .conversations import conversations
from .keys import keys
from .schema import schema
from .serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flask-agent-api")
def group() -> None:
    """Serve AI agents as OpenAI-compatible models.

    PATH is a docker-agent team (YAML), a tiny-agents folder, a folder of either, an import string module:attr, or
    hub:OWNER/AGENT, a tiny agent of Hugging Face's Hub. Without one, the settings FLASK_AGENT_API_* say what is served,
    and else an embedded demo team.
    """


for _command in (serve, chat, check, agents, conversations, keys, schema):
    group.add_command(_command)


def main() -> None:
    """The console script. A wrong setting or file ends it with one message and status 1."""
    try:
        group(prog_name="flask-agent-api")
    except ConfigError as exc:
        click.echo(f"Error: {exc}", err=True)
        sys.exit(1)
