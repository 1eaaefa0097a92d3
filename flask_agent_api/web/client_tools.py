"""The client's own tools in a request: ``tools`` and ``tool_choice``, or ``functions`` and ``function_call``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import RequestError
from ..types import RunRequest
from .schemas import ChatRequest

MAX_TOOLS = 128
"""Tools of a request, at the most: OpenAI's own limit."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FIELDS = ("tools", "tool_choice", "functions", "function_call")
_NO_PARAMETERS = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class ClientTools:
    """What a request brings: tools in OpenAI's shape, by name, and whether one is forced.

    ``choice`` is as in :class:`~flask_agent_api.RunRequest`. ``ignored`` names what has no effect. ``legacy`` says that
    the client knows ``functions`` alone, and wants to be answered so.
    """

    tools: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    choice: str | Mapping[str, Any] = "auto"
    ignored: tuple[str, ...] = ()
    legacy: bool = False

    def added_to(self, request: RunRequest) -> RunRequest:
        """The request with these tools. Legacy clients take one call at a time."""
        if not self.tools:
            return request
        params = {**request.params, "parallel_tool_calls": False} if self.legacy else request.params
        return dataclasses.replace(request, params=params, tools=tuple(self.tools.values()), tool_choice=self.choice)


_NONE = ClientTools()


def client_tools(body: ChatRequest, mode: str) -> ClientTools:
    """The tools of a request that are to be offered; ``mode`` is the setting ``client_tools``.

    Raises :class:`RequestError` that names the wrong field.
    """
    if body.__pydantic_fields_set__.isdisjoint(_FIELDS):
        return _NONE
    legacy = body.tools is None and (body.functions is not None or body.function_call is not None)
    found = _functions(body) if legacy else _tools(body)
    forced = found.choice != "auto"
    if mode == "never" and forced:
        message = "This agent takes no tools of the client: none can be forced"
        raise RequestError(message, param=_choice_field(found), code="client_tools_disabled")
    if found.tools and (mode == "never" or (mode == "forced" and not forced)):
        field = "functions" if found.legacy else "tools"
        return ClientTools(ignored=(*found.ignored, field))
    return found


def _choice_field(found: ClientTools) -> str:
    return "function_call" if found.legacy else "tool_choice"


def _tools(body: ChatRequest) -> ClientTools:
    _check_number(body.tools or (), "tools")
    tools: dict[str, Mapping[str, Any]] = {}
    ignored = ["functions"] if body.functions else []
    for index, item in enumerate(body.tools or ()):
        kind, place = item.get("type", "function"), f"tools[{index}]"
        if kind == "custom":
            custom = item.get("custom")
            ignored.append(f"tools.{custom.get('name') if isinstance(custom, dict) else index}")
        elif kind == "function":
            _add(tools, item.get("function"), f"{place}.function")
        else:
            raise _wrong(f"{place}.type", "expected 'function'")
    if body.tools is None and body.tool_choice not in (None, "auto", "none"):
        raise _wrong("tool_choice", "it is only allowed when tools are specified")
    choice, allowed = _choice(body.tool_choice, tools)
    return ClientTools({name: tools[name] for name in tools if name in allowed}, choice, tuple(ignored))


def _functions(body: ChatRequest) -> ClientTools:
    functions = body.functions or []
    _check_number(functions, "functions")
    tools: dict[str, Mapping[str, Any]] = {}
    for index, function in enumerate(functions):
        _add(tools, function, f"functions[{index}]")
    wanted = body.function_call
    if isinstance(wanted, dict):
        return ClientTools(tools, _named(wanted, tools, "function_call"), legacy=True)
    if wanted not in {None, "auto", "none"}:
        raise _wrong("function_call", "expected 'none', 'auto' or an object with the name of a function")
    return ClientTools({} if wanted == "none" else tools, legacy=True)


def _check_number(items: Sequence[object], field: str) -> None:
    if len(items) > MAX_TOOLS:
        raise RequestError(f"At most {MAX_TOOLS} tools are accepted", param=field, code="array_above_max_length")


def _add(tools: dict[str, Mapping[str, Any]], function: object, place: str) -> None:
    """Adds a function, without what no provider need know."""
    if not isinstance(function, dict):
        raise _wrong(place, "expected an object")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(f"{place}.name", "expected 1 to 64 letters, digits, underscores and dashes")
    if name in tools:
        raise _wrong(f"{place}.name", "another tool has this name")
    spec: dict[str, Any] = {"name": name}
    for key, kind, expected in (("description", str, "text"), ("strict", bool, "true or false")):
        if (value := function.get(key)) is not None:
            if not isinstance(value, kind):
                raise _wrong(f"{place}.{key}", f"expected {expected}")
            spec[key] = value
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise _wrong(f"{place}.parameters", "expected a JSON Schema, an object")
    tools[name] = {"type": "function", "function": spec | {"parameters": parameters or _NO_PARAMETERS}}


def _choice(choice: object, tools: Mapping[str, Any]) -> tuple[str | dict[str, Any], Sequence[str]]:
    """Which tool is forced, and the names of those that may be called."""
    if choice in (None, "auto"):
        return "auto", list(tools)
    if choice == "none":
        return "auto", []
    if choice == "required":
        return _required(tools), list(tools)
    if not isinstance(choice, dict):
        raise _wrong("tool_choice", "expected 'none', 'auto', 'required' or an object")
    if choice.get("type") == "allowed_tools":
        return _allowed(choice.get("allowed_tools"), tools)
    if choice.get("type", "function") != "function":
        message = "tool_choice: only tools of type 'function' can be forced"
        raise RequestError(message, param="tool_choice", code="unsupported_value")
    return _named(choice.get("function"), tools, "tool_choice"), list(tools)


def _required(tools: Mapping[str, Any]) -> str:
    if not tools:
        raise _wrong("tool_choice", "there is no function to call among the tools")
    return "required"


def _allowed(allowed: object, tools: Mapping[str, Any]) -> tuple[str, list[str]]:
    listed = allowed.get("tools") if isinstance(allowed, dict) else None
    if not isinstance(allowed, dict) or not isinstance(listed, list) or allowed.get("mode") not in {"auto", "required"}:
        raise _wrong("tool_choice", "expected allowed_tools with a mode, 'auto' or 'required', and a list of tools")
    functions = [item.get("function") for item in listed if isinstance(item, dict) and item.get("type") != "custom"]
    names = [_named(function, tools, "tool_choice")["function"]["name"] for function in functions]
    return "auto" if allowed["mode"] == "auto" else _required(dict.fromkeys(names)), names


def _named(function: object, tools: Mapping[str, Any], field: str) -> dict[str, Any]:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or name not in tools:
        raise _wrong(field, "it names no function of the request")
    return {"type": "function", "function": {"name": name}}


def _wrong(field: str, problem: str) -> RequestError:
    return RequestError(f"{field}: {problem}", param=field, code="invalid_value")
