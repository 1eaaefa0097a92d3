"""Calls of models that tools make, not agents: counted for the run that they are part of, and told to who listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from ..errors import AgentAPIError
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


@contextmanager
def called_by_tool(model: str, messages: Sequence[Message] = ()) -> Iterator[ModelCallRecord]:
    """Around a call of the model of that name. Who makes it puts what it used and said into the record."""
    tool = tool_at_work.get()
    run, agent = (RunRecord(), "") if tool is None else (tool.run, tool.agent)
    call = ModelCallRecord(run, agent, model, messages, tool)
    if tool is not None:
        run.model_calls += 1
        send_call(model_call_started, call)
    try:
        yield call
    except BaseException as exc:
        call.error = error_code(exc)
        raise
    finally:
        call.seconds = time.monotonic() - call.started
        if tool is not None:
            tool.usage += call.usage
            run.add_usage(call.usage)
            send_call(model_call_finished, call)
        elif (collected := usage_outside_runs.get()) is not None:
            collected.append(call.usage)


def error_code(error: BaseException) -> str:
    """What a record says of a call that failed: ``cancelled``, if it was ended from outside."""
    if isinstance(error, AgentAPIError):
        return error.code or "error"
    return "error" if isinstance(error, Exception) else "cancelled"
