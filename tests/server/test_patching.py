"""An app that gevent patches too late does not start, and says what to write where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import chunks
from tests.support import RawClient
from tests.support import Server
from tests.support import text_of

pytestmark = pytest.mark.slow

APP = """
import ssl
import threading

from flask import Flask

from flask_agent_api import AgentAPI

app = Flask(__name__)


def greeter(messages):
    return "hello"


AgentAPI(app, agents=greeter)
"""


def test_preloaded_app_that_is_not_patched_stops_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path, {"app.py": APP}, "--preload", kind="gevent")
    with pytest.raises(AssertionError, match=r"from gevent import monkey; monkey\.patch_all\(\)"), server:
        pass


@pytest.mark.parametrize(
    ("kind", "options", "first"),
    [
        ("gevent", (), ""),
        ("gevent", ("--preload",), "from gevent import monkey; monkey.patch_all()\n"),
        ("gthread", ("--preload",), ""),
    ],
)
def test_every_other_app_is_served(tmp_path: Path, kind: str, options: tuple[str, ...], first: str) -> None:
    with Server(tmp_path, {"app.py": first + APP}, *options, kind=kind) as server, RawClient(server.port) as client:
        client.post(stream=True)
        assert text_of(chunks(client.response().read())) == "hello"
        assert "MonkeyPatchWarning" not in server.log
