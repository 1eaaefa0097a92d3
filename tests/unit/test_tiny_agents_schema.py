"""The JSON Schema says of an ``agent.json`` what the loader says of its shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.tiny_agents.fields import AGENT
from flask_agent_api.formats.tiny_agents.fields import DOCS
from flask_agent_api.formats.tiny_agents.fields import INPUT
from flask_agent_api.formats.tiny_agents.fields import REMOTE
from flask_agent_api.formats.tiny_agents.fields import STDIO
from flask_agent_api.formats.tiny_agents.loader import load_tiny_agent
from flask_agent_api.formats.tiny_agents.schema import tiny_agent_schema
from flask_agent_api.settings import Settings

VALIDATOR = Draft202012Validator(tiny_agent_schema())

RIGHT = {
    "a model alone": {"model": "m"},
    "a local endpoint": {"model": "m", "endpointUrl": "http://localhost:8080/v1", "servers": []},
    "every kind of server": {
        "model": "m",
        "provider": "nebius",
        "inputs": [{"type": "promptString", "id": "hf-token", "description": "A token", "password": True}],
        "servers": [
            {"type": "stdio", "command": "npx", "args": ["@playwright/mcp@latest"], "env": {"A": "${input:hf-token}"}},
            {"command": "npx"},
            {"type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "${input:hf-token}"}},
            {"type": "sse", "url": "https://example.com/sse", "timeout": 5, "allowed_tools": ["a"]},
        ],
    },
    "the older form of a server": {"model": "m", "servers": [{"type": "stdio", "config": {"command": "npx"}}]},
}

WRONG = {
    "a misspelt field": {"model": "m", "server": []},
    "a model that is a list": {"model": ["m"]},
    "servers that are a mapping": {"model": "m", "servers": {"command": "x"}},
    "a server without command or URL": {"model": "m", "servers": [{"type": "stdio"}]},
    "a server of an unknown type": {"model": "m", "servers": [{"type": "websocket", "url": "https://example.com"}]},
    "a misspelt field of a server": {"model": "m", "servers": [{"command": "x", "arg": []}]},
    "args that are text": {"model": "m", "servers": [{"command": "x", "args": "-v"}]},
    "an input without an id": {"model": "m", "inputs": [{"type": "promptString"}]},
}


def loads(data: Any, folder: Path) -> None:
    (folder / "agent.json").write_text(json.dumps(data))
    load_tiny_agent(folder, Settings(), {})


@pytest.mark.parametrize("data", RIGHT.values(), ids=RIGHT)
def test_it_allows_what_loads(data: Any, tmp_path: Path) -> None:
    loads(data, tmp_path)
    assert list(VALIDATOR.iter_errors(data)) == []


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_it_refuses_what_the_loader_refuses(data: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        loads(data, tmp_path)
    assert list(VALIDATOR.iter_errors(data))


def test_every_field_has_a_description() -> None:
    assert set(AGENT) == DOCS["agent"].keys()
    assert set(INPUT) == DOCS["input"].keys()
    assert {*STDIO, *REMOTE} == DOCS["server"].keys()
