"""The toolset ``environment``: what commands run on."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..context import RunContext
from ..types import JSONSchema
from .base import Tool
from .process import shell

_SYSTEMS = {"Darwin": "macOS"}


class EnvironmentToolset:
    """The tool ``get_environment_info``."""

    kind = "environment"

    def __init__(self, name: str = "environment") -> None:
        self.name = name

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return (_GetEnvironmentInfo(),)

    def instructions(self, ctx: RunContext) -> str:
        """When to call it."""
        return "Call get_environment_info before you write commands, if you do not know the system or its shell."


class _GetEnvironmentInfo:
    name = "get_environment_info"
    description = "Get the operating system and the shell that commands run in."
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {"type": "object", "properties": {}}

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Both as JSON. Neither paths nor names of users, which would end up in conversations."""
        system = platform.system()
        return json.dumps({"os": _SYSTEMS.get(system, system), "shell": Path(shell("")[0]).name})
