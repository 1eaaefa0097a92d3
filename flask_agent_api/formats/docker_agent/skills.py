"""The skills of an agent in a docker-agent file: found in folders, or written in the file itself."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ...models.base import Model
from ...runtime.agent import Agent
from ...runtime.command import Command
from ...runtime.run_skill import RunSkill
from ...runtime.run_skill import SkillRun
from ...tools.base import Toolset
from ...tools.skills import Skill
from ...tools.skills import SkillsToolset
from ..origin import Origin
from ..section import as_text
from ..section import did_you_mean
from ..section import found
from ..section import Section
from ..skill_files import find_skills
from .fields import SKILL
from .groups import used_groups
from .groups import used_toolsets
from .toolsets import ToolsetLoader

_LOCAL = "local"


class SkillLoader:
    """Finds the skills of the agents of one team, which ``team`` holds as soon as they are asked for.

    docker-agent also looks in folders above and in the home folder. Here it is the file's folder alone: what lies
    around it on a server is not the author's.
    """

    def __init__(
        self,
        top: Section,
        folder: Path,
        origin: Origin,
        model_of: Callable[[Section], Model],
        toolsets: ToolsetLoader,
        team: Mapping[str, Agent],
    ) -> None:
        self._top = top
        self._folder = folder
        self._origin = origin
        self._model_of = model_of
        self._toolsets = toolsets
        self._team = team

    def load(self, name: str, agent: Section, model: Model) -> SkillsToolset | None:
        """The agent's skills as a toolset; None if it has none. ``model`` is the agent's own.

        Raises :class:`ConfigError` for an entry that is wrong.
        """
        skills: dict[str, Skill] = {}
        runs: list[SkillRun] = []
        for section, folder in self._sections(agent):
            skill = _skill(section, folder)
            if skill.name in skills:
                continue
            skills[skill.name] = skill
            if skill.is_run:
                runs.append(self._run(f"{name}/{skill.name}", skill, section, agent, model))
            elif _is_scoped(section):
                section.warn(None, "`allowed_tools` and `toolsets` have no effect without `context: fork`")
        if not skills:
            return None
        run = RunSkill(runs, name, self._team) if runs else None
        return SkillsToolset(list(skills.values()), f"{name}/skills", run)

    def _sections(self, agent: Section) -> Iterator[tuple[Section, Path | None]]:
        """The skills that are written in the file, then those of folders with these."""
        wanted: dict[str, None] = {}
        is_local = False
        for holder, key in [(agent, "skills"), *used_groups(agent, self._top, "skills")]:
            for item in _items(holder, key):
                if isinstance(item, Section):
                    yield item, None
                elif item == _LOCAL:
                    is_local = True
                elif "://" in item:
                    holder.warn(key, f"skills are not fetched, {item} is left out; copy them to .agents/skills")
                else:
                    wanted[item] = None
        if is_local or wanted:
            yield from self._local(agent, wanted)

    def _local(self, agent: Section, wanted: Mapping[str, None]) -> Iterator[tuple[Section, Path | None]]:
        if not self._origin.trusted:
            agent.warn("skills", self._origin.refusal("Reading skills from folders"))
            return
        sections = {section.text("name"): section for section in find_skills(self._folder, agent.warnings)}
        for name in wanted:
            if name not in sections:
                hint = did_you_mean(name, sections)
                agent.warn("skills", f'there is no skill "{name}" in .agents/skills or .claude/skills{hint}')
        for name, section in sections.items():
            if not wanted or name in wanted:
                yield section, section.document.path.parent

    def _run(self, name: str, skill: Skill, section: Section, agent: Section, agents_model: Model) -> SkillRun:
        model = self._model(section)
        allowed = _names(section, "allowed_tools", "allowed-tools")
        toolsets = self._toolsets_of(name, section, agent, model or agents_model)
        return SkillRun(skill, model, tuple(allowed) or None, tuple(toolsets))

    def _model(self, section: Section) -> Model | None:
        """The skill's own model; as in docker-agent, one that cannot be had is a warning."""
        if not section.has("model"):
            return None
        try:
            return self._model_of(section)
        except ConfigError as exc:
            section.warnings.append(f"{exc.message}; the agent's own model is used")
            return None

    def _toolsets_of(self, name: str, section: Section, agent: Section, model: Model) -> list[Toolset]:
        """The toolsets that the skill names: what the agent says of all its tools holds for them, too."""
        data = {"use_toolsets": _names(section, "toolsets")}
        user = Section(section.document, section.where, data, section.warnings)
        flags = {flag: agent.data.get(flag) for flag in ("readonly", "add_description_parameter")}
        nothing_else = Section(section.document, section.where, flags, section.warnings)
        return self._toolsets.load(name, nothing_else, model, used_toolsets(user, self._top))


def skill_commands(skills: Iterable[Skill]) -> dict[str, Command]:
    """A command for each skill, as docker-agent has it: ``/name`` asks for it outright."""
    return {skill.name: Command((f'Follow the skill "{skill.name}".',), skill.description) for skill in skills}


def _items(holder: Section, key: str) -> Iterator[str | Section]:
    """What a field of skills lists: skills that are written there, names and sources; ``true`` is the source here."""
    value: Any = holder.data.get(key)
    if isinstance(value, bool) or value is None:
        yield from [_LOCAL] if value else []
        return
    if not isinstance(value, list):
        raise holder.error(key, f"expected true, false or a list, found {found(value)}")
    inner = Section(holder.document, (*holder.where, key), {}, holder.warnings)
    for position, item in enumerate(value):
        if isinstance(item, str) and item.strip():
            yield item.strip()
        elif isinstance(item, dict):
            section = Section(holder.document, (*inner.where, position), item, holder.warnings)
            section.check(SKILL)
            yield section
        else:
            raise inner.error(position, f"expected a name or a skill, found {found(item)}")


def _skill(section: Section, folder: Path | None) -> Skill:
    if folder is None:
        for field in ("name", "description", "instructions"):
            if not section.text(field).strip():
                raise section.error(None, f"a skill needs `name`, `description` and `instructions`, {field} is empty")
    return Skill(
        section.text("name"),
        section.text("description"),
        section.text("instructions") if folder is None else "",
        folder,
        section.data.get("context") == "fork",
    )


def _is_scoped(section: Section) -> bool:
    """``allowed-tools`` of files alone is harmless: other programs know it for skills that are read, too."""
    return section.has("toolsets") or section.has("allowed_tools")


def _names(section: Section, *fields: str) -> list[str]:
    """Names from a list, or from a text with commas between them, of the first field that is there."""
    value: Any = next((section.data[field] for field in fields if section.has(field)), None)
    items = value if isinstance(value, list) else as_text(value).split(",")
    return [text for item in items if (text := as_text(item).strip())]
