"""Putting the API into apps: names, prefixes, agents, settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_agent_api import AgentAPI
from flask_agent_api import AgentRegistry
from flask_agent_api import agents as module_agents
from flask_agent_api import ConfigError
from flask_agent_api import create_app
from flask_agent_api import create_blueprint
from tests.support import QUESTION

TEAM = """
agents:
  root: {model: demo, description: %s, instruction: x}
models:
  demo: {provider: demo, model: demo}
"""


def first(messages: list[Any]) -> str:
    """First."""
    return "first"


def second(messages: list[Any]) -> str:
    return "second"


def named(app: Flask, prefix: str = "/v1") -> list[str]:
    return [model["id"] for model in app.test_client().get(f"{prefix}/models").get_json()["data"]]


def said(client: FlaskClient, prefix: str = "/v1", model: str = "") -> str:
    response = client.post(f"{prefix}/chat/completions", json={**QUESTION, "model": model})
    return str(response.get_json()["choices"][0]["message"]["content"])


@pytest.fixture
def shared() -> Iterator[AgentRegistry]:
    """The module-level registry, emptied again afterwards."""
    before = dict(module_agents._agents)
    yield module_agents
    module_agents._agents.clear()
    module_agents._agents.update(before)


def test_two_registrations_in_one_app() -> None:
    app = Flask("host")
    AgentAPI(app, agents=first)
    AgentAPI(app, agents=second, name="other", url_prefix="/other/v2")
    app.register_blueprint(create_blueprint([first, second], name="third", config={"AGENT_API_KEYS": "k" * 16}))
    assert (named(app), named(app, "/other/v2")) == (["first"], ["second"])
    assert said(app.test_client(), "/other/v2", "first") == "second"
    assert app.test_client().get("/models").status_code == 401


def test_same_name_twice_is_refused() -> None:
    app = Flask("host")
    AgentAPI(app, agents=first)
    with pytest.raises(ValueError, match=r"agent_api.*already registered"):
        AgentAPI(app, agents=second, url_prefix="/v2")


def test_one_object_in_two_apps() -> None:
    api = AgentAPI(agents=first)
    api.agent("own")(second)
    blueprint = create_blueprint(second)
    apps = [Flask("a"), Flask("b")]
    for app in apps:
        api.init_app(app)
        app.register_blueprint(blueprint, name="more", url_prefix=f"/{app.name}")
    for app in apps:
        assert named(app) == ["first", "own"]
        assert said(app.test_client(), f"/{app.name}") == "second"


def test_empty_prefix_takes_nothing_from_the_host() -> None:
    app = Flask("host")
    app.register_error_handler(404, lambda exc: ("host page", 404))
    AgentAPI(app, agents=first, url_prefix="")
    client = app.test_client()
    assert named(app, "") == ["first"]
    assert said(client, "") == "first"
    assert client.get("/nope").data == b"host page"
    assert client.get("/chat/completions").get_json()["error"]["code"] == "method_not_allowed"


def test_decorators_may_come_after_registration_but_not_after_the_first_request() -> None:
    app = Flask("host")
    registry = AgentRegistry()
    api = AgentAPI(app, agents=[registry])
    api.agent("early")(first)
    registry.agent("listed")(second)
    assert named(app) == ["listed", "early"]
    for late in (api.registry, registry):
        with pytest.raises(ConfigError, match="first request"):
            late.agent("late")(second)
    assert named(app) == ["listed", "early"]


def test_module_level_agents_are_served_by_every_app_that_names_none(shared: AgentRegistry) -> None:
    before, after = Flask("a"), Flask("b")
    AgentAPI(before)
    shared.agent("one")(first)
    assert named(before) == ["one"]
    shared.agent("two")(second)
    AgentAPI(after)
    assert named(after) == ["one", "two"]
    assert named(before) == ["one"]
    apart = Flask("c")
    AgentAPI(apart, agents=first)
    assert named(apart) == ["first"]


def test_source_that_names_the_module_level_registry_gives_each_agent_once(shared: AgentRegistry) -> None:
    shared.agent("one")(first)
    app = Flask("host")
    app.config["AGENT_API_AGENTS"] = "flask_agent_api:agents"
    AgentAPI(app)
    shared.agent("two")(second)
    assert named(app) == ["one", "two"]


def test_two_agents_of_one_name_stop_the_start() -> None:
    api = AgentAPI(agents=first)
    api.agent("first")(second)
    with pytest.raises(ConfigError, match="'first'"):
        api.init_app(Flask("host"))


def test_first_source_has_the_default(tmp_path: Path) -> None:
    registry = AgentRegistry()
    registry.agent("mine")(first)
    (tmp_path / "team.yaml").write_text(TEAM % "x")
    for agents, default in (([registry, tmp_path / "team.yaml"], "mine"), ([tmp_path / "team.yaml", registry], "root")):
        app = Flask("host")
        AgentAPI(app, agents=agents)
        assert named(app)[0] == default


def test_files_of_a_folder_and_their_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.yaml").write_text(TEAM % "A" + "unheard_of_thing: 1\n")
    (tmp_path / "b.yaml").write_text(TEAM % "B")
    app = Flask("host")
    app.config["AGENT_API_AGENTS"] = str(tmp_path)
    AgentAPI(app)
    assert named(app) == ["a", "b"]
    assert "unheard_of_thing" in caplog.text


def test_wrong_file_or_setting_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        create_app({"AGENT_API_AGENTS": str(tmp_path / "nope.yaml")})
    with pytest.raises(ConfigError, match="AGENT_API_KEYS"):
        create_app({"AGENT_API_KEY": "x"})
    with pytest.raises(ConfigError, match="KEEP_ALIVE"):
        create_app({"AGENT_API_KEEP_ALIVE": "soon"})


def test_options_of_an_unknown_agent_stop_the_start_where_all_agents_are_known(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TEAM % "x")
    options = {"AGENT_API_AGENT_OPTIONS": {"rot": {"run_timeout": 1}}}
    with pytest.raises(ConfigError, match="there is no agent 'rot'; did you mean 'root'"):
        Flask("host").register_blueprint(create_blueprint(tmp_path / "team.yaml", config=options))


def test_options_of_an_unknown_agent_are_logged_once_where_agents_may_still_come(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Flask("host")
    app.config["AGENT_API_AGENT_OPTIONS"] = {"second": {"run_timeout": 1}, "frist": {"run_timeout": 1}}
    api = AgentAPI(app, agents=first)
    api.agent("second")(second)
    assert caplog.text == ""
    assert (named(app), named(app)) == (["first", "second"], ["first", "second"])
    (record,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert record.message == "Setting AGENT_API_AGENT_OPTIONS: there is no agent 'frist'; did you mean 'first'?"


def test_pinned_value_that_is_wrong_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="AGENT_API_PARAMS: temperature"):
        create_app({"AGENT_API_AGENT_OPTIONS": {"root": {"params": {"temperature": 9}}}})


def test_config_of_a_blueprint_wins_over_the_apps() -> None:
    app = Flask("host")
    app.config["AGENT_API_UNKNOWN_MODEL"] = "error"
    blueprint = create_blueprint(first, config={"AGENT_API_UNKNOWN_MODEL": "default"})
    app.register_blueprint(blueprint, url_prefix="/v1")
    assert said(app.test_client(), model="nope") == "first"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_AGENT_API_KEYS", "0123456789abcdef")
    monkeypatch.setenv("FLASK_AGENT_API_AGENTS", "tests.web.agents_for_import:greet")
    client = create_app().test_client()
    assert client.get("/v1/models").status_code == 401
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    assert client.get("/v1/models", headers=headers).get_json()["data"][0]["id"] == "greet"


@pytest.mark.slow
def test_without_any_agent_the_demo_team_answers() -> None:
    app = create_app()
    assert named(app)
    assert said(app.test_client())


WITHOUT_GEVENT = """
import sys, {before}
from flask_agent_api.concurrency import patched
import flask_agent_api.wsgi
assert patched() is {patched}, patched()
"""


@pytest.mark.parametrize(
    ("before", "patched"),
    [
        ("gunicorn.workers.ggevent", True),
        pytest.param("gevent.pywsgi", True, marks=pytest.mark.slow),
        pytest.param("gunicorn", False, marks=pytest.mark.slow),
        pytest.param("os", False, marks=pytest.mark.slow),
    ],
)
def test_wsgi_patches_only_where_gevent_serves(before: str, patched: bool, tmp_path: Path) -> None:
    """Patched under threads, all requests would wait for ever."""
    code = WITHOUT_GEVENT.format(before=before, patched=patched)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
