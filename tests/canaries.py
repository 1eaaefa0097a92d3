"""Secrets that tests configure, and the check that none of them is ever told: not in logs, errors or figures."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping

from flask_agent_api import redaction

_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|STORE|REDIS_URL")
_PLAIN = re.compile(r"[a-z]*://[^@]*|.{0,11}")

_planted: set[str] = set()
_told: list[str] = []


def plant(environ: Mapping[str, str]) -> set[str]:
    """The secrets among a server's variables, of 12 characters or more; they are looked for from now on."""
    values = [each for name, value in environ.items() if _NAMES.search(name) for each in value.split(",")]
    found = {secret for value in values if not _PLAIN.fullmatch(secret := _secret(value))}
    _planted.update(found)
    return found


def _secret(value: str) -> str:
    """Of an address with a login the password."""
    login = re.fullmatch(r"[a-z]+://[^:@/]*:([^@/]+)@.*", value.strip())
    return login[1] if login else value.strip().rpartition("=")[2]


def look_at(text: str, where: str, secrets: set[str] | None = None) -> None:
    """Notes what of the secrets stands in a text; of all that are known, unless ``secrets`` are given."""
    for secret in secrets if secrets is not None else (*_planted, *redaction._longest_first):
        if secret in text:
            _told.append(f"{secret!r} in {where}: {text[:2000]}")


def look_at_figures() -> None:
    """Looks at all that was counted for Prometheus in this process."""
    if prometheus := sys.modules.get("prometheus_client"):
        look_at(prometheus.generate_latest().decode(), "the figures")


def told() -> list[str]:
    """What was noted since the last time."""
    notes = _told.copy()
    _told.clear()
    return notes


class Listener(logging.Handler):
    """Hears everything that is logged in this process."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == "flask_agent_api" or record.name in redaction.LIBRARIES:
            look_at(self.format(record), f"the log {record.name}")
