"""A copy of public teams with what they expect around them, whose addresses lead to servers of the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

_CHANGES = {
    "https://mcp.notion.com/sse": "{mcp}/notion/events/sse",
    "http://localhost:8080/": "{mcp}/tic-tac-toe/mcp",
    "http://localhost:8081/": "{mcp}/tic-tac-toe/mcp?player=red",
    "https://petstore3.swagger.io/api/v3/openapi.json": "{web}/openapi.json",
    "- type: fetch\n": "- {{type: fetch, allow_private_ips: true}}\n",
}
"""The only words of the files that differ in the copy: what leads to servers of the tests, and has no setting."""


def copied(examples: Path, folder: Path, web: str, mcp: str) -> list[Path]:
    """Copies the teams to ``folder``, which is to be; returns their files."""
    shutil.copytree(examples, folder)
    files = sorted(folder.rglob("*.yaml"))
    for file in files:
        text = file.read_text()
        for address, ours in _CHANGES.items():
            text = text.replace(address, ours.format(web=web, mcp=mcp))
        file.write_text(text)
    return files


def write_documents(folder: Path) -> None:
    """Puts the documents that the teams of ``rag`` search beside them: the public ones come without."""
    (folder / "rag" / "docs").mkdir()
    (folder / "rag" / "docs" / "caves.md").write_text("Where do blorks live?\nBlorks live in caves and eat gravel.\n")
    (folder / "rag" / "blork_field_guide.txt").write_text("A guide to watching birds.\n")
    (folder.parent / "pkg" / "blork").mkdir(parents=True)
    (folder.parent / "pkg" / "blork" / "blork.go").write_text("package blork\n\nfunc Live() string { return cave }\n")
