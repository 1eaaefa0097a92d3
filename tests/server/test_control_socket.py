"""No server of ours has gunicorn's control socket, by which others could give it orders."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support import NO_CONTROL_SOCKET
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not NO_CONTROL_SOCKET, reason="this gunicorn has none")]

CONF = (Path(__file__).parents[2] / "gunicorn.conf.py").read_text()
GUNICORN = ["-m", "gunicorn", "-b", "127.0.0.1:{port}", "flask_agent_api.wsgi:app"]
SERVE = ["-m", "flask_agent_api", "serve", "--port", "{port}"]


class Command(Server):
    """Runs a command of Python's with a runtime folder of its own, where the socket would be."""

    def __init__(self, folder: Path, command: Iterable[str], files: dict[str, str]) -> None:
        self._words = command
        self.runtime = folder / "runtime"
        self.runtime.mkdir()
        env = {"XDG_RUNTIME_DIR": str(self.runtime), "HOME": str(folder), "GUNICORN_CMD_ARGS": ""}
        super().__init__(folder, files, env=env)

    def _command(self, kind: str, app: str, options: Iterable[str]) -> list[str]:
        return [sys.executable, *(word.format(port=self.port) for word in self._words)]


@pytest.mark.parametrize(
    ("command", "conf", "found"),
    [
        pytest.param(GUNICORN, CONF, [], id="gunicorn.conf.py"),
        pytest.param(SERVE, "", [], id="serve"),
        pytest.param(GUNICORN, "worker_class = 'gevent'", ["gunicorn.ctl"], id="without our settings"),
    ],
)
def test_there_is_no_control_socket(tmp_path: Path, command: list[str], conf: str, found: list[str]) -> None:
    with Command(tmp_path, command, {"gunicorn.conf.py": conf}) as server, RawClient(server.port) as client:
        client.post(stream=True)
        assert client.response().read().endswith(b"[DONE]\n\n")
        wait_until(lambda: sorted(each.name for each in server.runtime.iterdir()) == found)
        assert not (tmp_path / ".gunicorn").exists()
