"""The toolset ``open_url``: a link of the agent's file for the user, whose browser a server cannot open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..types import JSONSchema
from .base import Tool


class OpenURLToolset:
    """One tool without arguments, called ``name``: it has the model put ``url`` into its answer as a link."""

    kind = "open_url"

    def __init__(self, url: str, name: str = "open_url") -> None:
        self.name = name
        self._tool = _OpenURL(url, name)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The one tool."""
        return (self._tool,)

    def instructions(self, ctx: RunContext) -> str:
        """What the tool can do here, and what it cannot."""
        return (
            f"`{self.name}` gives you a link for the user. You cannot open it yourself: put it into your answer, and "
            "do not say that a page was opened."
        )


class _OpenURL:
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {"type": "object", "properties": {}}

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.description = f"Get the link to {url} for the user."
        self._url = url

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """The link, with what to do with it."""
        return f"No browser can be opened from here. Put this link into your answer for the user to open: {self._url}"
