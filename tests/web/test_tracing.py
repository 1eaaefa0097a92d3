"""Spans of runs, as the SDK's exporter gets them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flask_agent_api import ModelAgent
from flask_agent_api import tool
from flask_agent_api.app import create_app
from flask_agent_api.errors import ModelError
from flask_agent_api.telemetry import tracing
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Usage
from tests.waiting import wait_until

SECRET = "what-the-caller-said"
TRACE = "0af7651916cd43dd8448eb211c80319c"
OUTSIDE = "b7ad6b7169203331"

provider: TracerProvider


@tool
def look_up(city: str) -> str:
    """Does something that a library of its own would trace."""
    with provider.get_tracer("a library").start_as_current_span("library"):
        return f"{SECRET} in {city}"


@tool
def fails() -> str:
    """Fails."""
    raise LookupError(SECRET)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The SDK is there for one test alone: it starts threads in every process that is forked."""
    global provider
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("flask_agent_api"))
    yield exporter
    del provider


def app_of(*agents: ModelAgent, **config: Any) -> Flask:
    settings = {"AGENT_API_TRACES": True, "AGENT_API_HUB_STALL_SECONDS": 0, **config}
    return create_app({"AGENT_API_AGENTS": list(agents), **settings})


def agent(name: str, *replies: Any, **fields: Any) -> ModelAgent:
    toolset = FunctionToolset("w", [look_up, fails])
    return ModelAgent(name, ScriptedModel(*replies, name="openai/gpt-5"), toolsets=(toolset,), **fields)


def spans_of(app: Flask, exporter: InMemorySpanExporter, **headers: str) -> dict[str, ReadableSpan]:
    """The spans of one request by their names."""
    body = {"messages": [{"role": "user", "content": SECRET}], "stream": True}
    app.test_client().post("/v1/chat/completions", json=body, headers={"X-Request-Id": "r1", **headers}).get_data()
    wait_until(lambda: any(span.name.startswith("invoke_agent") for span in exporter.get_finished_spans()))
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert SECRET not in "".join(span.to_json() for span in spans.values())
    return spans


def parent_of(span: ReadableSpan, spans: dict[str, ReadableSpan]) -> str:
    return next(
        (name for name, each in spans.items() if span.parent and each.context.span_id == span.parent.span_id), ""
    )


def test_a_run_is_a_tree_of_spans(exporter: InMemorySpanExporter) -> None:
    call = tool_call("look_up", city="Oslo")
    app = app_of(agent("root", [call, Usage(100, 10, 50, 5)], ["Sunny.", Usage(10, 1, cost=0.5)]))
    spans = spans_of(app, exporter)
    run, chat, executed = spans["invoke_agent root"], spans["chat gpt-5"], spans["execute_tool look_up"]
    assert {name: parent_of(span, spans) for name, span in spans.items()} == {
        "invoke_agent root": "",
        "chat gpt-5": "invoke_agent root",
        "execute_tool look_up": "invoke_agent root",
        "library": "execute_tool look_up",
    }
    assert dict(run.attributes or {}).pop("gen_ai.response.time_to_first_chunk") is not None
    wanted = {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "root", "agent_api.request_id": "r1",
        "agent_api.principal": "anonymous", "agent_api.end": "done", "gen_ai.usage.input_tokens": 110,
        "gen_ai.usage.output_tokens": 11, "gen_ai.usage.cache_read.input_tokens": 50,
        "gen_ai.usage.reasoning.output_tokens": 5, "agent_api.cost_dollars": 0.5,
    }  # fmt: skip
    assert {name: (run.attributes or {}).get(name) for name in wanted} == wanted
    assert dict(chat.attributes or {}) | {"gen_ai.usage.input_tokens": 10} == {
        "gen_ai.operation.name": "chat", "gen_ai.agent.name": "root", "gen_ai.request.model": "gpt-5",
        "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1,
        "gen_ai.response.finish_reasons": ("stop",), "agent_api.cost_dollars": 0.5,
    }  # fmt: skip
    assert (executed.attributes or {})["gen_ai.tool.name"] == "look_up"
    assert run.status.is_unset
    assert run.end_time >= max(chat.end_time, executed.end_time)


def test_the_clients_trace_goes_on(exporter: InMemorySpanExporter) -> None:
    spans = spans_of(app_of(agent("root", "Sunny.")), exporter, traceparent=f"00-{TRACE}-{OUTSIDE}-01")
    run = spans["invoke_agent root"]
    assert (f"{run.context.trace_id:032x}", f"{run.parent.span_id:016x}") == (TRACE, OUTSIDE)


@pytest.mark.parametrize("header", ["", "nonsense", f"00-{'0' * 32}-{OUTSIDE}-01", "00-x\u00e9-y-01"])
def test_a_traceparent_that_is_none_begins_a_trace(header: str, exporter: InMemorySpanExporter) -> None:
    spans = spans_of(app_of(agent("root", "Sunny.")), exporter, traceparent=header)
    assert spans["invoke_agent root"].parent is None


def test_the_apps_own_span_comes_before_the_header(exporter: InMemorySpanExporter) -> None:
    app = app_of(agent("root", "Sunny."))
    with provider.get_tracer("the app").start_as_current_span("server"):
        spans_of(app, exporter, traceparent=f"00-{TRACE}-{OUTSIDE}-01")
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert parent_of(spans["invoke_agent root"], spans) == "server"


def test_spans_of_failures_say_so(exporter: InMemorySpanExporter) -> None:
    app = app_of(agent("root", [tool_call("fails")], ModelError("down", code="upstream_error")))
    spans = spans_of(app, exporter)
    errors = {name: (span.attributes or {}).get("error.type") for name, span in spans.items()}
    assert errors == {
        "invoke_agent root": "upstream_error",
        "chat gpt-5": "upstream_error",
        "execute_tool fails": "tool_error",
    }
    assert not any(span.status.is_ok or span.status.is_unset for span in spans.values())


def test_a_sub_agents_spans_are_within_the_call_that_gave_it_the_task(exporter: InMemorySpanExporter) -> None:
    writer = agent("writer", [tool_call("look_up", city="Oslo")], "Done.")
    call = tool_call("transfer_task", agent="writer", task="write", expected_output="text")
    app = app_of(agent("lead", [call], "All done.", sub_agents=("writer",), team={"writer": writer}))
    spans = spans_of(app, exporter)
    assert parent_of(spans["execute_tool look_up"], spans) == "execute_tool transfer_task"
    assert parent_of(spans["execute_tool transfer_task"], spans) == "invoke_agent lead"
    chats = [
        span for span in exporter.get_finished_spans() if (span.attributes or {}).get("gen_ai.agent.name") == "writer"
    ]
    assert {parent_of(span, spans) for span in chats} == {"execute_tool transfer_task"}


def test_no_span_is_current_behind_a_run(exporter: InMemorySpanExporter) -> None:
    spans_of(app_of(agent("root", [tool_call("look_up", city="Oslo")], "Sunny.")), exporter)
    assert not trace.get_current_span().get_span_context().is_valid
