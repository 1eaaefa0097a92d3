"""Counts and times calls of models and tools, and tells those who listen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..context import RunContext
from ..json_text import json_text
from ..models.base import Model
from ..models.base import ModelRequest
from ..records import ModelCallRecord
from ..records import tool_at_work
from ..records import ToolCallRecord
from ..redaction import redacted
from ..signals import model_call_finished
from ..signals import model_call_started
from ..signals import send_call
from ..signals import tool_call_finished
from ..signals import tool_call_started
from ..types import NO_USAGE
from ..types import ToolCall
from ..types import Usage
from .reply import ModelReply
from .shortened import estimated

logger = logging.getLogger("flask_agent_api.content")

MOST_CHARS = 20_000
"""Of each text that ``AGENT_API_LOG_CONTENT`` has logged."""


class ModelCallSeen(AbstractContextManager[ModelCallRecord]):
    """Around one model call. ``reply`` collects what it says; without one, the run gets the usage as an event."""

    __slots__ = ("_ctx", "_reply", "record")

    def __init__(
        self, model: Model, request: ModelRequest, agent: str, ctx: RunContext, reply: ModelReply | None = None
    ) -> None:
        self._ctx = ctx
        self._reply = reply
        parent = tool_at_work.get() or ctx.record
        self.record = ModelCallRecord(ctx.record, agent, model.name, request.messages, parent)

    def __enter__(self) -> ModelCallRecord:
        self._ctx.record.model_calls += 1
        send_call(model_call_started, self.record)
        return self.record

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        call = self.record
        call.end(error)
        if self._reply is not None:
            call.usage, call.finish_reason = self._reply.usage, self._reply.finish_reason
            call.run.add_usage(call.usage)
            if call.run.charge is not None:
                _charge_unknown(call.run.charge, call, self._reply.text, error)
        logs = self._ctx.settings.log_content
        if logs or model_call_finished.receivers:
            call.text = self._reply.text if self._reply is not None else ""
        send_call(model_call_finished, call)
        if logs:
            _log("model call", call.run.id, model=call.model, messages=json_text(call.messages), text=call.text)


class ToolCallSeen(AbstractContextManager[ToolCallRecord]):
    """Around one tool call, in the task that it has for itself. Who makes it puts the result into the record."""

    __slots__ = ("_ctx", "record")

    def __init__(self, call: ToolCall, known: bool, agent: str, ctx: RunContext) -> None:
        self._ctx = ctx
        self.record = ToolCallRecord(ctx.record, agent, call, known, tool_at_work.get() or ctx.record)

    def __enter__(self) -> ToolCallRecord:
        tool_at_work.set(self.record)
        self._ctx.record.tool_calls += 1
        send_call(tool_call_started, self.record)
        return self.record

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        seen = self.record
        seen.seconds = time.monotonic() - seen.started
        send_call(tool_call_finished, seen)
        if error is None and seen.usage != NO_USAGE:
            self._ctx.emit([seen.usage])
        if self._ctx.settings.log_content:
            content = seen.result.content if seen.result is not None else ""
            _log("tool call", seen.run.id, tool=seen.call.name, arguments=seen.call.arguments, result=content)


def _charge_unknown(
    charge: Callable[[Usage], object], call: ModelCallRecord, text: str, error: BaseException | None
) -> None:
    """An estimate where the provider told nothing: who hangs up before a call has ended would pay nothing for it."""
    failed = isinstance(error, Exception) and not text
    if not (call.usage.prompt_tokens or failed):
        charge(estimated(call.messages, text))


def _log(what: str, run_id: str, **texts: str) -> None:
    fields = {name: redacted(text[:MOST_CHARS]) for name, text in texts.items()}
    shown = " ".join(f"{name}={text!r}" for name, text in fields.items())
    logger.info("%s run=%s %s", what, run_id, shown, extra={"fields": {"event": what, "request_id": run_id, **fields}})
