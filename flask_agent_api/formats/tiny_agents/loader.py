"""tiny-agents' format: a folder with ``agent.json`` and a prompt file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ...runtime.agent import ModelAgent
from ...runtime.exit_tools import ExitTool
from ...runtime.team import Team
from ...settings import Settings
from ..document import read_text
from ..json_loader import load_json
from ..origin import HERE
from ..origin import Origin
from ..section import found
from ..section import Section
from .fields import AGENT
from .inputs import Inputs
from .model import tiny_agent_model
from .servers import tiny_agent_toolsets

AGENT_JSON = "agent.json"
"""The file that makes a folder an agent."""

PROMPT_FILES = ("AGENTS.md", "PROMPT.md")
"""The first of these in the folder is the system prompt."""

DEFAULT_PROMPT = """\
You are an agent: work on the user's request until it is fully done before you hand back.
Plan before you call a tool, and think about its result before you call the next one. Use your tools to find out what \
you do not know; never guess at facts, files or results. Ask only if you cannot go on without an answer."""

EXIT_TOOLS = (
    ExitTool("task_complete", "Call this when the user's task is complete and you have written your answer."),
    ExitTool("ask_question", "Call this when you have written a question that you need answered before you can go on."),
)
"""By calling one of these, which prompts may name, an agent ends its turn."""


def load_tiny_agent(
    path: Path, settings: Settings, environ: Mapping[str, str] | None = None, origin: Origin = HERE
) -> Team:
    """The agent of a folder, or of an ``agent.json`` itself, then without a prompt file; a team of one.

    It is named after the folder, or after a file of another name. ``${input:id}`` is filled in from ``environ``, by
    default the process's own. A file from elsewhere runs as far as its ``origin`` allows. Raises
    :class:`ConfigError`, one message with the file, the line and the place.
    """
    file = path / AGENT_JSON if path.is_dir() else path
    document = load_json(file)
    if not isinstance(document.data, dict):
        raise document.error((), f"expected an object, found {found(document.data)}")
    section = Section(document, (), document.data, [])
    section.check(AGENT)
    environ = os.environ if environ is None else environ
    usable = section if origin.trusted else section.with_warnings([])  # one warning says it all
    inputs = Inputs(usable, origin.environ(environ))
    folder = Path.cwd() if origin.address else file.parent.resolve()
    model = tiny_agent_model(section, settings, inputs, environ, origin)
    if "servers" not in section.data:
        section.warn(None, "has no `servers`, so the agent has no tools")
    made = list(tiny_agent_toolsets(usable, folder, inputs))
    toolsets = tuple(origin.stand_in(toolset.kind, toolset.name) or toolset for toolset in made)
    if made and not origin.trusted:
        section.warn("servers", origin.refusal("This field"))
    inputs.warn_of_unused()
    name = (file.parent.resolve().name if file.name == AGENT_JSON else file.stem) or "agent"
    agent = ModelAgent(
        name=name,
        model=model,
        description=section.text("description"),
        instruction=_prompt(path) if path.is_dir() else DEFAULT_PROMPT,
        toolsets=toolsets,
        working_dir=str(folder),
        exit_tools=EXIT_TOOLS,
        warnings=tuple(section.warnings),
    )
    return Team(name, {name: agent}, name, str(path))


def _prompt(folder: Path) -> str:
    for name in PROMPT_FILES:
        if (folder / name).is_file():
            return read_text(folder / name)
    return DEFAULT_PROMPT
