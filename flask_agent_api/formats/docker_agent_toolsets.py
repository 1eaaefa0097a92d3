"""The toolsets of an agent in a docker-agent file."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from ..errors import ConfigError
from ..tools.base import Toolset
from ..tools.function import import_tools
from ..tools.narrowed import NarrowedToolset
from ..tools.think import ThinkToolset
from ..tools.todo import TodoToolset
from .docker_agent_mcp import MCPServers
from .docker_agent_toolset_fields import LATER
from .docker_agent_toolset_fields import owners
from .docker_agent_toolset_fields import SUPPORTED
from .import_path import make_folder_importable
from .origin import HERE
from .origin import Origin
from .section import did_you_mean
from .section import Section


class ToolsetLoader:
    """Makes the toolsets of one team. Each entry of a file is an object of its own, but equal MCP servers are one."""

    def __init__(self, mcp_servers: MCPServers, origin: Origin = HERE) -> None:
        self._origin = origin
        self._makers: Mapping[str, Callable[[str, Section], Toolset | None]] = {
            "think": lambda agent, section: ThinkToolset(f"{agent}/think"),
            "todo": _todo,
            "mcp": lambda agent, section: mcp_servers.toolset(section),
            "python": _python,
        }

    def load(self, agent: str, section: Section) -> Iterator[Toolset]:
        """The toolsets of an agent, without those that are not supported; warnings go to the agent's section.

        Raises :class:`ConfigError` for an entry that is wrong.
        """
        kinds = set()
        for entry in section.sections("toolsets"):
            kind = _kind(entry)
            kinds.add(kind)
            if kind not in self._makers:
                continue
            if stand_in := self._origin.stand_in(kind, entry.text("name") or kind):
                yield stand_in
            elif (toolset := self._makers[kind](agent, entry)) is not None:
                yield _narrowed(toolset, entry, section)
        for kind in ("think", "todo"):
            if section.data.get(kind) is True:
                section.warn(kind, f"from version 0 of the format; write `toolsets: [{{type: {kind}}}]`")
                if kind not in kinds and (toolset := self._makers[kind](agent, section)) is not None:
                    yield toolset


def _kind(entry: Section) -> str:
    """The type of a toolset whose fields are in order; warns of a type that has no tools here."""
    kind = entry.data.get("type")
    if not isinstance(kind, str):
        raise entry.error(None, f"a toolset needs a `type`: one of {', '.join(SUPPORTED)}")
    fields = SUPPORTED.get(kind) or LATER.get(kind)
    if fields is None:
        if hint := did_you_mean(kind, [*SUPPORTED, *LATER]):
            raise entry.error("type", f'unknown type of toolset "{kind}"{hint}')
        entry.warn("type", f'unknown type of toolset "{kind}", the agent runs without it')
        return kind
    for name in entry.data:
        if fields.kind(name) is None and (types := owners(name)):
            raise entry.error(name, f'not a field of "{kind}" toolsets, only of {", ".join(types)}')
    entry.check(fields)
    if kind in LATER:
        entry.warn("type", f'"{kind}" toolsets are not supported yet, the agent runs without it')
    return kind


def _narrowed(toolset: Toolset, entry: Section, agent: Section) -> Toolset:
    """The toolset with what its entry says about tools and words; of MCP servers this has been seen to, and the
    ``tools`` of Python toolsets are import strings."""
    allowed = entry.texts("tools") or None if toolset.kind not in {"mcp", "python"} else None
    instruction = entry.text("instruction") or None if toolset.kind != "mcp" else None
    read_only = agent.data.get("readonly") is True or (toolset.kind != "mcp" and entry.data.get("readonly") is True)
    if allowed is None and instruction is None and not read_only:
        return toolset
    return NarrowedToolset(toolset, allowed, instruction, read_only=read_only)


def _todo(agent: str, entry: Section) -> Toolset:
    return TodoToolset("todo" if entry.data.get("shared") is True else f"{agent}/todo")


def _python(agent: str, entry: Section) -> Toolset:
    paths = entry.texts("tools")
    if not paths:
        raise entry.error(None, "a python toolset needs `tools`, a list of import strings like package.module:function")
    make_folder_importable()
    try:
        return import_tools(paths)
    except ConfigError as exc:
        raise entry.error("tools", exc.message) from exc
