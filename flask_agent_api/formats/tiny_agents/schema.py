"""The JSON Schema of tiny-agents' ``agent.json``, as this loader reads it."""

from __future__ import annotations

from ..json_schema import DIALECT
from ..json_schema import JSONObject
from ..json_schema import list_of
from ..json_schema import object_schema
from ..json_schema import reference
from .fields import AGENT
from .fields import DOCS
from .fields import INPUT
from .fields import REMOTE
from .fields import STDIO


def tiny_agent_schema() -> JSONObject:
    """The schema of the file, in draft 2020-12. The older nested form of servers is let pass unseen."""
    inner = {"inputs": list_of(reference("input")), "servers": list_of(reference("server"))}
    return {
        "$schema": DIALECT,
        "title": "tiny-agents agent",
        "description": "An agent: a model with MCP servers.",
        **object_schema(AGENT, DOCS["agent"], inner),
        "$defs": {
            "input": {**object_schema(INPUT, DOCS["input"]), "required": ["id"]},
            "server": _server(),
            "stdio": {**object_schema(STDIO, DOCS["server"]), "required": ["command"]},
            "remote": {**object_schema(REMOTE, DOCS["server"]), "required": ["url"]},
        },
    }


def _server() -> JSONObject:
    """A command makes it one that is started; without a command it is one that is reached."""
    return {
        "type": "object",
        "properties": {"type": {"enum": ["stdio", "http", "sse"], "description": DOCS["server"]["type"]}},
        "if": {"required": ["config"]},
        "else": {"if": {"required": ["command"]}, "then": reference("stdio"), "else": reference("remote")},
    }
