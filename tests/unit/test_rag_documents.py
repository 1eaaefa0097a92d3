"""What is searched: documents in folders that nothing leads out of, cut into chunks that know their lines."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from flask_agent_api.errors import ToolError
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.rag import documents as module
from flask_agent_api.tools.rag.chunking import Chunking
from flask_agent_api.tools.rag.chunking import chunks_of
from flask_agent_api.tools.rag.documents import Documents
from flask_agent_api.tools.rag.documents import Source
from flask_agent_api.tools.rag.documents import Unreadable


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_md", ".md").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def documents(folder: Path, *paths: str, vcs: bool = True) -> Documents:
    return Documents(str(folder), [Source.of(Jail(folder), str(folder / path)) for path in paths], vcs=vcs)


def test_chunks_are_no_longer_than_they_may_be_and_lose_nothing() -> None:
    text = "".join(f"Line {number} says something.\n" for number in range(300))
    chunks = list(chunks_of(text, Chunking(200, 40)))
    assert max(len(chunk.text) for chunk in chunks) <= 200
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert all(f"Line {number} says something." in text for number in range(300) for text in [
        "\n".join(chunk.text for chunk in chunks)
    ])  # fmt: skip


def test_chunks_know_their_lines() -> None:
    text = "\n\n" + "".join(f"{number} is the number of this line\n" for number in range(3, 120)) + "\n\n"
    lines = text.split("\n")
    for chunk in chunks_of(text, Chunking(150, 60)):
        shown = "\n".join(lines[chunk.first_line - 1 : chunk.last_line])
        assert chunk.text in shown
        assert shown.count("\n") == chunk.text.count("\n")


def test_chunks_overlap_and_cut_no_words() -> None:
    words = [f"word{number}" for number in range(400)]
    chunks = [chunk.text.split() for chunk in chunks_of(" ".join(words), Chunking(100, 30))]
    assert {word for chunk in chunks for word in chunk} == set(words)
    assert all(set(before) & set(after) for before, after in pairwise(chunks))


@pytest.mark.parametrize("text", ["", " \n\n ", "x" * 1000, "é" * 999 + "\n"])
def test_odd_texts_are_cut_as_well(text: str) -> None:
    chunks = [chunk.text for chunk in chunks_of(text, Chunking(100, 99))]
    assert all(0 < len(chunk) <= 100 for chunk in chunks)
    assert bool(chunks) == bool(text.strip())


def test_files_folders_and_patterns(tmp_path: Path) -> None:
    write(tmp_path, a_md="a", docs__b_md="b", docs__deep__c_md="c", docs__d_py="d", other__e_md="e")
    assert set(documents(tmp_path, "a.md").scan()) == {"a.md"}
    assert set(documents(tmp_path, "docs").scan()) == {"docs/b.md", "docs/deep/c.md", "docs/d.py"}
    assert set(documents(tmp_path, "docs/**/*.md").scan()) == {"docs/b.md", "docs/deep/c.md"}
    assert set(documents(tmp_path, "*/*.md", "a.md").scan()) == {"docs/b.md", "other/e.md", "a.md"}
    assert set(documents(tmp_path, "nothing", "no*").scan()) == set()


def test_what_git_ignores_and_secrets_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, docs__a_md="a", docs__build__b_md="b")
    (tmp_path / "docs" / ".gitignore").write_text("build/\n")
    (tmp_path / "docs" / ".env").write_text("KEY=1")
    (tmp_path / "docs" / ".git").mkdir()
    (tmp_path / "docs" / ".git" / "HEAD").write_text("ref")
    assert set(documents(tmp_path, "docs").scan()) == {"docs/.gitignore", "docs/a.md"}
    assert "docs/build/b.md" in documents(tmp_path, "docs", vcs=False).scan()
    assert not {"docs/.env", "docs/.git/HEAD"} & set(documents(tmp_path, "docs", vcs=False).scan())


def test_nothing_leads_out(tmp_path: Path) -> None:
    write(tmp_path, secret_md="secret", inner__docs__a_md="a")
    inner = tmp_path / "inner"
    for path in ("../secret.md", "/etc/passwd", "docs/../../secret.md"):
        with pytest.raises(ToolError):
            documents(inner, path)
    os.symlink(tmp_path / "secret.md", inner / "docs" / "link.md")
    os.symlink(tmp_path, inner / "docs" / "up")
    found = documents(inner, "docs")
    assert set(found.scan()) == {"docs/a.md"}
    with pytest.raises(Unreadable):
        found.read("../secret.md")
    with pytest.raises(Unreadable):
        found.read("docs/link.md")


def test_only_text_of_a_reasonable_size_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    write(tmp_path, a_md="a" * 100, b_md="b" * 101)
    (tmp_path / "c.bin").write_bytes(b"ab\0c")
    (tmp_path / "d.md").write_bytes(b"\xef\xbb\xbfcaf\xe9")
    found = documents(tmp_path, ".")
    assert found.read("a.md") == "a" * 100
    assert found.read("d.md") == "caf\ufffd"
    for name in ("b.md", "c.bin"):
        with pytest.raises(Unreadable):
            found.read(name)


def test_a_stamp_tells_of_changes(tmp_path: Path) -> None:
    write(tmp_path, a_md="a")
    found = documents(tmp_path, ".")
    before = found.scan()
    assert found.scan() == before
    (tmp_path / "a.md").write_text("ab")
    assert found.scan() != before
