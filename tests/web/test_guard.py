"""In an app of somebody else, with its own hooks, pages and rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from flask import abort
from flask import Blueprint
from flask import current_app
from flask import Flask
from flask import g
from flask import make_response
from flask import redirect
from flask import Request
from flask import request
from flask import session
from flask.json.provider import DefaultJSONProvider
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import create_blueprint
from flask_agent_api import ModelAgent
from flask_agent_api import Principal
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api import tool
from flask_agent_api.models.base import Finish
from flask_agent_api.models.base import ModelEvent
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.tools.function import FunctionToolset
from tests.support import chunks
from tests.support import QUESTION
from tests.support import text_of

KEY = "key-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"


def host(**config: Any) -> Flask:
    """An app with a login, an error page and a home page, and no API."""
    app = Flask("host")
    app.config.update(SECRET_KEY="x", **config)

    @app.before_request
    def load_user() -> None:
        g.user = session.get("user")
        g.calls = g.get("calls", 0) + 1

    @app.before_request
    def require_login() -> Any:
        public = request.path in {"/login", "/health"}
        return None if g.user or public else redirect(f"/login?next={request.path}")

    @app.after_request
    def mark(response: Any) -> Any:
        response.headers["X-Host"] = "yes"
        return response

    @app.errorhandler(Exception)
    def page(exc: Exception) -> Any:
        return "<h1>host page</h1>", getattr(exc, "code", 500)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> str:
        if request.method == "POST":
            session["user"] = request.form["user"]
        return "<form>"

    @app.route("/")
    def home() -> str:
        return f"hello {g.user}"

    @app.route("/boom")
    def boom() -> str:
        raise ValueError("boom")

    return app


def who(request: RunRequest, ctx: RunContext) -> str:
    return f"{ctx.principal.id} in {current_app.name}"


def by_session(request: Request) -> Principal | None:
    return Principal(session["user"], user=g.user) if session.get("user") else None


def with_api(app: Flask, **options: Any) -> FlaskClient:
    app.config["AGENT_API_KEYS"] = KEY
    AgentAPI(app, agents=who, **options)
    return app.test_client()


def login(client: FlaskClient) -> FlaskClient:
    client.post("/login", data={"user": "ada"})
    return client


def answer(response: TestResponse) -> str:
    assert response.status_code == 200, response.get_data()
    return str(response.get_json()["choices"][0]["message"]["content"])


def refused(response: TestResponse) -> tuple[int, str]:
    assert response.mimetype == "application/json", response.get_data()
    return response.status_code, response.get_json()["error"]["code"]


def test_other_routes_behave_as_before() -> None:
    plain, client = host().test_client(), with_api(host(), authenticate=by_session)
    for step in ("anonymous", "user"):
        for method, path in (
            ("GET", "/"), ("GET", "/login"), ("GET", "/boom"), ("GET", "/nope"), ("POST", "/"), ("GET", "/v1nope"),
            ("OPTIONS", "/"), ("HEAD", "/"), ("GET", "/models"), ("POST", "/chat/completions"), ("GET", "/v2/models"),
        ):  # fmt: skip
            before, after = plain.open(path, method=method), client.open(path, method=method)
            assert (step, path, after.status, after.headers, after.data) == (
                step, path, before.status, before.headers, before.data,
            )  # fmt: skip
        login(plain)
        login(client)


def test_user_of_the_host_and_key_both_get_in() -> None:
    client = with_api(host(), authenticate=by_session)
    assert refused(client.post(CHAT, json=QUESTION)) == (401, "invalid_api_key")
    assert answer(client.post(CHAT, json=QUESTION, headers=BEARER)).startswith("key:")
    assert answer(login(client).post(CHAT, json=QUESTION)) == "ada in host"


def test_authenticate_sees_what_the_hosts_hooks_have_loaded() -> None:
    client = with_api(host(), authenticate=lambda request: Principal(g.user) if g.user else None)
    assert refused(client.get("/v1/models")) == (401, "invalid_api_key")
    assert answer(login(client).post(CHAT, json=QUESTION)) == "ada in host"


def test_streams_pass_the_same_door() -> None:
    client = with_api(host(), authenticate=by_session)
    assert refused(client.post(CHAT, json={**QUESTION, "stream": True})) == (401, "invalid_api_key")
    response = login(client).post(CHAT, json={**QUESTION, "stream": True})
    assert text_of(chunks(response.get_data())) == "ada in host"
    assert response.headers["X-Host"] == "yes"


def test_failing_authenticate_tells_nothing() -> None:
    def authenticate(request: Request) -> None:
        raise RuntimeError("db password")

    response = with_api(host(), authenticate=authenticate).get("/v1/models", headers=BEARER)
    assert refused(response) == (500, "internal_error")
    assert b"password" not in response.data
    assert response.headers["X-Host"] == "yes"


def test_aborting_authenticate_keeps_its_status() -> None:
    client = with_api(host(), authenticate=lambda request: abort(403))
    assert refused(client.get("/v1/models")) == (403, "access_denied")


def test_every_route_of_ours_refuses_without_a_key() -> None:
    app = host()
    client = with_api(app)
    ours = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("agent_api.")]
    tried = 0
    for rule in ours:
        for method in sorted(rule.methods or ()):
            path = rule.rule.replace("<path:model>", "who").replace("<path:rest>", "nope")
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-Api-Key": KEY}):
                response = client.open(path, method=method, headers=headers)
                assert response.status_code == 401, (method, path)
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert "Location" not in response.headers
                tried += 1
            allowed = client.open(path, method=method, headers=BEARER)
            assert allowed.status_code not in {302, 401, 403}
    assert tried > 60


def test_errors_are_never_the_hosts_pages() -> None:
    client = login(with_api(host(), authenticate=by_session))
    assert refused(client.get("/v1/nope")) == (404, "not_found")
    assert refused(client.get(CHAT)) == (405, "method_not_allowed")
    assert refused(client.post(CHAT, data="{", content_type="application/json")) == (400, "invalid_json")
    assert refused(client.get("/v1/models/nope")) == (404, "model_not_found")


@pytest.mark.parametrize("how", ["return", "abort", "abort with response", "raise"])
@pytest.mark.parametrize(("status", "code"), [(403, "access_denied"), (419, "http_419"), (503, "http_503")])
def test_refusal_of_a_hook_becomes_an_envelope(how: str, status: int, code: str) -> None:
    app = host()

    @app.before_request
    def refuse() -> Any:
        if request.path == "/health":
            return None
        if how == "raise":
            raise KeyError("sk-secret")
        response = make_response("<h1>no", status, {"Retry-After": "9"})
        if how == "return":
            return response
        abort(response if how == "abort with response" or status == 419 else status)

    response = with_api(app).get("/v1/models", headers=BEARER)
    assert refused(response) == ((500, "internal_error") if how == "raise" else (status, code))
    assert b"secret" not in response.data
    assert how != "return" or response.headers["Retry-After"] == "9"


def test_redirect_to_the_same_page_is_passed_on() -> None:
    app = host()

    @app.before_request
    def https() -> Any:
        return None if request.is_secure else redirect(request.url.replace("http:", "https:", 1), 308)

    client = with_api(app)
    for path in ("/v1/models", "/v1/models/a%20b%2Fé", "/mount/v1/models"):
        mounted = {"base_url": "http://localhost/mount"} if path.startswith("/mount") else {}
        response = client.get(path.removeprefix("/mount"), headers=BEARER, **mounted)
        assert response.status_code == 308, path
        assert response.headers["Location"].startswith(f"https://localhost{path[:10]}")
    assert client.get("/v1/models", headers=BEARER, base_url="https://localhost").status_code == 200


def test_redirect_raised_by_abort_is_overlooked_too() -> None:
    app = Flask("host")
    app.before_request(lambda: abort(redirect("/login")))
    assert with_api(app).get("/v1/models", headers=BEARER).status_code == 200


def test_each_hook_runs_once_wherever_it_stands() -> None:
    app = host()
    client = with_api(app)
    calls: list[str] = []
    app.before_request(lambda: calls.append("after"))
    app.before_request_funcs[None].insert(0, lambda: calls.append("before"))
    app.teardown_request(lambda exc: calls.append("teardown"))
    assert client.get("/v1/models", headers=BEARER).status_code == 200
    assert calls == ["before", "after", "teardown"]


def test_hooks_of_parent_blueprints_run() -> None:
    app = host()
    app.config["AGENT_API_KEYS"] = KEY
    parent = Blueprint("parent", __name__, url_prefix="/outer")
    seen: list[str] = []
    parent.before_request(lambda: seen.append(str(g.calls)))
    parent.register_blueprint(create_blueprint(who), url_prefix="/v1")
    app.register_blueprint(parent)
    client = app.test_client()
    assert answer(client.post("/outer" + CHAT, json=QUESTION, headers=BEARER)).endswith("in host")
    assert refused(client.get("/outer/v1/nope", headers=BEARER)) == (404, "not_found")
    assert refused(client.get("/outer/v1/models")) == (401, "invalid_api_key")
    assert client.get("/outer/nope").status_code == 302
    assert seen == ["1", "1", "1"]


def test_hook_that_reads_the_answer_spoils_no_stream() -> None:
    app = host()
    closed: list[bool] = []

    @app.after_request
    def log(response: Any) -> Any:
        response.headers["X-Length"] = str(len(response.get_data()))
        response.call_on_close(lambda: closed.append(True))
        return response

    client = with_api(app)
    response = client.post(CHAT, json={**QUESTION, "stream": True}, headers=BEARER, buffered=False)
    assert (response.status_code, response.headers["X-Length"]) == (200, "0")
    assert not closed
    assert text_of(chunks(response.get_data())).endswith("in host")
    response.close()
    assert closed == [True]
    assert int(client.post(CHAT, json=QUESTION, headers=BEARER).headers["X-Length"]) > 100


def test_json_of_the_host_is_not_ours() -> None:
    class Odd(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return "odd"

    app = host()
    app.json = Odd(app)
    client = with_api(app)
    assert client.get("/v1/models", headers=BEARER).data.startswith(b'{"object":"list"')
    assert refused(client.get("/v1/models"))[0] == 401


def test_limit_of_the_host_on_bodies_gives_an_envelope() -> None:
    client = with_api(host(MAX_CONTENT_LENGTH=10))
    assert refused(client.post(CHAT, json=QUESTION, headers=BEARER)) == (413, "request_too_large")


class Database:
    """A database of the host: one connection per app context, closed with it."""

    def __init__(self, app: Flask) -> None:
        self.opened = 0
        self.closed: list[type[BaseException] | None] = []
        app.teardown_appcontext(self.close)

    def connection(self) -> sqlite3.Connection:
        if "db" not in g:
            self.opened += 1
            g.db = sqlite3.connect(":memory:")
        return g.db  # type: ignore[no-any-return]

    def close(self, exc: BaseException | None) -> None:
        if (db := g.pop("db", None)) is not None:
            db.close()
            self.closed.append(type(exc) if exc else None)


class CallsOnce:
    """A model that calls the tool ``add`` and says what it got."""

    name = "scripted"

    def stream(self, request: ModelRequest) -> Iterator[list[ModelEvent]]:
        last = request.messages[-1]
        if last["role"] == "tool":
            yield [str(last["content"]), Finish("stop")]
        else:
            yield [ToolCallDelta(0, "c", "add", '{"a": 1}'), Finish("tool_calls")]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", ["agent", "tool", "failing"])
def test_database_of_the_host_is_at_hand_and_closed(kind: str, stream: bool) -> None:
    app = host()
    database = Database(app)

    def read(a: int = 1) -> str:
        value = database.connection().execute("select ? + 1", (a,)).fetchone()[0]
        return f"{value} in {current_app.name}"

    @tool
    def add(a: int, ctx: RunContext) -> str:
        return f"{read(a)} for {ctx.principal.id}"

    def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
        yield f"{read()} for {ctx.principal.id}"
        if kind == "failing":
            raise ValueError("late")

    toolset = FunctionToolset("t", [add])
    served: Any = ModelAgent("m", CallsOnce(), toolsets=(toolset,)) if kind == "tool" else agent
    AgentAPI(app, agents=[served], authenticate=lambda request: Principal("ada"))
    response = app.test_client().post(CHAT, json={**QUESTION, "stream": stream})
    body = response.get_data(as_text=True)
    assert ("2 in host for ada" in body) == (stream or kind != "failing")
    assert database.opened == len(database.closed) == 1
    assert database.closed == [ValueError if kind == "failing" else None]
