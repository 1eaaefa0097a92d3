"""Tools of the toolset ``lsp`` with real language servers for Python. Run it with: pytest -m clients"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.lsp import server

from .environments import python_environment

pytestmark = pytest.mark.clients

CTX = RunContext(Settings())
GREETING = "class Base:\n    def greet(self, name: str) -> str:\n        return 'Hello ' + name\n"
USE = "from greeting import Base\n\nprint(Base().greet('you'))\n"


@pytest.fixture(params=["pylsp", "jedi-language-server"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    command = python_environment("python_lsp") / "bin" / request.param
    (tmp_path / "greeting.py").write_text(GREETING)
    (tmp_path / "use.py").write_text(USE)
    toolset = {"type": "lsp", "command": str(command), "file_types": [".py"]}
    file = tmp_path / "team.yaml"
    file.write_text(json.dumps({"agents": {"root": {"model": "openai/x", "instruction": "x", "toolsets": [toolset]}}}))
    agent = load_docker_agent(file, Settings(), {}).agents["root"]
    assert isinstance(agent, ModelAgent)
    (tools,) = agent.toolsets

    def call(name: str, **arguments: object) -> str:
        tool = next(tool for tool in tools.tools(CTX) if tool.name == f"lsp_{name}")
        return str(tool.call(arguments, CTX))

    yield call
    server._close_all()


def test_a_server_for_python(ask: Callable[..., str], tmp_path: Path) -> None:
    assert "lsp_hover" in ask("workspace")
    assert "greet(" in ask("hover", file="use.py", line=3, character=14)
    assert f"{tmp_path}/greeting.py:1:7" in ask("definition", file="use.py", line=3, character=8)
    assert "Found 2 location(s)" in ask("references", file="greeting.py", line=2, character=9)
    assert "Method greet" in ask("document_symbols", file="greeting.py")
    (tmp_path / "use.py").write_text(f"{USE}print(\n")
    assert "[Error] Line" in ask("diagnostics", file="use.py")
    (tmp_path / "use.py").write_text(USE)
    assert "2 file(s)" in ask("rename", file="greeting.py", line=2, character=9, new_name="welcome")
    assert "Base().welcome('you')" in (tmp_path / "use.py").read_text()
