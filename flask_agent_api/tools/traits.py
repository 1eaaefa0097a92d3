"""What kinds of toolsets do to the world: which are harmless, and which together let a stranger's text leak secrets.

An agent that reads what others must not see, reads what strangers wrote, and sends something out can be talked into
sending the one on behalf of the other (the lethal trifecta). A kind that is not in the table does none of it as far as
anybody knows, as with Python functions.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields

HARMLESS = frozenset(
    {"background_agents", "model_picker", "open_url", "session_plan", "skills", "think", "todo", "user_prompt"}
)
"""Kinds whose tools touch nothing but the run itself; what the agents do that they set to work is looked at again."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the tools of a kind may do."""

    reads_private: bool = False
    reads_untrusted: bool = False
    sends_out: bool = False

    def __or__(self, other: Traits) -> Traits:
        return Traits(
            self.reads_private or other.reads_private,
            self.reads_untrusted or other.reads_untrusted,
            self.sends_out or other.sends_out,
        )


TRAIT_NAMES = tuple(field.name for field in fields(Traits))

_FILES = Traits(reads_private=True)
_NETWORK = Traits(reads_untrusted=True, sends_out=True)

TRAITS: Mapping[str, Traits] = {
    "a2a": _NETWORK,
    "api": _NETWORK,
    "background_jobs": Traits(True, True, True),
    "fetch": _NETWORK,
    "file": _FILES,
    "filesystem": _FILES,
    "git": _FILES,
    "lsp": _FILES,
    "mcp": _NETWORK,
    "memory": _FILES,
    "openapi": _NETWORK,
    "plan": _FILES,
    "rag": _FILES,
    "script": Traits(True, False, True),
    "session_context": _FILES,
    "shell": Traits(True, True, True),
    "tasks": _FILES,
    "webhook": Traits(sends_out=True),
}
"""By kind. Of an MCP server nobody knows what it reads here; that it is somebody else's is reason enough."""


def traits_of(kinds: Collection[str]) -> Traits:
    """What tools of these kinds may do together."""
    traits = Traits()
    for kind in kinds:
        traits |= TRAITS.get(kind, Traits())
    return traits
