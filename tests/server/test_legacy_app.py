"""The example of an app with login pages, forms, a database and habits of its own, which gets agents in two places."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import openai
import pytest

from tests.support import Server
from tests.support import text_of

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "legacy_app"
KEY = "a-key-for-the-staff"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = {path.name: path.read_text() for path in EXAMPLE.iterdir() if path.is_file()}
    folder = tmp_path_factory.mktemp("legacy")
    with Server(folder, files, "-w", "2", kind=request.param, env={"STAFF_KEY": KEY}) as running:
        yield running


def fetch(server: Server, method: str, path: str, cookie: str = "", **form: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded", **({"Cookie": cookie} if cookie else {})}
    connection.request(method, path, urlencode(form) if form else None, headers)
    response = connection.getresponse()
    answer = Answer(response.status, dict(response.getheaders()), response.read().decode())
    connection.close()
    return answer


def submit(server: Server, path: str, cookie: str = "", **form: str) -> str:
    """Fills in a form of the shop, with its token; the session's cookie afterwards."""
    page = fetch(server, "GET", path, cookie)
    cookie = page.headers.get("Set-Cookie", cookie).partition(";")[0]
    token = re.search(r"name=csrf_token value='([^']+)'", page.body)
    assert token is not None, page
    answer = fetch(server, "POST", path, cookie, csrf_token=token[1], **form)
    assert answer.status == 302, answer
    return answer.headers.get("Set-Cookie", cookie).partition(";")[0]


def customer(server: Server, sdk: openai.OpenAI, cookie: str) -> openai.OpenAI:
    return sdk.with_options(base_url=server.url, default_headers={"Cookie": cookie})


def staff(server: Server, sdk: openai.OpenAI) -> openai.OpenAI:
    return sdk.with_options(base_url=f"http://127.0.0.1:{server.port}/staff/v1", api_key=KEY)


def ask(client: openai.OpenAI, text: str) -> str:
    answer = client.chat.completions.create(model="x", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


def test_pages_are_as_they_were(server: Server) -> None:
    home = fetch(server, "GET", "/")
    assert (home.status, home.headers["Location"]) == (302, "/login")
    assert fetch(server, "GET", "/v2/models").headers["Location"] == "/login"
    assert fetch(server, "POST", "/login", user="bob").status == 400  # a form without its token
    cookie = submit(server, "/login", user="bob")
    submit(server, "/orders", cookie, article="tea")
    assert re.fullmatch(r"<ul><li>\d+: tea, ordered</ul>", fetch(server, "GET", "/", cookie).body)
    listed = fetch(server, "GET", "/api/orders", cookie)
    assert json.loads(listed.body) == {"shop": [{"article": "tea", "price": "9.90"}]}
    assert len(listed.headers["X-Digest"]) == 64
    missing = fetch(server, "GET", "/nope", cookie)
    assert (missing.status, missing.body) == (404, "<h1>Sorry</h1><p>Error 404</p>")


@pytest.mark.parametrize("stream", [True, False])
def test_customers_talk_to_their_agent_as_themselves(server: Server, sdk: openai.OpenAI, stream: bool) -> None:
    user = f"ada-{stream}"
    cookie = submit(server, "/login", user=user)
    submit(server, "/orders", cookie, article="bread")
    client = customer(server, sdk, cookie)
    assert [model.id for model in client.models.list()] == ["my_orders"]
    expected = f"Hello {user}, you have 1 orders. bread: ordered."
    if not stream:
        assert ask(client, "hi") == expected
        return
    pieces = client.chat.completions.create(model="x", messages=[{"role": "user", "content": "hi"}], stream=True)
    assert text_of(pieces) == expected


def test_staff_has_another_agent_and_a_key_that_opens_nothing_else(server: Server, sdk: openai.OpenAI) -> None:
    cookie = submit(server, "/login", user="eve")
    submit(server, "/orders", cookie, article="salt")
    client = staff(server, sdk)
    assert [model.id for model in client.models.list()] == ["root"]
    (number,) = re.findall(r"<li>(\d+): salt, ordered", fetch(server, "GET", "/", cookie).body)
    assert f"Order {number} is sent now, says key:" in ask(client, f"use set_state with order {number}, state sent")
    assert fetch(server, "GET", "/", cookie).body == f"<ul><li>{number}: salt, sent</ul>"
    for outsider in (customer(server, sdk, cookie).with_options(base_url=str(client.base_url)),
                     client.with_options(base_url=server.url)):  # fmt: skip
        with pytest.raises(openai.AuthenticationError):
            outsider.models.list()


def test_both_are_asked_at_the_same_time(server: Server, sdk: openai.OpenAI) -> None:
    cookie = submit(server, "/login", user="zoe")
    clients = [customer(server, sdk, cookie), staff(server, sdk)] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda client: ask(client, "use set_state with order 9999, state sent"), clients))
    assert set(answers[::2]) == {"Hello zoe, you have 0 orders."}
    assert all("There is no order 9999" in answer for answer in answers[1::2])


def test_anonymous_gets_the_apis_own_refusal(server: Server) -> None:
    for path in ("/v1/models", "/staff/v1/models", "/v1/nope"):
        refusal = fetch(server, "GET", path)
        assert (refusal.status, refusal.headers["Content-Type"]) == (401, "application/json"), path
        assert json.loads(refusal.body)["error"]["code"] == "invalid_api_key"
        assert "Location" not in refusal.headers
        assert "X-Digest" in refusal.headers


def test_nothing_is_in_the_log_of_errors(server: Server) -> None:
    assert not re.search(r"Traceback|\[ERROR\]|Warning", server.log), server.log
