"""The toolsets ``filesystem`` and ``file`` of docker-agent files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import NotAllowed
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.origin import Origin
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.policy import Gate
from flask_agent_api.settings import Settings
from flask_agent_api.types import ToolResult

CTX = RunContext(Settings())


class Team:
    """A team whose one agent has one toolset, in a folder beside another one."""

    def __init__(self, folder: Path, toolset: str, environ: dict[str, str] | None = None, **settings: Any) -> None:
        self.folder = folder / "project"
        self.file = self.folder / "team.yaml"
        for name in ("project/src", "project/docs", "elsewhere"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "a.txt").write_text(name)
        self.file.write_text(
            f"agents: {{root: {{model: openai/gpt-5, instruction: x, toolsets: [{toolset}]}}}}", encoding="utf-8"
        )
        origin = settings.pop("origin", Origin())
        agent = load_docker_agent(self.file, Settings(**settings), environ or {}, origin).agents["root"]
        assert isinstance(agent, ModelAgent)
        self.warnings = "\n".join(agent.warnings)
        (self.toolset,) = agent.toolsets

    def call(self, name: str, **arguments: Any) -> str:
        tool = next(tool for tool in self.toolset.tools(CTX) if tool.name == name)
        result = tool.call(arguments, CTX)
        return result.content if isinstance(result, ToolResult) else result

    def refused(self, name: str, **arguments: Any) -> str:
        with pytest.raises(ToolError) as refusal:
            self.call(name, **arguments)
        return str(refusal.value)


def test_files_are_those_of_the_agent_files_folder(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem}")
    assert team.warnings == ""
    assert len(team.toolset.tools(CTX)) == 9
    assert team.call("read_file", path="src/a.txt") == "project/src"
    assert "outside" in team.refused("read_file", path="../elsewhere/a.txt")
    assert str(team.folder) in team.toolset.instructions(CTX)


def test_the_operator_says_where_agents_work(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem}", working_dir=str(tmp_path / "elsewhere"))
    assert team.call("read_file", path="a.txt") == "elsewhere"
    assert "outside" in team.refused("read_file", path=str(team.folder / "src" / "a.txt"))


def test_working_dir_of_a_file_only_narrows(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem, working_dir: $SUB}", {"SUB": "src"})
    assert team.call("read_file", path="a.txt") == "project/src"
    assert "outside" in team.refused("read_file", path="../docs/a.txt")
    team = Team(tmp_path, "{type: filesystem, working_dir: ../elsewhere}")
    assert "AGENT_API_WORKING_DIR" in team.warnings
    with pytest.raises(ToolError, match="AGENT_API_WORKING_DIR"):
        team.toolset.tools(CTX)


def test_lists_narrow_and_what_is_elsewhere_is_warned_of(tmp_path: Path) -> None:
    lists = '{type: filesystem, allow_list: [src, docs, ../elsewhere, "~"], deny_list: ["${env.DENIED}"]}'
    team = Team(tmp_path, lists, {"DENIED": "docs", "HOME": "/home/somebody"})
    assert team.call("read_file", path="src/a.txt") == "project/src"
    assert "denied" in team.refused("read_file", path="docs/a.txt")
    assert "outside of the allowed directories (src, docs)" in team.refused("read_file", path="team.yaml")
    for elsewhere in (tmp_path / "elsewhere", "/home/somebody"):
        assert f"what of {elsewhere} is outside" in team.warnings
    team = Team(tmp_path, '{type: filesystem, allow_list: [".."]}')
    assert team.call("read_file", path="src/a.txt") == "project/src"


@pytest.mark.parametrize(
    ("toolset", "why"),
    [
        ("{type: filesystem, allow_list: [../elsewhere]}", "nothing of `allow_list` is in"),
        ("{type: filesystem, deny_list: [$SECRETS]}", "SECRETS"),
        ("{type: filesystem, working_dir: /}", "outside of"),
        ("{type: file, path: ../elsewhere/a.txt}", "outside of"),
    ],
)
def test_what_would_widen_or_might_not_narrow_leaves_no_tools(tmp_path: Path, toolset: str, why: str) -> None:
    team = Team(tmp_path, toolset)
    assert why in team.warnings
    with pytest.raises(ToolError, match=why):
        team.toolset.tools(CTX)


def test_the_whole_disk_is_no_working_directory(tmp_path: Path) -> None:
    assert "too much to work in" in Team(tmp_path, "{type: filesystem}", working_dir="/").warnings


def test_what_the_server_keeps_for_agents_is_not_for_their_file_tools(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem}", data_dir=str(tmp_path / "project" / "docs"))
    assert "denied" in team.refused("read_file", path="docs/a.txt")
    assert "docs" not in team.call("list_directory", path=".")
    team = Team(tmp_path, "{type: filesystem}", data_dir=str(tmp_path))
    assert team.call("read_file", path="docs/a.txt") == "project/docs"


def test_a_file_toolset_has_one_file(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: file, path: src/a.txt}")
    assert [tool.name for tool in team.toolset.tools(CTX)] == ["read_file", "write_file", "edit_file"]
    assert team.call("read_file", path="src/a.txt") == "project/src"
    assert "outside" in team.refused("read_file", path="docs/a.txt")


def test_agents_cannot_write_what_says_what_agents_may_do(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem}", agents=(str(tmp_path / "project" / "docs"),))
    for path in ("team.yaml", "docs/new.yml", "docs/tiny/agent.json"):
        assert "it says what agents may do" in team.refused("write_file", path=path, content="agents: {}")
    team.call("write_file", path="src/compose.yaml", content="x")
    assert "agents" in team.call("read_file", path="team.yaml")


def test_writing_needs_the_operators_word_and_reading_none(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem}")
    for tool in team.toolset.tools(CTX):
        if tool.read_only:
            Gate().check(tool, {}, CTX)
        else:
            with pytest.raises(NotAllowed, match="AGENT_API_ALLOW=write"):
                Gate().check(tool, {}, CTX)
            Gate().check(tool, {}, RunContext(Settings(allow=("write",))))


def test_commands_after_changes_are_read(tmp_path: Path) -> None:
    toolset = "{type: filesystem, post_edit: [{path: '*.txt', cmd: 'printf done > ${file}.seen'}]}"
    team = Team(tmp_path, toolset)
    assert "post_edit: runs only with AGENT_API_ALLOW=shell" in team.warnings
    team = Team(tmp_path, toolset, allow=("shell",))
    assert team.warnings == ""
    write = next(tool for tool in team.toolset.tools(CTX) if tool.name == "write_file")
    write.call({"path": "b.txt", "content": "x"}, RunContext(Settings(allow=("write", "shell"))))
    assert (team.folder / "b.txt.seen").read_text() == "done"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{path: '*'}", r"post_edit\[0\]: a command after changes needs a `cmd`"),
        ("{cmd: x, path: '**/'}", r"post_edit\[0\]\.path: expected a pattern"),
        ("{cmd: x, path: [3]}", r"post_edit\[0\]\.path: expected text, found a list"),
        ("{cmd: x, paht: y}", r"post_edit\[0\]\.paht: unknown field, did you mean \"path\""),
        ("x", "expected a mapping, found text"),
    ],
)
def test_wrong_commands_after_changes_are_errors(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Team(tmp_path, f"{{type: filesystem, post_edit: [{entry}]}}")


def test_a_file_from_elsewhere_reads_nothing(tmp_path: Path) -> None:
    team = Team(tmp_path, "{type: filesystem}", origin=Origin("https://example.com/team.yaml", trusted=False))
    with pytest.raises(ToolError, match="remote-files"):
        team.toolset.tools(CTX)


def test_agentsignore_is_heeded(tmp_path: Path) -> None:
    (tmp_path / ".agentsignore").write_text("docs/\n")
    assert ".agentsignore" in Team(tmp_path, "{type: filesystem}").refused("read_file", path="docs/a.txt")
