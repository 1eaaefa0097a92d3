"""File tools on a real server with two workers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support import RawClient
from tests.support import Server

pytestmark = [pytest.mark.wire, pytest.mark.slow]

APP = '''
import json

from flask_agent_api import agents, create_app, ModelAgent
from flask_agent_api.models.base import Finish, ToolCallDelta
from flask_agent_api.tools.filesystem.jail import Jail
from flask_agent_api.tools.filesystem.toolset import FilesystemToolset


class Caller:
    """Makes the calls that the user writes, and then says what it has read."""

    name = "caller"

    def stream(self, request):
        if request.messages[-1]["role"] == "user" and isinstance(request.messages[-1]["content"], str):
            calls = json.loads(request.messages[-1]["content"])
            deltas = [ToolCallDelta(place, "", name, json.dumps(args)) for place, (name, args) in enumerate(calls)]
            yield [*deltas, Finish("tool_calls")]
        else:
            yield [json.dumps([message["content"] for message in request.messages[3:]]), Finish("stop")]


agents.add(ModelAgent("files", Caller(), toolsets=(FilesystemToolset("files", Jail("work")),)))
app = create_app({"AGENT_API_INSECURE_NO_AUTH": True, "AGENT_API_ALLOW": "write"})
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "work").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with Server(folder, {"app.py": APP}, "-w", "2") as server:
        yield server


def ask(server: Server, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """What the model reads after these calls."""
    with RawClient(server.port) as client:
        client.post(model="files", messages=[{"role": "user", "content": json.dumps(calls)}])
        answer = json.load(client.response())
    return list(json.loads(answer["choices"][0]["message"]["content"]))


def edit(old: str, new: str) -> tuple[str, dict[str, Any]]:
    return "edit_file", {"path": "a.txt", "edits": [{"oldText": old, "newText": new}]}


def test_edits_of_one_reply_keep_their_order(server: Server, folder: Path) -> None:
    (folder / "work" / "a.txt").write_text("one")
    results = ask(server, edit("one", "two"), edit("two", "three"), ("read_file", {"path": "a.txt"}), edit("one", "x"))
    assert results[2] == "three"
    assert results[3].startswith("Error: edit 1: old text not found")
    assert (folder / "work" / "a.txt").read_text() == "three"


def test_writers_in_two_workers_lose_nothing(server: Server, folder: Path) -> None:
    (folder / "work" / "a.txt").write_text("\n".join(f"<{number}>" for number in range(24)))
    with ThreadPoolExecutor(8) as pool:
        edits = [(edit(f"<{number}>", f"[{number}]"), edit(f"[{number}]", f"done {number}")) for number in range(24)]
        answers = list(pool.map(lambda pair: ask(server, *pair), edits))
    assert all(text.startswith("File edited successfully") for results in answers for text in results)
    assert (folder / "work" / "a.txt").read_text() == "\n".join(f"done {number}" for number in range(24))


def test_reads_of_one_reply_come_back_in_its_order_and_images_behind_them(server: Server, folder: Path) -> None:
    png = b"\x89PNG\r\n\x1a\nrest"
    (folder / "work" / "dot.png").write_bytes(png)
    (folder / "work" / "b.txt").write_text("B")
    paths = ["dot.png", "b.txt", "../app.py", "none"]
    *results, shown = ask(server, *(("read_file", {"path": path}) for path in paths))
    assert results[0] == f"Read image file dot.png [image/png] ({len(png)} bytes)"
    assert results[1] == "B"
    assert results[2].startswith("Error: ../app.py is outside")
    assert results[3].startswith("Error: none: not found")
    assert shown[1]["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(png).decode()}"
