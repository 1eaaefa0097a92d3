"""Paths of a model never lead out of the folder, nor to what is kept back in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.errors import ToolError
from flask_agent_api.tools.filesystem.ignored import AgentsIgnored
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.filesystem.kept_back import KEPT_BACK
from flask_agent_api.tools.filesystem.kept_back import reason
from flask_agent_api.tools.filesystem.writing import place

SECRET = "outside!"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder, with a secret beside it and in a folder whose name begins with the same letters."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "data2").mkdir()
    (tmp_path / "data2" / "secret").write_text(SECRET)
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("inside")
    return root


def read(jail: Jail, path: str) -> str:
    with jail.reading(jail.parts(path)) as file:
        return file.read().decode()


def write(jail: Jail, path: str, content: str) -> None:
    with place(jail, jail.parts(path), make=True) as target:
        target.write(content)


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with links in it that lead to and fro and out."""
    base = tmp_path_factory.mktemp("linked")
    for folder in ("data/sub", "data2"):
        (base / folder).mkdir(parents=True)
    for secret in ("secret", "data2/secret"):
        (base / secret).write_text(SECRET)
    (base / "data" / "sub" / "a.txt").write_text("inside")
    (base / "data" / "link").symlink_to("sub")
    (base / "data" / "sub" / "up").symlink_to("../..")
    return base / "data"


@pytest.mark.parametrize("path", ["sub/a.txt", "./sub/../sub//a.txt", "../data/sub/a.txt", "{root}/sub/a.txt"])
def test_paths_inside_are_read(root: Path, path: str) -> None:
    assert read(Jail(root), path.format(root=root)) == "inside"


ESCAPES = [
    "../secret",
    "sub/../../secret",
    "{root}/../secret",
    "{root}2/secret",
    "../data2/secret",
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "~/secret",
    "~",
    "a\0b",
    "\ud800",
    "C:\\secret",
    "\\\\server\\secret",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_paths_that_lead_out_are_refused(root: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root.parent))
    with pytest.raises(ToolError):
        read(Jail(root), path.format(root=root))
    with pytest.raises(ToolError):
        write(Jail(root), path.format(root=root), "changed")
    assert (root.parent / "secret").read_text() == SECRET


@pytest.mark.parametrize(
    "target", ["../secret", "{root}/../secret", "../data2", "/", "/proc/self/root", "/dev/zero", "sub/../../secret"]
)
def test_links_that_lead_out_are_refused(root: Path, target: str) -> None:
    (root / "link").symlink_to(target.format(root=root))
    (root / "sub" / "link").symlink_to("../link")
    for path in ("link", "link/secret", "link/etc/passwd", "sub/link", "sub/link/secret"):
        with pytest.raises(ToolError, match=r"leads outside|not a directory|not found"):
            read(Jail(root), path)
        with pytest.raises(ToolError, match=r"leads outside|not a directory|not found"):
            write(Jail(root), path, "changed")
    assert (root.parent / "secret").read_text() == SECRET


def test_links_that_stay_inside_are_followed(root: Path) -> None:
    (root / "file").symlink_to("sub/a.txt")
    (root / "folder").symlink_to(root / "sub")
    (root / "sub" / "up").symlink_to("../folder")
    jail = Jail(root)
    assert read(jail, "file") == read(jail, "folder/a.txt") == read(jail, "sub/up/up/a.txt") == "inside"
    write(jail, "file", "changed")
    assert (root / "file").is_symlink()
    assert (root / "sub" / "a.txt").read_text() == "changed"


def test_links_in_a_circle_end(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    for touch in (lambda: read(Jail(root), "a"), lambda: write(Jail(root), "a/x", "")):
        with pytest.raises(ToolError, match="too many links"):
            touch()


def test_the_root_may_be_a_link_and_is_known_by_both_names(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    jail = Jail(link)
    assert read(jail, f"{link}/sub/a.txt") == read(jail, f"{root}/sub/a.txt") == "inside"


def test_only_regular_files_are_opened(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "sock"))
        for path in ("pipe", "sock", "sub"):
            with pytest.raises(ToolError, match=r"regular file|is a directory"):
                read(Jail(root), path)
            with pytest.raises(ToolError, match=r"regular file|directory"):
                write(Jail(root), path, "changed")


def test_a_hard_link_is_not_read_and_not_written_through(root: Path) -> None:
    os.link(root.parent / "secret", root / "twin")
    with pytest.raises(ToolError, match="hard link"):
        read(Jail(root), "twin")
    write(Jail(root), "twin", "changed")
    assert (root.parent / "secret").read_text() == SECRET


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".ENV", "sub/.env", ".env.local", ".env/x", "server.pem", "id_rsa", "id_rsa.pub", ".ssh/config",
        ".aws/credentials", "sub/.git/config", ".config/gcloud/x.json", "instance/app.sqlite3", ".docker/config.json",
    ],
)  # fmt: skip
def test_secrets_are_kept_back(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(SECRET)
    (root / "innocent").symlink_to(path)
    for name in (path, "innocent"):
        with pytest.raises(ToolError, match="secrets"):
            read(Jail(root), name)
        with pytest.raises(ToolError, match="secrets"):
            write(Jail(root), name, "changed")


@pytest.mark.parametrize(
    "path", ["environment.py", "env", "sub/instance/a", "key.py", ".git/HEAD", ".config/a", "a.pem.md"]
)
def test_what_only_looks_like_a_secret_is_not(path: str) -> None:
    assert not reason(tuple(path.split("/")), KEPT_BACK)


def test_git_and_protected_files_are_read_and_not_written(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref")
    (root / "team.yaml").write_text("agents")
    jail = Jail(root, protects=lambda parts: parts == ("team.yaml",))
    assert (read(jail, ".git/HEAD"), read(jail, "team.yaml")) == ("ref", "agents")
    for path in (".git/HEAD", ".git/hooks/pre-commit", "team.yaml", ".agentsignore", "notes.db", "a.sqlite3-wal"):
        with pytest.raises(ToolError, match=r"cannot be written|cannot be used"):
            write(jail, path, "changed")
    assert not (root / ".git" / "hooks").exists()


def test_lists_narrow_the_folder_also_behind_links(root: Path) -> None:
    (root / "other").mkdir()
    (root / "other" / "b.txt").write_text("other")
    (root / "sub" / "private").mkdir()
    (root / "sub" / "private" / "c.txt").write_text("private")
    (root / "sub" / "away").symlink_to("../other")
    (root / "sub" / "hidden").symlink_to("private")
    jail = Jail(root, within=[("sub",)], denied=[("sub", "private")])
    assert read(jail, "sub/a.txt") == "inside"
    for path in ("other/b.txt", "sub/away/b.txt", "subway", "."):
        with pytest.raises(ToolError, match="outside of the allowed directories"):
            read(jail, path)
    for path in ("sub/private/c.txt", "sub/hidden/c.txt"):
        with pytest.raises(ToolError, match="denied"):
            read(jail, path)


def test_no_folder_is_made_where_nothing_may_be_written(root: Path) -> None:
    (root / "private").mkdir()
    (root / "link").symlink_to("private")
    jail = Jail(root, denied=[("private",)])
    for path in ("link/new/a.txt", "private/new/a.txt", ".ssh/new/a.txt"):
        with pytest.raises(ToolError, match="cannot be written"):
            write(jail, path, "x")
    assert os.listdir(root / "private") == []
    assert not (root / ".ssh").exists()


def test_agentsignore_excludes_what_it_names_also_from_above(root: Path) -> None:
    (root.parent / ".agentsignore").write_text("*.txt\n/data/other/\n")
    jail = Jail(root, excluded=AgentsIgnored(str(root)))
    for path in ("sub/a.txt", "other/x"):
        with pytest.raises(ToolError, match=r"\.agentsignore excludes it"):
            read(jail, path)
    with pytest.raises(ToolError, match="not found"):
        read(jail, "sub/other/x")


SWAPPER = """
import os, sys
root = sys.argv[1]
os.chdir(root)
print("ready", flush=True)
while os.getppid() == int(sys.argv[2]):
    os.rename("door", "door.real"); os.symlink("../data2", "door")
    os.unlink("door"); os.rename("door.real", "door")
    os.rename("file", "file.real"); os.symlink("../secret", "file")
    os.unlink("file"); os.rename("file.real", "file")
"""


def test_swapping_links_under_a_reader_and_a_writer_wins_nothing(root: Path) -> None:
    (root / "door").mkdir()
    (root / "door" / "secret").write_text("inside")
    (root / "file").write_text("inside")
    jail, outcomes = Jail(root), set[str]()
    swapper = subprocess.Popen(
        [sys.executable, "-I", "-c", SWAPPER, str(root), str(os.getpid())], stdout=subprocess.PIPE, text=True
    )
    try:
        assert swapper.stdout is not None
        swapper.stdout.readline()
        for _ in range(1_500):
            for path in ("door/secret", "file"):
                try:
                    outcomes.add(read(jail, path))
                except ToolError as exc:
                    outcomes.add("refused" if "outside" in str(exc) else "gone")
            with suppress(ToolError), place(jail, ("door", "new")) as target:
                target.write("written")
    finally:
        swapper.kill()
        swapper.communicate()
    assert outcomes <= {"inside", "refused", "gone"}
    assert {"inside", "refused"} <= outcomes, "the race was not run"
    assert (root.parent / "secret").read_text() == SECRET
    assert sorted(os.listdir(root.parent / "data2")) == ["secret"]


PIECES = st.sampled_from(["..", ".", "", "sub", "a.txt", "link", "up", "~", "\0", "data", "data2", "secret", "/", "é"])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=7), st.booleans())
def test_no_path_reaches_what_is_outside(linked: Path, pieces: list[str], absolute: bool) -> None:
    path = "/".join(([str(linked)] if absolute else []) + pieces)
    try:
        assert read(Jail(linked), path) == "inside"
    except ToolError:
        return


def test_nothing_stays_open(root: Path) -> None:
    jail, before = Jail(root), len(os.listdir("/proc/self/fd"))
    for path in ("sub", "sub/a.txt", "none", "sub/none/x"):
        with suppress(ToolError):
            read(jail, path)
        with suppress(ToolError):
            write(jail, path, "x")
    assert len(os.listdir("/proc/self/fd")) == before
