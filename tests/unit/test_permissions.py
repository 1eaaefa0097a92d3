from __future__ import annotations

import time
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.permissions import parse_rule
from flask_agent_api.settings import Settings


@pytest.mark.parametrize(
    ("rule", "name", "arguments"),
    [
        ("shell", "shell", {}),
        ("SHELL", "shell", {}),
        ("read_*", "Read_File", {}),
        ("*", "anything", {}),
        ("*_file", "read_file", {}),
        ("re?d", "read", {}),
        ("[rw]*_file", "write_file", {}),
        ("[^a]*", "write_file", {}),
        (r"odd\*name", "odd*name", {}),
        ("shell:cmd=ls*", "shell", {"cmd": "ls -la /a/b\nmore"}),
        ("shell:cmd=*rm*-rf*", "shell", {"cmd": "cd /tmp/x\nrm -rf /"}),
        ("shell:cmd=rm*:cmd=*-rf*", "shell", {"cmd": "rm x -rf"}),
        ("shell:cmd=ls*:cwd=/home/*", "shell", {"cmd": "ls", "cwd": "/home/a/b"}),
        ("write_file:path=/etc/*", "write_file", {"path": "/ETC/a/b", "content": "x"}),
        ("fetch:urls=*evil.com*", "fetch", {"urls": ["https://good.com", "https://evil.com/x"]}),
        ("fetch:url=https://a.b:8080/*", "fetch", {"url": "https://a.b:8080/x"}),
        ("pay:amount=1*", "pay", {"amount": 1000000}),
        ("set:on=true", "set", {"on": True}),
        ("mcp:github:delete_*", "mcp:github:delete_repo", {}),
        ("transfer_task:agent=writer", "transfer_task", {"agent": "Writer", "task": "x"}),
    ],
)
def test_a_rule_matches(rule: str, name: str, arguments: dict[str, Any]) -> None:
    assert parse_rule(rule).matches([name], arguments)


@pytest.mark.parametrize(
    ("rule", "name", "arguments"),
    [
        ("shell", "shell2", {}),
        ("read_*", "unread_x", {}),
        (r"odd\*name", "oddxname", {}),
        ("shell:cmd=ls*", "shell", {"cmd": "rm"}),
        ("shell:cmd=ls*", "shell", {}),
        ("shell:cmd=rm*:cmd=*-rf*", "shell", {"cmd": "ls -rf"}),
        ("shell:cmd=ls*:cwd=/home/*", "shell", {"cmd": "ls", "cwd": "/etc"}),
        ("m*", "mcp:github:delete_repo", {}),
        ("mcp:github:*", "mcp", {}),
        ("[z-a]", "z", {}),
    ],
)
def test_a_rule_does_not_match(rule: str, name: str, arguments: dict[str, Any]) -> None:
    assert not parse_rule(rule).matches([name], arguments)


@pytest.mark.parametrize(
    "command", ["ls; rm -rf /", "ls&&rm x", "ls\nrm x", "ls $(rm x)", "ls `rm x`", "ls > x", "lsof"]
)
def test_a_rule_that_allows_a_command_allows_no_other_with_it(command: str) -> None:
    rule = parse_rule("shell:cmd=ls*")
    assert rule.matches_one_command(["shell"], {"cmd": "ls -la"})
    assert rule.matches_one_command(["shell"], {"cmd": "ls"})
    assert not rule.matches_one_command(["shell"], {"cmd": command})


def test_a_rule_for_all_commands_allows_all() -> None:
    for rule in ("shell", "shell:cmd=*", "*"):
        assert parse_rule(rule).matches_one_command(["shell"], {"cmd": "ls; rm x"})


def test_a_hostile_rule_takes_no_time() -> None:
    rule = parse_rule("x:y=" + "*a" * 40 + "b")
    start = time.monotonic()
    assert not rule.matches(["x"], {"y": "a" * 20_000})
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("text", ["", "  ", ":cmd=ls"])
def test_a_rule_names_a_tool(text: str) -> None:
    with pytest.raises(ValueError, match="names no tool"):
        parse_rule(text)


def test_the_operators_rules_are_json() -> None:
    settings = Settings.from_mapping({}, {"FLASK_AGENT_API_PERMISSIONS": '{"deny": ["delete_*"], "allow": ["x"]}'})
    assert [rule.text for rule in settings.permissions.deny] == ["delete_*"]


@pytest.mark.parametrize("value", ['{"denied": []}', '{"deny": "x"}', '{"deny": [1]}', "[]", "x", '{"deny": [""]}'])
def test_wrong_rules_stop_the_start(value: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_PERMISSIONS"):
        Settings.from_mapping({"AGENT_API_PERMISSIONS": value}, {})
