"""Thousands of turns on one worker, 30 % of them left by their client, and the check that nothing stays behind.

A real gunicorn serves a team whose models stream, call a tool, fail and take their time. Turns that are not left are
checked to their end. After a warm-up, and again after all turns, the worker rests and is looked at from outside:
resident memory may have grown by 5 MiB, greenlets, file descriptors and connections to the models' provider must be
as many as before. The exit status is 1 if they are not, or if a turn went wrong. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import children
from processes import descriptors
from processes import end_on_sigterm
from processes import free_port
from processes import resident_kib
from processes import running
from processes import upstream
from servers import GUNICORN
from soak_client import Client
from soak_client import http_get
from soak_client import Kind
from soak_client import KINDS
from soak_client import Tally

MEMORY_GROWTH_KIB = 5 * 1024
REST_SECONDS = 3.0
TURNS_AT_REST = Kind("stream-1-0", 0, 1)


@dataclass(frozen=True, slots=True)
class State:
    """What a worker at rest holds. ``blocks`` are Python's own; memory can grow without them where it is scattered."""

    memory_kib: int
    blocks: int
    greenlets: int
    descriptors: int
    connections: int
    streams: int
    types: Counter[str]


def main() -> int:
    """Runs the soak; the exit status is 1 if something leaks or went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="end after so long (300)")
    parser.add_argument("--turns", type=int, default=20_000, help="or after so many turns (20000)")
    parser.add_argument("--clients", type=int, default=48, help="turns side by side (48)")
    parser.add_argument("--seed", type=int, default=1, help="for the random choices (1)")
    options = parser.parse_args()
    end_on_sigterm()
    with tempfile.TemporaryDirectory() as name, upstream(Path(name)) as provider:
        folder, port = Path(name), free_port()
        log = folder / "server.log"
        env = {"FLASK_AGENT_API_AGENTS": str(_team(folder, provider)), "OPENAI_API_KEY": "x"}
        command = [*GUNICORN, "-b", f"127.0.0.1:{port}", "benchmarks.soak_app:app"]
        with running(command, port, log, env) as pid:
            problems = asyncio.run(_soak(port, provider, pid, options))
            tracebacks = log.read_text().count("Traceback")
            if tracebacks:
                problems.append(
                    f"{tracebacks} tracebacks in the server's output, which ends:\n{log.read_text()[-3000:]}"
                )
    for problem in problems:
        print(f"FAILED {problem}")
    print("FAILED" if problems else "passed")
    return 1 if problems else 0


def _team(folder: Path, provider: int) -> Path:
    """A team file with an agent for each kind of turn."""
    agents: dict[str, dict[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    for kind in (*KINDS, TURNS_AT_REST):
        agents[kind.model] = {"model": kind.model, "description": "Soaked", "instruction": "Answer."}
        models[kind.model] = {"provider": "openai", "model": kind.model, "base_url": f"http://127.0.0.1:{provider}/v1"}
        if kind.tool:
            agents[kind.model]["toolsets"] = [{"type": "python", "tools": ["benchmarks.soak_app:lookup"]}]
    team = folder / "team.yaml"
    team.write_text(json.dumps({"agents": agents, "models": models}), encoding="utf-8")
    return team


def _around_traceback(output: str) -> str:
    start = output.index("Traceback")
    return output[max(0, start - 300) : start + 3000]


async def _soak(port: int, provider: int, pid: int, options: argparse.Namespace) -> list[str]:
    await http_get(port, "/alive")  # the master listens before it has a worker
    (worker,) = children(pid)
    chance, tally, start = random.Random(options.seed), Tally(), time.monotonic()
    await _turns(port, chance, tally, options.clients, min(5_000, options.turns // 4), options.seconds / 4)
    before = await _rest(port, provider, worker, tally)
    print(f"after {tally.turns} turns of warm-up: {_shown(before)}", flush=True)
    left = options.seconds - (time.monotonic() - start)
    await _turns(port, chance, tally, options.clients, options.turns - tally.turns, left)
    if children(pid) != [worker]:
        return [*tally.wrong[:20], "the worker did not survive"]
    after = await _rest(port, provider, worker, tally)
    print(f"after {tally.turns} turns in {time.monotonic() - start:.0f} s: {_shown(after)}")
    print(f"turns: {dict(tally.kinds)}")
    print(f"left by their client: {tally.left.total()}, {dict(tally.left)}")
    return _problems(before, after, tally)


async def _turns(port: int, chance: random.Random, tally: Tally, clients: int, turns: int, seconds: float) -> None:
    """Clients with one turn after the other, until there were so many or the time is over."""
    goal, deadline = tally.turns + turns, time.monotonic() + seconds

    async def client() -> None:
        found = Client(port, chance, tally)
        while tally.turns < goal and time.monotonic() < deadline:
            tally.turns += 1
            await found.turn()
        found.close()

    await asyncio.gather(*(client() for _ in range(clients)))


async def _rest(port: int, provider: int, worker: int, tally: Tally) -> State:
    """What is left when nobody has asked for a while.

    The provider closes what idles, and one more turn makes the worker find that out: of the idle connections that it
    keeps on purpose there is one then, however many there were.
    """
    await asyncio.sleep(REST_SECONDS)
    await http_get(provider, "/close-idle")
    client = Client(port, random.Random(0), tally)
    await client.turn(TURNS_AT_REST)
    client.close()
    await asyncio.sleep(0.5)
    alive: dict[str, Any] = json.loads(await http_get(port, "/alive"))
    await asyncio.sleep(0.5)
    stats: dict[str, int] = json.loads(await http_get(provider, "/stats"))
    types = Counter(alive["types"])
    counts = alive["blocks"], alive["greenlets"], descriptors(worker), stats["open"], stats["playing"]
    return State(resident_kib(worker), *counts, types)


def _problems(before: State, after: State, tally: Tally) -> list[str]:
    problems = [f"turn: {wrong}" for wrong in tally.wrong[:20]]
    if len(tally.wrong) > 20:
        problems.append(f"... and {len(tally.wrong) - 20} turns more")
    if (growth := after.memory_kib - before.memory_kib) > MEMORY_GROWTH_KIB:
        problems.append(f"memory grew by {growth / 1024:.1f} MiB")
    for name in ("greenlets", "descriptors", "connections", "streams"):
        was, now = getattr(before, name), getattr(after, name)
        if now > was:
            problems.append(f"{name}: {was} before, {now} after")
    if problems:
        grown = (after.types - before.types).most_common(15)
        problems.append("types with more objects than before: " + ", ".join(f"{name} +{more}" for name, more in grown))
    return problems


def _shown(state: State) -> str:
    return (
        f"{state.memory_kib / 1024:.1f} MiB, {state.greenlets} greenlets, {state.descriptors} descriptors, "
        f"{state.connections} connections to the provider with {state.streams} streams on them, "
        f"{state.blocks:,} blocks"
    )


if __name__ == "__main__":
    sys.exit(main())
