"""Random requests against a real server: OpenAI's own description of the API says what to send, and ours.

``pytest -m fuzz`` runs many of them with a new seed each time, the slow tests a few with a fixed one. Both need the
extra ``fuzz``.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import Server

SPECIFICATION = Path(__file__).parent.parent / "data" / "openai" / "chat-completions.openapi.json"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
APP = """
from flask_agent_api import ModelAgent, create_app
from flask_agent_api.models.base import Finish, ToolCallDelta
from flask_agent_api.types import Usage


class Model:
    name = "obedient"

    def stream(self, request):
        if request.params.get("tool_choice", "auto") not in ("auto", "none") and request.tools:
            yield [ToolCallDelta(0, "", request.tools[0]["function"]["name"], "{}"), Finish("tool_calls")]
            return
        yield ["An ", "answer.", Usage(1, 2)]
        yield [Finish("stop")]


def plain(messages):
    yield "An answer."


agents = [ModelAgent("root", Model()), plain]
# A format that the model does not keep to would rightly be answered 502.
app = create_app({"AGENT_API_AGENTS": agents, "AGENT_API_PARAMS": {"response_format": None}})
"""

pytestmark = pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="needs: pip install 'flask-agent-api[fuzz]'")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("fuzz"), {"app.py": APP}) as running:
        yield running


@pytest.fixture(scope="module")
def official(server: Server) -> str:
    """OpenAI's description, as a file."""
    return without_events(server, json.loads(SPECIFICATION.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def ours(server: Server) -> str:
    """Our description, as a file."""
    with urllib.request.urlopen(f"{server.url}/openapi.json") as response:
        return without_events(server, json.load(response))


def without_events(server: Server, document: dict[str, Any]) -> str:
    """The path of a description that says nothing of a stream's frames.

    Schemathesis takes what OpenAPI 3.1 says of ``text/event-stream`` for the event around the data, not for the data.
    What the data has to be is checked wherever tests read a stream.
    """
    answer = document["paths"]["/chat/completions"]["post"]["responses"]["200"]["content"]
    answer["text/event-stream"] = {}
    path = server.folder / f"{document['info']['title']}.json"
    path.write_text(json.dumps(document))
    return str(path)


def run(server: Server, specification: str, seed: int, most: int, *checks: str) -> None:
    """Neither 5xx nor an answer of another shape than the specification's."""
    all_checks = ",".join(["not_a_server_error", "response_schema_conformance", "content_type_conformance", *checks])
    command = [
        str(SCHEMATHESIS), "run", specification, "--url", server.url, "--seed", str(seed), "--max-examples", str(most),
        "--phases", "examples,coverage,fuzzing", "--no-color", "--warnings", "off", "--suppress-health-check", "all",
        "--checks", all_checks,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout[-12000:]}\n{done.stderr[-2000:]}\n{server.log[-2000:]}"
    operations = sum(len(methods) for methods in json.loads(Path(specification).read_text())["paths"].values())
    assert f"Tested: {operations}" in done.stdout, done.stdout


@pytest.mark.slow
def test_a_few_requests_of_the_official_specification(server: Server, official: str) -> None:
    run(server, official, 1, 20)


@pytest.mark.slow
def test_a_few_requests_of_our_own_description(server: Server, ours: str) -> None:
    run(server, ours, 1, 20, "status_code_conformance")


@pytest.mark.fuzz
def test_many_requests_of_the_official_specification(server: Server, official: str) -> None:
    run(server, official, secrets.randbits(32), 500)


@pytest.mark.fuzz
def test_many_requests_of_our_own_description(server: Server, ours: str) -> None:
    run(server, ours, secrets.randbits(32), 500, "status_code_conformance")
