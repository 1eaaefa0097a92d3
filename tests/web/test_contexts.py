"""A stream holds no context of Flask's: what a request opened, a database session for example, is closed before it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask import g
from werkzeug.test import EnvironBuilder
from werkzeug.test import run_wsgi_app

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.testing import ScriptedModel
from tests.support import QUESTION
from tests.waiting import wait_until


def opened(agent: Any) -> tuple[Iterator[bytes], list[str]]:
    """The body of a streamed answer, of which nothing was read, and the contexts that were torn down by now."""
    app, ended = Flask("host"), list[str]()

    @app.before_request
    def name_it() -> None:
        g.name = "request"

    @app.teardown_appcontext
    def end(exc: BaseException | None) -> None:
        ended.append(g.get("name", "run"))

    AgentAPI(app, agents=[agent])
    here = {"REMOTE_ADDR": "127.0.0.1"}
    question = {**QUESTION, "stream": True}
    builder = EnvironBuilder("/v1/chat/completions", method="POST", json=question, environ_base=here)
    body, status, _ = run_wsgi_app(app, builder.get_environ(), buffered=False)
    builder.close()
    assert status == "200 OK"
    return iter(body), ended


def test_the_contexts_of_a_request_end_before_its_stream() -> None:
    go = threading.Event()
    body, ended = opened(ModelAgent("root", ScriptedModel(["begun", go, " and ended"])))
    assert b"begun" in next(body)
    assert ended == ["request"]
    go.set()
    assert b"and ended" in b"".join(body)
    assert ended == ["request"]


def test_an_agent_in_python_has_a_context_of_its_own_until_its_run_ends() -> None:
    go = threading.Event()

    def agent(messages: Any) -> Iterator[str]:
        yield f"in {g.get('name', 'its own')}"
        go.wait(10)

    body, ended = opened(agent)
    assert b"in its own" in next(body)
    assert ended == ["request"]
    go.set()
    b"".join(body)
    wait_until(lambda: ended == ["request", "run"])
