"""How callers with limits are served."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_agent_api import AgentAPI
from flask_agent_api import ModelAgent
from flask_agent_api.keys import hash_of
from flask_agent_api.quotas import memory
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.types import Event
from flask_agent_api.types import Usage
from flask_agent_api.web.quota import duration
from tests.support import QUESTION
from tests.waiting import wait_until

CHAT = "/v1/chat/completions"
KEY = "key-0123456789abcdef"
FREE = "free-0123456789abcdef"


class Api:
    """An app with a key that has ``limits``, and one without any."""

    def __init__(self, folder: Path, agents: Any, **limits: Any) -> None:
        keys = {"ada": {"hash": hash_of(KEY), **limits}, "free": {"hash": hash_of(FREE)}}
        (folder / "keys.yaml").write_text(yaml.safe_dump(keys))
        app = Flask("host")
        app.config["AGENT_API_KEYS_FILE"] = str(folder / "keys.yaml")
        AgentAPI(app, agents=agents)
        self.client: FlaskClient = app.test_client()

    def ask(self, key: str = KEY, **fields: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}"}
        return self.client.post(CHAT, json={**QUESTION, **fields}, headers=headers)

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers={"Authorization": f"Bearer {KEY}"})


def spends(messages: object) -> Iterator[Event | str]:
    """Uses ten tokens."""
    yield Usage(7, 3)
    yield "done"


def error(response: TestResponse) -> tuple[int, str, str]:
    found = response.get_json()["error"]
    return response.status_code, found["type"], found["code"]


@pytest.mark.parametrize("stream", [False, True])
def test_requests_of_a_minute_are_counted_and_told(tmp_path: Path, stream: bool) -> None:
    api = Api(tmp_path, spends, requests_per_minute=2)
    first, second, third = (api.ask(stream=stream) for _ in range(3))
    assert [response.status_code for response in (first, second, third)] == [200, 200, 429]
    assert error(third) == (429, "requests", "rate_limit_exceeded")
    assert [r.headers["x-ratelimit-remaining-requests"] for r in (first, second, third)] == ["1", "0", "0"]
    assert {r.headers["x-ratelimit-limit-requests"] for r in (first, second, third)} == {"2"}
    assert re.fullmatch(r"1m0s|[\d.]+s", first.headers["x-ratelimit-reset-requests"])
    assert 55 <= int(third.headers["Retry-After"]) <= 60
    assert "x-ratelimit-limit-tokens" not in first.headers
    assert api.ask(FREE).status_code == 200


def test_only_requests_for_agents_count_also_those_that_fail(tmp_path: Path) -> None:
    api = Api(tmp_path, spends, requests_per_minute=2)
    for path in ("/v1/models", "/v1/conversations", "/v1/nothing"):
        assert "x-ratelimit-limit-requests" not in api.get(path).headers
    wrong = api.ask(messages=[])
    assert (wrong.status_code, wrong.headers["x-ratelimit-remaining-requests"]) == (400, "1")


def test_keys_without_limits_see_none_and_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.MemoryCounters, "admit", None)
    response = Api(tmp_path, spends, requests_per_minute=1).ask(FREE)
    assert response.status_code == 200
    assert not [name for name in response.headers.keys() if name.lower().startswith("x-ratelimit")]  # noqa: SIM118


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_of_a_day_are_counted_and_told(tmp_path: Path, stream: bool) -> None:
    api = Api(tmp_path, spends, tokens_per_day=15)
    first, second, third = (api.ask(stream=stream) for _ in range(3))
    assert [r.headers["x-ratelimit-remaining-tokens"] for r in (first, second, third)] == ["15", "5", "0"]
    assert error(third) == (429, "insufficient_quota", "insufficient_quota")
    assert third.headers["X-Should-Retry"] == "false"
    assert 0 < int(third.headers["Retry-After"]) <= 86_400


def test_tokens_of_a_team_and_of_failed_runs_count(tmp_path: Path) -> None:
    team: dict[str, Any] = {"clerk": ModelAgent("clerk", ScriptedModel(["hm", Usage(20, 2)]))}
    task = tool_call("transfer_task", agent="clerk", task="t", expected_output="")
    model = ScriptedModel([task, Usage(300, 3)], RuntimeError("down"))
    team["root"] = ModelAgent("root", model, sub_agents=("clerk",), team=team)
    api = Api(tmp_path, team["root"], tokens_per_day=1000)
    assert api.ask().status_code == 500
    assert int(api.ask(messages=[]).headers["x-ratelimit-remaining-tokens"]) == 1000 - 325


@pytest.mark.parametrize("usage", [[], [Usage(0, 0)]])
def test_who_hangs_up_before_the_usage_is_told_pays_an_estimate(tmp_path: Path, usage: list[Any]) -> None:
    go_on = threading.Event()
    model = ScriptedModel(["word " * 80, *usage, go_on])
    api = Api(tmp_path, ModelAgent("root", model), tokens_per_day=1000)
    response = api.ask(stream=True, messages=[{"role": "user", "content": "x" * 400}])
    next(iter(response.response))
    response.close()
    go_on.set()
    wait_until(lambda: api.ask(messages=[]).headers["x-ratelimit-remaining-tokens"] != "1000")
    assert 700 < int(api.ask(messages=[]).headers["x-ratelimit-remaining-tokens"]) < 850


def test_call_that_the_provider_refused_costs_nothing(tmp_path: Path) -> None:
    from flask_agent_api.errors import ModelUnavailable

    api = Api(tmp_path, ModelAgent("root", ScriptedModel(ModelUnavailable("busy"))), tokens_per_day=1000)
    assert api.ask().status_code == 503
    assert api.ask(messages=[]).headers["x-ratelimit-remaining-tokens"] == "1000"


def test_so_many_streams_at_a_time_and_the_next_as_soon_as_one_has_ended(tmp_path: Path) -> None:
    go_on = threading.Event()
    api = Api(tmp_path, ModelAgent("root", ScriptedModel(["a", go_on], "b", "c", "d")), streams=1)
    response = api.ask(stream=True)
    body = iter(response.response)
    next(body)
    refused = api.ask()
    assert error(refused) == (429, "requests", "rate_limit_exceeded")
    assert refused.headers["Retry-After"] == "1"
    go_on.set()
    text = b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in body)
    assert b"[DONE]" in text
    assert api.ask().status_code == 200, "the answer has ended, although its connection may not be closed"
    response.close()
    assert [api.ask().status_code for _ in range(2)] == [200, 200]


def test_requests_that_fail_leave_their_place(tmp_path: Path) -> None:
    api = Api(tmp_path, spends, streams=1)
    assert api.ask(messages=[]).status_code == 400
    wait_until(lambda: api.ask().status_code == 200)


def test_same_request_id_twice_is_two_requests(tmp_path: Path) -> None:
    api = Api(tmp_path, spends, requests_per_minute=1)
    headers = {"Authorization": f"Bearer {KEY}", "X-Request-Id": "mine"}
    assert [api.client.post(CHAT, json=QUESTION, headers=headers).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.0123, "13ms"), (1.5, "1.5s"), (59.9991, "60s"), (60, "1m0s"), (361, "6m1s"), (25_920, "7h12m0s")],
)
def test_times_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
