"""An app with login pages and threads of its own, as it is served today, gets agents."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import openai
import pytest

from tests.support import Server
from tests.support import text_of

pytestmark = pytest.mark.slow

KEY = "0123456789abcdef"

APP = '''
import sqlite3
import threading

from flask import Flask, abort, g, redirect, request, session

from flask_agent_api import AgentAPI, Principal, agents

app = Flask(__name__)
app.config.update(SECRET_KEY="x", AGENT_API_KEYS="KEY")


def db():
    if "db" not in g:
        g.db = sqlite3.connect("legacy.db")
        g.db.execute("create table if not exists notes (author, text)")
    return g.db


@app.teardown_appcontext
def close(exc):
    if (connection := g.pop("db", None)) is not None:
        connection.close()


@app.before_request
def require_login():
    g.user = session.get("user")
    if g.user is None and request.endpoint != "login":
        return redirect("/login")


@app.errorhandler(Exception)
def page(exc):
    return "<h1>Oops</h1>", getattr(exc, "code", 500)


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        session["user"] = request.form["user"]
        return redirect("/")
    return "<form>"


@app.route("/")
def home():
    rows = db().execute("select text from notes where author = ?", (g.user,)).fetchall()
    return ", ".join(text for text, in rows)


def authenticate(request):
    return Principal(session["user"]) if "user" in session else None


AgentAPI(app, authenticate=authenticate)


@agents.agent("notes")
def notes(request, ctx):
    """Keeps notes."""
    with db() as connection:
        connection.execute("insert into notes values (?, ?)", (ctx.principal.id, request.text))
    yield "noted "
    yield request.text
'''.replace('KEY"', f'{KEY}"')


@pytest.fixture(scope="module", params=["gevent", pytest.param("gthread", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("legacy"), {"app.py": APP}, "-w", "2", kind=request.param) as running:
        yield running


def fetch(server: Server, method: str, path: str, cookie: str = "", **form: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded", **({"Cookie": cookie} if cookie else {})}
    connection.request(method, path, urlencode(form) if form else None, headers)
    response = connection.getresponse()
    result = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return result


def login(server: Server, user: str) -> str:
    return fetch(server, "POST", "/login", user=user)[1]["Set-Cookie"].partition(";")[0]


def test_pages_are_as_they_were(server: Server) -> None:
    status, headers, _ = fetch(server, "GET", "/")
    assert (status, headers["Location"]) == (302, "/login")
    assert fetch(server, "GET", "/nope")[1]["Location"] == "/login"
    cookie = login(server, "bob")
    assert fetch(server, "GET", "/", cookie)[0] == 200
    status, headers, body = fetch(server, "GET", "/nope", cookie)
    assert (status, body) == (404, b"<h1>Oops</h1>")


def test_clients_with_a_key_get_in(server: Server, sdk: openai.OpenAI) -> None:
    client = sdk.with_options(base_url=server.url, api_key=KEY)
    assert [model.id for model in client.models.list()] == ["notes"]
    answer = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "milk"}])
    assert answer.choices[0].message.content == "noted milk"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_users_of_the_host_talk_to_the_agent_as_themselves(server: Server, sdk: openai.OpenAI) -> None:
    cookie = login(server, "ada")
    client = sdk.with_options(base_url=server.url, default_headers={"Cookie": cookie})
    stream = client.chat.completions.create(model="notes", messages=[{"role": "user", "content": "bread"}], stream=True)
    assert text_of(stream) == "noted bread"
    assert fetch(server, "GET", "/", cookie)[2] == b"bread"


def test_anonymous_gets_the_apis_own_refusal(server: Server) -> None:
    status, headers, body = fetch(server, "GET", "/v1/models")
    assert (status, headers["Content-Type"]) == (401, "application/json")
    assert b"invalid_api_key" in body
    assert "Location" not in headers


def test_nothing_is_in_the_log_of_errors(server: Server) -> None:
    assert "Traceback" not in Path(server.folder, "server.log").read_text()
