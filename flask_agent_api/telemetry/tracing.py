"""Spans for OpenTelemetry by its conventions for generative AI, with the extra ``otel``. Import this only if wanted.

A run is a span ``invoke_agent``, its calls are ``chat`` and ``execute_tool``. Which SDK gets them is the app's affair.
Nothing that was said becomes an attribute.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span
from opentelemetry.trace import SpanKind
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..records import ModelCallRecord
from ..records import RunRecord
from ..records import ToolCallRecord
from ..signals import model_call_finished
from ..signals import model_call_started
from ..signals import run_finished
from ..signals import run_started
from ..signals import tool_call_finished
from ..signals import tool_call_started
from ..types import Usage
from ..visible import visible

_SPAN = "span"
_MOST_NAME = 128
_tracer = trace.get_tracer("flask_agent_api")
_trace_context = TraceContextTextMapPropagator()


def watch(app: Any) -> None:
    """From now on traces the runs of ``app``; harmless when repeated."""
    run_started.connect(_run_started, app)
    run_finished.connect(_run_finished, app)
    model_call_started.connect(_model_call_started, app)
    model_call_finished.connect(_model_call_finished, app)
    tool_call_started.connect(_tool_call_started, app)
    tool_call_finished.connect(_tool_call_finished, app)


def _run_started(app: Any, run: RunRecord) -> None:
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": run.agent,
        "agent_api.request_id": run.id,
        "agent_api.principal": run.principal,
        **({"agent_api.task": run.task} if run.task else {}),
    }
    run.notes[_SPAN] = _tracer.start_span(f"invoke_agent {run.agent}", _outside(run), SpanKind.INTERNAL, attributes)


def _outside(run: RunRecord) -> Context:
    """The span that the request is part of: the app's own instrumentation knows best, then the client's header."""
    current = context.get_current()
    if trace.get_current_span(current).get_span_context().is_valid or not run.traceparent:
        return current
    return _trace_context.extract({"traceparent": run.traceparent, "tracestate": run.tracestate}, current)


def _run_finished(app: Any, run: RunRecord) -> None:
    span: Span | None = run.notes.pop(_SPAN, None)
    if span is None:
        return
    span.set_attribute("agent_api.end", run.end)
    _note_usage(span, run.usage)
    if run.first_text is not None:
        span.set_attribute("gen_ai.response.time_to_first_chunk", run.first_text)
    if run.end == "error":
        _fail(span, run.error)
    span.end()


def _model_call_started(app: Any, call: ModelCallRecord) -> None:
    provider, slash, model = call.model.partition("/")
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.agent.name": call.agent,
        "gen_ai.request.model": model if slash else call.model,
        **({"gen_ai.provider.name": provider} if slash else {}),
    }
    name = f"chat {attributes['gen_ai.request.model']}"
    call.notes[_SPAN] = _tracer.start_span(name, _within(call), SpanKind.CLIENT, attributes)


def _model_call_finished(app: Any, call: ModelCallRecord) -> None:
    span: Span | None = call.notes.pop(_SPAN, None)
    if span is None:
        return
    _note_usage(span, call.usage)
    if call.error:
        _fail(span, call.error)
    elif call.finish_reason:
        span.set_attribute("gen_ai.response.finish_reasons", [call.finish_reason])
    span.end()


def _tool_call_started(app: Any, call: ToolCallRecord) -> None:
    name = visible(call.call.name[:_MOST_NAME])
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.agent.name": call.agent,
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": call.call.id[:_MOST_NAME],
        "gen_ai.tool.type": "function",
    }
    span = _tracer.start_span(f"execute_tool {name}", _within(call), SpanKind.INTERNAL, attributes)
    call.notes[_SPAN] = span
    # For libraries that the tool uses. Never taken back: the task, and its context variables, are this call's alone.
    context.attach(trace.set_span_in_context(span))


def _tool_call_finished(app: Any, call: ToolCallRecord) -> None:
    span: Span | None = call.notes.get(_SPAN)  # a task in the background may still refer to it
    if span is None:
        return
    if call.failed:
        _fail(span, "tool_error")
    span.end()


def _within(call: ModelCallRecord | ToolCallRecord) -> Context:
    """The span of the tool call, or the run, that a call was made in."""
    span: Span | None = call.parent.notes.get(_SPAN) if call.parent is not None else None
    return trace.set_span_in_context(span) if span is not None else context.get_current()


def _note_usage(span: Span, usage: Usage) -> None:
    span.set_attribute("gen_ai.usage.input_tokens", usage.prompt_tokens)
    span.set_attribute("gen_ai.usage.output_tokens", usage.completion_tokens)
    if usage.cached_tokens:
        span.set_attribute("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens)
    if usage.reasoning_tokens:
        span.set_attribute("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens)
    if usage.cost:
        span.set_attribute("agent_api.cost_dollars", usage.cost)


def _fail(span: Span, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(StatusCode.ERROR)
