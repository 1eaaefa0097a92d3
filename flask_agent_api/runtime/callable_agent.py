"""Any Python callable as an agent."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterable
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from .. import loop_thread
from ..context import RunContext
from ..errors import ConfigError
from ..types import Batch
from ..types import Event
from ..types import RunRequest


class CallableAgent:
    """A function, generator, ``async def`` or async generator as an agent.

    It takes ``(messages)``, the list of OpenAI messages, or ``(request, ctx)``: a :class:`RunRequest` and a
    :class:`RunContext`. It returns the answer's text, or yields text, events or batches of events. Async kinds run
    on the process's event loop.

    Raises :class:`ConfigError` if its signature is neither of the two.
    """

    def __init__(self, function: Callable[..., Any], name: str = "", description: str = "") -> None:
        origin = _origin(function)
        self.name = name or getattr(origin, "__name__", "agent")
        self.description = description or (inspect.getdoc(origin) or "").partition("\n")[0]
        self._function = function
        self._takes_context = _positional(function, self.name) == 2

    def run(self, request: RunRequest, ctx: RunContext) -> Iterator[Batch | Event | str]:
        """Calls the function and yields what it gives."""
        arguments = (request, ctx) if self._takes_context else (list(request.messages),)
        result = self._function(*arguments)
        if inspect.isawaitable(result):
            result = loop_thread.run(_awaited(result))
        if isinstance(result, AsyncIterable):
            yield from loop_thread.iterate(aiter(result))
        else:
            yield from _answer(result, self.name)


def _origin(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a partial one stands for: it has the name and the docstring."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _positional(function: Callable[..., Any], name: str) -> int:
    """How many arguments the function must get: 1 or 2."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as exc:
        raise ConfigError(f"Agent {name!r}: what it takes cannot be found out: {exc}") from exc
    required = [p for p in parameters if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    if len(required) not in {1, 2} or any(p.kind is p.KEYWORD_ONLY for p in required):
        raise ConfigError(f"Agent {name!r}: its function must take (messages) or (request, ctx)")
    return len(required)


async def _awaited(result: Any) -> Any:
    return await result


def _answer(result: Any, name: str) -> Iterable[Batch | Event | str]:
    if result is None:
        return ()
    if isinstance(result, str):
        return (result,)
    if isinstance(result, Iterable) and not isinstance(result, dict | bytes):
        return result
    raise TypeError(f"agent {name!r} returned {type(result).__name__}, not text or something that yields it")
