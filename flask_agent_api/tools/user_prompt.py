"""Questions to the user in the middle of a run: there is nobody to answer them before it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..types import JSONSchema
from .arguments import text
from .base import Tool

_INSTRUCTIONS = """\
In this chat the user cannot answer while you work, so `user_prompt` is always declined. When you need an answer, a \
choice or a confirmation, make it the end of your final answer: ask there, list what there is to choose from, and wait \
for the next message."""

_DECLINED = json.dumps(
    {
        "action": "decline",
        "reason": "The user cannot answer while you work. End your final answer with this question, and with what "
        "there is to choose from. Until the next message has come, do nothing that depends on the answer.",
    }
)


class UserPromptToolset:
    """The tool ``user_prompt``. It declines each question, as a client may do, and has the model ask in its answer."""

    kind = "user_prompt"

    def __init__(self, name: str = "user_prompt") -> None:
        self.name = name
        self._tools = (_UserPrompt(),)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """How to ask all the same."""
        return _INSTRUCTIONS


class _UserPrompt:
    name = "user_prompt"
    description = "Ask the user a question. In this chat it is declined: ask in your final answer."
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {
        "type": "object",
        "properties": {
            "message": {"type": "string", "description": "The question."},
            "title": {"type": "string", "description": "A title for it."},
            "schema": {"type": "object", "description": "The JSON Schema of the answer."},
        },
        "required": ["message"],
    }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Declines. Raises :class:`ToolError` if there is no question."""
        text(arguments, "message")
        return _DECLINED
