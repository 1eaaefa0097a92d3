"""``serve --reload``: edits are taken over while answers go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.testing import collect_sse
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing.upstream import gate
from tests.support import RawClient

from .test_serve import Served

pytestmark = pytest.mark.slow

TEAM = """\
agents:
  root:
    model: fake
    instruction: Be brief.
    toolsets: [{type: python, tools: ["own_tools:answer"]}]
models:
  fake: {provider: openai, model: m, base_url: "%s"}
"""
TOOLS = 'def answer() -> str:\n    """%s"""\n    return "42"\n'


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def server(folder: Path, environment: dict[str, str], upstream: FakeUpstream) -> Iterator[Served]:
    upstream.reset()
    (folder / "team.yaml").write_text(TEAM % upstream.url)
    (folder / "own_tools.py").write_text(TOOLS % "The answer.")
    server = Served(folder, environment, "team.yaml", "--reload")
    yield server
    server.kill()


def edit(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


def ask(server: Served, upstream: FakeUpstream) -> str:
    """The system prompt and the first tool's description that a new request's model gets to read; empty while the
    worker that takes the request is about to end."""
    upstream.text("Yes.")
    with RawClient(server.port) as client:
        client.post()
        response = client.response()
        if response.status == 503:
            return ""
        assert json.load(response)["choices"][0]["message"]["content"] == "Yes."
    body = upstream.requests[-1].json
    return f"{body['messages'][0]['content']} {body['tools'][0]['function']['description']}"


def test_edited_agents_are_served_and_streams_go_on(folder: Path, server: Served, upstream: FakeUpstream) -> None:
    team = folder / "team.yaml"
    upstream.stream("Good ", gate("rest"), "morning.")
    with RawClient(server.port) as client:
        client.post(stream=True)
        response = client.response()
        upstream.wait(requests=1)

        edit(team, "instruction:", "instructon:")
        server.wait_for(lambda: 'did you mean "instruction"?' in server.log, "told about the wrong edit")
        assert server.names() == ["root"]
        assert server.log.count("did you mean") == 1

        edit(team, "instructon: Be brief.", "instruction: Be kind.")
        edit(team, "models:", "  clerk: {model: fake, instruction: Calculate.}\nmodels:")
        server.wait_for(lambda: server.names() == ["root", "clerk"], "taken over")
        assert ask(server, upstream) == "Be kind. The answer."

        upstream.open_gate("rest")
        assert collect_sse(response.read()).text == "Good morning."
    assert "Traceback" not in server.log


def test_edited_code_is_served_by_new_workers_and_streams_go_on(
    folder: Path, server: Served, upstream: FakeUpstream
) -> None:
    upstream.stream("Good ", gate("rest"), "morning.")
    with RawClient(server.port) as client:
        client.post(stream=True)
        response = client.response()
        upstream.wait(requests=1)

        # Of another size: Python takes a file for unchanged that was written in the same second.
        edit(folder / "own_tools.py", "return", "retrn")
        server.wait_for(lambda: "the edited code cannot be used" in server.log, "told about the wrong edit")
        assert server.names() == ["root"]

        (folder / "own_tools.py").write_text(TOOLS % "The final answer.")
        server.wait_for(lambda: ask(server, upstream) == "Be brief. The final answer.", "taken over")

        upstream.open_gate("rest")
        assert collect_sse(response.read()).text == "Good morning."
