from __future__ import annotations

import json
from pathlib import Path

from .conftest import Run
from .conftest import TEAM

TALE = """\
agents:
  root:
    model: openai/gpt-5-mini
    sub_agents: [clerk]
    handoffs: [clerk]
    commands: {fix: Mend it.}
    toolsets:
      - type: shell
      - {type: mcp, command: nowhere, env: {TOKEN: $DESK_TOKEN}}
  clerk:
    model: anthropic/claude-sonnet-4-5
"""


TEAM_CHECKED = """\
ok     team.yaml
       root (default)
         model     demo
         tools     todo
         tasks to  clerk
       clerk
         model     demo
         tools     python flask_agent_api.demo.tools:calculate
1 checked, 0 wrong, 0 warnings
"""


def test_check_names_the_agents_and_their_tools(run: Run) -> None:
    done = run("flask-agent-api", "check", "team.yaml")
    assert done.returncode == 0
    assert done.stdout == TEAM_CHECKED
    assert "\x1b" not in done.stdout, "colours are for terminals"


def test_check_tells_what_does_not_work_and_what_would_mend_it(run: Run, folder: Path) -> None:
    (folder / "tale.yaml").write_text(TALE)
    done = run("flask-agent-api", "check", "tale.yaml", OPENAI_API_KEY="x")
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "model     openai/gpt-5-mini at https://api.openai.com/v1" in lines
    assert "model     anthropic/claude-sonnet-4-5: ANTHROPIC_API_KEY is not set" in lines
    assert "hands to  clerk" in lines
    assert "commands  /fix" in lines
    assert any(line.startswith("warning   line 9, toolsets[1].env.TOKEN: DESK_TOKEN is not set") for line in lines)
    assert "- Prompts are not cached." in lines
    assert "Not set: ANTHROPIC_API_KEY, DESK_TOKEN" in lines
    assert lines[-1].endswith(" 1 agent cannot answer yet")
    assert run("flask-agent-api", "check", "--strict", "tale.yaml", OPENAI_API_KEY="x").returncode == 1


def test_check_names_the_variable_of_an_address(run: Run, folder: Path) -> None:
    (folder / "near.yaml").write_text(
        "agents: {root: {model: m}}\nmodels: {m: {provider: openai, model: x, base_url: '${NEAR_URL}'}}\n"
    )
    done = run("flask-agent-api", "check", "near.yaml", OPENAI_API_KEY="x")
    assert "Not set: NEAR_URL\n" in done.stdout


def test_check_tells_which_servers_all_callers_share(run: Run, folder: Path) -> None:
    toolsets = "[{type: mcp, command: uvx, args: [clock]}, {type: mcp, command: x, defer: true}]"
    (folder / "tale.yaml").write_text(f"agents: {{root: {{model: demo/demo, toolsets: {toolsets}}}}}")
    shared = "shared    clock, x: a process for all callers of a worker (docs/tools/mcp.md)"
    assert shared in run("flask-agent-api", "check", "tale.yaml").stdout
    assert "shared" not in run("flask-agent-api", "check", "tale.yaml", FLASK_AGENT_API_MCP_PER_RUN="1").stdout


def test_check_names_the_grants_that_are_missing(run: Run, folder: Path) -> None:
    hooks = "{session_start: [{type: command, command: date}]}"
    (folder / "hooked.yaml").write_text(f"agents: {{root: {{model: demo/demo, hooks: {hooks}}}}}")
    done = run("flask-agent-api", "check", "hooked.yaml")
    assert "         needs     hooks\n" in done.stdout
    assert "To allow it: FLASK_AGENT_API_ALLOW=hooks" in done.stdout
    allowed = run("flask-agent-api", "check", "--strict", "hooked.yaml", FLASK_AGENT_API_ALLOW="hooks")
    assert (allowed.returncode, allowed.stdout.count("hooks")) == (0, 0)


def test_check_says_the_same_to_programs(run: Run, folder: Path) -> None:
    (folder / "tale.yaml").write_text(TALE)
    (folder / "broken.yaml").write_text("agents: [")
    done = run("flask-agent-api", "check", "--json", "tale.yaml", "broken.yaml")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["checked"], report["wrong"], report["mute"]) == (2, 1, 2)
    assert report["missing_variables"] == ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DESK_TOKEN"]
    tale, broken = report["sources"]
    assert tale["agents"][0]["models"][0]["endpoint"] == "https://api.openai.com/v1"
    assert tale["agents"][0]["problems"][0].keys() == {"line", "where", "problem", "unset"}
    assert "broken.yaml" in broken["error"]


def test_check_looks_at_each_file_of_a_folder(run: Run, folder: Path) -> None:
    (folder / "broken.yaml").write_text("agents: [")
    (folder / "tiny").mkdir()
    (folder / "tiny" / "agent.json").write_text('{"model": "m"}')
    (folder / "empty").mkdir()
    done = run("flask-agent-api", "check", str(folder), "empty")
    assert done.returncode == 1
    assert "error  empty: no agents in this folder" in done.stdout
    assert "4 checked, 2 wrong" in done.stdout


def test_check_reports_every_wrong_file_with_its_place(run: Run, folder: Path) -> None:
    (folder / "typo.yaml").write_text(TEAM.replace("instruction: Lead.", "instructon: Lead."))
    (folder / "broken.yaml").write_text("agents: [")
    done = run("flask-agent-api", "check", "typo.yaml", "team.yaml", "broken.yaml", "nowhere.yaml")
    assert done.returncode == 1
    assert "typo.yaml:5" in done.stdout
    assert '"instruction"' in done.stdout
    assert "broken.yaml" in done.stdout
    assert "nowhere.yaml" in done.stdout
    assert "4 checked, 3 wrong" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_check_takes_warnings_for_errors_only_when_strict(run: Run, folder: Path) -> None:
    (folder / "trimmed.yaml").write_text(TEAM + "    code_mode_tools: true\n")
    relaxed = run("flask-agent-api", "check", "trimmed.yaml")
    assert relaxed.returncode == 0
    assert "code_mode_tools" in relaxed.stdout
    assert run("flask-agent-api", "check", "--strict", "trimmed.yaml").returncode == 1


def test_check_needs_a_path(run: Run) -> None:
    assert run("flask-agent-api", "check").returncode == 2
