"""Calls of models that tools make, not agents: counted for the run that they are part of, and told to who listens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar

from ..records import ModelCallRecord
from ..records import RunRecord
from ..records import tool_at_work
from ..signals import model_call_finished
from ..signals import model_call_started
from ..signals import send_call
from ..types import Message
from ..types import Usage

usage_outside_runs: ContextVar[list[Usage] | None] = ContextVar("flask_agent_api_usage_outside_runs", default=None)
"""Where work that belongs to no run collects what its calls use; a list is shared by all tasks that it starts."""


class CalledByTool(AbstractContextManager[ModelCallRecord]):
    """Around a call of the model of that name. Who makes it puts what it used and said into the record."""

    def __init__(self, model: str, messages: Sequence[Message] = ()) -> None:
        self._tool = tool_at_work.get()
        run, agent = (RunRecord(), "") if self._tool is None else (self._tool.run, self._tool.agent)
        self._call = ModelCallRecord(run, agent, model, messages, self._tool)

    def __enter__(self) -> ModelCallRecord:
        if self._tool is not None:
            self._call.run.model_calls += 1
            send_call(model_call_started, self._call)
        return self._call

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        call = self._call
        call.end(error)
        if self._tool is not None:
            self._tool.usage += call.usage
            call.run.add_usage(call.usage)
            send_call(model_call_finished, call)
        elif (collected := usage_outside_runs.get()) is not None:
            collected.append(call.usage)
