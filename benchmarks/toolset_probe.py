"""Measures one toolset in a process like a worker's: ``toolset_probe.py BASE TEAM TOOL ARGUMENTS``; prints JSON.

``BASE`` is the same team without the toolset.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import TypeVar

from processes import descendants
from processes import memory

from flask_agent_api.context import RunContext
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.grants import GRANTS
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.settings import Settings
from flask_agent_api.types import ToolResult

T = TypeVar("T")


def main(base: Path, team: Path, name: str, arguments: dict[str, Any]) -> dict[str, float]:
    """The figures: milliseconds, KiB and numbers of processes."""
    settings = Settings(allow=tuple(GRANTS), data_dir=str(team.parent / "data"), working_dir=str(team.parent))
    me = os.getpid()
    load_docker_agent(base, settings)
    _, without = timed(lambda: load_docker_agent(base, settings))
    gc.collect()
    empty = memory(me).rss
    agent, made = timed(lambda: load_docker_agent(team, settings).agents["root"])
    assert isinstance(agent, ModelAgent), agent
    ctx = RunContext(settings)
    tools, listed = timed(lambda: {tool.name: tool for toolset in agent.toolsets for tool in toolset.tools(ctx)})
    result, called = timed(lambda: tools[name].call(arguments, ctx))
    failed = isinstance(result, ToolResult) and result.is_error
    gc.collect()
    figures = {
        "made, ms": max(0.0, made - without),
        "listed, ms": listed,
        "first call, ms": called,
        "worker, KiB": memory(me).rss - empty,
        "processes": len(descendants(me)),
        "processes, KiB": sum(memory(child).rss for child in descendants(me)),
        "empty worker, KiB": empty,
        "failures": int(failed),
    }
    if failed:
        print(result, file=sys.stderr)
    ctx.on_end.close()
    return figures


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and the milliseconds that it took."""
    start = time.monotonic()
    result = work()
    return result, (time.monotonic() - start) * 1000


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))))
