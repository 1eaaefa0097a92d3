"""What a stream costs a worker while nobody says anything."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_agent_api.testing import FakeUpstream
from flask_agent_api.testing import HANG
from tests.support import RawClient
from tests.support import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STREAMS = 200
KIB = 60
"""For each at the most, what the first ones make once for all of the worker left out; 45 was measured."""

TEAM = """
agents:
  root: {model: up, instruction: Answer.}
models:
  up: {provider: openai, model: gpt, base_url: "URL"}
"""


def test_a_silent_stream_takes_little_memory(tmp_path: Path, upstream: FakeUpstream) -> None:
    files = {"team.yaml": TEAM.replace("URL", upstream.url)}
    env = {"FLASK_AGENT_API_AGENTS": "team.yaml", "OPENAI_API_KEY": "k"}
    with Server(tmp_path, files, app="flask_agent_api.wsgi:app", env=env) as server, ExitStack() as open_streams:

        def begin(count: int) -> None:
            for _ in range(count):
                upstream.stream("word ", HANG)
                client = open_streams.enter_context(RawClient(server.port))
                client.post(stream=True)
                response = client.response()
                while b"word " not in response.read1():
                    pass

        begin(20)
        before = server.memory_mib
        begin(STREAMS)
        assert (server.memory_mib - before) * 1024 / STREAMS < KIB
        open_streams.close()
        wait_until(lambda: upstream.aborted >= STREAMS + 20)
