"""Skills: instructions for certain kinds of tasks, of which the model reads the one that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..concurrency import offload
from ..context import RunContext
from ..errors import ToolError
from ..types import JSONSchema
from .base import Tool
from .contained import NotReadable
from .contained import read_contained

SKILL_FILE = "SKILL.md"
_MAX_DESCRIPTION = 1024
_MAX_FILES = 50
_MAX_ENTRIES = 2_000


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill by name. Its text is ``instructions``, or stands in :data:`SKILL_FILE` of a ``folder`` of its own.

    A skill with ``is_run`` is not read: another agent does what it says and gives the result.
    """

    name: str
    description: str
    instructions: str = ""
    folder: Path | None = None
    is_run: bool = False

    def text(self) -> str:
        """The instructions as they are now. Raises :class:`ToolError` if they cannot be read."""
        if self.folder is None:
            return self.instructions
        return split_front_matter(self.file(SKILL_FILE))[1].strip()

    def file(self, path: str) -> str:
        """A file of the skill. Raises :class:`ToolError` if it has none of that name, or it is no text."""
        if self.folder is None:
            raise ToolError(f"the skill {self.name!r} has no files")
        try:
            return offload(read_contained, self.folder, path)
        except NotReadable as exc:
            raise ToolError(f"{path!r} of the skill {self.name!r}: {exc}") from exc

    def files(self) -> list[str]:
        """The paths of its other files, some of them at the most."""
        if self.folder is None:
            return []
        found = offload(_files, self.folder)
        return [path for path in found if path != SKILL_FILE]


def split_front_matter(text: str) -> tuple[str, str]:
    """The YAML between two lines ``---`` at the start of a text, and what is behind it; empty if there is none."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return "", text
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        return "", text
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])


class SkillsToolset:
    """Lists skills in the prompt, with tools to read them. ``run`` is the tool for those that are run."""

    kind = "skills"

    def __init__(self, skills: Sequence[Skill], name: str = "skills", run: Tool | None = None) -> None:
        self.name = name
        self.skills = tuple(skills)
        self._tools = list(_tools(self.skills, run))

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """Those that there are skills for."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """The skills, and when to read one."""
        names = {tool.name for tool in self._tools}
        lines = ["You have skills: instructions for certain kinds of tasks."]
        lines += [f"- {skill.name}: {_one_line(skill.description)}{_mark(skill)}" for skill in self.skills]
        if "read_skill" in names:
            lines.append("Before a task that a skill is for, call read_skill with its name, then do what it says.")
        if "read_skill_file" in names:
            lines.append("Files that a skill speaks of are read with read_skill_file.")
        if "run_skill" in names:
            lines.append("What is marked (run) another agent does for you: call run_skill with the whole task.")
        return "\n".join(lines)


def _tools(skills: Sequence[Skill], run: Tool | None) -> Iterator[Tool]:
    to_read = {skill.name: skill for skill in skills if not skill.is_run}
    if to_read:
        yield _ReadSkill(to_read)
    if with_files := {skill.name: skill for skill in skills if skill.folder is not None}:
        yield _ReadSkillFile(with_files)
    if run is not None:
        yield run


def skill_of(skills: Mapping[str, Skill], arguments: Mapping[str, Any]) -> Skill:
    """The skill that a call names. Raises :class:`ToolError` if there is none."""
    name = str(arguments.get("name") or arguments.get("skill_name") or "")
    if name not in skills:
        raise ToolError(f"there is no skill {name!r} here, only {', '.join(skills)}")
    return skills[name]


def name_schema(skills: Mapping[str, Skill]) -> JSONSchema:
    """The argument that names a skill."""
    return {"type": "string", "enum": list(skills), "description": "The skill's name."}


class _ReadSkill:
    name = "read_skill"
    description = "Read the instructions of a skill."
    read_only = True
    timeout: float | None = None
    needs = ""

    def __init__(self, skills: Mapping[str, Skill]) -> None:
        self._skills = skills
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {"name": name_schema(skills)},
            "required": ["name"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The skill's text, and the names of its files. Raises :class:`ToolError`."""
        skill = skill_of(self._skills, arguments)
        text, files = skill.text(), skill.files()
        return "\n".join([text, "", "Files of this skill:", *(f"- {path}" for path in files)]) if files else text


class _ReadSkillFile:
    name = "read_skill_file"
    description = "Read a file that belongs to a skill."
    read_only = True
    timeout: float | None = None
    needs = ""

    def __init__(self, skills: Mapping[str, Skill]) -> None:
        self._skills = skills
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {
                "skill_name": name_schema(skills),
                "path": {"type": "string", "description": "The file's path in the skill's folder."},
            },
            "required": ["skill_name", "path"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The file's text. Raises :class:`ToolError`."""
        return skill_of(self._skills, arguments).file(str(arguments.get("path", "")))


def _files(folder: Path) -> list[str]:
    """Paths in the folder, without hidden ones and links, sorted."""
    found: list[str] = []
    for path in sorted(islice(folder.rglob("*"), _MAX_ENTRIES)):
        inner = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in inner.parts):
            found.append(inner.as_posix())
        if len(found) > _MAX_FILES:
            break
    return found


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_DESCRIPTION else f"{line[:_MAX_DESCRIPTION]}..."


def _mark(skill: Skill) -> str:
    return " (run)" if skill.is_run else ""
