from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from flask_agent_api.keys import hash_of

from .conftest import Run


def test_new_key_is_shown_once_with_the_lines_to_store(run: Run) -> None:
    done = run("flask-agent-api", "keys", "new", "alice")
    key = done.stdout.strip()
    assert key.startswith("sk-agent-")
    assert key not in done.stderr
    assert f"alice:{hash_of(key)}" in done.stderr.splitlines()


def test_limits_of_a_new_key_are_those_that_the_file_has_and_list_shows_them(run: Run, folder: Path) -> None:
    options = ["--agents", "demo*", "--rpm", "60", "--streams", "2", "--tokens-per-day", "5000"]
    made = run("flask-agent-api", "keys", "new", "alice", *options, "--tools", "search,read_*")
    key, entry = made.stdout.strip(), made.stderr.partition("KEYS_FILE:\n")[2]
    assert "FLASK_AGENT_API_KEYS:" not in made.stderr
    assert yaml.safe_load(entry)["alice"]["tools"] == ["search", "read_*"]
    (folder / "keys.yaml").write_text(entry)

    env = {"FLASK_AGENT_API_KEYS_FILE": "keys.yaml", "FLASK_AGENT_API_KEYS": "plain-0123456789abcdef"}
    listed = run("flask-agent-api", "keys", "list", **env)
    assert "agents: demo*; tools: search, read_*; 60 requests a minute; 2 streams; 5000 tokens a day" in listed.stdout
    assert "no limits" in listed.stdout
    data = json.loads(run("flask-agent-api", "keys", "list", "--json", **env).stdout)["data"]
    assert [entry["caller"] for entry in data][1:] == ["key:alice"]
    shown = listed.stdout + listed.stderr + json.dumps(data)
    assert not any(secret in shown for secret in (key, hash_of(key)[7:], "plain-"))


@pytest.mark.parametrize(
    "words", [["al ice"], ["alice", "--rpm", "0"], ["alice", "--tool-activity", "loud"], ["alice", "--tools", ":x=y"]]
)
def test_wrong_words_make_no_key(run: Run, words: list[str]) -> None:
    done = run("flask-agent-api", "keys", "new", *words)
    assert (done.returncode, done.stdout) == (2, "")
