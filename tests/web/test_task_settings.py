"""What the settings of auxiliary requests do to a start, and to the count of runs."""

from __future__ import annotations

import json
import threading

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import create_app
from flask_agent_api.errors import ConfigError
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.testing import ScriptedModel
from tests.support import QUESTION
from tests.task_requests import body
from tests.task_requests import TEMPLATES
from tests.waiting import wait_until

TITLE = body(TEMPLATES["title_generation"])
WRONG = {
    "gpt-5": "provider/model",
    "openai/": "provider/model",
    "opnai/gpt-5-nano": "did you mean 'openai'",
    "nowhere/model": "base_url",
}


@pytest.mark.parametrize("model", WRONG)
def test_wrong_model_stops_the_start(model: str) -> None:
    with pytest.raises(ConfigError, match=f"TASK_MODEL.*{WRONG[model]}"):
        create_app({"AGENT_API_TASK_MODEL": model})


def test_wrong_model_of_one_agent_stops_the_start() -> None:
    with pytest.raises(ConfigError, match=r"TASK_MODEL.*did you mean"):
        create_app({"AGENT_API_AGENT_OPTIONS": {"root": {"task_model": "opnai/gpt-5-nano"}}})


@pytest.mark.parametrize("model", ["openai/gpt-5-nano", "openrouter/openai/gpt-5-nano", "demo/demo", ""])
def test_model_of_a_known_provider_starts(model: str) -> None:
    create_app({"AGENT_API_TASK_MODEL": model})


def test_forbidden_parameter_does_not_matter_to_a_task() -> None:
    app = create_app({"AGENT_API_FORBID_PARAMS": "max_tokens"})
    statuses = [
        app.test_client().post("/v1/chat/completions", json={**request, "max_tokens": 1000}).status_code
        for request in (TITLE, QUESTION)
    ]
    assert statuses == [200, 400]


def test_pinned_answer_format_is_not_for_a_task() -> None:
    format = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}}
    app = create_app({"AGENT_API_PARAMS": {"response_format": format}})
    answer = app.test_client().post("/v1/chat/completions", json=TITLE)
    assert answer.get_json()["choices"][0]["message"]["content"] == '{"title": "How do I bake bread without"}'


def test_task_takes_a_place_among_the_runs() -> None:
    go_on = threading.Event()
    model = ScriptedModel(['{"title": "Bread"}', go_on])
    app = Flask("host")
    app.config["AGENT_API_MAX_STREAMS"] = 1
    AgentAPI(app, agents=[ModelAgent("root", model)])
    answers: list[bytes] = []

    def ask() -> None:
        answers.append(app.test_client().post("/v1/chat/completions", json=TITLE).get_data())

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: model.requests)
    assert app.test_client().post("/v1/chat/completions", json=QUESTION).status_code == 503
    go_on.set()
    asking.join(5)
    assert json.loads(answers[0])["choices"][0]["message"]["content"] == '{"title": "Bread"}'
