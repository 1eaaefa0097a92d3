"""What is shipped for platforms, containers and systemd, run or checked as it stands."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.settings import ENV_PREFIX
from flask_agent_api.settings import Settings
from flask_agent_api.testing import collect_sse
from tests.redis_server import RedisServer
from tests.support import QUESTION
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
KEY = "key-0123456789abcdef"
BEARER = f"Authorization: Bearer {KEY}"
AGENTS = """
import time


def long(messages):
    yield "begun"
    time.sleep(60)


def counting(messages):
    return str(len(messages))


both = [long, counting]
"""
ENV = {"FLASK_AGENT_API_AGENTS": "agents_of_mine:both", "FLASK_AGENT_API_KEYS": KEY}


class Platform(Server):
    """Runs a command by a shell, with PORT, in a folder with the files that it is given and no others."""

    def __init__(self, folder: Path, command: str, files: Iterable[str], env: dict[str, str]) -> None:
        self._shell = command
        given = {name: (ROOT / name).read_text() for name in files}
        super().__init__(folder, {**given, "agents_of_mine.py": AGENTS}, env={**ENV, **env})

    def _command(self, kind: str, app: str, options: Iterable[str]) -> list[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return ["env", f"PORT={self.port}", f"PATH={path}", "bash", "-c", self._shell]


def post(client: RawClient, *headers: str, **fields: object) -> None:
    body = json.dumps({**QUESTION, **fields}).encode()
    client.send("POST", "/v1/chat/completions", BEARER, *headers, body=body)


def answer(server: Server, *headers: str) -> str:
    with RawClient(server.port) as client:
        post(client, *headers, model="counting")
        response = client.response()
        assert response.status == 200
        return str(json.loads(response.read())["choices"][0]["message"]["content"])


def procfile() -> str:
    line = (ROOT / "Procfile").read_text().strip()
    assert line.startswith("web: ")
    return line.removeprefix("web: ")


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def test_procfile_serves_with_what_a_platform_sets_and_ends_when_all_processes_are_told_to(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    env = {"DYNO": "web.1", "WEB_CONCURRENCY": "2", "REDIS_URL": redis_server.url}
    env["FLASK_AGENT_API_DRAIN_TIMEOUT"] = "0.5"
    with Platform(tmp_path, procfile(), ["wsgi.py", "gunicorn.conf.py"], env) as server:
        conversation = ["X-Conversation-Id: c1", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"]
        assert [answer(server, *conversation) for _ in range(2)] == ["1", "1"]
        wait_until(lambda: server.log.count("Booting worker") == 2)
        assert redis_server.ask("dbsize") != "0"
        with RawClient(server.port) as client, RawClient(server.port) as unknown:
            unknown.send("GET", "/v1/models", *conversation)
            assert unknown.response().status == 401
            post(client, stream=True, model="long")
            response = client.response()
            received = response.read1()
            os.killpg(server.pid, signal.SIGTERM)
            stream = collect_sse(received + response.read())
            assert (stream.text, stream.error and stream.error["code"]) == ("begun", "server_shutting_down")
        assert server._process.wait(10) == 0
    assert "does not last" not in server.log


def test_a_disk_that_does_not_last_is_told_of(tmp_path: Path) -> None:
    with Platform(tmp_path, procfile(), ["wsgi.py", "gunicorn.conf.py"], {"DYNO": "web.1"}) as server:
        wait_until(lambda: "its disk does not last" in server.log)


def test_settings_of_app_json_are_settings() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    ours = {name: field.get("value", "") for name, field in app["env"].items() if name.startswith(ENV_PREFIX)}
    settings = Settings.from_mapping({}, {**ours, "FLASK_AGENT_API_KEYS": KEY})
    assert settings.keys
    assert settings.json_timeout < 30
    assert app["env"]["FLASK_AGENT_API_KEYS"] == {**app["env"]["FLASK_AGENT_API_KEYS"], "generator": "secret"}


def test_requirements_have_what_the_settings_of_a_platform_need() -> None:
    assert (ROOT / "requirements.txt").read_text() == ".[mcp,redis]\n"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, with what follows each."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines()]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file out: the last pattern that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parents = [path, *map(str, Path(path).parents)]
        names = [*parents, *path.split("/")] if line.startswith("**/") else parents
        if line and not line.startswith("#") and any(fnmatch.fnmatchcase(name, pattern) for name in names):
            out = not line.startswith("!")
    return out


def test_image_is_made_of_what_it_needs() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    if not tracked:
        pytest.skip("needs the repository")
    needed = {"LICENSE", "README.md", "gunicorn.conf.py", "setup.cfg", "setup.py", "wsgi.py"}
    kept = {path for path in tracked if not ignored(path)}
    assert kept == needed | {path for path in tracked if path.startswith("flask_agent_api/")}
    assert all(
        map(ignored, (".env", ".git/config", "instance/x.db", "agents.env", "flask_agent_api/__pycache__/x.pyc"))
    )


def test_image_runs_as_nobody_special_from_a_slim_base_with_certificates() -> None:
    found = instructions()
    assert {what for name, what in found if name == "FROM"} == {"python:3.13-slim AS build", "python:3.13-slim"}
    assert any(name == "RUN" and "ca-certificates" in what for name, what in found)
    assert [what for name, what in found if name == "USER"] == ["agents"]
    assert [name for name, _ in found].index("USER") > max(i for i, (name, _) in enumerate(found) if name == "RUN")
    for name, what in found:
        if name == "COPY" and not what.startswith("--from"):
            assert all(
                (ROOT / source).exists() and not ignored(source) for source in what.split()[:-1] if source != "."
            )


def test_image_serves_and_its_health_check_tells(tmp_path: Path) -> None:
    """Its last command and its check, with its variables, in a folder with what it copies; the data folder is ours."""
    found = dict(instructions())
    env = dict(word.split("=", 1) for word in shlex.split(found["ENV"])) | {"FLASK_AGENT_API_DATA_DIR": str(tmp_path)}
    del env["PATH"], env["PORT"]
    check = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    copied = found["COPY"].split()[:-1]
    with Platform(tmp_path, shlex.join(json.loads(found["CMD"])), copied, env) as server:
        health = [sys.executable, *check[1:]]
        port = {"PORT": str(server.port)}
        assert subprocess.run(health, env=port, capture_output=True).returncode == 0
        assert answer(server) == "1"
    assert subprocess.run(health, env=port, capture_output=True).returncode == 1


def test_requests_from_a_bridge_need_a_key(tmp_path: Path) -> None:
    """A container sees its host, and whoever comes through it, under an address that is not its own loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("needs a second address")
        address = sock.getsockname()[0]
    with Platform(tmp_path, procfile(), ["wsgi.py", "gunicorn.conf.py"], {"FLASK_AGENT_API_KEYS": ""}) as server:
        for host, status in ((address, 403), ("127.0.0.1", 200)):
            with socket.create_connection((host, server.port), 5) as sock:
                sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                assert int(sock.recv(4096).split()[1]) == status


def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    """Only what the test's machine lacks, the program and the user, is put in their place."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "agents.service"
    unit.write_text((DEPLOY / "agents.service").read_text().replace("/srv/agents/.venv/bin/gunicorn", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_time_to_end_is_longer_outside_than_inside() -> None:
    """Runs, then gunicorn's workers, then the platform, systemd or Docker that would kill what is left."""
    drain = Settings().drain_timeout
    conf = (ROOT / "gunicorn.conf.py").read_text()
    grace = int(re.findall(r"^graceful_timeout = (\d+)", conf, re.MULTILINE)[0])
    unit = int(re.findall(r"^TimeoutStopSec=(\d+)", (DEPLOY / "agents.service").read_text(), re.MULTILINE)[0])
    container = int(re.findall(r"stop_grace_period: (\d+)s", (DEPLOY / "compose.yaml").read_text())[0])
    assert drain <= 0.8 * grace
    assert grace < min(unit, container, 30)
