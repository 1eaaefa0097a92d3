"""Which store AGENT_API_STORE means."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api import create_app
from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.stores import open_store
from flask_agent_api.errors import ConfigError
from flask_agent_api.settings import Settings

KEY = LogKey("conversation", "key:alice", "root", "c1")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("", "data/conversations.sqlite3"),
        ("sqlite:///kept.db", "data/kept.db"),
        ("sqlite:///deep/er/kept.db", "data/deep/er/kept.db"),
        ("sqlite:///{tmp}/elsewhere.db", "elsewhere.db"),
    ],
)
def test_a_file_is_in_the_data_folder_or_where_four_slashes_say(url: str, name: str, tmp_path: Path) -> None:
    store = open_store(url.format(tmp=tmp_path), str(tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []  # nothing is there before it is needed
    store.lease(KEY, "a", 30)
    store.close()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [name]


def test_a_file_in_the_data_folder_needs_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_DATA_DIR"):
        open_store("", "")
    open_store(f"sqlite:///{tmp_path}/kept.db", "")


@pytest.mark.parametrize(
    "url",
    ["mongodb://user:hidden@host", "kept.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://kept.db"],
)
def test_a_url_that_means_no_store_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="memory://") as caught:
        open_store(url, "/nowhere")
    assert "hidden" not in str(caught.value)


def test_a_url_that_means_no_store_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="there is no store for 'mongodb'"):
        create_app({"AGENT_API_STORE": "mongodb://host"})


def test_the_setting_is_not_shown() -> None:
    settings = Settings.from_mapping({"AGENT_API_STORE": "redis://user:hidden@host"}, {})
    assert settings.store == "redis://user:hidden@host"
    assert "hidden" not in repr(settings)
