"""Any Python callable as an agent."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
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
        self.name = name or getattr(function, "__name__", "agent")
        self.description = description or (inspect.getdoc(function) or "").partition("\n")[0]
        self._function = function
        self._takes_context = _positional(function, self.name) == 2

    def run(self, request: RunRequest, ctx: RunContext) -> Iterator[Batch | Event | str]:
        """Calls the function and yields what it gives."""
        arguments = (request, ctx) if self._takes_context else (list(request.messages),)
        result = self._function(*arguments)
        if inspect.isasyncgen(result) or isinstance(result, AsyncIterator):
            yield from loop_thread.iterate(result)
            return
        if inspect.isawaitable(result):
            result = loop_thread.run(_awaited(result))
        yield from _answer(result, self.name)


def _positional(function: Callable[..., Any], name: str) -> int:
    parameters = inspect.signature(function).parameters.values()
    required = [
        p for p in parameters if p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}
    ]
    if len(required) not in {1, 2}:
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
