"""Who gets in: every endpoint, by every way to send a key."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from flask_agent_api import create_app
from flask_agent_api.keys import hash_of

KEY = "key-0123456789abcdef"
OTHER = "other-0123456789abcdef"

REFUSED: dict[str, dict[str, str]] = {
    "no key": {},
    "an empty key": {"Authorization": "Bearer "},
    "a wrong key": {"Authorization": "Bearer wrong-0123456789abcdef"},
    "the beginning of a key": {"Authorization": f"Bearer {KEY[:-1]}"},
    "more than a key": {"Authorization": f"Bearer {KEY}0"},
    "a key without a scheme": {"Authorization": KEY},
    "the scheme of passwords": {"Authorization": f"Basic {KEY}"},
    "two headers, which servers join": {"Authorization": f"Bearer {KEY},Bearer {OTHER}"},
    "the hash of a key": {"Authorization": f"Bearer {hash_of(KEY)}"},
    "a line of the settings": {"Authorization": f"Bearer alice:{hash_of(OTHER)}"},
    "the header of other APIs": {"X-Api-Key": KEY, "Api-Key": KEY},
    "a cookie": {"Cookie": f"Authorization={KEY}; key={KEY}"},
}


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app({"AGENT_API_KEYS": f"{KEY}, alice:{hash_of(OTHER)}"})


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def endpoints(app: Flask) -> list[tuple[str, str]]:
    """Method and path of all that we serve, the pages that do not exist included."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("agent_api.")]
    return sorted({(method, _path(rule)) for rule in rules for method in rule.methods or ()})


def _path(rule: Rule) -> str:
    with Flask("any").test_request_context():
        _, path = rule.build(dict.fromkeys(rule.arguments, "x")) or ("", rule.rule)
    return path


@pytest.mark.parametrize("way", REFUSED)
def test_no_endpoint_is_open_to_who_has_no_key(app: Flask, client: FlaskClient, way: str) -> None:
    tried = endpoints(app)
    assert {("POST", "/v1/chat/completions"), ("GET", "/v1/models/x"), ("GET", "/v1/x")} <= set(tried)
    for method, path in tried:
        query = {"key": KEY, "api_key": KEY, "token": KEY, "access_token": KEY}
        response = client.open(path, method=method, headers=REFUSED[way], query_string=query, json={"key": KEY})
        assert response.status_code == 401, f"{method} {path}"
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert KEY not in str(response.headers)
        if method != "HEAD":
            assert response.get_json()["error"]["code"] == "invalid_api_key", f"{method} {path}"
            assert KEY not in response.text


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_every_endpoint_knows_the_keys(app: Flask, client: FlaskClient, key: str) -> None:
    for method, path in endpoints(app):
        headers = {"Authorization": f"Bearer {key}", "X-Api-Key": "wrong"}
        assert client.open(path, method=method, headers=headers).status_code != 401, f"{method} {path}"
