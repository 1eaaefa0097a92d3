"""Requests that no run is started for are counted by what their clients get, and told of by a signal."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from flask import Flask

from flask_agent_api import create_app
from flask_agent_api.errors import ModelError
from flask_agent_api.records import RefusedRecord
from flask_agent_api.signals import request_refused
from tests.support import QUESTION

KEY = "key-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"


def failing(messages: list[Any]) -> str:
    raise ModelError("down", code="upstream_error", status=502)


def refuse_some(**config: Any) -> tuple[Flask, list[RefusedRecord]]:
    """An app that has refused four requests and failed to answer one; and what its signal said."""
    settings = {"AGENT_API_KEYS": KEY, "AGENT_API_MAX_BODY_BYTES": 1000, "AGENT_API_MAX_STREAMS": 1, **config}
    app = create_app({"AGENT_API_AGENTS": [failing], "AGENT_API_HUB_STALL_SECONDS": 0, **settings})
    told: list[RefusedRecord] = []

    def receiver(sender: Flask, refused: RefusedRecord) -> None:
        told.append(refused)

    client = app.test_client()
    with request_refused.connected_to(receiver, app):
        assert client.post(CHAT, json=QUESTION, headers={"X-Request-Id": "mine"}).status_code == 401
        assert client.post(CHAT, json={"messages": 1}, headers=BEARER).status_code == 400
        assert client.post(CHAT, json={**QUESTION, "user": "x" * 2000}, headers=BEARER).status_code == 413
        assert client.get("/v1/models/nobody", headers=BEARER).status_code == 404
        assert client.post(CHAT, json=QUESTION, headers=BEARER).status_code == 502
    return app, told


def test_a_signal_tells_of_each() -> None:
    app, told = refuse_some()
    assert [(each.status, each.code) for each in told] == [
        (401, "invalid_api_key"), (400, "invalid_value"), (413, "request_too_large"), (404, "model_not_found"),
    ]  # fmt: skip
    assert (told[0].app, told[0].id, told[0].principal) == (app, "mine", "anonymous")
    assert told[1].principal.startswith("key:")


def counts(app: Flask) -> Counter[str]:
    """What all apps of this process have refused, by labels."""
    text = app.test_client().get("/metrics").get_data(as_text=True)
    found = re.findall(r"^agent_api_refused_total\{(.*)\} (\d+)", text, re.MULTILINE)
    return Counter({labels: int(value) for labels, value in found})


def test_they_are_counted() -> None:
    pytest.importorskip("prometheus_client")
    before = counts(refuse_some(AGENT_API_METRICS=True)[0])
    counted = counts(refuse_some(AGENT_API_METRICS=True)[0]) - before
    assert counted == {
        'code="invalid_api_key",status="401"': 1, 'code="invalid_value",status="400"': 1,
        'code="request_too_large",status="413"': 1, 'code="model_not_found",status="404"': 1,
    }  # fmt: skip
