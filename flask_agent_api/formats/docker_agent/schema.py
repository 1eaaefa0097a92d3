"""The JSON Schema of docker-agent's files, as this loader reads them."""

from __future__ import annotations

from collections.abc import Mapping

from ..json_schema import DIALECT
from ..json_schema import JSONObject
from ..json_schema import list_of
from ..json_schema import map_of
from ..json_schema import nullable
from ..json_schema import object_schema
from ..json_schema import reference
from .docs import TOOLSET_FIELDS
from .docs import TOOLSET_TYPES
from .fields import HOOK_EVENTS
from .parts import PARTS
from .parts import TOOLSETS
from .toolset_fields import MCP
from .toolset_fields import SUPPORTED

_COMMAND_MAP = map_of({"anyOf": [{"type": "string"}, reference("command")]})
_COMMANDS = {"anyOf": [_COMMAND_MAP, list_of(_COMMAND_MAP)]}
_SKILLS = {"anyOf": [{"type": "boolean"}, list_of({"anyOf": [{"type": "string"}, reference("skill")]})]}

_INNER: Mapping[str, Mapping[str, JSONObject]] = {
    "file": {
        "agents": {**map_of(reference("agent")), "minProperties": 1},
        "models": map_of(nullable(reference("model"))),
        "providers": map_of(nullable(reference("provider"))),
        "mcps": map_of(nullable(reference("mcp_server"))),
        "commands": map_of(_COMMANDS),
        "skills": map_of(_SKILLS),
        "toolsets": map_of({"anyOf": [reference("toolset"), list_of(reference("toolset"))]}),
        "metadata": reference("metadata"),
        "permissions": reference("permissions"),
        "runtime": reference("runtime"),
        "budget": reference("budget"),
        "budgets": map_of(reference("budget")),
        "rag": map_of(reference("rag")),
    },
    "agent": {
        "toolsets": list_of(reference("toolset")),
        "commands": _COMMANDS,
        "skills": _SKILLS,
        "fallback": reference("fallback"),
        "structured_output": reference("structured_output"),
        "hooks": reference("hooks"),
    },
    "hooks": {
        event: list_of(
            reference("hook_matcher" if event in {"tool_guard", "pre_tool_use", "post_tool_use"} else "hook")
        )
        for event in HOOK_EVENTS.supported
    },
    "hook_matcher": {"hooks": list_of(reference("hook"))},
    "model": {
        "routing": list_of(reference("route")),
        "capabilities": reference("capabilities"),
        "cost": reference("cost"),
    },
    "rag": {
        "tool": reference("rag_tool"),
        "strategies": {**list_of(reference("rag_strategy")), "minItems": 1},
        "results": reference("rag_results"),
    },
    "rag_strategy": {"chunking": reference("rag_chunking")},
    "rag_results": {"fusion": reference("rag_fusion"), "reranking": reference("rag_reranking")},
    "lifecycle": {"backoff": reference("backoff")},
}
"""What stands in the fields that hold parts of their own."""


def docker_agent_schema() -> JSONObject:
    """The schema of a team file, in draft 2020-12.

    What it refuses, the loader refuses or warns of. The loader also looks at what no schema can say: whether the
    models and agents that are named exist.
    """
    parts = {name: object_schema(part.fields, part.docs, _INNER.get(name)) for name, part in PARTS.items()}
    file = parts.pop("file")
    toolsets = {
        f"toolset_{kind}": object_schema(fields, TOOLSET_FIELDS, _inner_of_toolset(kind))
        for kind, fields in TOOLSETS.items()
    }
    mcp_server = object_schema(MCP, TOOLSET_FIELDS, _inner_of_toolset("mcp"))
    definitions = {**parts, "mcp_server": mcp_server, "toolset": _toolset(), **toolsets}
    return {
        "$schema": DIALECT,
        "title": "docker-agent team",
        "description": "A team of agents with their models and tools.",
        **file,
        "required": ["agents"],
        "$defs": definitions,
    }


def _toolset() -> JSONObject:
    """One entry of ``toolsets``: the fields it may have are those of its type."""
    types = [{"const": kind, "description": _type_doc(kind)} for kind in TOOLSETS]
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string", "anyOf": types}},
        "allOf": [
            {"if": {"properties": {"type": {"const": kind}}}, "then": reference(f"toolset_{kind}")} for kind in TOOLSETS
        ],
    }


def _type_doc(kind: str) -> str:
    return TOOLSET_TYPES.get(kind, "") + ("" if kind in SUPPORTED else " It does not work here.")


def _inner_of_toolset(kind: str) -> Mapping[str, JSONObject]:
    inner = {"lifecycle": reference("lifecycle"), "post_edit": list_of(reference("post_edit"))}
    own = {
        "mcp": {"remote": reference("remote")},
        "rag": {"rag_config": reference("rag")},
        "webhook": {"webhook_config": reference("webhook_config")},
        "script": {"shell": map_of(reference("script"))},
    }
    return {**inner, **own.get(kind, {})}
