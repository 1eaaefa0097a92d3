"""Docker's catalogue of MCP servers: which there are, what secrets they need, and which are reached by URL."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import httpx2

from ..errors import ToolError
from ..per_process import PerProcess
from .docker_gateway import CATALOGUE

CATALOGUE_JSON = CATALOGUE.replace(".yaml", ".json")
"""The same, quicker to read."""

MAX_BYTES = 20 * 1024 * 1024
"""Of the catalogue, at the most."""

KEEP_SECONDS = 3600.0
"""How long the catalogue is taken as it was read."""

_TIMEOUT_SECONDS = 15.0
logger = logging.getLogger("flask_agent_api.mcp")


@dataclass(frozen=True, slots=True)
class Entry:
    """A server: ``secrets`` are the environment variables by the names that the gateway has for them.

    ``url`` is that of a remote server, spoken to over ``transport``; empty for one that runs in a container.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    transport: str = ""


class _Kept:
    """The catalogue as this process has read it last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: Mapping[str, Entry] = {}
        self._until = 0.0

    def entries(self) -> Mapping[str, Entry]:
        with self._lock:
            if time.monotonic() > self._until:
                self._read()
            return self._entries

    def _read(self) -> None:
        try:
            self._entries = _parsed(json.loads(_fetched()))
        except (httpx2.HTTPError, ValueError) as exc:
            logger.warning("Docker's MCP catalogue cannot be read: %s: %s", type(exc).__name__, exc)
            if not self._entries:
                raise ToolError(f"Docker's MCP catalogue cannot be read ({CATALOGUE_JSON})") from None
        self._until = time.monotonic() + KEEP_SECONDS


_kept = PerProcess(_Kept)


def read_catalogue() -> Mapping[str, Entry]:
    """The servers by name, as they were at the most an hour ago, or when the catalogue could last be read.

    Raises :class:`ToolError` if it never could.
    """
    return _kept.get().entries()


def _fetched() -> bytes:
    body = bytearray()
    with httpx2.stream("GET", CATALOGUE_JSON, timeout=_TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        for part in response.iter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
    return bytes(body)


def _parsed(catalogue: Any) -> dict[str, Entry]:
    servers = catalogue.get("registry") if isinstance(catalogue, dict) else None
    if not isinstance(servers, dict):
        raise ValueError("it has no registry")
    return {name: _entry(server) for name, server in servers.items() if isinstance(server, dict)}


def _entry(server: dict[str, Any]) -> Entry:
    remote = server.get("remote")
    if server.get("type") == "remote" and isinstance(remote, dict):
        return Entry(url=str(remote.get("url", "")), transport=str(remote.get("transport_type", "")))
    secrets = [secret for secret in server.get("secrets") or [] if isinstance(secret, dict)]
    return Entry({str(secret["name"]): str(secret["env"]) for secret in secrets if {"name", "env"} <= secret.keys()})
