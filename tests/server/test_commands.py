"""Agents that run commands, on real servers: what comes back, and what is left when the client has gone."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.testing import FakeUpstream
from tests.processes import children
from tests.processes import command_line
from tests.processes import runs_from
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

TEAM = """
models:
  fake: {{provider: openai, model: fake, base_url: "{url}", token_key: FAKE_KEY}}
agents:
  root:
    model: fake
    toolsets:
      - {{type: shell, env: {{OWN: "1"}}}}
      - {{type: background_jobs}}
      - type: script
        shell:
          greet: {{cmd: 'echo "Hello $who"', args: {{who: {{type: string}}}}}}
      - {{type: environment}}
  helper:
    model: fake
    toolsets: [{{type: shell}}, {{type: script, shell: {{greet: {{cmd: "touch greeted"}}}}}}]
"""
SLEEPS = "echo $$ > {file}; while :; do sleep 60; done"
STUBBORN = f"trap '' TERM HUP; {SLEEPS}"


@pytest.fixture(scope="module", params=["gevent", pytest.param("gthread", marks=pytest.mark.slow)])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream
) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp(f"commands-{request.param}"), upstream, request.param) as server:
        yield server


def serve(folder: Path, upstream: FakeUpstream, kind: str) -> Server:
    """A server of the team, in which only the root may run commands."""
    env = {
        "FAKE_KEY": "sk-12345",
        "FLASK_AGENT_API_AGENTS": "team.yaml",
        "FLASK_AGENT_API_AGENT_OPTIONS": json.dumps({"root": {"allow": "shell,script"}}),
        "FLASK_AGENT_API_RUN_TIMEOUT": "20",
    }
    files = {"team.yaml": TEAM.format(url=upstream.url)}
    return Server(folder, files, kind=kind, app="flask_agent_api.wsgi:app", env=env)


@pytest.fixture
def gevent_only(server: Server) -> None:
    if "gthread" in server.folder.name:
        pytest.skip("a thread cannot be interrupted: its command ends when its own time is up")


def result(server: Server, upstream: FakeUpstream, tool: str, model: str = "root", **arguments: Any) -> str:
    """What the model reads of a call."""
    upstream.reset()
    upstream.tool_call(tool, arguments)
    upstream.text("Done.")
    with RawClient(server.port, 30) as client:
        client.post(model=model)
        assert client.response().status == 200
    return str(upstream.requests[-1].json["messages"][-1]["content"])


def begin(server: Server, upstream: FakeUpstream, tool: str, script: str, file: Path, *steps: str) -> RawClient:
    """A client whose request has come to where a command has written its process id to ``file``."""
    upstream.reset()
    upstream.tool_call(tool, {"cmd": script.format(file=file)})
    for step in steps:
        upstream.tool_call("shell", {"cmd": step})
    upstream.text("Done.")
    client = RawClient(server.port)
    client.post(stream=True)
    wait_until(lambda: file.is_file() and file.read_text().endswith("\n"))
    return client


def test_the_tools_that_a_model_gets(server: Server, upstream: FakeUpstream) -> None:
    assert json.loads(result(server, upstream, "get_environment_info"))["os"] == "Linux"
    assert [tool["function"]["name"] for tool in upstream.requests[0].json["tools"]] == [
        "shell", "run_background_job", "list_background_jobs", "view_background_job", "stop_background_job",
        "wait_background_job", "greet", "get_environment_info",
    ]  # fmt: skip
    assert "has its name" not in server.log


def test_a_command_sees_its_folder_and_no_secrets(server: Server, upstream: FakeUpstream) -> None:
    assert result(server, upstream, "shell", cmd="pwd -P; echo $OWN; echo err >&2; exit 3") == (
        f"The command failed: exit code 3. Its output:\n{server.folder.resolve()}\n1\nerr"
    )
    assert "sk-12345" not in result(server, upstream, "shell", cmd="env; cat /proc/self/environ")


def test_a_script_gets_its_arguments(server: Server, upstream: FakeUpstream) -> None:
    assert result(server, upstream, "greet", who="$(touch ran)") == "Hello $(touch ran)"
    assert not (server.folder / "ran").exists()


@pytest.mark.parametrize(("tool", "word"), [("shell", "shell"), ("run_background_job", "shell"), ("greet", "script")])
def test_what_the_operator_has_not_allowed_is_refused(
    server: Server, upstream: FakeUpstream, tool: str, word: str
) -> None:
    said = result(server, upstream, tool, model="helper", cmd="touch ran")
    assert said.startswith(f"Error: The tool {tool} is not allowed here.")
    assert f"AGENT_API_ALLOW={word}" in said
    assert not (server.folder / "ran").exists()
    assert not (server.folder / "greeted").exists()


def test_a_hanging_command_ends_in_time(server: Server, upstream: FakeUpstream, tmp_path: Path) -> None:
    said = result(server, upstream, "shell", cmd=STUBBORN.format(file=tmp_path / "pid"), timeout=1)
    assert said.startswith("The command did not end within 1 s and was stopped.")
    wait_until(lambda: not runs_from(tmp_path / "pid"))


def test_a_job_ends_with_its_run(server: Server, upstream: FakeUpstream, tmp_path: Path) -> None:
    goes_on = f"until [ -s {tmp_path}/pid ]; do sleep 0.01; done"
    with begin(server, upstream, "run_background_job", STUBBORN, tmp_path / "pid", goes_on) as client:
        assert "data: [DONE]" in client.response().read().decode()
    wait_until(lambda: not runs_from(tmp_path / "pid"))


@pytest.mark.usefixtures("gevent_only")
@pytest.mark.parametrize("tool", ["shell", "run_background_job"])
@pytest.mark.parametrize("script", [SLEEPS, STUBBORN])
def test_when_the_client_goes_the_command_goes(
    server: Server, upstream: FakeUpstream, tmp_path: Path, tool: str, script: str
) -> None:
    begin(server, upstream, tool, script, tmp_path / "pid", "sleep 60").reset()
    took = wait_until(lambda: not runs_from(tmp_path / "pid"))
    assert took < (0.25 if script == SLEEPS else 1.0)


@pytest.mark.usefixtures("gevent_only")
def test_commands_hold_up_nobody_else(server: Server, upstream: FakeUpstream, tmp_path: Path) -> None:
    with begin(server, upstream, "run_background_job", STUBBORN, tmp_path / "pid", "yes"):
        wait_until(lambda: len(upstream.requests) == 2)
        slowest = 0.0
        for _ in range(30):
            begun = time.monotonic()
            with RawClient(server.port) as other:
                other.send("GET", "/v1/models")
                assert other.response().status == 200
            slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 2
    wait_until(lambda: not runs_from(tmp_path / "pid"))


@pytest.mark.usefixtures("gevent_only")
def test_nothing_is_left_behind(server: Server, upstream: FakeUpstream) -> None:
    def descriptors() -> int:
        return sum(len(os.listdir(f"/proc/{child}/fd")) for child in children(server.pid))

    result(server, upstream, "shell", cmd="sleep 60 & echo on")
    before = descriptors()
    result(server, upstream, "shell", cmd="sleep 60 & echo on")
    result(server, upstream, "run_background_job", cmd="yes")
    wait_until(lambda: descriptors() <= before)
    [worker] = children(server.pid)
    wait_until(lambda: [child for child in children(worker) if "watched" not in command_line(child)] == [])


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["shell", "run_background_job"])
def test_when_the_server_ends_the_command_goes(tmp_path: Path, upstream: FakeUpstream, tool: str) -> None:
    pid = tmp_path / "pid"
    with serve(tmp_path, upstream, "gevent") as server, begin(server, upstream, tool, STUBBORN, pid, "sleep 60"):
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: not runs_from(pid))
