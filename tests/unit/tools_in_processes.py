"""Tools that run in processes of their own, which import this module."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask_agent_api import tool
from flask_agent_api import ToolError
from flask_agent_api import ToolResult
from flask_agent_api.types import Image


@tool(process=True, timeout=20.0)
def add(left: int, right: int = 1) -> int:
    """Adds."""
    return left + right


@tool(process=True)
async def whoami(word: str) -> dict[str, Any]:
    """Says where it runs."""
    return {"word": word, "pid": os.getpid(), "folder": os.getcwd(), "secret": os.environ.get("SOME_KEY")}


@tool(process=True)
def noisy() -> str:
    """Writes wherever it can."""
    print("printed")
    os.write(1, b"from C\n")
    subprocess.run(["echo", "from a child"], check=True)
    sys.stderr.write("an error\n")
    return "quiet"


@tool(process=True)
def fails(how: str) -> Any:
    """Fails in one of many ways."""
    if how == "tool_error":
        raise ToolError("try another word")
    if how == "exception":
        raise ValueError("sk-secret")
    if how == "exit":
        sys.exit(0)
    if how == "at once":
        os._exit(0)
    if how == "crash":
        ctypes.string_at(0)
    return threading.Lock() if how == "odd result" else None


@tool(process=True)
def large(how: str) -> Any:
    """Gives back much."""
    if how == "text":
        return "ü" * 100_000_000
    if how == "endless":
        return _endless()
    if how == "images":
        return ToolResult("two", images=(Image("image/png", "QUJD" * 10), Image("image/png", "")))
    return ToolResult("too many", images=(Image("image/png", "A" * 20_000_000),))


def _endless() -> Iterator[str]:
    while True:
        yield "again"


@tool(process=True, timeout=3.0)
def busy(folder: str) -> None:
    """Computes for ever, and so does what it started."""
    spin = "while True: pass"
    child = subprocess.Popen([sys.executable, "-S", "-c", spin])
    (Path(folder) / "pids").write_text(f"{os.getpid()} {child.pid}\n")
    while True:
        pass


@tool(process=True, timeout=20.0)
def patient(folder: str) -> None:
    """The same, with more time."""
    busy(folder)


def renamed_later() -> None:
    """Is a tool under another name."""


other_name = tool(process=True, name="other")(renamed_later)
renamed_later = None  # type: ignore[assignment]


@tool(process=True)
def threads() -> str:
    """Leaves a thread behind."""
    threading.Thread(target=time.sleep, args=(0.1,)).start()
    return "done"
