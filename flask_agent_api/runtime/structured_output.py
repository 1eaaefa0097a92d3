"""The format of an agent's own answers, as its file has it: asked of its model, or the arguments of a last tool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..concurrency import offload
from ..context import RunContext
from ..errors import ToolError
from ..structured.answer_format import AnswerFormat
from ..structured.json_schema import Invalid
from ..structured.json_schema import Schema
from ..tools.base import Tool
from ..types import JSONSchema

FINAL_ANSWER = "final_answer"


@dataclass(frozen=True, slots=True, eq=False)
class StructuredOutput:
    """JSON that a schema allows, wherever the request wants no format of its own.

    ``response_format`` is what the model is asked for; with ``by_tool`` it gives its answer as the arguments of a tool
    instead, for models that know no formats.
    """

    response_format: Mapping[str, Any]
    schema: Schema
    by_tool: bool = False

    @property
    def format(self) -> AnswerFormat:
        """What answers are checked against."""
        return AnswerFormat(self.schema)


class FinalAnswer:
    """The tool whose arguments are the answer. Those that the schema forbids go back to the model."""

    name = FINAL_ANSWER
    read_only = True
    timeout: float | None = None
    needs = ""

    def __init__(self, output: StructuredOutput) -> None:
        named = output.response_format["json_schema"]
        self.parameters: JSONSchema = named["schema"]
        self.description = f"Give your final answer. {named.get('description') or ''}".strip()
        self._schema = output.schema

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Ends the run with the arguments. Raises :class:`ToolError` that names the place that is wrong."""
        try:
            offload(self._schema.check, arguments)
        except Invalid as exc:
            raise ToolError(f"this is no valid answer: it {exc}. Call {FINAL_ANSWER} again.") from None
        ctx.next_call.answer = json.dumps(arguments, ensure_ascii=False)
        return "This is the answer."


def ask_for(output: StructuredOutput, agent_output: StructuredOutput | None, tools: dict[str, Tool]) -> dict[str, Any]:
    """What model calls get for a format; adds the tool for the answer to ``tools`` if the agent wants it that way.

    Another agent that goes on with the conversation is asked for the format itself.
    """
    if output is agent_output and output.by_tool and FINAL_ANSWER not in tools:
        tools[FINAL_ANSWER] = FinalAnswer(output)
        return {"tool_choice": "required"}
    return {"response_format": output.response_format}
