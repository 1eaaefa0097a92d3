"""docker-agent's team files: YAML with ``agents``, ``models``, ``providers`` and ``mcps``.

What a file asks for and this server does not do is no error: it is listed in the warnings of the agent, or of the team.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ...runtime.agent import Agent
from ...runtime.agent import ModelAgent
from ...runtime.background_agents import BackgroundAgents
from ...runtime.team import Team
from ...settings import Settings
from ..flavors import with_flavors
from ..origin import HERE
from ..origin import Origin
from ..placeholders import expand_templates
from ..section import found
from ..section import nearest
from ..section import Section
from ..yaml_loader import load_yaml
from .a2a import RemoteAgents
from .commands import load_commands
from .fields import AGENT
from .fields import METADATA
from .fields import NEWEST_VERSION
from .fields import REFUSED
from .fields import TOP
from .files import FileToolsets
from .files import working_dir
from .groups import used_toolsets
from .hooks import HookLoader
from .instruction import load_instruction
from .instruction import load_prompt_files
from .keeping import KeepingToolsets
from .limits import LimitLoader
from .links import forced_handoff
from .links import members
from .lsp import LanguageServers
from .mcp import MCPServers
from .model_picker import model_picker
from .models import ModelLoader
from .outgoing import OutgoingToolsets
from .policy import PolicyLoader
from .policy import risks
from .rag import rag_entries
from .rag import RagToolsets
from .remote import refuse_addresses
from .requests import RequestToolsets
from .shell import CommandToolsets
from .skills import skill_commands
from .skills import SkillLoader
from .structured import load_structured_output
from .toolset_options import described
from .toolsets import Maker
from .toolsets import ToolsetLoader
from .web import WebToolsets

MAX_NAME = 100
"""Characters in the name of an agent: it stands in headers, logs and menus."""


def load_docker_agent(
    path: Path, settings: Settings, environ: Mapping[str, str] | None = None, origin: Origin = HERE
) -> Team:
    """The team that a file describes; placeholders are filled in from ``environ``, by default the process's own.

    Raises :class:`ConfigError`, one message with file, line and place, for anything that cannot be what its author
    meant. A missing API key is no error: the agent answers 503 and says which variable to set. A file from elsewhere
    runs as far as its ``origin`` allows.
    """
    document = load_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error((), f"expected a mapping with `agents` at the top, found {found(document.data)}")
    document = with_flavors(document, settings.flavors)
    top = Section(document, (), document.data, [])
    if settings.flavors and not top.has("flavors"):
        top.warn(None, f"has no flavors, AGENT_API_FLAVORS={','.join(settings.flavors)} changes nothing here")
    return _Loader(top, settings, os.environ if environ is None else environ, origin).team()


class _Loader:
    """Reads one file, top down."""

    def __init__(self, top: Section, settings: Settings, environ: Mapping[str, str], origin: Origin) -> None:
        _check_top(top)
        self._top = top
        self._origin = origin
        self._environ = {**top.text_map("env"), **origin.environ(environ)}
        self._folder = top.document.path.parent.resolve()
        self._working_dir = working_dir(self._folder, settings)
        refuse_addresses(top, origin)
        self._policies = PolicyLoader(top, HookLoader(self._folder, self._environ, settings, origin))
        self._limits = LimitLoader(top, priced=bool(settings.prices))
        self._models = ModelLoader(top, settings, environ)
        self._team: dict[str, Agent] = {}
        servers = MCPServers(top.section("mcps"), self._folder, self._environ, settings)
        files = FileToolsets(top.document.path, settings, self._environ)
        commands = CommandToolsets(self._working_dir, self._environ)
        keeping = KeepingToolsets(top.document.path, self._working_dir, files, self._environ)
        web = WebToolsets(self._environ, settings.ever_forwarded)
        makers: dict[str, Maker] = {
            "filesystem": files.toolset,
            "file": files.toolset,
            "model_picker": partial(model_picker, self._models),
            "a2a": RemoteAgents(settings, self._environ).toolset,
            "lsp": LanguageServers(files, self._environ).toolset,
            "rag": RagToolsets(top, self._folder, settings, self._environ, self._models).toolset,
            **commands.makers(),
            **keeping.makers(),
            **web.makers(),
            **RequestToolsets(web, self._folder, self._environ).makers(),
            **OutgoingToolsets(web, self._environ).makers(),
        }
        self._toolsets = ToolsetLoader(servers, self._models.model_of, self._team, origin, makers)
        self._skills = SkillLoader(top, self._folder, origin, self._models.model_of, self._toolsets, self._team)

    def team(self) -> Team:
        sections = self._top.section("agents")
        for name in sections.data:
            if not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
                raise sections.error(name, f"a name has 1 to {MAX_NAME} characters, none of them for control")
            self._team[name] = self._agent(name, sections.section(name).with_warnings([]))
        path = self._top.document.path
        default = "root" if "root" in self._team else next(iter(self._team))
        return Team(path.stem, self._team, default, str(path), (*self._top.warnings, *risks(self._team)))

    def _agent(self, name: str, section: Section) -> ModelAgent:
        section.check(AGENT)
        agents = self._top.section("agents")
        model = self._models.model_of(section)
        shared = [*rag_entries(section), *used_toolsets(section, self._top)]
        toolsets = tuple(self._toolsets.load(name, section, model, shared))
        skills = self._skills.load(name, section, model)
        sub_agents = tuple(members(section, "sub_agents", agents))
        if not sub_agents and any(toolset.kind == BackgroundAgents.kind for toolset in toolsets):
            section.warn("toolsets", f"{BackgroundAgents.kind} has no tools for an agent without `sub_agents`")
        commands = load_commands(section, self._top, agents.data, self._environ)
        return ModelAgent(
            name=name,
            model=model,
            description=self._template(section, "description"),
            instruction=load_instruction(section, self._folder, self._origin),
            prompt_files=load_prompt_files(section, self._folder, self._origin),
            toolsets=(*toolsets, described(skills, section)) if skills else toolsets,
            sub_agents=sub_agents,
            handoffs=tuple(members(section, "handoffs", agents)),
            force_handoff=forced_handoff(section, agents),
            team=self._team,
            max_iterations=section.data.get("max_iterations") or 0,
            add_date=bool(section.data.get("add_date")),
            add_environment_info=bool(section.data.get("add_environment_info")),
            working_dir=str(self._working_dir),
            welcome_message=self._template(section, "welcome_message"),
            commands={**skill_commands(skills.skills), **commands} if skills else commands,
            policy=self._policies.of(section),
            limits=self._limits.of(section),
            structured_output=load_structured_output(section),
            title_model=self._models.title_model_of(section),
            warnings=tuple(section.warnings),  # the last one: all that is above may have added to it
        )

    def _template(self, section: Section, key: str) -> str:
        """A field with its ``${env.X}`` filled in; a variable that is not set leaves nothing."""
        expanded = expand_templates(section.text(key), self._environ)
        if expanded.missing:
            section.warn_of_unset(key, expanded.missing, "it is left empty")
        if expanded.unknown:
            section.warn(key, f"{expanded.unknown[0]} is not supported yet, it stays as it is")
        return expanded.text


def _check_top(top: Section) -> None:
    for name, why in REFUSED.items():
        if top.has(name):
            raise top.error(name, why)
    if "agents" not in top.data and nearest("agents", top.data) is None:
        raise top.error(None, "`agents` must name at least one agent")
    top.check(TOP)
    top.section("metadata").check(METADATA)
    if not top.section("agents").data:
        raise top.error("agents", "`agents` must name at least one agent")
    version = top.text("version")
    if version.isdecimal() and (len(version) > 4 or int(version) > NEWEST_VERSION):
        top.warn("version", f"newer than {NEWEST_VERSION}, the newest version that is known here")
    if top.has("env"):
        top.warn("env", "from version 1 of the format; its values stand in for variables that are not set")
    if top.has("env_file"):
        top.warn("env_file", "from version 1 of the format, not read; start the server with `--env-file`")
