"""Plays all scenarios with a client against a real server, and writes down how that went."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flask_agent_api import demo

from ..support import Server
from .environments import Client
from .environments import CLIENTS
from .environments import node_environment
from .environments import python_environment
from .scenarios import SCENARIOS
from .scenarios import Seen

SETTINGS = {
    "FLASK_AGENT_API_AGENTS": str(Path(demo.__file__).with_name("team.yaml")),
    "FLASK_AGENT_API_KEEP_ALIVE": "0.2",
    "FLASK_AGENT_API_UNKNOWN_MODEL": "error",  # a mode that is not known must not pass for the default agent
}
PATIENCE = 180.0
"""Seconds for all scenarios of one client."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """The lab's app under gunicorn, with a keep-alive every 0.2 s."""
    app = Path(__file__).with_name("app.py").read_text()
    with Server(folder, {"app.py": app}, env=SETTINGS) as server:
        yield server


def start(server: Server, names: list[str]) -> dict[str, Future[dict[str, Seen]]]:
    """Installs the clients and plays their scenarios, two at a time."""
    pool = ThreadPoolExecutor(2)
    clients = {name: CLIENTS[name] for name in names}
    environments = dict.fromkeys(client.requirements for client in clients.values())
    installed = {name: pool.submit(_install, name) for name in environments}
    return {
        name: pool.submit(_played, name, client, installed[client.requirements], server)
        for name, client in clients.items()
    }


def _install(requirements: str) -> None:
    """What comes first in the pool's queue has begun before anybody waits for it."""
    if requirements:
        python_environment(requirements)
    else:
        node_environment()


def _played(name: str, client: Client, installed: Future[None], server: Server) -> dict[str, Seen]:
    installed.result()
    asked = [each.line(_key(name, each.name)) for each in SCENARIOS]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_", "FLASK_"))}
    done = subprocess.run(
        [*client.command(), server.url, json.dumps(asked)], env=env, capture_output=True, text=True, timeout=PATIENCE
    )
    if done.returncode:
        raise RuntimeError(f"{client.title}: {done.stderr[-3000:]}")
    counted = posts(server)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: line | {"posts": counted.get(_key(name, line["name"]), 0)} for line in lines}


def _key(client: str, scenario: str) -> str:
    return f"{client}.{scenario}".replace(" ", ".")


def posts(server: Server) -> dict[str, int]:
    """How many requests the server got, by key: see app.py."""
    with urllib.request.urlopen(server.url.removesuffix("/v1") + "/posts", timeout=10) as response:
        counted: dict[str, int] = json.load(response)
    return counted


def report(seen: dict[str, dict[str, Seen]]) -> list[dict[str, Any]]:
    """How it went with each client and scenario, for docs/clients.json."""
    return [
        {"client": client.title, "version": client.version, "results": _results(seen[name])}
        for name, client in CLIENTS.items()
    ]


def _results(seen: dict[str, Seen]) -> dict[str, str]:
    return {each.name: _result(each.check, seen[each.name]) for each in SCENARIOS if each.name in seen}


def _result(check: Any, seen: Seen) -> str:
    try:
        return str(check(seen))
    except AssertionError:
        return "fails"
