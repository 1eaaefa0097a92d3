"""Uses an MCP server as a threaded server does, where nothing is patched. Prints what happened as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
import time

from flask_agent_api.concurrency import patched
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPToolset

server, notes = sys.argv[1:]
ctx = RunContext(settings=Settings())
toolset = MCPToolset(MCPServerConfig("fake", command=sys.executable, args=(server, f"notes={notes}")))
outcomes: list[str] = []


def call(name: str, text: str = "", timeout: float | None = None) -> str:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == name)
    try:
        return dataclasses.replace(tool, timeout=timeout).call({"text": text or None}, ctx).content
    except ToolError as exc:
        return f"ToolError: {exc}"


threads = [threading.Thread(target=lambda: outcomes.append(call("sleep", "0.1"))) for _ in range(20)]
started = time.monotonic()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
together = time.monotonic() - started
report = {
    "patched": patched(),
    "together": outcomes,
    "seconds": together,
    "hang": call("hang", timeout=0.2),
    "crash": call("crash"),
    "again": call("echo", "again"),
    "pid": call("pid"),
    "zombies": 0,
}
for pid in os.listdir("/proc") if os.path.isdir("/proc") else []:
    if pid.isdigit():
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        report["zombies"] += fields[0] == "Z" and int(fields[1]) == os.getpid()  # type: ignore[operator]
print(json.dumps(report))
