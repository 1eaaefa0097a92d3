"""tiny-agents' format: a folder with ``agent.json`` and a prompt file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..runtime.agent import ModelAgent
from ..runtime.team import Team
from ..settings import Settings
from .document import Document
from .document import read_text
from .origin import HERE
from .origin import Origin
from .section import Fields
from .section import FLAG
from .section import found
from .section import LIST
from .section import Section
from .section import TEXT
from .tiny_agents_model import tiny_agent_model
from .tiny_agents_servers import tiny_agent_toolsets

PROMPT_FILES = ("AGENTS.md", "PROMPT.md")
"""The first of these in the folder is the system prompt."""

DEFAULT_PROMPT = """\
You are an agent: work on the user's request until it is fully done before you hand back.
Plan before you call a tool, and think about its result before you call the next one. Use your tools to find out what \
you do not know; never guess at facts, files or results. Ask only if you cannot go on without an answer."""

_AGENT = Fields(
    {
        "model": TEXT,
        "provider": TEXT,
        "endpointUrl": TEXT,
        "apiKey": TEXT,
        "inputs": LIST,
        "servers": LIST,
        "name": TEXT,
        "description": TEXT,
        "$schema": TEXT,
    }
)
_INPUT = Fields({"type": TEXT, "id": TEXT, "description": TEXT, "password": FLAG})


def load_tiny_agent(
    path: Path, settings: Settings, environ: Mapping[str, str] | None = None, origin: Origin = HERE
) -> Team:
    """The agent of a folder, or of an ``agent.json`` itself, then without a prompt file; a team of one.

    It is named after the folder. ``${input:id}`` is filled in from ``environ``, by default the process's own.
    A file from elsewhere runs as far as its ``origin`` allows. Raises :class:`ConfigError`, one message with the file
    and the place.
    """
    file = path / "agent.json" if path.is_dir() else path
    document = _load_json(file)
    if not isinstance(document.data, dict):
        raise document.error((), f"expected an object, found {found(document.data)}")
    environ = os.environ if environ is None else environ
    section = Section(document, (), document.data, [])
    section.check(_AGENT)
    for entry in section.sections("inputs"):
        entry.check(_INPUT)
    folder = file.parent.resolve()
    model = tiny_agent_model(section, settings, environ, origin)
    made = tiny_agent_toolsets(section, folder, origin.environ(environ))
    toolsets = tuple(origin.stand_in(toolset.kind, toolset.name) or toolset for toolset in made)
    agent = ModelAgent(
        name=folder.name,
        model=model,
        description=section.text("description"),
        instruction=_prompt(path) if path.is_dir() else DEFAULT_PROMPT,
        toolsets=toolsets,
        working_dir=str(folder),
        warnings=tuple(section.warnings),
    )
    return Team(folder.name, {folder.name: agent}, folder.name, str(path))


def _prompt(folder: Path) -> str:
    for name in PROMPT_FILES:
        if (folder / name).is_file():
            return read_text(folder / name)
    return DEFAULT_PROMPT


def _load_json(path: Path) -> Document:
    try:
        data = json.loads(read_text(path), object_pairs_hook=lambda pairs: _unique(pairs, path))
    except json.JSONDecodeError as exc:
        raise ConfigError(f"{path}:{exc.lineno}:{exc.colno}: not valid JSON: {exc.msg}") from exc
    except (RecursionError, ValueError) as exc:
        raise ConfigError(f"{path}: not valid JSON: nested too deep, or a number without end") from exc
    return Document(path, data)


def _unique(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ConfigError(f"{path}: the key {key!r} stands twice in one object")
        data[key] = value
    return data
