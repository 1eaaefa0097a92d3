"""How the end of a command is told to a model."""

from __future__ import annotations

from ..kept_output import KeptOutput

_ROOM = 200


def ended(exit_code: int) -> str:
    """An exit code, in words."""
    return f"exit code {exit_code}" if exit_code >= 0 else f"ended by signal {-exit_code}"


def report(head: str, output: KeptOutput, limit: int) -> str:
    """The output of a command below a line about it; with what it has besides, within ``limit`` characters."""
    text = output.text(max(limit - len(head) - _ROOM, limit // 2)).strip() or "<no output>"
    return f"{head}\n{text}" if head else text
