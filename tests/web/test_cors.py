"""Web pages of other origins: which may ask, what they may send and read, and what they get without keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import create_app
from flask_agent_api import Principal
from flask_agent_api.errors import ConfigError
from flask_agent_api.settings import Settings
from tests.support import QUESTION

KEY = "key-0123456789abcdef"
PAGE = "https://chat.example.com"
BEARER = {"Authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}


def hello(messages: Any) -> Iterator[str]:
    yield "Hello."


def broken(messages: Any) -> Iterator[str]:
    raise RuntimeError("broken")
    yield ""


def client(**settings: Any) -> FlaskClient:
    config = {"AGENT_API_AGENTS": [hello, broken], "AGENT_API_CORS_ORIGINS": PAGE, "AGENT_API_KEYS": KEY}
    return create_app({**config, **settings}).test_client()


def names(response: TestResponse, header: str) -> set[str]:
    return {name.strip().lower() for name in response.headers[header].split(",")}


def assert_readable(response: TestResponse, page: str = PAGE) -> None:
    assert response.headers.getlist("Access-Control-Allow-Origin") == [page]
    assert "Origin" in response.headers.getlist("Vary")
    assert names(response, "Access-Control-Expose-Headers") >= {
        "x-conversation-id", "x-request-id", "x-agent", "x-agent-ignored", "retry-after", "idempotency-replayed",
        "x-ratelimit-remaining-requests",
    }  # fmt: skip


def assert_unreadable(response: TestResponse) -> None:
    assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", ["/v1/models", CHAT, "/v1/conversations/abc", "/v1/openapi.json", "/v1/nope"])
def test_a_browser_that_asks_first_is_answered_without_a_key(path: str) -> None:
    asked = (
        "authorization, content-type, x-conversation-id, idempotency-key, last-event-id, user-agent, "
        "x-agent-tool-activity, x-agent-on-disconnect, x-stainless-lang, x-stainless-retry-count, openai-organization"
    )
    response = client().options(path, headers={**ASKS, "Access-Control-Request-Headers": asked})
    assert (response.status_code, response.get_data()) == (204, b"")
    assert_readable(response)
    assert names(response, "Access-Control-Allow-Headers") >= {name.strip() for name in asked.split(",")}
    assert names(response, "Access-Control-Allow-Methods") == {"get", "head", "post", "delete"}
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_headers_that_settings_name_may_be_sent() -> None:
    settings = {"AGENT_API_CONVERSATION_HEADERS": "X-Thread", "AGENT_API_FORWARD_HEADERS": "X-Tenant"}
    response = client(**settings).options(CHAT, headers=ASKS)
    assert names(response, "Access-Control-Allow-Headers") >= {"x-thread", "x-tenant"}


def test_no_other_header_is_echoed() -> None:
    asked = "x-evil, x-agent-<b>, x-stainless-\x7f, x-agent-" + "a" * 100
    response = client().options(CHAT, headers={**ASKS, "Access-Control-Request-Headers": asked})
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert not [part for part in ("evil", "<b>", "\x7f", "aaa") if part in allowed]


@pytest.mark.parametrize(
    "origin",
    [
        "http://chat.example.com",
        f"{PAGE}:444",
        f"{PAGE}.evil.example",
        "https://evil.example",
        "null",
        PAGE.upper(),
        "",
    ],
)
def test_other_origins_read_nothing(origin: str) -> None:
    browser = client()
    for response in (
        browser.options(CHAT, headers={**ASKS, "Origin": origin}),
        browser.get("/v1/models", headers={**BEARER, "Origin": origin}),
    ):
        assert response.status_code in {200, 204}
        assert_unreadable(response)
        assert response.headers.getlist("Vary") == ["Origin"]


def test_without_listed_origins_nothing_is_said_of_them() -> None:
    browser = client(AGENT_API_CORS_ORIGINS="")
    assert browser.options(CHAT, headers=ASKS).status_code == 204
    for headers in (ASKS, {**BEARER, "Origin": PAGE}):
        response = browser.get("/v1/models", headers=headers)
        assert_unreadable(response)
        assert "Vary" not in response.headers


@pytest.mark.parametrize(
    ("status", "path", "options"),
    [
        (200, CHAT, {"json": QUESTION}),
        (200, CHAT, {"json": {**QUESTION, "stream": True}}),
        (200, "/v1/models", {"method": "GET"}),
        (401, CHAT, {"json": QUESTION, "headers": {}}),
        (400, CHAT, {"json": {}}),
        (404, "/v1/nope", {"method": "GET"}),
        (405, CHAT, {"method": "GET"}),
        (415, CHAT, {"data": "x"}),
        (500, CHAT, {"json": {**QUESTION, "model": "broken"}}),
    ],
)
def test_every_answer_can_be_read_by_a_listed_page(status: int, path: str, options: dict[str, Any]) -> None:
    headers = {**options.pop("headers", BEARER), "Origin": PAGE}
    response = client().open(path, **{"method": "POST", "headers": headers, **options})
    assert response.status_code == status, response.get_data()
    assert_readable(response)


def test_credentials_are_for_listed_origins() -> None:
    browser = client(AGENT_API_CORS_CREDENTIALS=True)
    for headers in (ASKS, {**BEARER, "Origin": PAGE}):
        response = browser.open(CHAT, method="OPTIONS", headers=headers)
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert_unreadable(browser.options(CHAT, headers={**ASKS, "Origin": "https://evil.example"}))


def test_a_question_of_a_browser_passes_the_hosts_login() -> None:
    app = Flask("host")
    app.config.update(AGENT_API_CORS_ORIGINS=PAGE, AGENT_API_KEYS=KEY)
    app.before_request(lambda: ("log in", 401) if "Authorization" not in request.headers else None)
    AgentAPI(app, agents=hello)
    response = app.test_client().options(CHAT, headers=ASKS)
    assert response.status_code == 204
    assert_readable(response)


def test_cookies_of_a_host_app_from_a_listed_page() -> None:
    app = Flask("host")
    app.config.update(AGENT_API_CORS_ORIGINS=PAGE, AGENT_API_CORS_CREDENTIALS=True)

    AgentAPI(app, agents=hello, authenticate=lambda request: Principal("ada") if "Cookie" in request.headers else None)
    browser = app.test_client()
    browser.set_cookie("session", "ada")
    response = browser.post(CHAT, json=QUESTION, headers={"Origin": PAGE})
    assert response.status_code == 200
    assert_readable(response)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("", ()),
        ("https://a.example, http://localhost:3000/", ("https://a.example", "http://localhost:3000")),
        ("HTTPS://A.Example:443,http://b.example:80", ("https://a.example", "http://b.example")),
        (["chrome-extension://abcdef", "http://[::1]:5173"], ("chrome-extension://abcdef", "http://[::1]:5173")),
    ],
)
def test_origins_are_read_as_browsers_send_them(value: object, read: tuple[str, ...]) -> None:
    assert Settings.from_mapping({"AGENT_API_CORS_ORIGINS": value}, {}).cors_origins == read


@pytest.mark.parametrize("value", ["*", "null", "chat.example.com", "https://*.example.com", "https://a.example/chat"])
def test_what_is_no_origin_stops_the_start(value: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_CORS_ORIGINS"):
        Settings.from_mapping({"AGENT_API_CORS_ORIGINS": value}, {})


@pytest.mark.parametrize("value", ["agents.example.com:8000", "https://agents.example.com", "*.example.com", "a b"])
def test_what_is_no_host_stops_the_start(value: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_ALLOWED_HOSTS"):
        Settings.from_mapping({"AGENT_API_ALLOWED_HOSTS": value}, {})
