from __future__ import annotations

from pathlib import Path

from .conftest import Run
from .conftest import TEAM


def test_check_names_the_agents_and_their_tools(run: Run) -> None:
    done = run("flask-agent-api", "check", "team.yaml")
    assert done.returncode == 0
    assert "team.yaml" in done.stdout
    assert "root  (tools: todo)" in done.stdout
    assert "calculate" in done.stdout
    assert "1 checked, 0 wrong, 0 warnings" in done.stdout
    assert "\x1b" not in done.stdout, "colours are for terminals"


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
