"""Where an agent file comes from, and what that means for what is in it.

A file of this machine was put here by the operator. One that was fetched from elsewhere is somebody else's text, which
may change with each fetch: until the operator allows ``remote-files``, it starts nothing, reads no environment variable
and chooses no address, so that all it can do is talk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..grants import refusal
from ..settings import Settings
from ..tools.base import Toolset
from ..tools.traits import HARMLESS
from ..tools.unavailable import UnavailableToolset


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of one file: ``address`` is what it was fetched from, empty for a file of this machine."""

    address: str = ""
    trusted: bool = True

    def environ(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """The variables that the file's placeholders may read: none, or all but the server's own settings."""
        return {name: value for name, value in environ.items() if not is_own(name)} if self.trusted else {}

    def stand_in(self, kind: str, name: str) -> Toolset | None:
        """What takes the place of a toolset that may not be used: it names the setting. None: make the toolset."""
        if self.trusted or kind in HARMLESS:
            return None
        return UnavailableToolset(kind, name, self.refusal(f"The toolset {name}"))

    def refusal(self, what: str) -> str:
        """Why ``what`` of this file may not be used, and what would allow it."""
        return f"{refusal(f'{what} of {self.address}', 'remote-files')}, which trusts all files from elsewhere."


def is_own(variable: str) -> bool:
    """Whether a variable is one of Flask's or of ours, such as the clients' keys: no business of any file."""
    return variable.upper().startswith("FLASK_")


HERE = Origin()
"""The origin of files of this machine."""


def fetched_from(address: str, settings: Settings) -> Origin:
    """The origin of a file that was fetched from ``address``, a URL or the id of a repository."""
    return Origin(address, "remote-files" in settings.allow)
