"""The servers that are compared. Each relays ``POST /v1/chat/completions`` to the upstream."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GUNICORN = (sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "1", "--log-level", "warning")


@dataclass(frozen=True, slots=True)
class Server:
    """How to start a server."""

    command: Sequence[str]
    env: dict[str, str]


def ours(port: int, upstream: int, folder: Path, models: Sequence[str]) -> Server:
    """This library with a team file: an agent without tools for each model."""
    agents = "".join(f"  {name}: {{model: {name}, description: Relays, instruction: Relay.}}\n" for name in models)
    base_url = f'"http://127.0.0.1:{upstream}/v1"'
    entries = "".join(f"  {name}: {{provider: openai, model: {name}, base_url: {base_url}}}\n" for name in models)
    team = folder / "team.yaml"
    team.write_text(f"agents:\n{agents}models:\n{entries}", encoding="utf-8")
    env = {"FLASK_AGENT_API_AGENTS": str(team), "OPENAI_API_KEY": "x"}
    return Server([*GUNICORN, "-b", f"127.0.0.1:{port}", "flask_agent_api.wsgi:app"], env)


def naive(port: int, upstream: int, folder: Path, models: Sequence[str]) -> Server:
    """A tutorial's relay, under the same gunicorn with the same settings."""
    env = {"OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1", "OPENAI_API_KEY": "x"}
    return Server([*GUNICORN, "-b", f"127.0.0.1:{port}", "benchmarks.naive_app:app"], env)


def nginx(port: int, upstream: int, folder: Path, models: Sequence[str]) -> Server:
    """A bare pass-through, in C: what the bytes alone cost."""
    config = folder / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = "".join(f"{kind}_temp_path {folder}/nginx_{kind};" for kind in kinds)
    location = (
        "location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ''; "
        "proxy_buffering off; }"
    )
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;"
        f"events {{ worker_connections 8192; }} http {{ access_log off; client_body_buffer_size 1m; {temp}"
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 512; }}"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; {location} }} }}",
        encoding="utf-8",
    )
    return Server([shutil.which("nginx") or "nginx", "-c", str(config), "-e", str(folder / "nginx.err")], {})


SERVERS: dict[str, Callable[[int, int, Path, Sequence[str]], Server]] = {"ours": ours, "naive": naive, "nginx": nginx}


def installed(name: str) -> bool:
    """Whether a server can be run on this machine."""
    return name != "nginx" or shutil.which("nginx") is not None
