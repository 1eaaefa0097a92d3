"""``lifecycle`` of an MCP or language server: how long it may take, and when it is started again."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ...tools.lsp.server import ServerConfig
from ...tools.mcp.backoff import RestartPolicy
from ...tools.mcp.toolset import MCPServerConfig
from ..durations import seconds
from ..section import Section
from .toolset_fields import BACKOFF
from .toolset_fields import LIFECYCLE

Config = TypeVar("Config", MCPServerConfig, ServerConfig)
_WITHOUT_RESTART = {"strict", "best-effort"}


def with_lifecycle(config: Config, entry: Section) -> Config:
    """The configuration with what the entry says of it. Raises :class:`ConfigError` for a wrong field.

    A profile is a set of defaults: ``strict`` and ``best-effort`` mean no restart. Of ``restart``, ``on_failure`` means
    the same as ``always``, since a server that has ended is started when it is needed, and not before.
    """
    lifecycle = entry.section("lifecycle")
    if not lifecycle.data:
        return config
    lifecycle.check(LIFECYCLE)
    return replace(
        config,
        startup_timeout=_seconds(lifecycle, "startup_timeout") or config.startup_timeout,
        call_timeout=_seconds(lifecycle, "call_timeout") or config.call_timeout,
        restarts=_restarts(lifecycle),
    )


def _restarts(lifecycle: Section) -> RestartPolicy:
    default = RestartPolicy()
    backoff = lifecycle.section("backoff")
    backoff.check(BACKOFF)
    restarts = lifecycle.data.get("max_restarts") or 0  # 0 is the default, less is no limit
    profile = lifecycle.text("profile")
    return RestartPolicy(
        again=lifecycle.text("restart", "never" if profile in _WITHOUT_RESTART else "") != "never",
        most_failures=restarts + 1 if restarts > 0 else None,
        first_wait=_seconds(backoff, "initial") or default.first_wait,
        longest_wait=_seconds(backoff, "max") or default.longest_wait,
        multiplier=float(backoff.data.get("multiplier") or default.multiplier),
        jitter=float(backoff.data.get("jitter") or 0),
    )


def _seconds(section: Section, key: str) -> float:
    """The seconds in a field; 0 where it is absent."""
    return seconds(section.data[key]) if section.has(key) else 0.0
