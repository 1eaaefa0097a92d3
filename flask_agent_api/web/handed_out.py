"""Calls of the client's tools, as pieces of an answer."""

from __future__ import annotations

from ..types import ClientToolCalls
from ..types import ToolCall
from .activity.pieces import Piece
from .activity.pieces import RawDelta


def handed_out(event: ClientToolCalls, first_index: int = 0) -> list[Piece]:
    """Two deltas for each call, as OpenAI has them: what is called, then the arguments."""
    if event.legacy:
        return [piece for call in event.calls for piece in _function_call(call)]
    return [piece for index, call in enumerate(event.calls, first_index) for piece in _tool_call(index, call)]


def _tool_call(index: int, call: ToolCall) -> list[Piece]:
    head = {"id": call.id, "type": "function"}
    whole = {**head, "function": {"name": call.name, "arguments": call.arguments or "{}"}}
    begun = {"index": index, **head, "function": {"name": call.name, "arguments": ""}}
    arguments = {"index": index, "function": {"arguments": call.arguments or "{}"}}
    return [RawDelta({"tool_calls": [begun]}, {"tool_calls": [whole]}), RawDelta({"tool_calls": [arguments]})]


def _function_call(call: ToolCall) -> list[Piece]:
    whole = {"name": call.name, "arguments": call.arguments or "{}"}
    begun = {"name": call.name, "arguments": ""}
    return [
        RawDelta({"function_call": begun}, {"function_call": whole}),
        RawDelta({"function_call": {"arguments": call.arguments or "{}"}}),
    ]
