"""What of a run can be seen from outside: its line in the log, and signals."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from blinker import Signal
from flask import Flask

from flask_agent_api import ModelAgent
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api import tool
from flask_agent_api.app import create_app
from flask_agent_api.errors import ModelError
from flask_agent_api.signals import model_call_finished
from flask_agent_api.signals import model_call_started
from flask_agent_api.signals import run_finished
from flask_agent_api.signals import run_started
from flask_agent_api.signals import tool_call_finished
from flask_agent_api.signals import tool_call_started
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Usage
from tests.support import QUESTION
from tests.waiting import wait_until

CHAT = "/v1/chat/completions"
SECRET = "the-caller's-own-words"
USED = Usage(10, 5, 2, 1)
"""What each model call of the tests uses."""
KEY = "key-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}
ALL = (run_started, model_call_started, tool_call_started, tool_call_finished, model_call_finished, run_finished)


@tool
def weather(city: str) -> str:
    """The weather."""
    if city == "nowhere":
        raise LookupError(city)
    return f"{SECRET} sun"


def counting(request: RunRequest, ctx: RunContext) -> Iterator[Any]:
    """An agent in Python that knows what its own calls used."""
    yield "a"
    yield [Usage(3, 4), "b"]
    yield Usage(1, 1, 1, 1, 0.5)


def root(*replies: Any, name: str = "root", **fields: Any) -> ModelAgent:
    replies = tuple(reply if isinstance(reply, Exception) else [*_items(reply), USED] for reply in replies)
    return ModelAgent(name, ScriptedModel(*replies), toolsets=(FunctionToolset("w", [weather]),), **fields)


def _items(reply: Any) -> list[Any]:
    return [reply] if isinstance(reply, str) else list(reply)


def app_of(*agents: Any, **config: Any) -> Flask:
    return create_app({"AGENT_API_AGENTS": list(agents), "AGENT_API_HUB_STALL_SECONDS": 0, **config})


def ask(app: Flask, content: str = SECRET, **fields: Any) -> Any:
    headers = fields.pop("headers", {})
    body = {**QUESTION, "messages": [{"role": "user", "content": content}], **fields}
    response = app.test_client().post(CHAT, json=body, headers={"X-Request-Id": "r1", **headers})
    response.get_data()
    return response


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    found = [getattr(record, "fields", {}) for record in caplog.records]
    return [fields for fields in found if fields.get("event") == name]


def line_of(caplog: pytest.LogCaptureFixture, event: str = "run") -> dict[str, Any]:
    wait_until(lambda: events(caplog, event))
    (line,) = events(caplog, event)
    return line


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@contextmanager
def heard(app: Flask, *signals: Signal) -> Iterator[list[tuple[str, Any]]]:
    """What receivers of ``signals`` are told: the signal's name and the record."""
    told: list[tuple[str, Any]] = []
    receivers = []
    for signal in signals:

        def receiver(sender: Any, *, _name: str = signal.name, **payload: Any) -> None:  # type: ignore[attr-defined]
            told.append((_name, *payload.values()))  # type: ignore[arg-type]

        signal.connect(receiver, app)
        receivers.append((signal, receiver))
    yield told
    for signal, receiver in receivers:
        signal.disconnect(receiver, app)


@pytest.mark.parametrize("stream", [False, True])
def test_a_run_is_one_line_with_what_it_did(stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    calls = [tool_call("weather", city="Oslo"), tool_call("weather", city="nowhere")]
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = ask(app_of(root(calls, "It is sunny.")), stream=stream, headers={"traceparent": trace})
    assert response.status_code == 200
    line = line_of(caplog)
    assert 0 < line.pop("first_text_seconds") <= line.pop("seconds") < 5
    tokens = [line.pop(f"{name}_tokens") for name in ("prompt", "completion", "cached", "reasoning")]
    assert tokens == [20, 10, 4, 2]
    assert line == {
        "event": "run", "request_id": "r1", "agent": "root", "task": "", "end": "done", "error": "",
        "principal": "anonymous", "model_calls": 2, "tool_calls": 2, "cost": None,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }  # fmt: skip
    assert SECRET not in caplog.text


def test_usage_that_an_agent_in_python_reports_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    ask(app_of(counting))
    line = line_of(caplog)
    assert (line["prompt_tokens"], line["completion_tokens"], line["cost"]) == (4, 5, 0.5)
    assert line["first_text_seconds"] is not None


def test_usage_of_a_task_for_another_agent_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    writer = root("Done.", name="writer")
    call = tool_call("transfer_task", agent="writer", task="write", expected_output="text")
    lead = root([call], "All done.", name="lead", sub_agents=("writer",), team={"writer": writer})
    body = ask(app_of(lead)).get_json()
    line = line_of(caplog)
    assert line["model_calls"] == 3
    assert line["prompt_tokens"] == body["usage"]["prompt_tokens"] == 30


def test_the_line_of_a_failed_run_has_its_code_and_no_other_line(caplog: pytest.LogCaptureFixture) -> None:
    assert ask(app_of(root(ModelError("down", code="upstream_error", status=502)))).status_code == 502
    line = line_of(caplog)
    assert (line["end"], line["error"]) == ("error", "upstream_error")
    assert events(caplog, "refused") == []


def test_a_refused_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(root("hi"), AGENT_API_KEYS=KEY)
    ask(app)
    ask(app, headers={"Authorization": f"Bearer {KEY}"}, messages=SECRET)
    unknown, wrong = events(caplog, "refused")
    assert (unknown["status"], unknown["code"], unknown["principal"]) == (401, "invalid_api_key", "anonymous")
    assert (wrong["status"], wrong["param"], wrong["path"]) == (400, "messages", CHAT)
    assert wrong["principal"].startswith("key:")
    assert events(caplog, "run") == []
    assert KEY not in caplog.text
    assert SECRET not in caplog.text


def test_content_is_logged_if_the_operator_wants_it(caplog: pytest.LogCaptureFixture) -> None:
    ask(app_of(root([tool_call("weather", city="Oslo")], "It is sunny."), AGENT_API_LOG_CONTENT=True))
    assert "AGENT_API_LOG_CONTENT is on" in caplog.text
    (called,) = events(caplog, "tool call")
    assert json.loads(called["arguments"]) == {"city": "Oslo"}
    assert called["result"] == f"{SECRET} sun"
    first, last = events(caplog, "model call")
    assert SECRET in first["messages"]
    assert last["text"] == "It is sunny."


def test_secrets_are_struck_out_of_content_as_well(caplog: pytest.LogCaptureFixture) -> None:
    ask(app_of(root("Ok."), AGENT_API_LOG_CONTENT=True, AGENT_API_KEYS=KEY), f"my key is {KEY}", headers=BEARER)
    (line,) = events(caplog, "model call")
    assert "my key is ***" in line["messages"]
    assert KEY not in caplog.text


def test_signals_come_in_pairs_around_what_happens() -> None:
    app = app_of(root([tool_call("weather", city="Oslo")], "It is sunny."))
    with heard(app, *ALL) as told:
        ask(app)
        wait_until(lambda: told and told[-1][0] == run_finished.name)
    names = [name for name, _ in told]
    model, called = ["model-call-started", "model-call-finished"], ["tool-call-started", "tool-call-finished"]
    assert names == ["agent-run-started", *model, *called, *model, "agent-run-finished"]
    run, first, tool_record = told[0][1], told[1][1], told[3][1]
    assert told[-1][1] is run
    assert (run.app, run.id, run.agent, run.end) == (app, "r1", "root", "done")
    assert (first.run, first.parent, first.agent, first.error) == (run, run, "root", "")
    assert first.usage == USED
    assert (tool_record.call.name, tool_record.known, tool_record.failed) == ("weather", True, False)
    assert 0 < tool_record.seconds < run.seconds


def test_calls_of_a_sub_agent_belong_to_the_call_that_gave_it_the_task() -> None:
    writer = root([tool_call("weather", city="Oslo")], "Done.", name="writer")
    call = tool_call("transfer_task", agent="writer", task="write", expected_output="text")
    app = app_of(root([call], "All done.", name="lead", sub_agents=("writer",), team={"writer": writer}))
    with heard(app, model_call_finished, tool_call_finished) as told:
        ask(app)
    records = [record for _, record in told]
    transfer = next(record for record in records if getattr(record, "call", None) and record.call.name != "weather")
    of_writer = [record for record in records if record.agent == "writer"]
    assert len(of_writer) == 3
    assert all(record.parent is transfer for record in of_writer)
    assert transfer.parent is transfer.run
    assert [record.parent is record.run for record in records if record.agent == "lead"] == [True] * 3


def test_failures_are_part_of_the_records() -> None:
    calls = [tool_call("weather", city="nowhere"), tool_call("no_such_tool")]
    app = app_of(root(calls, ModelError("down", code="upstream_error")))
    with heard(app, tool_call_finished, model_call_finished) as told:
        ask(app)
    (_, first), (_, failed), (_, unknown), (_, last) = told
    assert (failed.failed, failed.known, unknown.failed, unknown.known) == (True, True, True, False)
    assert (first.error, last.error) == ("", "upstream_error")


def test_a_receiver_that_fails_is_logged_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(root("It is sunny."))

    def fails(sender: Flask, **payload: Any) -> None:
        raise LookupError("a receiver's own failure")

    with heard(app, run_finished) as told:
        for signal in ALL:
            signal.connect(fails, app)
        assert ask(app).get_json()["choices"][0]["message"]["content"] == "It is sunny."
        wait_until(lambda: told)
        for signal in ALL:
            signal.disconnect(fails, app)
    assert "a receiver of agent-run-started failed" in caplog.text


def test_receivers_of_another_app_hear_nothing() -> None:
    app, other = app_of(root("a")), app_of(root("b"))
    with heard(other, *ALL) as told, heard(app, run_finished) as own:
        ask(app)
        wait_until(lambda: own)
    assert told == []
