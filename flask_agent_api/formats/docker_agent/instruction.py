"""What an agent of a docker-agent file is told: ``instruction``, ``instruction_file`` and ``add_prompt_files``."""

from __future__ import annotations

from pathlib import Path

from ...errors import ConfigError
from ...runtime.prompt_files import files_below
from ...runtime.prompt_files import PromptFiles
from ...tools.contained import contained
from ...tools.contained import NotReadable
from ...tools.contained import read_contained
from ..document import read_text
from ..origin import Origin
from ..section import Section


def load_instruction(agent: Section, folder: Path, origin: Origin) -> str:
    """The instruction: written in the file, or in other files of its folder, which are joined by blank lines.

    They are read when the team is loaded, as the team itself is. Raises :class:`ConfigError` for both at once and for a
    file that cannot be read.
    """
    field = "instruction_file"
    names = _texts(agent, field)
    if not names:
        return "\n\n".join(_texts(agent, "instruction"))
    if agent.has("instruction"):
        raise agent.error(field, "an agent has `instruction` or `instruction_file`, not both")
    if not origin.trusted:
        raise agent.error(field, origin.refusal("This field"))
    return "\n\n".join(_text_of(name, agent, folder).strip("\n") for name in names)


def load_prompt_files(agent: Section, folder: Path, origin: Origin) -> PromptFiles | None:
    """The files of ``add_prompt_files``; None if there are none. One that is not there now is a warning.

    docker-agent looks in the working directory, above it and in the home folder. Here it is the file's folder alone:
    what lies around it on a server is not the author's.
    """
    field = "add_prompt_files"
    names = tuple(dict.fromkeys(agent.texts(field)))
    if not names:
        return None
    if not origin.trusted:
        agent.warn(field, origin.refusal("This field"))
        return None
    for name in names:
        try:
            read_contained(folder, name)
        except NotReadable as exc:
            agent.warn(field, f'"{name}" in the folder of this file adds nothing: {exc}')
    depth = agent.data.get("add_prompt_files_depth") or 0
    return PromptFiles(folder, names, files_below(folder, names, depth) if depth else ())


def _texts(agent: Section, field: str) -> list[str]:
    """The texts of a field that holds one or a list."""
    if isinstance(agent.data.get(field), list):
        return agent.texts(field)
    return [text] if (text := agent.text(field)) else []


def _text_of(name: str, agent: Section, folder: Path) -> str:
    try:
        path = contained(folder, name)
    except NotReadable as exc:
        raise agent.error("instruction_file", f'"{name}": {exc}') from exc
    if not path.is_file():
        raise agent.error("instruction_file", f'"{name}": there is no such file beside this one')
    try:
        return read_text(path)
    except ConfigError as exc:
        raise agent.error("instruction_file", exc.message) from exc
