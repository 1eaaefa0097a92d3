"""The description of the endpoints, and that it is true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_agent_api import AgentAPI
from flask_agent_api.params import PARAMS
from flask_agent_api.web.answers import ErrorEnvelope
from flask_agent_api.web.answers import Model
from flask_agent_api.web.answers import ModelList
from flask_agent_api.web.fields import IGNORED
from flask_agent_api.web.fields import OURS
from flask_agent_api.web.fields import REFUSED


def make_client(prefix: str = "/v1", **config: Any) -> FlaskClient:
    app = Flask("host")
    app.config.update(config)
    AgentAPI(app, agents=lambda messages: "x", url_prefix=prefix)
    return app.test_client()


@pytest.fixture(scope="module")
def document() -> Any:
    response = make_client().get("/v1/openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return response.get_json()


def test_every_endpoint_is_described(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert {path: list(methods) for path, methods in document["paths"].items()} == {
        "/models": ["get"], "/models/{model}": ["get"], "/chat/completions": ["post"],
        "/conversations": ["get"], "/conversations/{conversation_id}": ["get", "delete"],
        "/conversations/{conversation_id}/cancel": ["post"], "/runs/{id}/cancel": ["post"],
    }  # fmt: skip


def test_every_reference_leads_somewhere(document: Any) -> None:
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references == document["components"]["schemas"].keys()


def test_every_field_of_a_request_is_described(document: Any) -> None:
    schema = document["components"]["schemas"]["ChatRequest"]
    assert schema["required"] == ["messages"]
    tables = {**PARAMS, **OURS, **REFUSED, **IGNORED}
    assert schema["properties"].keys() == tables.keys()
    for name, text in tables.items():
        assert schema["properties"][name]["description"].partition("see ")[0] == text.partition("see ")[0]
    assert "](" not in json.dumps(schema)
    assert {"maximum": 2.0, "minimum": 0.0, "type": "number"} in schema["properties"]["temperature"]["anyOf"]


@pytest.mark.parametrize(
    ("prefix", "root", "server"), [("/v1", "", "/v1"), ("/a/v2", "/app", "/app/a/v2"), ("", "", "/")]
)
def test_the_server_is_where_the_endpoints_are(prefix: str, root: str, server: str) -> None:
    response = make_client(prefix).get(f"{prefix}/openapi.json", environ_overrides={"SCRIPT_NAME": root})
    assert response.get_json()["servers"] == [{"url": server}]


def test_it_has_the_door_of_the_other_endpoints() -> None:
    client = make_client(AGENT_API_KEYS="k" * 16)
    assert client.get("/v1/openapi.json").status_code == 401
    assert client.get("/v1/openapi.json", headers={"Authorization": f"Bearer {'k' * 16}"}).status_code == 200
    response = client.post("/v1/openapi.json", headers={"Authorization": f"Bearer {'k' * 16}"})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_answers_are_as_described() -> None:
    client = make_client()
    ModelList.model_validate_json(client.get("/v1/models").get_data(), strict=True)
    name = client.get("/v1/models").get_json()["data"][0]["id"]
    Model.model_validate_json(client.get(f"/v1/models/{name}").get_data(), strict=True)
    ErrorEnvelope.model_validate_json(client.get("/v1/models/nope").get_data(), strict=True)
    ErrorEnvelope.model_validate_json(client.post("/v1/chat/completions", json={}).get_data(), strict=True)


def test_headers_of_answers_are_described(document: Any) -> None:
    question = {"messages": [{"role": "user", "content": "hi"}], "store": True}
    history = "### Task:\n<chat_history>\nUSER: hi\n</chat_history>"
    title = {"messages": [{"role": "user", "content": history}]}
    described = document["paths"]["/chat/completions"]["post"]["responses"]
    client = make_client()
    seen = set()
    once = {"Idempotency-Key": "k1", "X-Conversation-Id": "c1"}
    asked = (
        (question, {}),
        (title, {"X-Agent-Task": "title_generation"}),
        ({}, {}),
        (question, once),
        (question, once),
    )
    for body, headers in asked:
        response = client.post("/v1/chat/completions", json=body, headers=headers)
        names = {name for name, _ in response.headers if name.startswith(("X-", "Idempotency-"))}
        assert names <= described[str(response.status_code)]["headers"].keys()
        seen |= names
    of_limits = {name for name in described["200"]["headers"] if name.startswith("x-ratelimit-")}
    assert seen == described["200"]["headers"].keys() - of_limits
