"""The check that all tests undergo can fail."""

from __future__ import annotations

import json
import logging

import pytest

from flask_agent_api.redaction import keep_secret
from flask_agent_api.web.errors import error_response
from flask_agent_api.web.errors import http_error
from tests import canaries
from tests.wire import Check
from tests.wire import check_json

SECRET = "a-canary-of-the-check-0123"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "_planted", {SECRET})


def test_secrets_are_found_among_variables() -> None:
    env = {
        "FLASK_AGENT_API_KEYS": "first-key-0123456789,ada=second-key-0123456789",
        "FLASK_AGENT_API_STORE": "redis://:redis-password@127.0.0.1:1/0",
        "OPENAI_API_KEY": "short",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "FLASK_AGENT_API_AGENTS": "team-of-the-agents.yaml",
    }
    assert canaries.plant(env) == {"first-key-0123456789", "second-key-0123456789", "redis-password"}


def test_what_is_told_is_noted_once() -> None:
    canaries.look_at(f"the {SECRET} sings", "a test")
    check_json(json.dumps({"error": {"message": SECRET}}))
    assert len(canaries.told()) == 2
    Check("text/plain; version=0.0.4").feed(f'agent_api_runs_total{{agent="{SECRET}"}} 1.0\n'.encode())
    assert len(canaries.told()) == 1
    assert canaries.told() == []


def test_loggers_that_are_not_covered_are_heard() -> None:
    logging.getLogger("flask_agent_api.no_such_topic").error("%s", SECRET)
    assert len(canaries.told()) == 1


def test_what_is_struck_out_is_not_noted() -> None:
    keep_secret(SECRET)
    logging.getLogger("flask_agent_api.web").error("%s", SECRET)
    assert SECRET not in error_response(http_error(500, f"it is {SECRET}")).get_data(as_text=True)
    assert canaries.told() == []
