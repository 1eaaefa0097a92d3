"""Names that come from elsewhere lead to files of one folder alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flask_agent_api.tools.contained import contained
from flask_agent_api.tools.contained import MAX_TEXT_BYTES
from flask_agent_api.tools.contained import NotReadable
from flask_agent_api.tools.contained import read_contained
from flask_agent_api.tools.contained import read_text_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    (inside / "a.md").write_text("\ufeffHällo")
    (inside / "deep" / "b.md").write_text("deep")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "inside-not").mkdir()
    (tmp_path / "inside-not" / "c").write_text("secret")
    (inside / "out").symlink_to(tmp_path / "secret")
    (inside / "up").symlink_to(tmp_path)
    (inside / "link.md").symlink_to("deep/b.md")
    (inside / "circle").symlink_to("circle")
    (inside / "binary").write_bytes(b"\xff\xfe\x00")
    (inside / "large").write_bytes(b"x" * (MAX_TEXT_BYTES + 1))
    os.mkfifo(inside / "pipe")
    return inside


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.md", "Hällo"), ("deep/b.md", "deep"), ("./deep//b.md", "deep"), ("link.md", "deep")],
)
def test_files_in_the_folder_are_read(folder: Path, name: str, text: str) -> None:
    assert read_contained(folder, name) == text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../secret", "without `..`"),
        ("deep/../../secret", "without `..`"),
        ("..", "without `..`"),
        ("/etc/passwd", "only files in the folder"),
        ("", "only files in the folder"),
        ("a\0b", "only files in the folder"),
        ("out", "leads out"),
        ("up/secret", "leads out"),
        ("up/inside-not/c", "leads out"),
        ("circle", ""),
        ("x" * 5000, ""),
        ("nothing", "no such file"),
        ("deep", "not a file"),
        (".", "not a file"),
        ("a.md/x", "cannot be read"),
        ("pipe", "not a file"),
        ("binary", "not UTF-8"),
        ("large", "larger than 256 KiB"),
    ],
)
def test_all_else_is_refused_with_the_reason_and_no_path(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(NotReadable) as caught:
        read_contained(folder, name)
    assert reason in str(caught.value)
    assert str(folder) not in str(caught.value)


def test_a_folder_that_is_reached_by_a_link_holds_its_files(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert contained(link, "a.md") == (folder / "a.md").resolve()


def test_a_link_that_took_a_files_place_after_the_check_is_not_followed(folder: Path) -> None:
    with pytest.raises(NotReadable, match="cannot be read"):
        read_text_file(folder / "out")
