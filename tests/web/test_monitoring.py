"""What a platform asks: whether the process lives, and whether it can serve."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import AgentRegistry
from flask_agent_api import create_monitoring_blueprint
from flask_agent_api.app import create_app
from flask_agent_api.conversations.base import StoreUnavailable
from flask_agent_api.web import readiness
from flask_agent_api.web.blueprint import services

KEY = "key-0123456789abcdef"


def hello(messages: Any) -> str:
    return "hello"


def app_of(**config: Any) -> Flask:
    return create_app({"AGENT_API_AGENTS": [hello], "AGENT_API_HUB_STALL_SECONDS": 0, **config})


def asked(app: Flask, path: str = "/readyz", **environ: Any) -> tuple[int, str]:
    response = app.test_client().get(path, environ_base=environ)
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, response.get_json()["status"]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked each time."""
    monkeypatch.setattr(readiness, "STORE_SECONDS", 0.0)


def test_both_are_open_and_say_nothing_of_keys_agents_or_models() -> None:
    app = app_of(AGENT_API_KEYS=KEY)
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        response = app.test_client().get(path, environ_base={"REMOTE_ADDR": "203.0.113.9"})
        assert (response.status_code, response.get_json()) == (200, {"status": status})
    assert app.test_client().get("/v1/models").status_code == 401


def test_other_methods_are_refused_like_elsewhere() -> None:
    response = app_of().test_client().post("/healthz")
    assert (response.status_code, response.get_json()["error"]["code"]) == (405, "method_not_allowed")


def test_a_process_that_is_about_to_end_lives_but_is_not_ready() -> None:
    app = app_of()
    (service,) = services(app).values()
    assert asked(app) == (200, "ready")
    service.in_flight.close()
    assert asked(app) == (503, "unavailable")
    assert asked(app, "/healthz") == (200, "ok")


def test_without_its_store_it_is_not_ready_until_that_is_back(
    at_once: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of()
    (service,) = services(app).values()
    read, down = service.store.read, True

    def unreliable(*args: Any) -> Any:
        if down:
            raise StoreUnavailable
        return read(*args)

    monkeypatch.setattr(service.store, "read", unreliable)
    caplog.set_level(logging.INFO, "flask_agent_api.health")
    assert [asked(app), asked(app)] == [(503, "unavailable")] * 2
    assert [record.getMessage() for record in caplog.records] == ["not ready: the store cannot be reached"]
    down = False
    assert asked(app) == (200, "ready")


def test_the_store_is_not_asked_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of()
    (service,) = services(app).values()
    read, times = service.store.read, []
    monkeypatch.setattr(service.store, "read", lambda *args: times.append(1) or read(*args))
    assert [asked(app)[0] for _ in range(5)] == [200] * 5
    assert times == [1]


def test_agents_that_cannot_be_put_together_are_not_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("host", instance_path=str(tmp_path))
    registry = AgentRegistry()
    AgentAPI(app, agents=registry)
    app.register_blueprint(create_monitoring_blueprint(), url_prefix="/internal")
    (service,) = services(app).values()
    service._make_registry = lambda: (_ for _ in ()).throw(LookupError("no agents"))
    assert asked(app, "/internal/readyz") == (503, "unavailable")
    assert "no agents" in caplog.text


def test_a_host_app_has_neither_unless_it_wants_to() -> None:
    app = Flask("host")
    AgentAPI(app, agents=[hello])
    assert app.test_client().get("/healthz").status_code == 404
    app = Flask("host")
    AgentAPI(app, agents=[hello])
    AgentAPI(app, agents=[hello], name="two", url_prefix="/v2")
    app.register_blueprint(create_monitoring_blueprint(), url_prefix="/internal")
    assert asked(app, "/internal/readyz") == (200, "ready")
    services(app)["two"].in_flight.close()
    assert asked(app, "/internal/readyz") == (503, "unavailable")
