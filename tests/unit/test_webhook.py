"""The toolset ``webhook``, against a real server."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import Principal
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.http.headers import FileHeaders
from flask_agent_api.tools.http.url import parse_url
from flask_agent_api.tools.webhook import sent
from flask_agent_api.tools.webhook import toolset as webhook
from flask_agent_api.tools.webhook.toolset import Destination
from flask_agent_api.tools.webhook.toolset import WebhookToolset
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolResult

HOME = ("webhook", "private-network")


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(sent, "PAUSE_SECONDS", 0.0)


def ctx(caller: str = "ann", allow: tuple[str, ...] = HOME) -> RunContext:
    return RunContext(Settings(allow=allow), principal=Principal(caller))


def toolset(server: FakeUpstream, provider: str = "generic", **options: Any) -> WebhookToolset:
    return WebhookToolset(Destination(provider, parse_url(f"{server.url}/hook/s3cret"), **options))


def send(hook: WebhookToolset, run: RunContext, message: Any = "hello", **arguments: Any) -> ToolResult | str:
    (tool,) = hook.tools(run)
    return tool.call({"message": message, **arguments}, run)


@pytest.mark.parametrize(
    ("provider", "arguments", "body"),
    [
        ("generic", {}, {"text": "hello"}),
        ("slack", {"value2": "x"}, {"text": "hello"}),
        ("discord", {}, {"content": "hello"}),
        ("ifttt", {}, {"value1": "hello"}),
        ("ifttt", {"value2": "b", "value3": "c"}, {"value1": "hello", "value2": "b", "value3": "c"}),
        ("telegram", {}, {"chat_id": "-7", "text": "hello"}),
    ],
)
def test_each_service_gets_the_message_in_its_own_words(
    server: FakeUpstream, provider: str, arguments: dict[str, str], body: dict[str, str]
) -> None:
    server.answer(b"", 204)
    hook = toolset(server, provider, headers=FileHeaders({"X-Key": "k"}), chat_id="-7")
    assert send(hook, ctx(), **arguments) == f"Delivered to the {provider} webhook (attempt 1/4)."
    (request,) = server.requests
    assert (request.method, request.path, request.json) == ("POST", "/v1/hook/s3cret", body)
    assert (request.headers["content-type"], request.headers["x-key"]) == ("application/json", "k")


def test_what_fails_for_a_time_is_tried_again(server: FakeUpstream) -> None:
    server.answer(b"later", 503)
    server.answer(b"slow down", 429, {"Retry-After": "0"})
    server.answer(b"ok")
    assert send(toolset(server), ctx()) == "Delivered to the generic webhook (attempt 3/4)."


def test_after_four_attempts_the_model_is_told(server: FakeUpstream) -> None:
    for _ in range(4):
        server.answer(b"<html>down</html>", 502)
    result = send(toolset(server), ctx())
    text = "Delivery to the generic webhook failed after 4 attempt(s): HTTP 502: <html>down</html>"
    assert result == ToolResult(text, True)


def test_a_refusal_is_final_and_its_answer_is_cut(server: FakeUpstream) -> None:
    server.answer(b"no_such_channel" + b"!" * 500, 404)
    result = send(toolset(server), ctx())
    assert isinstance(result, ToolResult)
    assert result.is_error
    assert result.content.startswith("Delivery to the generic webhook failed permanently: HTTP 404: no_such_channel!")
    assert len(result.content) < 300
    assert len(server.requests) == 1


def test_a_receiver_that_wants_to_be_left_alone_for_longer_than_a_run_may_wait_is(server: FakeUpstream) -> None:
    server.answer(b"busy", 429, {"Retry-After": "900"})
    result = send(toolset(server), ctx())
    assert isinstance(result, ToolResult)
    assert result.content == "Delivery to the generic webhook failed after 1 attempt(s): HTTP 429: busy"


def test_the_same_message_of_one_caller_goes_out_once(server: FakeUpstream) -> None:
    for _ in range(3):
        server.answer(b"ok")
    hook = toolset(server)
    assert "Delivered" in str(send(hook, ctx("ann")))
    assert "Suppressed" in str(send(hook, ctx("ann")))
    assert "Delivered" in str(send(hook, ctx("ann"), "something else"))
    assert "Delivered" in str(send(hook, ctx("bob")))
    assert len(server.requests) == 3


def test_what_did_not_arrive_may_be_sent_again_at_once(server: FakeUpstream) -> None:
    server.answer(b"", 400)
    server.answer(b"ok")
    hook = toolset(server)
    assert "failed permanently" in str(send(hook, ctx()))
    assert "Delivered" in str(send(hook, ctx()))


def test_messages_of_one_caller_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent, "PAUSE_SECONDS", 4.0)
    log = sent.Sent()
    assert log.turn("ann") == 0.0
    assert log.turn("bob") == 0.0
    assert 3.9 < log.turn("ann") <= 4.0
    assert 7.9 < log.turn("ann") <= 8.0
    monkeypatch.setattr(sent, "WAIT_SECONDS", 11.0)
    with pytest.raises(ToolError, match="rate limited; wait 12 seconds"):
        log.turn("ann")


def test_no_error_tells_the_secret_address(server: FakeUpstream) -> None:
    with pytest.raises(NotAllowed) as caught:
        send(toolset(server), ctx(allow=("webhook",)))
    assert "private-network" in str(caught.value)
    assert "s3cret" not in str(caught.value) + repr(Destination("slack", parse_url("https://a.test/s3cret")))
    assert server.connections == 0
    gone = WebhookToolset(Destination("slack", parse_url("http://127.0.0.1:1/s3cret")))
    result = send(gone, ctx())
    assert isinstance(result, ToolResult)
    assert "failed after 4 attempt(s): request failed" in result.content
    assert "s3cret" not in result.content


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"message": " "}, "message is required"),
        ({"message": 3}, "`message` must be a text"),
        ({"message": "x" * 40_001}, "may have 40000 characters"),
    ],
)
def test_wrong_arguments_are_tool_errors(server: FakeUpstream, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        send(toolset(server, "ifttt"), ctx(), **arguments)
    assert server.connections == 0


def test_a_message_on_its_way_is_not_sent_a_second_time(server: FakeUpstream) -> None:
    hook = toolset(server)
    server.reply(("gate", "go"), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    told: list[Any] = []
    first = threading.Thread(target=lambda: told.append(send(hook, ctx())))
    first.start()
    server.wait(connections=1)
    assert "Suppressed" in str(send(hook, ctx()))
    server.open_gate("go")
    first.join(5)
    assert told == ["Delivered to the generic webhook (attempt 1/4)."]


TEAM = "agents:\n  root:\n    model: demo/demo\n    toolsets:\n      - {{type: webhook, {}}}\n"


def load(folder: Path, fields: str, environ: dict[str, str] | None = None) -> ModelAgent:
    (folder / "team.yaml").write_text(TEAM.format(fields))
    agent = load_docker_agent(folder / "team.yaml", Settings(), environ or {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


@pytest.mark.parametrize(("given", "provider"), [("Slack", "slack"), ("gchat", "googlechat"), ("", "generic")])
def test_a_file_says_where_messages_go(tmp_path: Path, server: FakeUpstream, given: str, provider: str) -> None:
    server.answer(b"ok")
    config = f"{{provider: '{given}', url: '${{env.HOOK}}', headers: {{Authorization: 'Bearer ${{env.KEY}}'}}}}"
    agent = load(tmp_path, f"timeout: 5, webhook_config: {config}", {"HOOK": server.url, "KEY": "k"})
    assert not agent.warnings
    (hook,) = agent.toolsets
    (tool,) = hook.tools(ctx())
    assert (hook.name, tool.name, tool.needs, tool.read_only) == (provider, "send_webhook", "webhook", False)
    assert "Delivered" in str(tool.call({"message": "hi"}, ctx()))
    assert server.requests[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("{provider: pigeon, url: 'https://a.org'}", "provider: expected one of generic, slack"),
        ("{provider: telegram, url: 'https://a.org'}", "telegram needs a `chat_id`"),
        ("{urll: 'https://a.org'}", 'did you mean "url"'),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, config: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"team\.yaml:5") as caught:
        load(tmp_path, f"webhook_config: {config}")
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("{url: '${env.NOT_SET}'}", "NOT_SET is not set in the environment"),
        ("{url: 'ftp://a.org'}", "only HTTP and HTTPS URLs are supported"),
        ("{}", "missing scheme or host"),
    ],
)
def test_without_an_address_the_agent_runs_without_it(tmp_path: Path, config: str, problem: str) -> None:
    agent = load(tmp_path, f"webhook_config: {config}")
    assert problem in agent.warnings[0]
    with pytest.raises(ToolError, match="webhook"):
        agent.toolsets[0].tools(ctx())


def test_a_run_sends_nothing_until_the_operator_allows_it(tmp_path: Path, server: FakeUpstream) -> None:
    config = f"webhook_config: {{provider: telegram, chat_id: -100123, url: '{server.url}'}}"
    server.answer(b"ok")
    for allow in ((), HOME):
        agent = load(tmp_path, config)
        model = ScriptedModel([tool_call("send_webhook", message="hi")], "done")
        root = ModelAgent("root", model, toolsets=agent.toolsets)
        list(root.run(RunRequest([{"role": "user", "content": "go"}]), RunContext(Settings(allow=allow))))
        result = json.dumps(model.requests[-1].messages)
        assert ("AGENT_API_ALLOW=webhook" in result, "Delivered" in result) == (not allow, bool(allow))
    assert server.requests[0].json == {"chat_id": "-100123", "text": "hi"}
