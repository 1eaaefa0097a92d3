"""The file of ``AGENT_API_KEYS_FILE``: keys by name, each with its hash and what its holder may do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..allowance import Allowance
from ..keys import caller_of
from ..keys import Key
from ..keys import parse_hash
from ..settings import TOOL_ACTIVITY
from .document import Document
from .json_loader import load_json
from .section import did_you_mean
from .section import Fields
from .section import found
from .section import Kind
from .section import POSITIVE
from .section import Section
from .section import TEXT_OR_TEXTS
from .section import TEXTS
from .yaml_loader import load_yaml

HASHES = Kind("sha256: and 64 hexadecimal digits, or a list of these", TEXT_OR_TEXTS.accepts, TEXT_OR_TEXTS.schema)

KEY = Fields(
    {
        "hash": HASHES,
        "agents": TEXTS,
        "tools": TEXTS,
        "tool_activity": TEXTS,
        "requests_per_minute": POSITIVE,
        "streams": POSITIVE,
        "tokens_per_day": POSITIVE,
    }
)

DOCS: Mapping[str, str] = {
    "hash": "`sha256:HEX` of the key, or a list of these while a key is being replaced. Required.",
    "agents": "Agents that may be asked, and that may work for this key in a team; `*` stands for any part of a name.",
    "tools": "Rules about the tool calls that may run, as in `AGENT_API_PERMISSIONS`; all others are denied.",
    "tool_activity": f"Modes that requests may choose: {', '.join(f'`{mode}`' for mode in TOOL_ACTIVITY)}.",
    "requests_per_minute": "Requests that run agents, within any 60 seconds.",
    "streams": "Requests that are answered at the same time, streamed or not.",
    "tokens_per_day": "Tokens of models, read and written, from midnight to midnight (UTC).",
}
"""What each field means, for the documentation."""


def load_keys(path: Path) -> list[Key]:
    """The keys of a file. Raises :class:`ConfigError`, one message with the file, the line and the place."""
    document = load_json(path) if path.suffix.lower() == ".json" else load_yaml(path)
    if not isinstance(document.data, dict | None):
        raise document.error((), f"expected names of keys, found {found(document.data)}")
    return [_key(document, name, value) for name, value in (document.data or {}).items()]


def _key(document: Document, name: str, value: Any) -> Key:
    section = Section(document, (name,), value, [])
    if not isinstance(value, dict):
        raise section.error(None, f"expected a mapping with `hash`, found {found(value)}")
    for field, given in value.items():  # a limit that does not hold is worse than a server that does not start
        if field not in KEY.supported:
            raise section.error(field, f"unknown field{did_you_mean(field, KEY)}. There are: {', '.join(KEY)}")
        if given is None:
            raise section.error(field, "is empty; leave it out where there is to be no limit")
    section.check(KEY)
    try:
        return Key(caller_of(name), _digests(section), _allowance(section))
    except ValueError as exc:
        raise section.error(None, str(exc)) from None


def _digests(section: Section) -> tuple[bytes, ...]:
    value = section.data.get("hash")
    if not value:
        raise section.error("hash", "is missing; make a key and its hash with: flask-agent-api keys new NAME")
    hashes = value if isinstance(value, list) else [value]
    try:
        return tuple(parse_hash(str(hash)) for hash in hashes)
    except ValueError as exc:
        raise section.error("hash", str(exc)) from None


def _allowance(section: Section) -> Allowance:
    for mode in section.texts("tool_activity"):
        if mode not in TOOL_ACTIVITY:
            hint = did_you_mean(mode, TOOL_ACTIVITY)
            raise section.error("tool_activity", f"unknown mode {mode!r}{hint}. There are: {', '.join(TOOL_ACTIVITY)}")
    lists = {name: tuple(section.texts(name)) for name in ("agents", "tools", "tool_activity") if section.has(name)}
    numbers = ("requests_per_minute", "streams", "tokens_per_day")
    return Allowance(**lists, **{name: section.data[name] for name in numbers if section.has(name)})  # type: ignore[arg-type]
