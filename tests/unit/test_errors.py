from __future__ import annotations

import json
import logging

import pytest
from flask import abort
from flask import Flask
from flask import make_response
from flask import redirect
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import TooManyRequests

from flask_agent_api.errors import AuthenticationError
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import InternalError
from flask_agent_api.errors import ModelRateLimited
from flask_agent_api.web.errors import envelope
from flask_agent_api.web.errors import error_response
from flask_agent_api.web.errors import http_error
from flask_agent_api.web.errors import known


def test_envelope_has_all_four_fields() -> None:
    assert envelope(InternalError())["error"].keys() == {"message", "type", "param", "code"}


def test_unknown_exception_is_logged_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    error = known(ValueError("sk-secret"))
    assert (error.status, error.code) == (500, "internal_error")
    assert "secret" not in error.message
    assert "sk-secret" in caplog.text


def test_config_error_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    assert known(ConfigError("team.yaml: wrong")).message == "team.yaml: wrong"
    assert "team.yaml: wrong" in caplog.text


def test_own_error_passes_without_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error = AuthenticationError("no")
    assert known(error) is error
    assert not caplog.records


@pytest.mark.parametrize("status", [400, 404, 418, 419, 440, 499, 503, 520, 599])
def test_any_status_becomes_an_error(status: int) -> None:
    error = http_error(status)
    assert (error.status, bool(error.message)) == (status, True)
    assert error.type == ("invalid_request_error" if status < 500 else "server_error")


def test_http_exception_keeps_status_and_retry_after_but_no_text() -> None:
    error = known(TooManyRequests("internal detail", retry_after=7))
    assert (error.status, error.type, error.code) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert error.headers == {"Retry-After": "7"}
    assert "detail" not in error.message


def test_aborting_with_a_response_keeps_its_status() -> None:
    with Flask("x").test_request_context(), pytest.raises(HTTPException) as caught:
        abort(make_response("<p>no", 409))
    assert known(caught.value).status == 409


def test_aborting_with_a_redirect_is_no_answer() -> None:
    with Flask("x").test_request_context(), pytest.raises(HTTPException) as caught:
        abort(redirect("/login"))
    assert known(caught.value).status == 500


def test_response_has_headers_and_ascii_json() -> None:
    response = error_response(ModelRateLimited("slow\ud800", headers={"Retry-After": "3"}))
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
    assert response.mimetype == "application/json"
    assert json.loads(response.get_data())["error"]["message"] == "slow\ufffd"
    assert "WWW-Authenticate" not in response.headers


def test_401_says_how_to_authenticate() -> None:
    assert error_response(AuthenticationError("no")).headers["WWW-Authenticate"] == "Bearer"
