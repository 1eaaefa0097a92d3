"""The documentation is true: its generated parts are fresh, and every code block runs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.ports import free_port
from tests.ports import listens

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
INSTALL = re.compile(r"^python3 -m venv \.venv && \.venv/bin/pip install \S+ '\S+' && |^python3 -m venv .* && ")
PORTS = re.compile(r"127\.0\.0\.1:(8000|8083|5000)\b")


@dataclass(frozen=True)
class Block:
    """A fenced code block: its language, the word behind it (a file name, ``server``, ``tests``), and its text."""

    language: str
    word: str
    text: str

    @property
    def is_file(self) -> bool:
        return self.word not in {"", "server", "tests"}


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w+)[ ]?(\S*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def chapters(page: Path) -> list[list[Block]]:
    """Each server with what is asked of it, and before it the files that the page has given by then."""
    files: list[Block] = []
    found: list[list[Block]] = [[]]
    for block in blocks(page):
        if block.word == "server":
            found.append([*files])
        found[-1].append(block)
        if block.is_file:
            files.append(block)
    return found


class Reader:
    """Does what a reader does: saves the files, starts the server, runs the commands."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        for name in ("wsgi.py", "gunicorn.conf.py"):
            shutil.copy(ROOT / name, folder)
        self.folder = folder
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        bin_folder = str(Path(sys.executable).parent)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("FLASK_AGENT_API_")}
        self.env |= {"PATH": f"{bin_folder}:{self.env['PATH']}", "PORT": str(self.port)}

    def follow(self, block: Block) -> None:
        text = PORTS.sub(f"127.0.0.1:{self.port}", block.text)
        if block.word == "server":
            self._serve(INSTALL.sub("", text).replace(".venv/bin/", ""))
        elif block.word == "tests":
            assert text.strip().endswith("&& .venv/bin/pytest"), "the command that runs these very tests"
        elif block.language == "sh":
            self._run(["bash", "-euo", "pipefail", "-c", text])
        elif block.language == "python" and not block.word:
            self._run([sys.executable, "-c", text])
        elif block.language == "yaml":
            assert yaml.safe_load(text) is not None
        elif block.language == "json":
            json.loads(text)
        if block.is_file:
            (self.folder / block.word).write_text(text, encoding="utf-8")

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
        assert '"error"' not in done.stdout, done.stdout

    def _serve(self, command: str) -> None:
        log = (self.folder / "server.log").open("wb")
        shell = ["bash", "-euo", "pipefail", "-c", command]
        self.server = subprocess.Popen(
            shell, cwd=self.folder, env=self.env, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        deadline = time.monotonic() + 60
        while not listens(self.port):
            assert self.server.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait(10)


def read(chapter: list[Block], folder: Path) -> None:
    reader = Reader(folder)
    try:
        for block in chapter:
            reader.follow(block)
    finally:
        reader.stop()


def is_slow(page: Path) -> bool:
    """Whether something is started for it, and not only read."""
    return any(
        block.word == "server" or (block.language in {"sh", "python"} and not block.is_file) for block in blocks(page)
    )


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name, marks=[pytest.mark.slow] * is_slow(page)) for page in PAGES]
)
def test_code_blocks_run(page: Path, tmp_path: Path) -> None:
    """Chapters are read side by side, each in a folder of its own."""
    told = chapters(page)
    with ThreadPoolExecutor(len(told)) as pool:
        list(pool.map(read, told, [tmp_path / str(number) for number in range(len(told))]))


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_generated_parts_are_fresh(page: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    text = page.read_text(encoding="utf-8")
    assert generate.generated(text) == text, "run: python docs/generate.py"


def test_readme_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link
