"""Serve any AI agent as an OpenAI-compatible model, from Flask.

The names below are imported on first use: ``flask_agent_api.wsgi`` has to patch the standard library before Flask is
imported, and a command that prints its help should not wait for all of them.
"""

from __future__ import annotations

import importlib
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .allowance import Allowance
    from .app import create_app
    from .context import Principal
    from .context import RunContext
    from .errors import AgentAPIError
    from .errors import ConfigError
    from .errors import ToolError
    from .extension import AgentAPI
    from .extension import create_blueprint
    from .redaction import mark_secret
    from .runtime.agent import Agent
    from .runtime.agent import ModelAgent
    from .runtime.registry import AgentRegistry
    from .runtime.registry import agents
    from .runtime.team import Team
    from .tools.base import Tool
    from .tools.base import Toolset
    from .tools.function import tool
    from .types import ClientToolCalls
    from .types import RunRequest
    from .types import ToolCall
    from .types import ToolResult
    from .web.monitoring import create_monitoring_blueprint

_HOMES = {
    "Agent": "runtime.agent",
    "AgentAPI": "extension",
    "AgentAPIError": "errors",
    "AgentRegistry": "runtime.registry",
    "Allowance": "allowance",
    "ClientToolCalls": "types",
    "ConfigError": "errors",
    "ModelAgent": "runtime.agent",
    "Principal": "context",
    "RunContext": "context",
    "RunRequest": "types",
    "Team": "runtime.team",
    "Tool": "tools.base",
    "ToolCall": "types",
    "ToolError": "errors",
    "ToolResult": "types",
    "Toolset": "tools.base",
    "agents": "runtime.registry",
    "create_app": "app",
    "create_blueprint": "extension",
    "create_monitoring_blueprint": "web.monitoring",
    "mark_secret": "redaction",
    "tool": "tools.function",
}

__all__ = [
    "Agent",
    "AgentAPI",
    "AgentAPIError",
    "AgentRegistry",
    "Allowance",
    "ClientToolCalls",
    "ConfigError",
    "ModelAgent",
    "Principal",
    "RunContext",
    "RunRequest",
    "Team",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "Toolset",
    "agents",
    "create_app",
    "create_blueprint",
    "create_monitoring_blueprint",
    "mark_secret",
    "tool",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
