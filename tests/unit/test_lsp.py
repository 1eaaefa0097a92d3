"""The toolset ``lsp``, with a language server that runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.lsp import server as servers
from flask_agent_api.tools.lsp.edits import edited
from flask_agent_api.tools.lsp.server import Server
from flask_agent_api.tools.lsp.toolset import LSPToolset
from flask_agent_api.types import ToolResult
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SERVER = Path(__file__).parent.parent / "data" / "lsp_fake_server.py"
CTX = RunContext(Settings())


class Project:
    """A folder with code and an agent that has language servers for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.log = folder / "log"
        self.folder.mkdir()
        self.write("a.py", "old = 1\nx = old\nold()\n")
        self.agent = ModelAgent("none", None)  # type: ignore[arg-type]

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def load(self, *entries: dict[str, Any]) -> None:
        usual = {"type": "lsp", "command": sys.executable, "args": [str(SERVER)], "env": {"LOG": str(self.log)}}
        toolsets = [{**usual, **entry} for entry in entries or [{}]]
        file = self.write("team.yaml", json.dumps({"agents": {"root": agent(toolsets)}}))
        root = load_docker_agent(file, Settings(), {}).agents["root"]
        assert isinstance(root, ModelAgent)
        self.agent = root

    @property
    def toolset(self) -> Any:
        return self.agent.toolsets[0]

    @property
    def servers(self) -> list[Server]:
        toolset: LSPToolset = self.toolset
        return toolset._servers.get()

    def names(self) -> set[str]:
        return {tool.name for tool in self.toolset.tools(CTX)}

    def call(self, name: str, ctx: RunContext = CTX, **arguments: Any) -> str:
        tool = next(tool for tool in self.toolset.tools(ctx) if tool.name == f"lsp_{name}")
        result = tool.call(arguments, ctx)
        return result.content if isinstance(result, ToolResult) else result

    def refused(self, name: str, **arguments: Any) -> str:
        with pytest.raises(ToolError) as refusal:
            self.call(name, **arguments)
        return str(refusal.value)

    def told(self) -> list[Any]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def methods(self) -> list[str]:
        return [message.get("method", "answer") for message in self.told()]


def agent(toolsets: list[Any]) -> dict[str, Any]:
    return {"model": "openai/gpt-5", "instruction": "x", "toolsets": toolsets}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    yield Project(tmp_path)
    servers._close_all()


def there(line: int = 1, **more: Any) -> dict[str, Any]:
    return {"file": "a.py", "line": line, "character": 1, **more}


def test_a_server_is_started_by_the_first_call(project: Project) -> None:
    project.load({"file_types": [".py"]})
    assert project.agent.warnings == ()
    assert len(project.names()) == 15
    assert "lsp_diagnostics" in project.toolset.instructions(CTX)
    assert not project.log.exists()
    shown = project.call("workspace")
    assert f"- Root: {project.folder}\n- Server: fake 1\n- File types: .py\n" in shown
    assert "lsp_hover" in shown
    assert "lsp_references" not in shown
    assert not project.names() & {"lsp_references", "lsp_signature_help"}
    assert {"lsp_hover", "lsp_definition", "lsp_diagnostics", "lsp_workspace_symbols"} <= project.names()
    wait_until(lambda: "answer" in project.methods())
    assert next(each for each in project.told() if "result" in each)["result"] == [None, None]


def test_questions_are_about_what_is_in_the_file_now(project: Project) -> None:
    project.load()
    assert project.call("hover", file="a.py", line="2", character=1.0) == "line:\n\nx = old"
    path = project.write("a.py", "new = 2\n")
    assert project.call("hover", file=str(path), line=1, character=1) == "line:\n\nnew = 2"
    opened = [method for method in project.methods() if method.startswith("textDocument/did")]
    assert opened == ["textDocument/didOpen", "textDocument/didChange"]
    assert [each.get("id") is not None for each in project.told() if each.get("method") == "initialized"] == [False]


def test_answers_are_text(project: Project) -> None:
    project.load()
    assert project.call("definition", **there()) == "Found 1 location(s):\n- /w/a b.py:5:3"
    assert project.call("workspace_symbols", query="f") == "- Function f (/w/f.py:3) [in w]"
    assert project.call("call_hierarchy", **there(direction="incoming")) == "f:\n- Function g (/w/f.py:3)"
    assert project.call("type_hierarchy", **there(direction="subtypes")) == "f:\n(none)"


def test_diagnostics_and_what_mends_them(project: Project) -> None:
    project.load()
    assert project.call("diagnostics", file="a.py") == "No diagnostics"
    project.write("a.py", "good\nbad one\nbad two\n")
    assert project.call("diagnostics", file="a.py") == "- [Error] Line 2: bad one\n- [Error] Line 3: bad two"
    assert project.call("code_actions", file="a.py", start_line=3) == "- Mend bad two [quickfix]"
    assert project.call("code_actions", file="a.py", start_line=1) == "No code actions available there"


def test_tools_that_change_files(project: Project) -> None:
    project.load({"env": {"LOG": str(project.log), "OTHER": (project.folder / "b.py").as_uri()}})
    project.write("b.py", "old\n\nold\n")
    writing = {tool.name: tool.needs for tool in project.toolset.tools(CTX) if not tool.read_only}
    assert writing == {"lsp_rename": "write", "lsp_format": "write"}
    assert project.call("rename", **there(new_name="new")) == (
        "Renamed to new in 2 file(s):\n- a.py (2 edits)\n- b.py (2 edits)"
    )
    assert (project.folder / "a.py").read_text() == "new = 1\nx = old\nnew()\n"
    assert (project.folder / "b.py").read_text() == "new\n\nnew\n"
    wait_until(lambda: project.methods().count("workspace/didChangeWatchedFiles") == 2)
    assert project.call("format", file="b.py") == "Formatted b.py"
    assert (project.folder / "b.py").read_text() == "# a\n# b\nnew\n\nnew\n"


@pytest.mark.parametrize("other", ["../outside.py", ".env", "team.yaml"])
def test_nothing_is_changed_where_a_server_wants_more_than_it_may(project: Project, other: str) -> None:
    target = project.folder / other
    project.load({"env": {"OTHER": f"file://{target}"}})
    before = target.read_text() if target.exists() else ""
    assert project.refused("rename", **there(new_name="new"))
    assert (project.folder / "a.py").read_text().startswith("old")
    assert (target.read_text() if target.exists() else "") == before


def test_arguments_that_are_wrong(project: Project) -> None:
    project.load({"file_types": ["py"]})
    project.write(".env.py", "")
    assert project.refused("hover", **there(0)) == "`line` must be a whole number, 1 or more"
    assert project.refused("hover", file="a.py", character=1) == "`line` must be a whole number, 1 or more"
    assert project.refused("call_hierarchy", **there(direction="up")) == "`direction` must be one of incoming, outgoing"
    assert "outside of the working directory" in project.refused("hover", **{**there(), "file": "../b.py"})
    assert "no language server is configured" in project.refused("hover", **{**there(), "file": "a.go"})
    assert "not found" in project.refused("hover", **{**there(), "file": "none.py"})
    assert "may hold secrets" in project.refused("hover", **{**there(), "file": ".env.py"})


def test_a_server_may_fail_hang_or_end(project: Project) -> None:
    project.load({"lifecycle": {"call_timeout": "300ms"}})
    (server,) = project.servers
    assert project.refused("hover", **there(8)).endswith(": no idea")
    assert "has ended" in project.refused("hover", **there(9))
    wait_until(lambda: server.running is None)
    assert project.call("hover", **there(1)) == "line:\n\nold = 1"
    assert "did not answer within 0.3 seconds" in project.refused("hover", **there(7))


def test_a_call_that_is_cancelled_is_cancelled_there(project: Project) -> None:
    project.load()
    project.call("hover", **there())
    call = spawn(lambda: project.call("hover", **there(7)))
    wait_until(lambda: project.methods().count("textDocument/hover") == 2)
    pid = project.servers[0].session().connection._popen.pid
    call.cancel(Cancelled("gone"))
    assert call.join(1)
    servers._close_all()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_a_message_that_was_cut_ends_the_server(project: Project) -> None:
    project.load()
    project.call("hover", **there())
    hanging = spawn(lambda: project.call("hover", **there(7)))
    wait_until(lambda: project.methods().count("textDocument/hover") == 2)
    hanging.cancel(Cancelled("gone"))
    assert hanging.join(1)
    project.write("a.py", "x = 1\n" * 100_000)
    connection = project.servers[0].session().connection
    telling = spawn(lambda: project.call("hover", **there(1)))
    wait_until(connection._writing.locked)
    telling.cancel(Cancelled("gone"))
    assert telling.join(1)
    wait_until(lambda: not connection.alive)
    assert project.call("hover", **there(1)) == "line:\n\nx = 1"


def test_a_command_that_is_no_server(project: Project) -> None:
    project.load({"command": "no-such-language-server"})
    assert "command not found" in project.refused("workspace")
    assert "the next attempt is in 1 s" in project.refused("workspace")
    project.load({"args": [str(SERVER), "nonsense"]})
    assert "wrote what is no message" in project.refused("workspace")


def test_several_servers_are_one_set_of_tools(project: Project) -> None:
    project.write("x.go", "package x\n")
    project.load({"file_types": [".py"]}, {"file_types": ["go"], "tools": ["lsp_hover"]}, {"command": "gone"})
    assert len(project.agent.toolsets) == 1
    assert "that of the first counts" in project.agent.warnings[0]
    assert project.call("hover", file="x.go", line=1, character=1) == "line:\n\npackage x"
    first, second, third = project.servers
    assert (first.running, third.running) == (None, None)
    assert second.running is not None
    assert project.call("workspace").count("- Server: fake 1") == 2


def test_what_a_file_says_of_a_server_may_be_wrong(project: Project) -> None:
    with pytest.raises(ConfigError, match="needs a `command`"):
        project.load({"command": None})
    project.load({"env": {"A": "$NOT_SET"}})
    assert any("NOT_SET is not set" in warning for warning in project.agent.warnings)
    with pytest.raises(ToolError, match="NOT_SET"):
        project.toolset.tools(CTX)
    project.load({"working_dir": ".."})
    with pytest.raises(ToolError, match="outside of"):
        project.toolset.tools(CTX)


def test_positions_count_utf_16_units() -> None:
    def at(line: int, start: int, end: int, new: str) -> dict[str, Any]:
        where = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
        return {"range": where, "newText": new}

    text = "a𝄞b\r\nc\u2028d\ne"
    assert edited(text, [at(0, 3, 4, "B"), at(1, 2, 3, "D"), at(2, 0, 9, "E"), at(5, 0, 0, "\nF")]) == (
        "a𝄞B\r\nc\u2028D\nE\nF"
    )
    assert edited("", [at(0, 0, 0, "x"), at(0, 0, 0, "y")]) == "xy"
