"""Finding skills in folders: each is a folder with a ``SKILL.md``, whose YAML at the top says what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..tools.contained import contained
from ..tools.contained import NotReadable
from ..tools.skills import SKILL_FILE
from ..tools.skills import split_front_matter
from .document import Document
from .document import read_text
from .section import Section
from .yaml_loader import parse_yaml

PLACES = (".claude/skills", ".agents/skills")
"""Where skills are looked for; of two with one name the later counts, as in docker-agent."""

MAX_SKILLS = 200
_FIELD = re.compile(r"([A-Za-z][\w-]*):(.*)")


def find_skills(folder: Path, warnings: list[str]) -> list[Section]:
    """What the ``SKILL.md`` files in the places of a folder say about themselves, sorted by name.

    Hidden folders and links are left out, as are skills without a description. Each section's document is the skill's
    file.
    """
    found: dict[str, Section] = {}
    for file in _skill_files(folder):
        if (section := _read(file, warnings)) is not None:
            found[section.text("name")] = section
    return [found[name] for name in sorted(found)][:MAX_SKILLS]


def _skill_files(folder: Path) -> Iterator[Path]:
    for place in PLACES:
        try:
            children = sorted(contained(folder, place).iterdir())
        except (NotReadable, OSError):
            continue
        for child in children:
            if not child.name.startswith(".") and not child.is_symlink() and (child / SKILL_FILE).is_file():
                yield child / SKILL_FILE


def _read(file: Path, warnings: list[str]) -> Section | None:
    """The section of one file; None, and a warning, if it is no skill."""
    try:
        front, _ = split_front_matter(read_text(contained(file.parent, SKILL_FILE)))
    except (ConfigError, NotReadable) as exc:
        warnings.append(f"{file}: {exc}")
        return None
    document = _document(front, file)
    section = Section(document, (), document.data, warnings)
    if not section.text("description").strip():
        section.warn(None, "no skill without a `description` between two lines `---` at the top")
        return None
    return Section(document, (), {**document.data, "name": section.text("name") or file.parent.name}, warnings)


def _document(front: str, file: Path) -> Document:
    """The YAML at the top, or what can be read of it line by line: ``description: Use it so: ...`` is no YAML."""
    try:
        document = parse_yaml(f"\n{front}", file)
        if isinstance(document.data, dict):
            return document
    except ConfigError:
        pass
    lines = [found for line in front.splitlines() if (found := _FIELD.fullmatch(line.rstrip()))]
    data: dict[str, Any] = {found[1]: found[2].strip().strip("\"'") for found in lines}
    return Document(file, data)
