"""Agents that are put in the place of others, in one process: what is kept, and what is closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api import create_app
from flask_agent_api import loop_thread
from flask_agent_api.context import RunContext
from flask_agent_api.formats.edits import AgentFiles
from flask_agent_api.formats.sources import load_sources
from flask_agent_api.settings import Settings
from flask_agent_api.web.blueprint import services
from tests.waiting import wait_until

FAKE = str(Path(__file__).parent.parent / "data" / "mcp_fake_server.py")
TEAM = f"""\
agents:
  root:
    model: demo/demo
    instruction: one
    toolsets: [{{type: mcp, command: {sys.executable}, args: [{FAKE}, "notes=NOTES"]}}]
"""


class Edited:
    """A team in a folder, served with the setting ``reload``; the files are looked at when the test says so."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("flask_agent_api.web.reload.LOOK_SECONDS", 3600)
        self.file = folder / "team.yaml"
        self.file.write_text(TEAM.replace("NOTES", str(folder / "notes")))
        app = create_app({"AGENT_API_AGENTS": str(self.file), "AGENT_API_RELOAD": True})
        self.service = services(app)["agent_api"]
        self.in_flight = self.service.in_flight

    def edit(self, old: str, new: str) -> None:
        self.file.write_text(self.file.read_text().replace(old, new))
        self.look()

    def look(self) -> None:
        reload = self.service._reload
        assert reload is not None
        reload.look(self.service, self.in_flight)

    @property
    def agent(self) -> Any:
        return self.service.registry.pick("root")[1]

    def status(self) -> str:
        return str(self.agent.toolsets[0].status())


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edited]:
    yield Edited(tmp_path, monkeypatch)
    loop_thread.stop(3)


def test_servers_that_are_still_used_go_on_and_others_end_with_their_last_run(edited: Edited) -> None:
    pytest.importorskip("mcp")
    before = edited.agent.toolsets[0]
    before.tools(RunContext(settings=Settings()))
    edited.edit("instruction: one", "instruction: two")
    assert edited.agent.instruction == "two"
    assert edited.status() == before.status()
    assert edited.status().startswith("running"), "the same server, not one more"

    with edited.in_flight.enter() as place:
        edited.edit("toolsets:", "toolsets: []\n    # ")
        assert edited.agent.toolsets == ()
        edited.look()
        assert before.status().startswith("running"), "somebody may still use it"
        place.leave()
    edited.look()
    wait_until(lambda: not before.status().startswith("running"))


def test_a_wrong_edit_changes_nothing_and_is_told_once(edited: Edited, caplog: pytest.LogCaptureFixture) -> None:
    before = edited.agent
    edited.edit("agents:", "agentz:")
    edited.look()
    assert edited.agent is before
    assert [record.getMessage().count("agents") for record in caplog.records if record.name.endswith("reload")] == [2]
    edited.edit("agentz:", "agents:")
    assert edited.agent is not before


def test_without_the_setting_nothing_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("agents: {root: {model: demo/demo, instruction: one}}")
    app = create_app({"AGENT_API_AGENTS": str(tmp_path / "team.yaml")})
    assert services(app)["agent_api"]._reload is None


def load(files: AgentFiles, folder: Path) -> None:
    with files.loading():
        load_sources([folder], Settings())


def test_files_are_noticed_that_change_come_or_go(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("agents: {root: {model: demo/demo}}")
    files = AgentFiles([tmp_path])
    load(files, tmp_path)
    assert not files.edited()
    tiny = tmp_path / "tiny"
    for name, text in (("agent.json", '{"model": "m"}'), ("AGENTS.md", "Be brief."), ("AGENTS.md", "Be very brief.")):
        tiny.mkdir(exist_ok=True)
        (tiny / name).write_text(text)
        assert files.edited(), name
        load(files, tmp_path)
        assert not files.edited()
    os.remove(tiny / "AGENTS.md")
    assert files.edited()
    load(files, tmp_path)
    (tmp_path / "notes.txt").write_text("nothing of ours")
    assert not files.edited()
