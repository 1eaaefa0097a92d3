from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run


def test_chat_answers_one_message_and_shows_the_tool(run: Run) -> None:
    done = run("flask-agent-api", "chat", "team.yaml", "-a", "clerk", "-m", "What is 12 * (3 + 4)?")
    assert done.returncode == 0, done.stderr
    assert "[calculate " in done.stdout
    assert "[calculate: completed in" in done.stdout
    assert "84" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.slow
def test_chat_reads_questions_from_a_pipe_and_remembers(run_process: Run, folder: Path) -> None:
    (folder / "memory.py").write_text(
        "def count(messages):\n    return f'{len(messages)} messages, last: ' + messages[-1]['content']\n"
    )
    done = run_process("flask-agent-api", "chat", "memory:count", stdin="one\n\ntwo\n")
    assert done.returncode == 0, done.stderr
    assert "1 messages, last: one" in done.stdout
    assert "3 messages, last: two" in done.stdout


def test_chat_says_what_failed_and_ends_with_status_1(run: Run, folder: Path) -> None:
    text = (folder / "team.yaml").read_text().replace("model: demo/demo", "model: openai/gpt-5-mini", 1)
    (folder / "team.yaml").write_text(text)
    done = run("flask-agent-api", "chat", "team.yaml", "-m", "Hi", OPENAI_API_KEY="")
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr


def test_chat_with_an_unknown_agent_names_the_known_ones(run: Run) -> None:
    done = run("flask-agent-api", "chat", "team.yaml", "-a", "nobody", "-m", "Hi")
    assert done.returncode == 2
    assert "root, clerk" in done.stderr


def test_chat_with_a_url_that_nobody_serves_says_so(run: Run) -> None:
    done = run("flask-agent-api", "chat", "http://127.0.0.1:9/v1", "-m", "Hi")
    assert done.returncode == 1
    assert "Is the server running?" in done.stderr
