"""Of all objects that a server with secrets makes, none shows a secret: what is printed while debugging gets around."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_agent_api import create_app
from flask_agent_api import signals
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.testing import FakeUpstream
from flask_agent_api.types import RunRequest
from tests import canaries
from tests.server.test_canaries import CANARIES
from tests.server.test_canaries import OWN
from tests.server.test_canaries import TEAM
from tests.support import QUESTION

BEARER = {"Authorization": f"Bearer {CANARIES['client']}"}
OUTPUT = "canary-output-7f3a9c51"
TELLS = f"""

from flask_agent_api import mark_secret


@tool
def fetch_token() -> str:
    "A token for the user."
    mark_secret("{OUTPUT}")
    return "{OUTPUT}"


@tool
def lose_token() -> str:
    "Fails, and says the token."
    raise RuntimeError("{OUTPUT}")
"""


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> Iterator[Flask]:
    """Serves what has a secret wherever one can be."""
    (tmp_path / "own.py").write_text(OWN + TELLS)
    monkeypatch.syspath_prepend(tmp_path)
    variables = {"MCP_TOKEN": "mcp-token", "MCP_QUERY_TOKEN": "mcp-query", "MCP_ENV_TOKEN": "mcp-env"}
    for name, canary in {**variables, "WEBHOOK_TOKEN": "webhook", "OPENAI_API_KEY": "model"}.items():
        monkeypatch.setenv(name, CANARIES[canary])
    team = TEAM.format(upstream=upstream.url, mcp="http://127.0.0.1:9", python=sys.executable, **CANARIES)
    (tmp_path / "team.yaml").write_text(team.replace('["own:leak"]', '["own:fetch_token", "own:lose_token"]'))
    config = {
        "AGENT_API_AGENTS": [str(tmp_path / "team.yaml")],
        "AGENT_API_KEYS": CANARIES["client"],
        "AGENT_API_GATEWAY_KEY": CANARIES["gateway"],
        "AGENT_API_ALLOW": "*",
        "AGENT_API_LOG_CONTENT": True,
    }
    yield create_app(config)
    sys.modules.pop("own", None)


@pytest.fixture
def records(app: Flask) -> Iterator[list[Any]]:
    """All that signals tell."""
    kept: list[Any] = []

    def receiver(sender: Flask, **payload: Any) -> None:
        kept.extend(payload.values())

    with ExitStack() as connected:
        for signal in (signals.run_finished, signals.model_call_finished, signals.tool_call_finished):
            connected.enter_context(signal.connected_to(receiver, app))
        yield kept


def shown() -> Iterator[tuple[str, str]]:
    """Every object of ours that there is and has a form of its own, as it is printed."""
    for each in gc.get_objects():
        kind = type(each)
        ours = kind.__module__.startswith("flask_agent_api.") and ".testing" not in kind.__module__
        if ours and kind.__repr__ is not object.__repr__:
            yield f"{kind.__module__}.{kind.__qualname__}", repr(each)


def test_no_object_and_no_line_shows_a_secret(
    app: Flask, upstream: FakeUpstream, records: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flask_agent_api")
    for name in ("fetch_token", "lose_token"):
        upstream.tool_call(name, {})
    upstream.text("Done.")
    answer = app.test_client().post("/v1/chat/completions", json=QUESTION, headers=BEARER)
    assert answer.status_code == 200
    assert OUTPUT in str(upstream.requests[-1].json), "the model is given what its tool says"
    assert len(records) == 6  # whatever else there was may live on, too
    kept = [RunRequest([{"role": "tool", "content": OUTPUT}]), ModelRequest([{"role": "tool", "content": OUTPUT}])]
    secrets = {*CANARIES.values(), OUTPUT}
    kinds = set()
    for kind, text in shown():
        kinds.add(kind.rpartition(".")[2])
        assert not [secret for secret in secrets if secret in text], (kind, text[:500])
    assert OUTPUT in str(kept[0].messages)
    assert {"ModelConfig", "Settings", "ToolCallRecord", "ModelCallRecord", "RunRecord"} <= kinds
    assert not [secret for secret in secrets if secret in caplog.text]
    assert "result='***'" in caplog.text
    assert canaries.told() == []
