"""The toolset ``a2a``, with an agent that is scripted from the protocol's text, in the versions 0.3 and 1.0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import create_app
from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import HANG
from flask_agent_api.tools.a2a.card import card_urls
from flask_agent_api.tools.a2a.card import read_card
from flask_agent_api.tools.a2a.toolset import A2AConfig
from flask_agent_api.tools.a2a.toolset import A2AToolset
from flask_agent_api.tools.a2a.toolset import tool_name
from flask_agent_api.tools.http.url import parse_url
from flask_agent_api.types import Image
from flask_agent_api.types import ToolResult

pytestmark = pytest.mark.slow

CTX = RunContext(Settings(allow=("private-network",)))
SKILLS = [{"id": "play-Move", "name": "Play", "description": "Plays a move."}, {"name": "Explain Rules"}]
OLD = {"name": "Tic", "description": "Plays games.", "protocolVersion": "0.3.0", "skills": SKILLS}
PNG = "iVBORw0KGgo="


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


def new_card(server: FakeUpstream, **fields: Any) -> dict[str, Any]:
    interface = {"url": f"{server.url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    return {"name": "Tic", "description": "Plays games.", "supportedInterfaces": [interface], "skills": SKILLS} | fields


def toolset(server: FakeUpstream, **fields: Any) -> A2AToolset:
    return A2AToolset(A2AConfig(parse_url(server.url), **fields))


def result(server: FakeUpstream, value: Any) -> None:
    server.answer({"jsonrpc": "2.0", "id": "1", "result": value})


def task(state: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    artifacts = [{"artifactId": "a", "parts": list(parts)}] if parts else []
    return {"id": "t1", "contextId": "c", "status": {"state": state}, "artifacts": artifacts, **fields}


def ask(server: FakeUpstream, text: Any = "hi", ctx: RunContext = CTX, **fields: Any) -> ToolResult:
    """What the first skill's tool gives back, when its card is the next thing that the server sends."""
    first = toolset(server, **fields).tools(ctx)[0]
    answer = first.call({"message": text}, ctx)
    assert isinstance(answer, ToolResult)
    return answer


def test_each_skill_is_a_tool(server: FakeUpstream) -> None:
    server.answer(OLD)
    agent = toolset(server, name="My Game")
    assert agent.instructions(CTX) == ""
    play, rules = agent.tools(CTX)
    assert (play.name, rules.name) == ("my_game_play_move", "my_game_explain_rules")
    assert play.description == "Asks the agent Tic for its skill Play. Plays a move."
    assert play.parameters["required"] == ["message"]
    assert (play.read_only, play.needs) == (False, "")
    assert "Plays games." in agent.instructions(CTX)
    assert "- Explain Rules" in agent.instructions(CTX)
    agent.tools(CTX)
    assert [request.path for request in server.requests] == ["/v1/.well-known/agent-card.json"]


def test_an_agent_without_skills_is_a_tool_itself(server: FakeUpstream) -> None:
    server.answer(b"no", 404)
    server.answer({"name": "Old Timer", "url": server.url})
    assert [tool.name for tool in toolset(server).tools(CTX)] == ["old_timer"]
    assert server.requests[1].path == "/v1/.well-known/agent.json"


def test_an_old_agent_is_asked_in_its_words(server: FakeUpstream) -> None:
    server.answer({**OLD, "url": f"{server.url}/rpc"})
    result(server, {"kind": "message", "role": "agent", "parts": [{"kind": "text", "text": "Hello."}]})
    assert ask(server, "Hi", headers={"X-Key": "secret"}).content == "Hello."
    request = server.requests[1]
    assert (request.path, request.headers["x-key"]) == ("/v1/rpc", "secret")
    assert request.json["method"] == "message/send"
    params = request.json["params"]
    assert params["message"]["parts"] == [{"kind": "text", "text": "Hi"}]
    assert (params["message"]["role"], params["configuration"]["blocking"]) == ("user", False)
    assert "a2a-version" not in request.headers


def test_a_new_agent_is_asked_in_its_words_until_it_is_done(server: FakeUpstream) -> None:
    card = new_card(server)
    card["supportedInterfaces"] = [
        {"url": "grpc://x", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
        {"url": server.url, "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
        {**card["supportedInterfaces"][0], "tenant": "me"},
    ]
    server.answer(card)
    result(server, {"task": task("TASK_STATE_SUBMITTED")})
    result(server, task("TASK_STATE_WORKING", {"text": "par"}))
    result(server, task("TASK_STATE_COMPLETED", {"text": "part"}, {"text": "s"}, {"data": {"a": 1}}))
    assert ask(server).content == 'parts\n{"a": 1}'
    sent, *polls = [request.json for request in server.requests[1:]]
    assert (sent["method"], sent["params"]["tenant"]) == ("SendMessage", "me")
    assert sent["params"]["message"]["parts"] == [{"text": "hi"}]
    assert sent["params"]["configuration"]["returnImmediately"] is True
    assert [(poll["method"], poll["params"]) for poll in polls] == [("GetTask", {"tenant": "me", "id": "t1"})] * 2
    assert server.requests[1].headers["a2a-version"] == "1.0"


def test_files_are_named_and_images_shown(server: FakeUpstream) -> None:
    server.answer(OLD)
    old = {"kind": "file", "file": {"bytes": PNG, "mimeType": "image/png", "name": "board.png"}}
    new = {"url": "https://x.test/a.pdf", "mediaType": "application/pdf", "filename": "a.pdf"}
    result(server, task("completed", {"text": "See:"}, old, new))
    answer = ask(server)
    assert (
        answer.content == "See:\n[file, board.png, image/png]\n\n[file, a.pdf, application/pdf, https://x.test/a.pdf]"
    )
    assert answer.images == (Image("image/png", PNG),)


def said(text: str) -> dict[str, Any]:
    return {"role": "agent", "parts": [{"text": text}]}


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (task("completed", history=[{"role": "user", "parts": [{"text": "q"}]}, said("a")]), "a"),
        (task("completed", {"text": "same"}, status={"state": "completed", "message": said("same")}), "same"),
        (task("", status={"state": "input-required", "message": said("Who?")}), "Who?\n\n(The agent asks"),
    ],
)
def test_answers_are_found_wherever_agents_leave_them(server: FakeUpstream, answer: Any, content: str) -> None:
    server.answer(OLD)
    result(server, answer)
    assert ask(server).content.startswith(content)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"error": {"code": -32603, "message": "no\nway"}}, 200, "with an error: no way"),
        ({"error": {"code": -32603, "message": "no way"}}, 500, "with an error: no way"),
        ({"oops": 1}, 500, "HTTP 500 Internal Server Error"),
        (b"<html>", 200, "did not answer in JSON"),
        ({}, 401, "check the headers"),
        ({"jsonrpc": "2.0"}, 200, "answered nothing"),
        ([], 200, "answered nothing"),
        ({"result": task("failed", {"text": "out of ink"})}, 200, "failed: out of ink"),
        ({"result": task("rejected")}, 200, "does not take"),
        ({"result": task("auth-required")}, 200, "a login"),
        ({"result": task("completed")}, 200, "no answer"),
        ({"result": {"task": {"status": 5, "artifacts": "x"}}}, 200, "no answer"),
        ({"result": task("working", id="")}, 200, "did not finish"),
    ],
)
def test_failures_are_told_in_short(server: FakeUpstream, body: Any, status: int, problem: str) -> None:
    server.answer(OLD)
    server.answer(body, status)
    with pytest.raises(ToolError, match=problem):
        ask(server)


def test_a_message_must_be_a_text(server: FakeUpstream) -> None:
    server.answer(OLD)
    with pytest.raises(ToolError, match="`message` must be a text"):
        ask(server, 5)


def test_a_task_that_takes_too_long_is_given_up(server: FakeUpstream) -> None:
    server.answer(OLD)
    result(server, task("working"))
    server.reply(HANG)
    with pytest.raises(ToolError, match="within"):
        ask(server, timeout=0.3)
    server.wait(requests=4)
    assert server.requests[3].json["method"] == "tasks/cancel"


def test_a_call_that_is_cancelled_cancels_the_task(server: FakeUpstream) -> None:
    server.answer(new_card(server))
    result(server, {"task": task("TASK_STATE_WORKING")})
    server.reply(HANG)
    call = spawn(lambda: ask(server))
    server.wait(requests=3)
    call.cancel(Cancelled("gone"))
    assert call.join(1)
    server.wait(requests=4)
    assert (server.requests[3].json["method"], server.requests[3].json["params"]) == ("CancelTask", {"id": "t1"})


def test_private_addresses_need_the_operators_word(server: FakeUpstream) -> None:
    with pytest.raises(NotAllowed, match="AGENT_API_ALLOW=private-network"):
        toolset(server).tools(RunContext(Settings()))
    assert server.requests == []


def test_headers_never_go_from_https_to_http(server: FakeUpstream) -> None:
    server.answer({**OLD, "url": f"{server.url}/rpc"})
    tool: Any = toolset(server).tools(CTX)[0]
    tool._config = replace(tool._config, url=parse_url("https://agent.test/"), headers={"X-Key": "secret"})
    with pytest.raises(ToolError, match="cannot be sent safely"):
        tool.call({"message": "hi"}, CTX)
    assert len(server.requests) == 1


def test_a_card_that_failed_is_not_asked_for_again_at_once(server: FakeUpstream) -> None:
    server.answer({"skills": []})
    agent = toolset(server)
    with pytest.raises(ToolError, match="is none"):
        agent.tools(CTX)
    with pytest.raises(ToolError, match="is none; the next attempt is in 1 s"):
        agent.tools(CTX)
    assert len(server.requests) == 1


def test_an_agent_must_speak_json_rpc() -> None:
    base = parse_url("https://agent.test/")
    grpc = [{"url": "x", "protocolBinding": "GRPC", "protocolVersion": "1.0"}]
    with pytest.raises(ToolError, match=r"GRPC 1\.0"):
        read_card({"name": "x", "supportedInterfaces": grpc}, base)
    other = {"name": "x", "preferredTransport": "GRPC", "url": "x", "protocolVersion": "0.3.0"}
    card = read_card({**other, "additionalInterfaces": [{"transport": "JSONRPC", "url": "https://b.test/rpc"}]}, base)
    assert str(card.endpoint.url) == "https://b.test/rpc"


def test_addresses_of_cards_and_names_of_tools() -> None:
    urls = card_urls(parse_url("https://a.test/agents/x/?key=1"))
    assert [url.path for url in urls] == ["/agents/x/.well-known/agent-card.json", "/agents/x/.well-known/agent.json"]
    assert [url.path for url in card_urls(parse_url("https://a.test/card.json"))] == ["/card.json"]
    assert tool_name("", "__Ä--b__") == "b"
    assert tool_name("", "--") == "agent"


def load(folder: Path, entry: str, environ: dict[str, str] | None = None, **settings: Any) -> ModelAgent:
    file = folder / "team.yaml"
    file.write_text(f"agents: {{root: {{model: openai/gpt-5, instruction: x, toolsets: [{entry}]}}}}")
    agent = load_docker_agent(file, Settings(**settings), environ or {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    return agent


def test_a_file_names_an_agent(tmp_path: Path, server: FakeUpstream) -> None:
    server.answer({**OLD, "url": f"{server.url}/rpc"})
    result(server, {"kind": "message", "parts": [{"text": "Hello."}]})
    agent = load(
        tmp_path,
        "{type: a2a, url: '${env.GAME}', name: g, timeout: 7, headers: {Authorization: 'Bearer ${env.KEY}', "
        "X-User: 'u-${headers.X-User}', X-Role: '${headers.X-Role}'}}",
        {"GAME": server.url, "KEY": "k1"},
        forward_headers=("x-user", "x-role"),
    )
    assert agent.warnings == ()
    (games,) = agent.toolsets
    tool = games.tools(CTX)[0]
    assert (tool.name, tool.timeout) == ("g_play_move", 7)
    ctx = RunContext(CTX.settings, headers={"x-user": "ann"})
    assert tool.call({"message": "hi"}, ctx) == ToolResult("Hello.")
    card, question = server.requests
    assert (card.headers["authorization"], card.headers.get("x-user")) == ("Bearer k1", None)
    assert (question.headers["x-user"], question.headers.get("x-role")) == ("u-ann", None)


def test_a_model_plays_with_an_agent(tmp_path: Path, server: FakeUpstream, upstream: FakeUpstream) -> None:
    server.answer({**OLD, "url": f"{server.url}/rpc"})
    result(server, task("completed", {"text": "X in the middle"}))
    upstream.reset()
    upstream.tool_call("play_move", {"message": "Your move."})
    upstream.text("It took the middle.")
    (tmp_path / "team.yaml").write_text(
        f"agents: {{root: {{model: openai/gpt-5, instruction: Play., toolsets: [{{type: a2a, url: '{server.url}'}}]}}}}"
    )
    settings = {"AGENTS": [str(tmp_path)], "GATEWAY": upstream.url, "ALLOW": "private-network"}
    app = create_app({f"AGENT_API_{name}": value for name, value in settings.items()})
    question = {"model": "team", "messages": [{"role": "user", "content": "Play."}]}
    answer = app.test_client().post("/v1/chat/completions", json=question).get_json()
    assert answer["choices"][0]["message"]["content"].endswith("It took the middle.")
    prompt, *_, told = upstream.requests[1].json["messages"]
    assert "Plays games." in prompt["content"]
    assert told["content"] == "X in the middle"


def test_what_a_file_says_of_an_agent_may_be_wrong(tmp_path: Path) -> None:
    for entry, problem in (
        ("{type: a2a}", "url: invalid URL: missing scheme"),
        ("{type: a2a, url: 'ftp://x'}", "only HTTP"),
        ("{type: a2a, url: 'https://a:b@x.test'}", "password"),
        ("{type: a2a, url: 'https://x.test', timeout: 0}", "timeout"),
    ):
        with pytest.raises(ConfigError, match=problem):
            load(tmp_path, entry)


@pytest.mark.parametrize(
    ("entry", "warning", "there"),
    [
        ("{type: a2a, url: '${env.NO}'}", "NO is not set in the environment, this agent is left out", False),
        ("{type: a2a, url: 'https://x.test', headers: {A: '${Date.now()}'}}", "this agent is left out", False),
        ("{type: a2a, url: 'https://x.test', headers: {A: '${env.NO}'}}", "it is sent empty", True),
        ("{type: a2a, url: 'https://x.test', headers: {A: '${headers.X-A}'}}", "does not name x-a", True),
        ("{type: a2a, url: 'https://x.test', allow_private_ips: true}", "has private-network", True),
    ],
)
def test_what_a_file_says_of_an_agent_may_not_work(tmp_path: Path, entry: str, warning: str, there: bool) -> None:
    agent = load(tmp_path, entry)
    assert warning in agent.warnings[0]
    assert bool(agent.toolsets) is there
