from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import cast

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.origin import fetched_from
from flask_agent_api.formats.origin import HERE
from flask_agent_api.formats.origin import Origin
from flask_agent_api.models.base import ToolCallDelta
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.cancel_reason import REQUESTED
from flask_agent_api.runtime.run import Run
from flask_agent_api.settings import Settings
from flask_agent_api.testing import ScriptedModel
from flask_agent_api.testing import tool_call
from flask_agent_api.tools.function import FunctionTool
from flask_agent_api.tools.function import FunctionToolset
from flask_agent_api.types import RunRequest
from flask_agent_api.types import ToolFinished
from tests.processes import runs_from
from tests.waiting import wait_until

ALLOWED = Settings(allow=("hooks",))
REQUEST = RunRequest([{"role": "user", "content": "go"}])


def write_file(path: str) -> str:
    """Changes something."""
    return f"wrote {path}"


def agent(
    folder: Path, hooks: dict[str, Any], settings: Settings = ALLOWED, origin: Origin = HERE, **top: Any
) -> ModelAgent:
    """The agent of a file with these hooks, and a tool that needs no server."""
    path = folder / "team.yaml"
    path.write_text(json.dumps({"agents": {"root": {"model": "demo/demo", "hooks": hooks}}, **top}))
    loaded = cast(ModelAgent, load_docker_agent(path, settings, {"TOKEN": "t0"}, origin).agents["root"])
    return replace(loaded, toolsets=(FunctionToolset("files", [FunctionTool(write_file)]),))


def before(command: str, matcher: str = "*", **fields: Any) -> dict[str, Any]:
    return {"pre_tool_use": [{"matcher": matcher, "hooks": [{"type": "command", "command": command, **fields}]}]}


def after(command: str) -> dict[str, Any]:
    return {"post_tool_use": [{"hooks": [{"type": "command", "command": command}]}]}


WRITE = tool_call("write_file", path="/a")


def ask(agent: ModelAgent, *calls: ToolCallDelta, settings: Settings = ALLOWED) -> tuple[list[str], str, ScriptedModel]:
    """What the agent's model reads of its calls, what the client reads, and the model."""
    model = ScriptedModel(list(calls), "done") if calls else ScriptedModel("done")
    batches = Run(replace(agent, model=model), REQUEST, RunContext(settings, "r1")).start().batches()
    events = [event for batch in batches for event in batch]
    results = [event.result.content for event in events if isinstance(event, ToolFinished)]
    return results, "".join(event for event in events if isinstance(event, str)), model


def result(agent: ModelAgent, settings: Settings = ALLOWED) -> str:
    return ask(agent, WRITE, settings=settings)[0][0]


def says(**fields: Any) -> str:
    """A command that prints JSON."""
    return f"cat > /dev/null; echo '{json.dumps(fields)}'"


def test_a_hook_gets_the_call_on_its_input(tmp_path: Path) -> None:
    assert result(agent(tmp_path, before("cat > seen.json"))) == "wrote /a"
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen.pop("tool_use_id")
    assert seen == {
        "session_id": "r1",
        "cwd": str(tmp_path),
        "hook_event_name": "pre_tool_use",
        "agent_name": "root",
        "tool_name": "write_file",
        "tool_input": {"path": "/a"},
    }


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo not this one >&2; exit 2", "not this one"),
        ("""echo '{"decision": "block", "reason": "from JSON"}'; exit 2""", "from JSON"),
        (says(decision="block", reason="because"), "because"),
        ('echo \'{"continue": false, "stop_reason": "enough"}\'', "enough"),
        (says(hook_specific_output={"permission_decision": "deny", "permission_decision_reason": "no"}), "no"),
        (says(hook_specific_output={"permission_decision": "ask"}), "it gives no reason"),
        ("exit 1", "the hook failed (exit code 1)"),
        ("echo '{'", "the hook failed (its output is not valid JSON)"),
        (says(hook_specific_output={"updated_input": [1]}), "the hook failed (`hook_specific_output`"),
    ],
)
def test_a_hook_before_a_tool_blocks(tmp_path: Path, command: str, reason: str) -> None:
    got = result(agent(tmp_path, before(command)))
    assert reason in got
    assert got.startswith("Error: A hook blocked the call of write_file: ")


@pytest.mark.parametrize("command", ["true", "echo some text", "echo '{}'", says(decision="")])
def test_a_hook_lets_pass(tmp_path: Path, command: str) -> None:
    assert result(agent(tmp_path, before(command))) == "wrote /a"


def test_a_hook_whose_time_is_up_blocks(tmp_path: Path) -> None:
    assert "did not end within 1 s" in result(agent(tmp_path, before("sleep 60", timeout=1)))


@pytest.mark.parametrize(
    ("matcher", "fires"),
    [
        ("*", True),
        ("", True),
        ("write_file|edit_file", True),
        ("write_.*", True),
        ("write", False),
        ("WRITE_FILE", False),
    ],
)
def test_matchers_are_regular_expressions_of_whole_names(tmp_path: Path, matcher: str, fires: bool) -> None:
    assert ("blocked" in result(agent(tmp_path, before("exit 2", matcher)))) == fires


def test_a_hook_changes_arguments_within_the_rules(tmp_path: Path) -> None:
    def to(path: str) -> dict[str, Any]:
        return before(says(hook_specific_output={"updated_input": {"path": path}}))

    rules = {"deny": ["write_file:path=/etc/*"]}
    assert result(agent(tmp_path, to("/b"), permissions=rules)) == "wrote /b"
    assert result(agent(tmp_path, to("/etc/x"), permissions=rules)) == "Error: The tool write_file is not allowed here."


def test_hooks_follow_each_other(tmp_path: Path) -> None:
    one = {"type": "command", "command": says(hook_specific_output={"updated_input": {"path": "/b"}})}
    two = {"type": "command", "command": "cat > seen.json"}
    assert result(agent(tmp_path, {"pre_tool_use": [{"hooks": [one, two]}]})) == "wrote /b"
    assert json.loads((tmp_path / "seen.json").read_text())["tool_input"] == {"path": "/b"}


def test_a_guard_looks_at_a_call_first_and_changes_nothing(tmp_path: Path) -> None:
    def guard(command: str, matcher: str = "*") -> dict[str, Any]:
        return {"tool_guard": [{"matcher": matcher, "hooks": [{"type": "command", "command": command}]}]}

    rewrite = says(hook_specific_output={"updated_input": {"path": "/b"}})
    assert result(agent(tmp_path, guard(rewrite))) == "wrote /a"
    blocked = agent(tmp_path, {**before("touch fired"), **guard("cat > seen.json; exit 2")})
    assert result(blocked).startswith("Error: A hook blocked the call of write_file: ")
    assert json.loads((tmp_path / "seen.json").read_text())["hook_event_name"] == "tool_guard"
    assert not (tmp_path / "fired").exists()
    assert result(agent(tmp_path, guard("exit 2", "shell"))) == "wrote /a"


@pytest.mark.parametrize("event", ["tool_guard", "pre_tool_use"])
def test_calls_that_a_judge_would_decide_about_are_refused(tmp_path: Path, event: str) -> None:
    judge = {"type": "model", "model": "openai/x", "prompt": "x", "schema": "pre_tool_use_decision"}
    judged = agent(tmp_path, {event: [{"matcher": "write_.*", "hooks": [judge]}]})
    assert 'hooks of type "model" are not supported yet, the calls that this one is about' in judged.warnings[0]
    assert 'hooks of type "model" are not supported yet' in result(judged)
    assert result(agent(tmp_path, {event: [{"matcher": "shell", "hooks": [judge]}]})) == "wrote /a"
    noting = {"type": "builtin", "command": "snapshot"}
    assert result(agent(tmp_path, {event: [{"hooks": [noting]}]})) == "wrote /a"


def test_a_hook_cannot_allow_what_rules_deny(tmp_path: Path) -> None:
    allow = before(says(hook_specific_output={"permission_decision": "allow"}))
    assert "not allowed" in result(agent(tmp_path, allow, permissions={"deny": ["write_*"]}))
    assert "approval" in result(agent(tmp_path, allow, permissions={"ask": ["write_*"]}))


def test_a_hook_after_a_tool_sees_and_adds_to_the_result(tmp_path: Path) -> None:
    got = result(agent(tmp_path, after("cat > seen.json; echo 'formatted, too'")))
    assert got == "wrote /a\nformatted, too"
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["tool_response"], seen["tool_error"]) == ("wrote /a", False)


def test_a_hook_after_a_tool_ends_the_run(tmp_path: Path) -> None:
    results, text, model = ask(agent(tmp_path, after("echo that will do >&2; exit 2")), WRITE)
    assert results == ["wrote /a"]
    assert text == "\n\nI stopped here: that will do"
    assert len(model.requests) == 1


def test_a_hook_after_a_tool_that_fails_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert result(agent(tmp_path, after("exit 7"))) == "wrote /a"
    assert "the hook post_tool_use failed: exit code 7" in caplog.text


def test_a_denied_call_fires_no_hook_after_it(tmp_path: Path) -> None:
    result(agent(tmp_path, after("touch fired"), permissions={"deny": ["*"]}))
    assert not (tmp_path / "fired").exists()


def flat(event: str, command: str) -> dict[str, Any]:
    return {event: [{"type": "command", "command": command}]}


def test_hooks_at_the_begin_and_end_of_a_run(tmp_path: Path) -> None:
    hooks = {
        **flat("session_start", "cat > start.json; echo the branch is main"),
        **flat("stop", "cat > stop.json; echo nobody reads this"),
        **flat("session_end", "cat > end.json; test -f stop.json && touch in-order"),
    }
    _, text, model = ask(agent(tmp_path, hooks))
    assert text == "done"
    assert "the branch is main" in model.requests[0].messages[0]["content"]
    assert json.loads((tmp_path / "start.json").read_text())["source"] == "startup"
    assert json.loads((tmp_path / "stop.json").read_text())["stop_response"] == "done"
    assert json.loads((tmp_path / "end.json").read_text())["reason"] == "other"
    assert (tmp_path / "in-order").exists()


def test_hooks_at_the_end_run_when_the_run_is_cancelled_and_what_ran_is_gone(tmp_path: Path) -> None:
    hooks = {**before("echo $$ > pid; sleep 60"), **flat("session_end", "touch ended")}
    run = Run(
        replace(agent(tmp_path, hooks), model=ScriptedModel([WRITE], "done")), REQUEST, RunContext(ALLOWED, "r1")
    ).start()
    for batch in run.batches():
        if batch:
            wait_until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text().endswith("\n"))
            run.cancel(REQUESTED)
    assert run.join(10)
    assert (tmp_path / "ended").exists()
    wait_until(lambda: not runs_from(tmp_path / "pid"))


def test_a_hook_sees_few_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    result(agent(tmp_path, before("env > seen", env={"OWN": "${env.TOKEN}"})))
    seen = (tmp_path / "seen").read_text()
    assert "sk-secret" not in seen
    assert "OWN=t0" in seen


def test_a_hook_runs_in_the_files_folder_or_one_in_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    result(agent(tmp_path, before("pwd -P > where", working_dir="sub")))
    assert (tmp_path / "sub" / "where").read_text().strip() == str((tmp_path / "sub").resolve())


def test_without_the_operators_word_no_hook_runs_and_no_call_that_one_would_look_at(tmp_path: Path) -> None:
    closed = Settings()
    hooks = {**before("touch fired", "write_.*"), **flat("session_start", "touch fired"), **flat("stop", "touch fired")}
    root = agent(tmp_path, hooks, closed)
    assert "run only with AGENT_API_ALLOW=hooks. Until then, the calls that `pre_tool_use`" in root.warnings[0]
    assert "AGENT_API_ALLOW=hooks" in result(root, closed)
    assert (
        result(agent(tmp_path, {**before("touch fired", "other"), **after("touch fired")}, closed), closed)
        == "wrote /a"
    )
    assert not (tmp_path / "fired").exists()


def test_hooks_of_a_file_from_elsewhere_need_both_words(tmp_path: Path) -> None:
    origin = fetched_from("someone/agent", ALLOWED)
    root = agent(tmp_path, before("touch fired"), ALLOWED, origin)
    assert "AGENT_API_ALLOW=remote-files" in root.warnings[0]
    assert "AGENT_API_ALLOW=remote-files" in result(root)
    assert not (tmp_path / "fired").exists()


@pytest.mark.parametrize(
    ("hooks", "warning"),
    [
        ({"turn_start": [{"type": "command", "command": "x"}]}, "hooks.turn_start: not supported yet"),
        ({"stop": [{"type": "builtin", "command": "add_date"}]}, 'hooks of type "builtin" are not supported yet'),
        ({"stop": [{"type": "model", "prompt": "x"}]}, 'hooks of type "model" are not supported yet'),
    ],
)
def test_what_does_not_run_here_is_a_warning(tmp_path: Path, hooks: dict[str, Any], warning: str) -> None:
    assert any(warning in each for each in agent(tmp_path, hooks).warnings)


@pytest.mark.parametrize(
    ("hooks", "problem"),
    [
        ({"pre_tool_use": {}}, "agents.root.hooks.pre_tool_use: expected a list"),
        ({"pre_tool_user": []}, 'unknown field, did you mean "pre_tool_use"'),
        ({"stop": ["x"]}, "agents.root.hooks.stop[0]: expected a mapping, found text"),
        ({"stop": [{"type": "command"}]}, "agents.root.hooks.stop[0]: a hook needs a `command`"),
        (before("x", "("), "pre_tool_use[0].matcher: not a regular expression"),
        (before("x", "a{99999999999999999999}"), "pre_tool_use[0].matcher: not a regular expression"),
        (before("x", "(" * 5000 + ")" * 5000), "pre_tool_use[0].matcher: not a regular expression"),
        (before("x", timeout=0), "hooks[0].timeout: expected a whole number, 1 or more"),
    ],
)
def test_wrong_hooks_name_their_place(tmp_path: Path, hooks: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        agent(tmp_path, hooks)
    assert problem in str(error.value)


def test_a_blocked_call_is_logged_as_denied(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flask_agent_api.audit")
    result(agent(tmp_path, before("exit 2")))
    assert caplog.messages[-1].endswith("tool='write_file' denied: hook pre_tool_use")
