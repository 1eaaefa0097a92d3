"""Beside Flask-CORS, which many apps have for their own pages."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from tests.support import QUESTION
from tests.web.test_cors import ASKS
from tests.web.test_cors import assert_readable
from tests.web.test_cors import BEARER
from tests.web.test_cors import CHAT
from tests.web.test_cors import hello
from tests.web.test_cors import KEY
from tests.web.test_cors import PAGE

CORS = pytest.importorskip("flask_cors").CORS


@pytest.mark.parametrize("first", [True, False])
def test_flask_cors_of_the_host_and_ours(first: bool) -> None:
    """Where both speak of a page ours counts; where ours says nothing Flask-CORS may."""
    app = Flask("host")
    app.config.update(AGENT_API_CORS_ORIGINS=PAGE, AGENT_API_KEYS=KEY)
    other = "https://other.example.com"
    steps = [lambda: CORS(app, origins=[other]), lambda: AgentAPI(app, agents=hello)]
    for step in steps if first else reversed(steps):
        step()
    browser = app.test_client()
    for page in (PAGE, other):
        for response in (
            browser.options(CHAT, headers={**ASKS, "Origin": page}),
            browser.get("/v1/models", headers={**BEARER, "Origin": page}),
        ):
            assert response.status_code in {200, 204}
            assert response.headers.getlist("Access-Control-Allow-Origin") == [page]
    assert_readable(browser.get("/v1/models", headers={**BEARER, "Origin": PAGE}))


def test_flask_cors_that_lets_everybody_in_opens_no_door_without_keys() -> None:
    app = Flask("host")
    CORS(app)
    AgentAPI(app, agents=hello)
    response = app.test_client().post(CHAT, json=QUESTION, headers={"Origin": "https://evil.example"})
    assert (response.status_code, response.get_json()["error"]["code"]) == (403, "origin_not_allowed")
