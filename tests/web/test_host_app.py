"""What apps have that gets in the way of an API: set right by itself, or named when the API is registered."""

from __future__ import annotations

import gzip
import logging

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import create_blueprint
from flask_agent_api import Principal
from flask_agent_api.errors import ConfigError
from tests.support import chunks
from tests.support import QUESTION
from tests.support import text_of

Compress = pytest.importorskip("flask_compress").Compress
CSRFProtect = pytest.importorskip("flask_wtf.csrf").CSRFProtect

CHAT = "/v1/chat/completions"
LONG = "word " * 400


def talker(messages: list[object]) -> str:
    return LONG


def with_api(app: Flask, **options: object) -> Flask:
    AgentAPI(app, agents=talker, authenticate=lambda request: Principal("ada"), **options)  # type: ignore[arg-type]
    return app


def shop(**config: object) -> Flask:
    app = Flask("shop")
    app.config.update(SECRET_KEY="x", **config)
    app.add_url_rule("/order", view_func=lambda: "ordered", endpoint="order", methods=["POST"])
    return app


@pytest.mark.parametrize("first", ["csrf", "api"])
def test_csrf_protection_is_for_forms_alone(first: str) -> None:
    app = shop()
    for step in (CSRFProtect, with_api) if first == "csrf" else (with_api, CSRFProtect):
        step(app)
    app.register_blueprint(create_blueprint(talker, name="other"), url_prefix="/other")
    client = app.test_client()
    for prefix in ("/v1", "/other"):
        assert client.post(f"{prefix}/chat/completions", json=QUESTION).status_code == 200
    assert client.delete("/v1/conversations/none").status_code == 404
    assert client.post("/order").status_code == 400


def test_no_form_of_another_site_reaches_an_agent() -> None:
    """What makes the exemption safe: a browser sends other types only after it has asked."""
    app = shop()
    CSRFProtect(app)
    client = with_api(app).test_client()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        refusal = client.post(CHAT, data='{"messages": [{"role": "user", "content": "x"}]}', content_type=kind)
        assert refusal.status_code == 415
    assert "Access-Control-Allow-Origin" not in client.options(CHAT, headers={"Origin": "https://evil.example"}).headers


@pytest.mark.parametrize("path", ["/v1/models", CHAT])
def test_paths_that_are_taken_stop_the_start(path: str) -> None:
    app = shop()
    app.add_url_rule(path, view_func=lambda: "mine", endpoint="mine", methods=["GET", "POST"])
    with pytest.raises(ConfigError, match=f"{path} of the API is served by 'mine' of the app. Give .* url_prefix"):
        with_api(app)
    assert with_api(app, url_prefix="/agents", name="second").test_client().get("/agents/models").status_code == 200


def test_two_registrations_need_two_prefixes() -> None:
    app = with_api(shop())
    with pytest.raises(ConfigError, match=r"/v1/models of the API is served by 'agent_api\.list_models'"):
        with_api(app, name="second")


def test_other_paths_that_are_taken_are_named(caplog: pytest.LogCaptureFixture) -> None:
    app = shop()
    app.add_url_rule("/v1/openapi.json", view_func=lambda: "mine", endpoint="docs")
    app.add_url_rule("/v1/models/<name>", view_func=lambda name: "mine", endpoint="model", methods=["PUT"])
    app.add_url_rule("/v1/orders/<int:number>", view_func=lambda number: "mine", endpoint="old")
    client = with_api(app).test_client()
    assert [record.getMessage().partition(". ")[0] for record in caplog.records] == [
        "The path /v1/openapi.json of the API is served by 'docs' of the app"
    ]
    assert client.get("/v1/models/talker").status_code == 200
    assert client.get("/v1/orders/1").data == b"mine"


def test_a_smaller_limit_of_the_app_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with_api(shop(MAX_CONTENT_LENGTH=1000))
    assert "MAX_CONTENT_LENGTH of the app limits requests to the API, too, to 1000 bytes" in caplog.text
    caplog.clear()
    with_api(shop(MAX_CONTENT_LENGTH=1000, AGENT_API_MAX_BODY_BYTES=1000))
    assert not caplog.records


@pytest.mark.parametrize(("debug", "keys", "warned"), [(True, "k" * 16, True), (True, "", False), (False, "k" * 16, 0)])
def test_debug_mode_beside_keys_is_named(
    caplog: pytest.LogCaptureFixture, debug: bool, keys: str, warned: bool
) -> None:
    app = with_api(shop(AGENT_API_KEYS=keys))
    app.debug = debug  # as app.run(debug=True) has it: after the registration
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            app.test_client().get("/v1/models")
    assert caplog.text.count("debug mode") == int(warned)


def test_streams_are_not_compressed() -> None:
    """Compressed, they would be held back until there is enough of them."""
    types = ["text/event-stream", "application/json"]
    app = shop(COMPRESS_MIMETYPES=types, COMPRESS_ALGORITHM_STREAMING="gzip,deflate")
    Compress(app)
    client = with_api(app).test_client()
    accepts = {"Accept-Encoding": "deflate, gzip"}
    stream = client.post(CHAT, json={**QUESTION, "stream": True}, headers=accepts)
    assert "Content-Encoding" not in stream.headers
    assert text_of(chunks(stream.get_data())) == LONG
    whole = client.post(CHAT, json=QUESTION, headers={"Accept-Encoding": "gzip"})
    assert whole.headers["Content-Encoding"] == "gzip"
    assert LONG in gzip.decompress(whole.get_data()).decode()
