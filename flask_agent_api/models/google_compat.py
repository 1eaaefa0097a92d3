"""What Google's endpoint for OpenAI's clients needs: it refuses what it does not know, and wants signatures back."""

from __future__ import annotations

from typing import Any

from ..types import Message
from .compat import ask_for_format
from .compat import without_empty
from .gemini_schema import gemini_schema

_NO_SIGNATURE = {"google": {"thought_signature": "skip_thought_signature_validator"}}
"""What Google documents for calls that are not Gemini's own."""


def adapt_to_google(body: dict[str, Any]) -> None:
    """Changes a request so that Gemini takes it: no empty text, schemas it can read, signatures on its tool calls."""
    old = "gemini-2" in body["model"] or "gemini-1" in body["model"]
    body["messages"] = [_signed(message, needed=not old) for message in without_empty(body["messages"])]
    if "tools" in body:
        body["tools"] = [_tool(tool) for tool in body["tools"]]
        if old:
            ask_for_format(body)  # they take a format or tools, not both
    if "reasoning_effort" in body:
        body.pop("extra_body", None)  # the two contradict each other; this is what the request wants


def _signed(message: Message, *, needed: bool) -> Message:
    """A message with the signatures of its tool calls, and none of the other fields that providers add."""
    if not message.get("tool_calls"):
        return message
    calls = [
        {name: call[name] for name in ("id", "type", "function", "extra_content") if name in call}
        for call in message["tool_calls"]
    ]
    if needed and "extra_content" not in calls[0]:
        calls[0]["extra_content"] = _NO_SIGNATURE
    return {**message, "tool_calls": calls}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {name: value for name, value in (tool.get("function") or {}).items() if name != "strict"}
    parameters = gemini_schema(function.pop("parameters", None) or {})
    if parameters.get("properties"):
        function["parameters"] = parameters
    return {**tool, "function": function}
