"""What Anthropic's endpoint for OpenAI's clients needs: most that it does not know it ignores, some it refuses."""

from __future__ import annotations

from typing import Any

from ..params import OUTPUT_LIMITS
from .compat import ask_for_format
from .compat import with_plain_calls
from .compat import without_empty
from .thinking import claude_version

_ANSWER_TOKENS = 8_192
"""What is left for the answer where a file says how much to think, and nothing about the answer's length."""

_SAMPLING = ("temperature", "top_p", "top_k")


def adapt_to_anthropic(body: dict[str, Any]) -> None:
    """Changes a request so that Claude takes it: no empty text, the format in words, and thinking by its rules."""
    body["messages"] = with_plain_calls(without_empty(body["messages"]))
    if "tools" in body:
        body["tools"] = [_tool(tool) for tool in body["tools"]]
    _think(body)
    ask_for_format(body)
    if claude_version(body["model"]) >= (4, 7):
        _drop(body, _SAMPLING)
    elif "temperature" in body:
        _drop(body, ("top_p",))  # newer models take one of the two


def _think(body: dict[str, Any]) -> None:
    """Thinking has no place beside a forced tool, a shorter answer or sampling settings.

    Nor between a call and its result, if it has a budget: the thoughts before the call would have to be sent back, and
    this endpoint does not show them.
    """
    thinking = body.get("thinking")
    if not isinstance(thinking, dict):
        return
    budget = thinking.get("budget_tokens") or 0
    limit = next((body[name] for name in OUTPUT_LIMITS if name in body), None)
    forced = body.get("tool_choice") not in (None, "auto", "none")
    in_turn = any(message.get("role") == "tool" for message in body["messages"][-1:])
    if forced or (limit is not None and limit <= budget) or (budget and in_turn):
        _drop(body, ("thinking",))
        return
    if budget and limit is None:
        body["max_tokens"] = budget + _ANSWER_TOKENS
    _drop(body, _SAMPLING)


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool whose parameters are an object, as they must be."""
    function = tool.get("function") or {}
    parameters = function.get("parameters") or {}
    if parameters.get("type") == "object":
        return tool
    return {**tool, "function": {**function, "parameters": {"properties": {}, **parameters, "type": "object"}}}


def _drop(body: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        body.pop(name, None)
