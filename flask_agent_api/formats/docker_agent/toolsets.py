"""The toolsets of an agent in a docker-agent file."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from ...errors import ConfigError
from ...models.base import Model
from ...models.fallback import FallbackModel
from ...runtime.agent import Agent
from ...runtime.background_agents import BackgroundAgents
from ...tools.base import Toolset
from ...tools.deferred import Deferred
from ...tools.deferred import DeferredToolset
from ...tools.deferred import VisibleToolset
from ...tools.function import import_tools
from ...tools.session_context import SessionContextToolset
from ...tools.session_plan import SessionPlanToolset
from ...tools.think import ThinkToolset
from ...tools.todo import TodoToolset
from ...tools.user_prompt import UserPromptToolset
from ..import_path import make_folder_importable
from ..origin import HERE
from ..origin import Origin
from ..section import did_you_mean
from ..section import Section
from .mcp import MCPServers
from .toolset_fields import NOT_HERE
from .toolset_fields import owners
from .toolset_fields import SUPPORTED
from .toolset_fields import TYPES
from .toolset_options import deferral
from .toolset_options import described
from .toolset_options import with_options

Maker: TypeAlias = Callable[[str, Section], "Toolset | None"]
"""Makes the toolset of an entry of an agent, given by its name; None, after a warning, leaves it out."""


class ToolsetLoader:
    """Makes the toolsets of one team. Each entry of a file is an object of its own, but equal MCP servers are one.

    ``model_of`` gives the model that a section names in ``model``, ``team`` has the agents when all are loaded.
    ``makers`` are those of further types of toolsets, by type.
    """

    def __init__(
        self,
        mcp_servers: MCPServers,
        model_of: Callable[[Section], Model],
        team: Mapping[str, Agent],
        origin: Origin = HERE,
        makers: Mapping[str, Maker] = MappingProxyType({}),
    ) -> None:
        self._origin = origin
        self._mcp_servers = mcp_servers
        self._model_of = model_of
        self._makers: Mapping[str, Maker] = {
            **makers,
            "think": lambda agent, entry: ThinkToolset(f"{agent}/think"),
            "todo": _todo,
            "session_context": lambda agent, entry: SessionContextToolset(),
            "session_plan": lambda agent, entry: SessionPlanToolset(),
            "mcp": lambda agent, entry: mcp_servers.toolset(entry),
            "python": _python,
            "user_prompt": lambda agent, entry: UserPromptToolset(),
            "background_agents": lambda agent, entry: BackgroundAgents(agent, team),
        }

    def load(self, agent: str, section: Section, model: Model, shared: Iterable[Section] = ()) -> list[Toolset]:
        """The toolsets of an agent, without those that are not supported; warnings go to the agent's section.

        ``model`` is the agent's own. ``shared`` are entries of groups that the agent uses; they come behind its own.
        Raises :class:`ConfigError` for an entry that is wrong.
        """
        toolsets: list[Toolset] = []
        hidden: list[Deferred] = []
        for entry, toolset in self._made(agent, section, shared):
            read_only = section.data.get("readonly") is True
            toolset = with_options(toolset, entry, self._reader(entry, model), read_only=read_only)
            deferred = deferral(toolset, entry)
            if deferred is None:
                toolsets.append(toolset)
                continue
            hidden.append(deferred)
            if deferred.names is not None:
                toolsets.append(VisibleToolset(deferred))
        if hidden:
            toolsets.append(DeferredToolset(f"{agent}/deferred", hidden))
        return [described(each, section) for each in toolsets]

    def _reader(self, entry: Section, own: Model) -> Model | None:
        """The model that reads the results, as long as it can be called: otherwise the agent's own does."""
        model = self._model_of(entry) if entry.text("model") else own
        return None if model is own else FallbackModel((model, own))

    def _made(self, agent: str, section: Section, shared: Iterable[Section]) -> Iterator[tuple[Section, Toolset]]:
        """Each entry, with what ``mcps`` says in addition, and its tools."""
        kinds = set()
        for entry in [*section.sections("toolsets"), *shared]:
            kind = _kind(entry)
            kinds.add(kind)
            if kind not in self._makers:
                continue
            if kind == "mcp":
                entry = self._mcp_servers.resolved(entry)
            toolset = self._origin.stand_in(kind, entry.text("name") or kind) or self._makers[kind](agent, entry)
            if toolset is not None:
                yield entry, toolset
        for kind in ("think", "todo"):
            if section.data.get(kind) is True:
                section.warn(kind, f"from version 0 of the format; write `toolsets: [{{type: {kind}}}]`")
                empty = Section(section.document, section.where, {}, section.warnings)
                if kind not in kinds and (own := self._makers[kind](agent, empty)) is not None:
                    yield empty, own


def _kind(entry: Section) -> str:
    """The type of a toolset whose fields are in order; warns of a type that has no tools here."""
    kind = entry.data.get("type")
    if not isinstance(kind, str):
        raise entry.error(None, f"a toolset needs a `type`: one of {', '.join(SUPPORTED)}")
    fields = TYPES.get(kind)
    if fields is None:
        if hint := did_you_mean(kind, TYPES):
            raise entry.error("type", f'unknown type of toolset "{kind}"{hint}')
        entry.warn("type", f'unknown type of toolset "{kind}", the agent runs without it')
        return kind
    for name in entry.data:
        if fields.kind(name) is None and (types := owners(name)):
            raise entry.error(name, f'not a field of "{kind}" toolsets, only of {", ".join(types)}')
    entry.check(fields)
    if kind in NOT_HERE:
        entry.warn("type", f'"{kind}" toolsets do not work here, the agent runs without it: {NOT_HERE[kind]}')
    return kind


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
