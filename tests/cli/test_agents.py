from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run


def test_agents_lists_names_descriptions_and_toolsets(run: Run) -> None:
    done = run("flask-agent-api", "agents", "team.yaml")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("root")
    assert "Leads" in lines[0]
    assert "default; tools: todo; tasks to: clerk" in lines[0]
    assert lines[1].startswith("clerk")


def test_agents_names_those_that_a_conversation_is_handed_to(run: Run, folder: Path) -> None:
    agents = "root: {model: demo/demo, handoffs: [a], force_handoff: b}, a: {model: demo/demo}, b: {model: demo/demo}"
    (folder / "desk.yaml").write_text(f"agents: {{{agents}}}")
    assert "(default; hands to: a, b)" in run("flask-agent-api", "agents", "desk.yaml").stdout


def test_agents_without_a_path_lists_the_demo_team(run: Run) -> None:
    done = run("flask-agent-api", "agents")
    assert done.returncode == 0
    assert done.stdout.startswith("root")


def test_agents_reads_the_environment(run: Run) -> None:
    done = run("flask-agent-api", "agents", FLASK_AGENT_API_AGENTS="team.yaml")
    assert "clerk" in done.stdout


def test_agents_tools_lists_every_tool(run: Run) -> None:
    done = run("flask-agent-api", "agents", "--tools", "team.yaml")
    assert done.returncode == 0
    assert "create_todo" in done.stdout
    assert "calculate (read-only)" in done.stdout


def test_agents_tools_says_why_a_toolset_is_not_available(run: Run, folder: Path) -> None:
    text = (folder / "team.yaml").read_text()
    (folder / "team.yaml").write_text(text + "      - type: mcp\n        command: no-such-command-anywhere\n")
    done = run("flask-agent-api", "agents", "--tools", "team.yaml")
    assert done.returncode == 1
    assert "not available" in done.stdout
    assert "no-such-command-anywhere" in done.stdout
    assert "calculate" in done.stdout, "the others are listed all the same"


@pytest.mark.slow
def test_agents_under_flask_are_the_apps_own(run_process: Run, folder: Path) -> None:
    (folder / "app.py").write_text(
        "from flask import Flask\n"
        "from flask_agent_api import AgentAPI\n"
        "app = Flask(__name__)\n"
        "api = AgentAPI(app)\n"
        "@api.agent('support', description='Helps')\n"
        "def support(messages): return 'hi'\n"
    )
    done = run_process("flask", "--app", "app", "agent-api", "agents")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("support")


def test_a_wrong_setting_is_one_message_and_status_1(run: Run) -> None:
    done = run("flask-agent-api", "agents", FLASK_AGENT_API_AGENT="team.yaml")
    assert done.returncode == 1
    assert done.stderr == "Error: Unknown setting AGENT_API_AGENT; did you mean AGENT_API_AGENTS?\n"
