"""What messages and rules call an MCP server that has no name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_LAUNCHERS = {"npx", "bunx", "uvx", "node", "python", "python3"}
"""Commands that say nothing about the server: what they launch does."""


def server_label(command: str, args: Sequence[str]) -> str:
    """The server's program, or the package or script that a launcher starts."""
    program = Path(command).name
    launched = next((arg for arg in args if not arg.startswith("-")), "") if program in _LAUNCHERS else ""
    return launched if launched.startswith("@") else Path(launched).name or program
