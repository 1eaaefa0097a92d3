"""Figures for Prometheus: of one process, and of two workers of gunicorn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

pytest.importorskip("prometheus_client")

from prometheus_client.metrics import MetricWrapperBase

from flask_agent_api import ModelAgent
from flask_agent_api import tool
from flask_agent_api.app import create_app
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelError
from flask_agent_api.telemetry import metrics
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import Usage
from tests.support import QUESTION
from tests.waiting import wait_until

KEY = "key-0123456789abcdef"
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@tool
def weather(city: str) -> str:
    """The weather."""
    if city == "nowhere":
        raise LookupError(city)
    return "sun"


def app_of(*agents: ModelAgent, **config: Any) -> Flask:
    settings = {"AGENT_API_METRICS": True, "AGENT_API_HUB_STALL_SECONDS": 0, **config}
    return create_app({"AGENT_API_AGENTS": list(agents), **settings})


def agent(name: str, *replies: Any) -> ModelAgent:
    return ModelAgent(name, ScriptedModel(*replies, name=f"test/{name}"), toolsets=(FunctionToolset("w", [weather]),))


def figures(app: Flask) -> dict[str, float]:
    text = app.test_client().get("/metrics").get_data(as_text=True)
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("agent_api_")]
    return {name: float(value) for name, value in lines}


def test_runs_calls_and_tokens_are_counted() -> None:
    calls = [tool_call("weather", city="Oslo"), tool_call("weather", city="nowhere"), tool_call("made_up_by_the_model")]
    app = app_of(agent("metered", [*calls, Usage(100, 10, 50, 5, 0.25)], ["Sunny.", Usage(1, 1)]))
    assert app.test_client().post("/v1/chat/completions", json=QUESTION).status_code == 200
    wait_until(lambda: 'agent_api_runs_total{agent="metered",end="done",kind="chat"}' in figures(app))
    found = figures(app)
    expected = {
        'agent_api_runs_total{agent="metered",end="done",kind="chat"}': 1,
        'agent_api_runs_in_progress{agent="metered"}': 0,
        'agent_api_run_seconds_count{agent="metered"}': 1,
        'agent_api_first_text_seconds_count{agent="metered"}': 1,
        'agent_api_tokens_total{agent="metered",kind="prompt"}': 101,
        'agent_api_tokens_total{agent="metered",kind="completion"}': 11,
        'agent_api_tokens_total{agent="metered",kind="cached"}': 50,
        'agent_api_tokens_total{agent="metered",kind="reasoning"}': 5,
        'agent_api_cost_dollars_total{agent="metered"}': 0.25,
        'agent_api_model_call_seconds_count{model="test/metered"}': 2,
        'agent_api_tool_call_seconds_count{tool="weather"}': 2,
        'agent_api_tool_errors_total{tool="weather"}': 1,
        'agent_api_tool_errors_total{tool="unknown"}': 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not any("made_up" in name for name in found)


def test_failures_of_models_are_counted_by_code() -> None:
    app = app_of(agent("failing", ModelError("down", code="upstream_error", status=502)))
    assert app.test_client().post("/v1/chat/completions", json=QUESTION).status_code == 502
    wait_until(lambda: 'agent_api_runs_total{agent="failing",end="error",kind="chat"}' in figures(app))
    assert figures(app)['agent_api_model_errors_total{code="upstream_error",model="test/failing"}'] == 1
    assert 'agent_api_first_text_seconds_count{agent="failing"}' not in figures(app)


def test_names_that_a_client_makes_up_are_no_labels() -> None:
    app = app_of(agent("asked", "a"))
    app.test_client().post("/v1/chat/completions", json={**QUESTION, "model": "gpt-of-the-client"})
    wait_until(lambda: 'agent_api_runs_total{agent="asked",end="done",kind="chat"}' in figures(app))
    assert not any("gpt-of-the-client" in name for name in figures(app))


def test_there_is_an_end_of_names_of_tools() -> None:
    names: set[str] = set()
    labels = {metrics._bounded(f"tool_{number}", names) for number in range(metrics.MOST_NAMES + 100)}
    assert len(labels) == metrics.MOST_NAMES + 1
    assert "other" in labels
    assert metrics._bounded("tool_0", names) == "tool_0"


def test_an_app_is_watched_once() -> None:
    app = app_of(agent("twice", "a"))
    metrics.watch(app)
    app.test_client().post("/v1/chat/completions", json=QUESTION)
    name = 'agent_api_runs_total{agent="twice",end="done",kind="chat"}'
    wait_until(lambda: name in figures(app))
    assert figures(app)[name] == 1


def test_figures_are_off_by_default() -> None:
    assert app_of(agent("off"), AGENT_API_METRICS=False).test_client().get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("config", "environ", "key", "status"),
    [
        ({}, {}, "", 200),
        ({}, ELSEWHERE, "", 403),
        ({}, {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, "", 403),
        ({"AGENT_API_INSECURE_NO_AUTH": True}, ELSEWHERE, "", 403),
        ({"AGENT_API_KEYS": KEY}, ELSEWHERE, KEY, 403),
        ({"AGENT_API_METRICS_KEYS": f"for-metrics-{KEY}"}, {}, "", 401),
        ({"AGENT_API_METRICS_KEYS": f"for-metrics-{KEY}"}, ELSEWHERE, f"for-metrics-{KEY}", 200),
        ({"AGENT_API_METRICS_KEYS": f"for-metrics-{KEY}", "AGENT_API_KEYS": KEY}, ELSEWHERE, KEY, 401),
    ],
)
def test_figures_are_for_this_machine_or_for_whoever_has_their_key(
    config: dict[str, Any], environ: dict[str, str], key: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = app_of(agent("x"), **config).test_client().get("/metrics", headers=headers, environ_base=environ)
    assert response.status_code == status
    assert (status == 200) == ("agent_api_runs" in response.get_data(as_text=True))
    if status != 200:
        assert response.get_json()["error"]["code"]


def test_the_key_for_figures_opens_nothing_else() -> None:
    app = app_of(agent("x"), AGENT_API_KEYS=KEY, AGENT_API_METRICS_KEYS=f"for-metrics-{KEY}")
    headers = {"Authorization": f"Bearer for-metrics-{KEY}"}
    assert app.test_client().get("/v1/models", headers=headers).status_code == 401


def test_a_missing_extra_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'flask-agent-api\[metrics\]'"):
        app_of(agent("x"))


def test_the_page_has_each_figure_with_its_labels() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "observability.md").read_text()
    told = re.findall(r"^\| `(agent_api_\w+)` \| ([^|]+) \|", page, re.MULTILINE)
    there = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            name = f"{metric._name}_total" if metric._type == "counter" else metric._name
            there[name] = ", ".join(f"`{label}`" for label in metric._labelnames)
    assert dict(told) == there
