"""Chunks of a provider's chat completion, read as events: tolerant where providers differ, strict where it counts."""

from __future__ import annotations

import json
from typing import Any

from ..json_text import read_json
from ..types import ReasoningDelta
from ..types import RefusalDelta
from ..types import TextBatch
from ..types import Usage
from .base import Finish
from .base import ModelEvent
from .base import ToolCallDelta
from .config import Cost
from .failures import bad_answer
from .failures import CallFailed
from .failures import from_event
from .sse import data_of
from .text_template import TextTemplate

_FINISH_REASONS = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_CALL_FIELDS = {"index", "id", "type", "function"}
_FAILED_REASONS = {"error", "insufficient_system_resource"}
_WRONG_SHAPE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


class ChunkReader:
    """The state of one answer while its chunks come in; ``cost`` prices what it uses."""

    __slots__ = ("_calls", "_cost", "_model", "_usage", "begun", "done", "failure", "finished", "template")

    def __init__(self, model: str, cost: Cost | None = None) -> None:
        self._model = model
        self._cost = cost
        self._calls: list[str] = []  # the ids, by index
        self._usage: dict[str, Any] | None = None
        self.template = TextTemplate()
        self.begun = False
        self.finished = False
        self.done = False
        self.failure: CallFailed | None = None

    def read(self, events: bytes) -> list[list[ModelEvent]]:
        """What whole events of the stream tell, text in batches of its own and all else between two texts in one.

        What came before a ``failure`` is given as well.
        """
        batches: list[list[ModelEvent]] = []
        texts, others = TextBatch(), list[ModelEvent]()  # one of them is empty, always
        template, at = self.template, 0
        if template.before and events.startswith(template.before):
            at = template.read(events, 0, texts)
        while (end := events.find(b"\n\n", at)) >= 0:
            found = self._read_event(events[at:end])
            at = end + 2
            if len(found) == 1 and type(found[0]) is str:
                texts.append(found[0])
            elif found:
                if texts:
                    batches.append(texts)
                    texts = TextBatch()
                others += found
            over = self.done or self.failure is not None
            if not over and template.before and events.startswith(template.before, at):
                at = template.read(events, at, texts)
            if texts and others:
                batches.append(others)
                others = []
            if over:
                break
        last = others or texts
        return [*batches, last] if last else batches

    def _read_event(self, event: bytes) -> list[ModelEvent]:
        found: list[ModelEvent] = []
        try:
            payload = event[6:] if event.startswith(b"data: ") and b"\n" not in event else data_of(event)
            self.begun = self.begun or bool(payload)
            if payload == b"[DONE]":
                self.done = True
            elif payload:
                self._chunk(read_json(payload), found)
                if len(found) == 1 and type(found[0]) is str and not self.finished:
                    self.template.learn(event, found[0])
        except CallFailed as failure:
            self.failure = failure
        except _WRONG_SHAPE as exc:
            self.failure = bad_answer(self._model, f"a chunk cannot be read ({exc!r})")
        return found

    def read_completion(self, body: bytes) -> list[ModelEvent]:
        """The events of a whole ``chat.completion``, which some servers send although a stream was asked for.

        Raises :class:`CallFailed`.
        """
        events: list[ModelEvent] = []
        try:
            completion = read_json(body)
            self._chunk(completion, events)
            if not self.finished:
                self._finish(completion["choices"][0].get("finish_reason") or "stop", events)
        except _WRONG_SHAPE as exc:
            raise bad_answer(self._model, f"the answer cannot be read ({exc!r})") from exc
        self.done = True
        return events

    def usage(self) -> Usage | None:
        """What the call used, if the provider said so. The last word counts: some repeat a growing figure."""
        if self._usage is None:
            return None
        usage = self._usage
        prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        read, written = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
        cached = _count(read, "cached_tokens") if read else 0
        reasoning = _count(written, "reasoning_tokens") if written else 0
        dollars = self._cost.of(prompt, completion, cached) if self._cost else 0.0
        return Usage(prompt, completion, cached, reasoning, dollars)

    def _chunk(self, chunk: dict[str, Any], events: list[ModelEvent]) -> None:
        if chunk.get("error") or chunk.get("object") == "error":
            raise from_event(chunk, self._model)
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            if delta := choice.get("delta") or choice.get("message"):
                self._delta(delta, events)
            if reason := choice.get("finish_reason"):
                if reason in _FAILED_REASONS:
                    raise from_event(choice, self._model)
                self._finish(reason, events)
        if usage := chunk.get("usage"):
            self._usage = usage if isinstance(usage, dict) else None

    def _finish(self, reason: str, events: list[ModelEvent]) -> None:
        if self.finished:
            return
        self.finished = True
        events.append(Finish(_FINISH_REASONS.get(reason.lower(), "tool_calls" if self._calls else "stop")))

    def _delta(self, delta: dict[str, Any], events: list[ModelEvent]) -> None:
        content = delta.get("content")
        if content:
            _text(content, events)
            if len(delta) == 1:
                return
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            events.append(ReasoningDelta(_checked(reasoning)))
        if refusal := delta.get("refusal"):
            events.append(RefusalDelta(_checked(refusal)))
        for call in delta.get("tool_calls") or ():
            self._call(call, events)
        if legacy := delta.get("function_call"):
            self._call({"index": 0, "function": legacy}, events)

    def _call(self, call: dict[str, Any], events: list[ModelEvent]) -> None:
        function = call.get("function") or {}
        id, name, arguments = call.get("id") or "", function.get("name") or "", function.get("arguments")
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments) if arguments is not None else ""
        index = self._index(call.get("index"), id, name)
        extra = {key: value for key, value in call.items() if key not in _CALL_FIELDS and value is not None}
        events.append(ToolCallDelta(index, _checked(id), _checked(name), arguments, extra or None))

    def _index(self, index: object, id: str, name: str) -> int:
        """Some servers leave the index out or send 0 for every call: then a new id with a name is a new call."""
        last = len(self._calls) - 1
        if type(index) is not int:
            index = last + 1 if name or last < 0 else last
        elif 0 <= index <= last and name and id and self._calls[index] not in ("", id):
            index = last + 1
        if not 0 <= index <= last + 1:
            index = last + 1 if name else max(last, 0)
        if index > last:
            self._calls.append(id)
        return index


def _text(content: object, events: list[ModelEvent]) -> None:
    """Text, or a list of parts as Mistral's reasoning models send it."""
    if isinstance(content, str):
        events.append(content)
        return
    if not isinstance(content, list):
        raise TypeError("content is neither text nor a list")
    for part in content:
        if part.get("type") == "thinking":
            events += [ReasoningDelta(_checked(piece["text"])) for piece in part["thinking"] if piece.get("text")]
        elif part.get("text"):
            events.append(_checked(part["text"]))


def _checked(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is not a string")
    return value


def _count(usage: object, key: str) -> int:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value > 0 else 0
