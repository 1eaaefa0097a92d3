"""A server that other machines can reach, and that nobody has given keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.keys import hash_of
from tests.ports import free_port
from tests.support import RawClient
from tests.support import Server

CONF = Path(__file__).parents[2] / "gunicorn.conf.py"
APP = "from flask_agent_api import create_app\napp = create_app()\n"


@pytest.mark.needs_gevent
@pytest.mark.parametrize(
    ("env", "warns"),
    [
        ({}, True), ({"FLASK_AGENT_API_KEYS": f"ada:{hash_of('x')}"}, False),
        ({"FLASK_AGENT_API_INSECURE_NO_AUTH": "1"}, False),
    ],
)  # fmt: skip
def test_gunicorn_says_why_other_machines_are_not_served(tmp_path: Path, env: dict[str, str], warns: bool) -> None:
    files = {"app.py": APP, "gunicorn.conf.py": CONF.read_text()}
    with Server(tmp_path, files, "-b", f"0.0.0.0:{free_port()}", env=env) as server, RawClient(server.port) as client:
        client.send("GET", "/v1/models")
        assert client.response().status == (401 if "FLASK_AGENT_API_KEYS" in env else 200), "this machine is served"
        assert server.log.count("without keys: only requests from this machine") == int(warns)
