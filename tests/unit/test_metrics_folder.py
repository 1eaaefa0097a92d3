from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api import metrics_folder
from flask_agent_api.metrics_folder import VARIABLE


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "")
    yield tmp_path
    metrics_folder.remove()


def test_a_server_has_one_folder_until_it_ends(place: Path) -> None:
    metrics_folder.prepare("1")
    folder = Path(os.environ[VARIABLE])
    metrics_folder.prepare("1")  # gunicorn reads its settings again at each reload
    assert [folder] == list(place.iterdir())
    metrics_folder.remove()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("wanted", ["", "0", "false"])
def test_without_the_setting_there_is_none(wanted: str, place: Path) -> None:
    metrics_folder.prepare(wanted)
    assert os.environ[VARIABLE] == ""
    assert list(place.iterdir()) == []


def test_the_operators_own_folder_is_used_and_left(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = place / "own"
    own.mkdir()
    monkeypatch.setenv(VARIABLE, str(own))
    metrics_folder.prepare("1")
    metrics_folder.remove()
    assert os.environ[VARIABLE] == str(own)
    assert own.is_dir()


def test_the_folder_of_a_server_that_this_one_replaces_is_left_to_it(place: Path) -> None:
    metrics_folder.prepare("1")
    others = os.environ[VARIABLE]
    metrics_folder._own.clear()  # as in the new process
    metrics_folder.prepare("1")
    assert os.environ[VARIABLE] != others
    metrics_folder.remove()
    assert Path(others).is_dir()


def test_what_a_worker_had_in_progress_is_forgotten_and_what_it_counted_stays(place: Path) -> None:
    metrics_folder.prepare("1")
    folder = Path(os.environ[VARIABLE])
    for name in ("gauge_livesum_7.db", "gauge_livesum_77.db", "counter_7.db"):
        (folder / name).touch()
    metrics_folder.worker_ended(7)
    assert sorted(path.name for path in folder.iterdir()) == ["counter_7.db", "gauge_livesum_77.db"]
