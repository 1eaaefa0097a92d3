"""What it costs to keep a conversation: turns that name theirs against the same requests without a name.

One worker, 8 clients, each with a conversation of its own that has 20 turns when it is answered: the client sends all
of its history, 19 turns are known, the last is replaced each time. CPU time is of all processes of the server; that of
Redis itself stands apart. Compare within one run. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from load import turn
from processes import cpu_seconds
from processes import end_on_sigterm
from processes import free_port
from processes import running
from processes import upstream
from servers import ours

from flask_agent_api.conversations.base import LogKey
from flask_agent_api.conversations.base import Write
from flask_agent_api.conversations.conversation import Turn
from flask_agent_api.conversations.stores import open_store

CLIENTS = 8
MODEL = "stream-1-0"
CHARACTERS = 300
STORES = ("sqlite", "redis")


@dataclass(frozen=True, slots=True)
class Load:
    """CPU time per turn in microseconds, of the server and of Redis; turns per second; turns that failed."""

    cpu: float
    rate: float
    redis: float
    failures: int


def main() -> int:
    """Runs the benchmark; the exit status is 1 if a turn failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load (5)")
    parser.add_argument("--turns", type=int, default=20, help="turns of a conversation (20)")
    parser.add_argument("--only", choices=STORES, help="one of the stores")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    end_on_sigterm()
    figures = {}
    for name in [options.only] if options.only else STORES:
        if name == "redis" and not shutil.which("redis-server"):
            print("redis-server is not installed: left out", file=sys.stderr)
            continue
        figures[name] = measured(name, options.turns, options.seconds)
    print(json.dumps(figures, indent=1) if options.json else table(figures))
    return 1 if any(each["failures"] for each in figures.values()) else 0


def measured(name: str, turns: int, seconds: float) -> dict[str, float]:
    """CPU time of a turn with a store and without, in microseconds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, provider = free_port(), stack.enter_context(upstream(folder))
        url, redis = stack.enter_context(store(name, folder))
        server = ours(port, provider, folder, [MODEL])
        env = {**server.env, "FLASK_AGENT_API_STORE": url}
        pid = stack.enter_context(running(server.command, port, folder / "server.log", env))
        begin_conversations(url, turns - 1)
        asyncio.run(load(port, pid, 0, turns, 1.0))
        asyncio.run(load(port, pid, redis, turns, 1.0, named=True))
        plain = asyncio.run(load(port, pid, 0, turns, seconds))
        kept = asyncio.run(load(port, pid, redis, turns, seconds, named=True))
    return {
        "CPU us per turn, no name": plain.cpu,
        "CPU us per turn, kept": kept.cpu,
        "more": kept.cpu - plain.cpu,
        "kept turns per s": kept.rate,
        **({"CPU us of Redis per turn": kept.redis} if redis else {}),
        "failures": plain.failures + kept.failures,
    }


@contextlib.contextmanager
def store(name: str, folder: Path) -> Iterator[tuple[str, int]]:
    """The URL of a store, and the pid of its process if it has one."""
    if name == "sqlite":
        yield f"sqlite:///{folder}/conversations.sqlite3", 0
        return
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with running([*command, "--appendonly", "yes"], port, folder / "redis.log") as pid:
        yield f"redis://127.0.0.1:{port}/0", pid


def history(turns: int) -> list[dict[str, str]]:
    """What a client has of a conversation."""
    return [
        {"role": role, "content": f"{number} {role} {'x' * CHARACTERS}"}
        for number in range(turns)
        for role in ("user", "assistant")
    ]


def begin_conversations(url: str, turns: int) -> None:
    """Puts the clients' conversations into the store."""
    kept = open_store(url, "")
    for client in range(CLIENTS):
        key = LogKey("conversation", "anonymous", MODEL, f"c{client}")
        messages = history(turns)
        pairs = zip(messages[::2], messages[1::2], strict=True)
        entries = [Turn([asked], [answer]).entry() for asked, answer in pairs]
        kept.lease(key, "benchmark", 30)
        kept.write(key, "benchmark", Write(0, 0, entries, 3600))
    kept.close()


def request(port: int, client: int, turns: int, number: int, *, named: bool) -> bytes:
    """The bytes of a streamed request."""
    messages = [*history(turns - 1), {"role": "user", "content": f"question {number}"}]
    body = json.dumps({"model": MODEL, "stream": True, "messages": messages}).encode()
    name = f"X-Conversation-Id: c{client}\r\n" if named else ""
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{name}"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def load(port: int, pid: int, redis: int, turns: int, seconds: float, *, named: bool = False) -> Load:
    """Turn after turn of each client."""
    began, cpu, of_redis = time.monotonic(), cpu_seconds(pid), cpu_seconds(redis) if redis else 0.0
    results: list[bool] = []

    async def client(number: int) -> None:
        while time.monotonic() < began + seconds:
            sent = request(port, number, turns, len(results), named=named)
            results.append(await turn(port, sent, 1, seconds) is not None)

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    good = max(1, sum(results))
    spent = cpu_seconds(redis) - of_redis if redis else 0.0
    rate = sum(results) / (time.monotonic() - began)
    return Load((cpu_seconds(pid) - cpu) / good * 1e6, rate, spent / good * 1e6, len(results) - sum(results))


def table(figures: dict[str, dict[str, float]]) -> str:
    """A line for each store."""
    lines = (
        f"{name:8}" + "   ".join(f"{label}: {value:,.0f}" for label, value in f.items()) for name, f in figures.items()
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
