"""Reads the stream that a client gets and checks its grammar."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

_KEEP = ("id", "created", "model", "object")


@dataclass(slots=True)
class Stream:
    """A well-formed stream, taken apart.

    ``tool_calls`` are the calls that the client got, each put together from its pieces. ``events`` are the
    ``agent_event`` objects, ``statuses`` what Open WebUI shows as status lines, ``tool_results`` the contents of deltas
    whose role is ``tool``; ``event_ids`` are the numbers of frames that have one; ``raw`` is every byte.
    """

    text: str = ""
    reasoning: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tool_results: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    chunks: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    id: str = ""
    model: str = ""
    raw: bytes = b""
    event_ids: list[int] = field(default_factory=list)


def collect_sse(body: bytes | Iterable[bytes]) -> Stream:
    """Reads a stream to its end.

    Raises AssertionError unless it is: one role chunk, chunks with the same id, created and model, then either a
    finish chunk and perhaps a usage chunk, or one error object; then ``[DONE]`` and nothing more. Comments may stand
    anywhere, and so may deltas with the role ``tool``, which the mode ``tool_role`` writes. Each chunk must be what the
    ``openai`` package's own types accept in strict mode.
    """
    stream = Stream(raw=body if isinstance(body, bytes) else b"".join(body))
    payloads = _payloads(stream)
    _require(bool(payloads), "the stream has no data", stream)
    _require(payloads[-1] == "[DONE]", f"the stream does not end with [DONE] but with {payloads[-1]!r}", stream)
    for payload in payloads[:-1]:
        _require(payload != "[DONE]", "there is data after [DONE]", stream)
        _take(stream, payload)
    _require(
        (stream.finish_reason is None) != (stream.error is None),
        "a stream ends with a finish chunk or with an error, and with one of them only",
        stream,
    )
    return stream


def _payloads(stream: Stream) -> list[str]:
    text = stream.raw.decode()
    _require(not text or text.endswith("\n\n"), "the last frame is cut off", stream)
    payloads = []
    for frame in text.split("\n\n")[:-1]:
        if frame.startswith(":"):
            stream.comments.append(frame[1:].strip())
            continue
        id, _, rest = frame.partition("\n")
        if id.startswith("id: "):
            stream.event_ids.append(int(id.removeprefix("id: ")))
            frame = rest
        _require(frame.startswith("data: ") and "\n" not in frame, f"a frame is not one data line: {frame!r}", stream)
        payloads.append(frame.removeprefix("data: "))
    return payloads


def _take(stream: Stream, payload: str) -> None:
    frame = json.loads(payload)
    _require(stream.error is None, "a frame follows the error", stream)
    _require(stream.usage is None, "a frame follows the usage chunk", stream)
    if "error" in frame:
        _require(set(frame) == {"error"}, "an error frame holds nothing else", stream)
        _require(set(frame["error"]) == {"message", "type", "param", "code"}, "an error lacks a field", stream)
        stream.error = frame["error"]
        return
    _require(frame.get("object") == "chat.completion.chunk", f"a frame is no chunk: {payload}", stream)
    first = stream.chunks[0] if stream.chunks else frame
    changed = [key for key in _KEEP if frame.get(key) != first.get(key) or frame.get(key) in (None, "")]
    _require(not changed, f"missing in a chunk or not the same in all: {changed}", stream)
    if not stream.chunks:
        stream.id, stream.model = frame["id"], frame["model"]
    _take_choice(stream, frame)
    _require_openai_chunk(stream, payload)
    stream.chunks.append(frame)


def _take_choice(stream: Stream, frame: dict[str, Any]) -> None:
    if not frame["choices"]:
        _require(stream.finish_reason is not None, "a usage chunk comes before the finish chunk", stream)
        _require(isinstance(frame.get("usage"), dict), "a chunk has neither choices nor usage", stream)
        stream.usage = frame["usage"]
        return
    _require(stream.finish_reason is None, "a chunk follows the finish chunk", stream)
    _require(len(frame["choices"]) == 1, "a chunk has several choices", stream)
    choice = frame["choices"][0]
    delta = choice["delta"]
    is_first = not stream.chunks
    is_result = not is_first and delta.get("role") == "tool"
    _require(is_result or ("role" in delta) == is_first, "the first chunk, and no other, has the role", stream)
    _require(not is_first or delta["role"] == "assistant", "the role is not assistant", stream)
    _require("finish_reason" in choice and choice.get("index") == 0, "a choice lacks index or finish_reason", stream)
    if is_result:
        stream.tool_results.append(delta["content"])
    else:
        stream.text += delta.get("content") or ""
    stream.reasoning += delta.get("reasoning_content") or ""
    for piece in delta.get("tool_calls") or ():
        _take_call(stream, piece)
    stream.finish_reason = choice["finish_reason"]
    if "agent_event" in frame:
        stream.events.append(frame["agent_event"])
    if "event" in frame:
        stream.statuses.append(frame["event"]["data"])


def _require_openai_chunk(stream: Stream, payload: str) -> None:
    from openai.types.chat import ChatCompletionChunk  # takes a while

    try:
        ChatCompletionChunk.model_validate_json(payload, strict=True)
    except ValueError as exc:
        _require(False, f"the openai package does not take a chunk: {exc}", stream)


def _take_call(stream: Stream, piece: dict[str, Any]) -> None:
    function = piece["function"]
    known = next((call for call in stream.tool_calls if call["index"] == piece["index"]), None)
    if known is not None:
        _require("id" not in piece and "name" not in function, "a tool call begins twice", stream)
        known["function"]["arguments"] += function["arguments"]
        return
    _require(piece.get("type") == "function" and bool(piece.get("id")), "a tool call has no type or no id", stream)
    _require(bool(function.get("name")), "a tool call has no name", stream)
    _require(piece["index"] == len(stream.tool_calls), "a tool call is out of order", stream)
    stream.tool_calls.append({**piece, "function": dict(function)})


def _require(condition: bool, message: str, stream: Stream) -> None:
    if not condition:
        raise AssertionError(f"{message}\n--- the stream ends:\n{stream.raw[-2000:].decode('utf-8', 'replace')}")
