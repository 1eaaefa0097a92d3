"""The commands of the unit for systemd and of the Compose file, run as they stand but for the folders."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flask_agent_api import create_app
from tests.redis_server import RedisServer
from tests.support import QUESTION
from tests.waiting import wait_until
from tests.wire import CheckedResponse

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
KEY = "key-0123456789abcdef"


def unit(name: str, folder: Path) -> list[str]:
    """The words of a line of the unit, with this test's folders in the place of the system's."""
    text = (DEPLOY / "agents.service").read_text()
    line = re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)[0]
    line = line.replace("/srv/agents/.venv/bin", str(Path(sys.executable).parent))
    return shlex.split(line.replace("/run/agents", str(folder)).replace("/var/lib/agents", str(folder)))


class Unit:
    """The unit's service, and what it tells systemd."""

    def __init__(self, folder: Path) -> None:
        for name in ("wsgi.py", "gunicorn.conf.py"):
            (folder / name).write_text((ROOT / name).read_text())
        self.folder = folder
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(folder / "notify"))
        self.told.settimeout(30)
        settings = dict(word.split("=", 1) for word in unit("Environment", folder))
        env = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(folder / "notify"), "FLASK_AGENT_API_KEYS": KEY}
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                unit("ExecStart", folder), cwd=folder, env={**env, **settings}, umask=0o077, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def ask(self, key: str) -> int:
        """The status of an answer, asked for through the service's socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(self.folder / "gunicorn.sock"))
            body = json.dumps(QUESTION)
            lines = ["POST /v1/chat/completions HTTP/1.1", "Host: x", f"Authorization: Bearer {key}"]
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", body]
            sock.sendall("\r\n".join(lines).encode())
            response = CheckedResponse(sock)
            response.begin()
            response.read()
            return response.status


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Unit]:
    running = Unit(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    running.told.close()


def test_the_unit_says_when_it_is_ready_and_serves_on_a_socket(service: Unit) -> None:
    assert service.told.recv(4096).startswith(b"READY=1")
    assert (service.ask(KEY), service.ask("wrong")) == (200, 401)
    assert (service.folder / "gunicorn.sock").stat().st_mode & 0o060 == 0o060, "nginx's user is in the group"
    reload = [word.replace("$MAINPID", str(service.process.pid)) for word in unit("ExecReload", service.folder)]
    subprocess.run(reload, check=True)
    wait_until(lambda: service.log.count("Booting worker") == 2)
    wait_until(lambda: "Worker exiting" in service.log)
    assert service.ask(KEY) == 200
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(35) == 0


def test_the_redis_of_the_compose_file_keeps_conversations(tmp_path: Path) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    program, *options = shlex.split(services["redis"]["command"])
    assert program == "redis-server"
    redis = RedisServer(tmp_path, *options)
    try:
        url = services["agents"]["environment"]["FLASK_AGENT_API_STORE"].replace(
            "redis:6379", f"127.0.0.1:{redis.port}"
        )
        app = create_app({"AGENT_API_STORE": url, "AGENT_API_AGENTS": [lambda messages: "kept"]})
        headers = {"X-Conversation-Id": "c1"}
        assert app.test_client().post("/v1/chat/completions", json=QUESTION, headers=headers).status_code == 200
        redis.kill()
        redis.start()
        [listed] = app.test_client().get("/v1/conversations").get_json()["data"]
        assert listed["id"] == "c1"
    finally:
        redis.stop()
