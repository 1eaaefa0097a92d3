"""A wall clock that is set, as by NTP or after a suspended machine, ends no run and tears no turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from flask_agent_api import AgentAPI
from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api.testing import collect_sse

DAY = 86_400.0
STORES = ["memory://", "sqlite:///kept.sqlite3"]


class Host:
    """An app with an agent in the middle of whose answers the clock is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, store: str, *jumps: float) -> None:
        real, ahead, left = time.time, [0.0], list(jumps)
        monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

        def agent(request: RunRequest, ctx: RunContext) -> Iterator[str]:
            yield f"{len(request.messages)} messages, "
            ahead[0] += left.pop(0) if left else 0.0
            yield "whatever the time."

        app = Flask("host", instance_path=str(folder))
        app.config.update(AGENT_API_STORE=store, AGENT_API_RUN_TIMEOUT=30)
        AgentAPI(app, agents=agent)
        self.client = app.test_client()
        self.questions = 0

    def ask(self, stream: bool, conversation: str = "") -> str:
        """The text, or the error's code."""
        self.questions += 1
        body = {"messages": [{"role": "user", "content": f"q{self.questions}"}], "stream": stream}
        response = self.client.post("/v1/chat/completions", json=body, headers={"X-Conversation-Id": conversation})
        if stream and response.status_code == 200:
            answer = collect_sse(response.data)
            return str(answer.error["code"]) if answer.error else answer.text
        told = response.get_json()
        return str(told["error"]["code"] if "error" in told else told["choices"][0]["message"]["content"])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_clock_that_is_set_ends_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jump: float, stream: bool
) -> None:
    host = Host(monkeypatch, tmp_path, "memory://", jump)
    assert [host.ask(stream) for _ in range(2)] == ["1 messages, whatever the time."] * 2


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("stream", [True, False])
def test_clock_that_is_set_back_loses_no_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: str, stream: bool
) -> None:
    host = Host(monkeypatch, tmp_path, store, -DAY, -60.0)
    answers = [host.ask(stream, "c1") for _ in range(3)]
    assert answers == [f"{number} messages, whatever the time." for number in (1, 3, 5)]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("stream", [True, False])
def test_lease_that_a_clock_ran_past_keeps_no_half_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: str, stream: bool
) -> None:
    """For the store that is a worker which stood still: another may have gone on with the conversation."""
    host = Host(monkeypatch, tmp_path, store, DAY)
    assert host.ask(stream, "c1") == "conversation_changed"
    answers = [host.ask(stream, "c1") for _ in range(2)]
    assert answers == [f"{number} messages, whatever the time." for number in (1, 3)]
