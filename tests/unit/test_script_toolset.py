"""The toolset ``script``: what its files may say, and what its tools do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from typing import cast

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.tools.base import Tool
from flask_agent_api.types import ToolResult

SETTINGS = Settings(allow=("script",), tool_timeout=20)


def load(folder: Path, shell: Any, **entry: Any) -> ModelAgent:
    file = folder / "team.yaml"
    toolset = {"type": "script", "shell": shell, **entry}
    file.write_text(json.dumps({"agents": {"root": {"model": "demo/demo", "toolsets": [toolset]}}}))
    return cast(ModelAgent, load_docker_agent(file, SETTINGS, {"TOKEN": "t0"}).agents["root"])


def tool(folder: Path, cmd: str, settings: Settings = SETTINGS, **fields: Any) -> Tool:
    [toolset] = load(folder, {"it": {"cmd": cmd, **fields}}).toolsets
    return toolset.tools(RunContext(settings))[0]


def run(folder: Path, cmd: str, arguments: dict[str, Any], settings: Settings = SETTINGS, **fields: Any) -> ToolResult:
    result = tool(folder, cmd, **fields).call(arguments, RunContext(settings))
    assert isinstance(result, ToolResult)
    return result


def test_each_command_is_a_tool(tmp_path: Path) -> None:
    scripts = {
        "list_files": {"cmd": "ls $where", "description": "Lists files", "args": {"where": {"description": "Where"}}},
        "mcp-list": {"cmd": "true"},
    }
    [toolset] = load(tmp_path, scripts).toolsets
    ctx = RunContext(SETTINGS)
    first, second = toolset.tools(ctx)
    assert (first.name, first.description, first.needs, first.read_only) == (
        "list_files",
        "Lists files",
        "script",
        False,
    )
    assert first.parameters == {
        "type": "object",
        "properties": {"where": {"type": "string", "description": "Where"}},
        "required": ["where"],
    }
    assert (second.name, second.description) == ("mcp-list", "Runs the command: true")
    assert "list_files, mcp-list" in toolset.instructions(ctx)


def test_arguments_are_variables_and_never_commands(tmp_path: Path) -> None:
    evil = '$(touch ran); `touch ran` "; touch ran; "\' #'
    result = run(tmp_path, 'printf %s "$what"', {"what": evil}, args={"what": {"type": "string"}})
    assert result == ToolResult(evil)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("string", 5, "5"), ("string", True, "true"), ("string", {"a": [1]}, '{"a": [1]}'), ("integer", 5, "5"),
        ("integer", "5", "5"), ("number", 1.5, "1.5"), ("boolean", False, "false"), ("boolean", "true", "true"),
        ("array", ["a", 1], '["a", 1]'), ("array", "[1]", "[1]"), ("object", {"ä": None}, '{"ä": null}'),
    ],
)  # fmt: skip
def test_values_of_all_types_become_text(tmp_path: Path, kind: str, value: Any, text: str) -> None:
    assert run(tmp_path, 'printf %s "$x"', {"x": value}, args={"x": {"type": kind}}).content == text


def test_what_is_not_required_may_be_missing(tmp_path: Path) -> None:
    fields = {"args": {"a": {}, "b": {}}, "required": ["a"]}
    assert run(tmp_path, 'echo "$a${b-none}"', {"a": "x", "b": None}, **fields).content == "xnone"
    assert run(tmp_path, "echo ${a-none}", {}, args={"a": {}}, required=[]).content == "none"
    with pytest.raises(ToolError, match="`b` is missing"):
        run(tmp_path, "echo $a$b", {"a": "x"}, args={"a": {}, "b": {}})


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({"enum": ["staging", "production"]}, "prod; rm -rf /", r"one breaks 'enum' at \$\.x"),
        ({"pattern": "^[a-z]+$"}, "A", "breaks 'pattern'"),
        ({"type": "integer"}, "five", "breaks 'type'"),
        ({}, "a\0b", "`x` must not have NUL"),
        ({}, "x" * 200_000, "Argument list too long"),
    ],
)
def test_arguments_that_do_not_fit_never_reach_the_command(
    tmp_path: Path, schema: dict[str, Any], value: Any, problem: str
) -> None:
    with pytest.raises(ToolError, match=problem):
        run(tmp_path, "touch ran $x", {"x": value}, args={"x": schema})
    assert not (tmp_path / "ran").exists()


def test_arguments_that_were_made_up_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "sk-12345")
    made_up = {"PATH": "/evil", "LD_PRELOAD": "/evil.so", "BASH_ENV": "/evil", "other": "evil"}
    result = run(tmp_path, "env", {"x": "1", **made_up}, args={"x": {}})
    assert "evil" not in result.content
    assert "sk-12345" not in result.content
    assert "x=1" in result.content.splitlines()


def test_variables_of_the_file_reach_the_command(tmp_path: Path) -> None:
    scripts = {"it": {"cmd": "echo $OF_ALL $OWN $LITERAL", "env": {"OWN": "${env.TOKEN}", "LITERAL": "$TOKEN"}}}
    [toolset] = load(tmp_path, scripts, env={"OF_ALL": "$TOKEN", "OWN": "hidden"}).toolsets
    result = toolset.tools(RunContext(SETTINGS))[0].call({}, RunContext(SETTINGS))
    assert cast(ToolResult, result).content == "t0 t0 $TOKEN"


def test_a_command_runs_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    [toolset] = load(tmp_path, {"it": {"cmd": "pwd -P", "working_dir": "b"}}, working_dir="a").toolsets
    result = toolset.tools(RunContext(SETTINGS))[0].call({}, RunContext(SETTINGS))
    assert cast(ToolResult, result).content == str((tmp_path / "a" / "b").resolve())


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    assert run(tmp_path, "echo no >&2; exit 2", {}) == ToolResult(
        "Error: the command failed: exit code 2. Its output:\nno", True
    )


def test_a_command_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    result = run(tmp_path, "echo begun; sleep 60", {}, Settings(tool_timeout=1.0))
    assert result == ToolResult("Error: the command took too long and was stopped. Its output until then:\nbegun", True)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ({}, "shell.it: expected a `cmd`"),
        ({"cmd": " "}, "shell.it.cmd: expected a `cmd`"),
        ({"cmd": "echo ${nmae}", "args": {"name": {}}}, 'neither in `args` nor in `env`, did you mean "name"?'),
        ({"cmd": "curl $API_KEY"}, "it.cmd: $API_KEY is neither in `args` nor in `env`; of other variables"),
        ({"cmd": "curl ${env.API_KEY}"}, 'put `env: {API_KEY: "${env.API_KEY}"}` beside `cmd` and write $API_KEY'),
        ({"cmd": "true", "args": {"a": {}}, "required": ["b"]}, 'it.required: there is no "b" in `args`'),
        ({"cmd": "true", "args": {"PATH": {}}}, 'it.args: "PATH" decides which programs run'),
        ({"cmd": "true", "args": {"LD_PRELOAD": {}}}, '"LD_PRELOAD" decides which programs run'),
        ({"cmd": "true", "args": {"BASH_ENV": {}}}, '"BASH_ENV" decides which programs run'),
        ({"cmd": "true", "args": {"https_proxy": {}}}, '"https_proxy" decides which programs run'),
        ({"cmd": "true", "args": {"a=b": {}}}, '"a=b" cannot be the name of a variable'),
        ({"cmd": "true", "args": {"a": {}}, "env": {"a": "1"}}, '"a" is in `env`, too'),
        ({"cmd": "true", "args": {"a": 3}}, 'it.args: "a" must be a mapping such as {type: string}, found 3'),
        ({"cmd": "true", "args": {"a": {"type": "text"}}}, "it.args: these are no properties of a JSON Schema"),
        ({"cmd": "true", "env": {"a=b": "1"}}, 'it.env: "a=b" cannot be the name of a variable'),
        ({"cmd": "true", "arg": {}}, 'it.arg: unknown field, did you mean "args"?'),
        ({"cmd": ["ls"]}, "it.cmd: expected text, found a list"),
    ],
)  # fmt: skip
def test_wrong_scripts_are_errors_of_the_file(tmp_path: Path, script: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {"it": script})
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("shell", "problem"),
    [
        ({}, "toolsets[0]: a script toolset needs `shell`"),
        ({"a b": {"cmd": "true"}}, "shell.a b: the name of a tool has letters"),
        ({"9": {"cmd": "true"}}, "the name of a tool has letters"),
        ({"x": "true"}, "shell.x: expected a mapping, found text"),
    ],
)
def test_wrong_names_are_errors_of_the_file(tmp_path: Path, shell: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, shell)
    assert problem in caught.value.message


@pytest.mark.parametrize(
    "cmd",
    [
        "echo $name ${name} $HOME ${PATH}", "awk '{print $1}' < /dev/null; echo $? $$ $# $@", "echo ${other:-default}",
        "for f in *; do echo $f; done", "x=1; y=2 echo $x", "while read -r line; do echo $line; done < /dev/null",
        r"echo \$literal", "echo $(date) $((1 + 2))",
    ],
)  # fmt: skip
def test_what_a_shell_understands_is_left_to_it(tmp_path: Path, cmd: str) -> None:
    assert tool(tmp_path, cmd, args={"name": "A name", "plain": None}).parameters["properties"] == {
        "name": {"type": "string", "description": "A name"},
        "plain": {"type": "string"},
    }
