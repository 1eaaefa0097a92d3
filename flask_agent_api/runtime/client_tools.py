"""The client's own tools in a run: offered to the model beside the agent's, called by the client alone."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import NoReturn

from ..errors import RequestError
from ..errors import ToolError
from ..tools.base import Tool
from ..types import JSONSchema
from ..types import RunRequest
from ..types import ToolCall
from .reply import TOO_LONG

_ALPHABET = string.ascii_letters + string.digits


class ClientTool:
    """Stands for a tool of the client among an agent's tools. ``spec`` is what the client sent."""

    read_only = False
    timeout: float | None = None
    needs = ""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        function = spec["function"]
        self.spec = spec
        self.name: str = function["name"]
        self.description: str = function.get("description") or ""
        self.parameters: JSONSchema = function.get("parameters") or {}

    def call(self, arguments: dict[str, Any], ctx: object) -> str:
        """Raises :class:`ToolError`: nobody but the client runs it, and it could not read these arguments."""
        raise ToolError("the arguments are not valid JSON. Call the tool again with a JSON object.")


@dataclass(frozen=True, slots=True)
class Offer:
    """What of the client's tools a run offers: the tools, the ``tool_choice`` for its model calls, what is left out."""

    tools: tuple[ClientTool, ...]
    choice: str | Mapping[str, Any]
    ignored: tuple[str, ...]


def offer(request: RunRequest, taken: Collection[str]) -> Offer:
    """The request's tools but for those whose names are ``taken`` by the agent's.

    Raises :class:`RequestError` if the request forces one that is left out.
    """
    tools = [ClientTool(spec) for spec in request.tools]
    left_out = [tool.name for tool in tools if tool.name in taken]
    choice = request.tool_choice
    forced = choice["function"]["name"] if isinstance(choice, Mapping) else ""
    if forced in left_out or (choice == "required" and len(left_out) == len(tools)):
        message = f"The agent has a tool {forced or left_out[0]!r} of its own, which runs on the server. Rename yours."
        raise RequestError(message, param="tool_choice", code="tool_name_taken")
    kept = tuple(tool for tool in tools if tool.name not in taken)
    return Offer(kept, choice, tuple(f"tools.{name}" for name in left_out))


def handed_out(call: ToolCall, tools: Mapping[str, Tool]) -> ToolCall | None:
    """The call as the client gets it; None if it is the server's to answer, as one that nobody can read.

    The id is new: a model's own need not differ between conversations, and this one finds the turn again. Nine letters
    and digits are what every provider takes back; Mistral takes nothing else.
    """
    unreadable = call.arguments == TOO_LONG or not _is_object(call.arguments or "{}")
    if unreadable or not isinstance(tools.get(call.name), ClientTool):
        return None
    id = "".join(secrets.choice(_ALPHABET) for _ in range(9))
    return ToolCall(id, call.name, call.arguments or "{}", call.extra)


def _is_object(text: str) -> bool:
    """Whether this is a JSON object, and no more than JSON: Python reads NaN, other clients do not."""
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")
