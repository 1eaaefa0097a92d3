"""The toolsets that are measured, with a cheap call of a tool of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

DOCUMENTS = 100
_SERVERS = str(Path(__file__).with_name("tool_servers.py"))


@dataclass(frozen=True, slots=True)
class Case:
    """A toolset of a team file. ``fields`` are those of its entry, ``tool`` is called with ``arguments``."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    type: str = ""

    def team(self, name: str) -> str:
        """The file of a team whose first agent has the toolset and nothing else."""
        return _team([{"type": self.type or name, **self.fields}])


def _team(toolsets: Sequence[Mapping[str, Any]]) -> str:
    root = {"model": "demo/demo", "sub_agents": ["b"], "toolsets": toolsets}
    return json.dumps({"agents": {"root": root, "b": {"model": "demo/demo"}}})


BASE = _team([])
"""The team without the toolset."""


def cases(web: str, mcp: str) -> dict[str, Case]:
    """By the name of the row: the type, unless it is measured in several ways. ``web`` and ``mcp`` are base URLs."""
    own = {"command": sys.executable}
    return {
        "think": Case("think", {"thought": "x"}),
        "todo": Case("create_todo", {"description": "x"}),
        "session_plan": Case("write_session_plan", {"content": "x"}),
        "user_prompt": Case("user_prompt", {"message": "x"}),
        "model_picker": Case("revert_model", {}, {"models": ["demo/demo"]}),
        "open_url": Case("open_url", {}, {"url": "https://example.com"}),
        "background_agents": Case("list_background_agents"),
        "python": Case("calculate", {"expression": "6 * 7"}, {"tools": ["flask_agent_api.demo.tools:calculate"]}),
        "environment": Case("get_environment_info"),
        "filesystem": Case("list_directory", {"path": "."}),
        "file": Case("read_file", {"path": "docs/0.txt"}, {"path": "docs/0.txt"}),
        "git": Case("git_status"),
        "shell": Case("shell", {"cmd": "true"}),
        "background_jobs": Case("run_background_job", {"cmd": "sleep 60"}),
        "script": Case("hello", {}, {"shell": {"hello": {"cmd": "echo hello"}}}),
        "memory": Case("add_memory", {"memory": "x"}),
        "tasks": Case("create_task", {"title": "x"}),
        "plan": Case("write_plan", {"name": "x", "content": "x"}),
        "session_context": Case("list_sessions"),
        "fetch": Case("fetch", {"urls": [f"{web}/page.html"], "format": "markdown"}, {"allow_private_ips": True}),
        "api": Case("cats", {}, {"api_config": {"name": "cats", "endpoint": f"{web}/cats"}}),
        "openapi": Case("cats", {}, {"url": f"{web}/openapi.json"}),
        "webhook": Case("send_webhook", {"message": "x"}, {"webhook_config": {"url": f"{web}/hook"}}),
        "a2a": Case("purr", {"message": "x"}, {"url": f"{web}/cat"}),
        "rag": Case(
            "documents",
            {"query": "word 7"},
            {"name": "documents", "rag_config": {"docs": ["docs"], "strategies": [{"type": "bm25"}]}},
        ),
        "lsp": Case("lsp_workspace", {}, {**own, "args": [_SERVERS, "lsp"]}),
        "mcp, over HTTP": Case("echo", {"text": "x"}, {"remote": {"url": f"{mcp}/mcp"}}, "mcp"),
        "mcp, mcp-server-time": Case(
            "get_current_time", {"timezone": "UTC"}, {**own, "args": ["-m", "mcp_server_time"]}, "mcp"
        ),
    }


def write_documents(folder: Path) -> None:
    """What there is to read and to search."""
    (folder / "docs").mkdir()
    for number in range(DOCUMENTS):
        words = " ".join(f"word {number} of {place}" for place in range(100))
        (folder / "docs" / f"{number}.txt").write_text(words, encoding="utf-8")
