"""Where agents work in these tests: a folder with files and a git repository, programs, and MCP servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.ports import listens
from tests.waiting import wait_until

DATA = Path(__file__).parent.parent / "data"
_STAND_IN = f"{sys.executable} {DATA / 'mcp_stand_in.py'} stdio"
_CATALOGUE_NAMES = "openbnb-airbnb apify duckduckgo couchbase github-official github context7 brave"
_CATALOGUE = json.dumps({"registry": {"duckduckgo": {"description": "Searches the web."}}})

_PROGRAMS = {
    "uvx": f'case "$*" in *yfmcp*) name=yfmcp;; *) name=elicitation;; esac\nexec {_STAND_IN} $name',
    "gopls": f"exec {_STAND_IN} gopls",
    "docker": f"""case "$*" in
    *servers=duckduckgo*) exec {_STAND_IN} duckduckgo;;
    *servers=filesystem*) exec {_STAND_IN} filesystem;;
    "mcp gateway run"*) exec {_STAND_IN} gateway;;
    "mcp catalog show"*) echo '{_CATALOGUE}';;
    "images "*) echo "REPOSITORY TAG"; echo "$2 latest";;
    *) exit 1;;
    esac""",
    "curl": """case "$*" in
    *ipinfo.io*) echo '{"ip": "192.0.2.1"}';;
    *api.github.com/users/octocat/repos*) echo '[{"name": "hello"}]';;
    *) exit 6;;
    esac""",
    "language-server": f"exec {sys.executable} {DATA / 'lsp_fake_server.py'}",
}
"""In the place of programs that would have to be installed, or would use the network."""


def working_folder(folder: Path) -> Path:
    """Makes a folder with a few files, which git knows."""
    folder.mkdir()
    (folder / "notes.txt").write_text("She drinks tea.\n")
    (folder / "code.py").write_text("old = 1\nprint(old)\n")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    for command in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-q", "-m", "Keep notes")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def programs(folder: Path) -> str:
    """Makes the programs; returns a ``PATH`` on which they come first."""
    folder.mkdir()
    for name, script in _PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def mcp_servers() -> Iterator[str]:
    """MCP servers over HTTP, as long as it is a context: their base URL."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(DATA / "mcp_stand_in.py"), "http", str(port)])
    try:
        wait_until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def environment(folder: Path, model: str, web: str, mcp: str) -> Mapping[str, str]:
    """The environment of a server whose agents work there, and whose programs and addresses are those of the tests."""
    stand_ins = {f"docker:{name}": f"{mcp}/{name}/mcp" for name in _CATALOGUE_NAMES.split()}
    settings = {
        "GATEWAY": f"{model}/v1",
        "ALLOW": "*",
        "WORKING_DIR": str(working_folder(folder / "work")),
        "DATA_DIR": str(folder / "kept"),
        "MCP_SERVERS": json.dumps(stand_ins),
        "MAX_MODEL_CALLS": "200",
    }
    own = {"PATH": programs(folder / "bin"), "HOME": str(folder), "WEB": web, "MCP": mcp, "BRAVE_API_KEY": "x"}
    own |= {"GITHUB_PERSONAL_ACCESS_TOKEN": "x"}
    return own | {f"FLASK_AGENT_API_{name}": value for name, value in settings.items()}
