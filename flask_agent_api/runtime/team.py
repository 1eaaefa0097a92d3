"""What one source of agents gives: a file, a folder, an import string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .agent import Agent


@dataclass(frozen=True, slots=True)
class Team:
    """Agents by the names they have in their source.

    ``default`` is the one that answers for the team as a whole, ``label`` what the team is called beside others (the
    file's stem or the folder's name). ``path`` is the file it came from, empty for Python; ``warnings`` are about the
    file as a whole.
    """

    label: str
    agents: Mapping[str, Agent]
    default: str
    path: str = ""
    warnings: tuple[str, ...] = ()
