"""The toolset ``openapi``: reads the description when it is first needed, and again now and then."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...concurrency import offload
from ...context import RunContext
from ...errors import NotAllowed
from ...errors import ToolError
from ...per_process import PerProcess
from ..base import Tool
from ..contained import NotReadable
from ..contained import read_contained
from ..http.client import Request
from ..http.client import SECONDS
from ..http.client import send
from ..http.headers import FileHeaders
from ..http.private import admit_home
from ..http.url import parse_url
from ..http.url import WebURL
from .operations import operations
from .spec import MAX_BYTES
from .spec import ParseYAML
from .spec import Spec
from .tool import OperationTool
from .tool import Service

KEPT_SECONDS = 300.0
"""How long a description that was read is used."""

FAILED_SECONDS = 10.0
"""How long one that could not be had is not asked for again."""

_MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class Source:
    """Where a description is: at an ``address``, or in a file ``address`` of the ``folder``.

    ``seconds`` is for each request; ``private`` is the file's ``allow_private_ips``.
    """

    address: str
    headers: FileHeaders
    parse_yaml: ParseYAML
    folder: Path | None = None
    seconds: float = SECONDS
    private: bool | None = None


class OpenAPIToolset:
    """A tool for each operation of an API.

    Where the headers that the file adds depend on who asks, so may the description: each set of them has its own.
    """

    kind = "openapi"

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self._source = source
        self._kept = PerProcess(_Kept)

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The tools. Raises :class:`ToolError` if there is no description, or none that can be used."""
        headers = self._source.headers.fill(ctx)
        return self._kept.get().tools(tuple(headers.items()), lambda: _load(self._source, headers, ctx))

    def instructions(self, ctx: RunContext) -> str:
        """What they are."""
        return f"The tools of {self.name} are the operations of an HTTP API; each makes one request."


class _Kept:
    """The tools that this process has made of a description, by the headers that it was asked for with."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[tuple[str, str], ...], tuple[float, Sequence[Tool] | ToolError]] = (
            OrderedDict()
        )

    def tools(self, key: tuple[tuple[str, str], ...], load: Callable[[], Sequence[Tool]]) -> Sequence[Tool]:
        """Those that are kept, or what ``load`` gives; only one task loads, others wait for it."""
        with self._lock:
            until, kept = self._entries.get(key, (0.0, None))
            if kept is None or time.monotonic() > until:
                kept = self._renewed(key, kept, load)
        if isinstance(kept, ToolError):
            raise ToolError(str(kept))
        return kept

    def _renewed(
        self,
        key: tuple[tuple[str, str], ...],
        kept: Sequence[Tool] | ToolError | None,
        load: Callable[[], Sequence[Tool]],
    ) -> Sequence[Tool] | ToolError:
        """A description that was there once goes on to be used while it cannot be had."""
        new: Sequence[Tool] | ToolError
        try:
            new, seconds = load(), KEPT_SECONDS
        except NotAllowed:
            raise
        except ToolError as exc:
            new, seconds = exc if kept is None or isinstance(kept, ToolError) else kept, FAILED_SECONDS
        self._entries[key] = (time.monotonic() + seconds, new)
        self._entries.move_to_end(key)
        if len(self._entries) > _MOST_KEPT:
            self._entries.popitem(last=False)
        return new


def _load(source: Source, headers: dict[str, str], ctx: RunContext) -> Sequence[Tool]:
    home = None if source.folder else parse_url(source.address)
    text = _fetched(source, home, headers, ctx) if home else _read(source)
    return offload(_tools, text, home, source)


def _fetched(source: Source, home: WebURL, headers: dict[str, str], ctx: RunContext) -> str:
    seconds = max(0.01, min(source.seconds, ctx.remaining))
    request = Request("GET", home, {"Accept": "application/json"}, headers, seconds=seconds, limit=MAX_BYTES)
    response = send(request, admit_home(home, ctx, asked=source.private))
    if response.status != 200:
        raise ToolError(f"the OpenAPI description cannot be had: HTTP {response.status}")
    if response.cut:
        raise ToolError("the OpenAPI description has more than 10 MB")
    return response.text()


def _read(source: Source) -> str:
    try:
        return read_contained(source.folder or Path(), source.address, MAX_BYTES)
    except NotReadable as exc:
        raise ToolError(f"the OpenAPI description {source.address}: {exc}") from None


def _tools(text: str, home: WebURL | None, source: Source) -> Sequence[Tool]:
    spec = Spec.parse(text, source.parse_yaml)
    base = spec.base_url(home)
    service = Service(base, home or base, source.headers, source.seconds, source.private)
    return tuple(OperationTool(operation, service) for operation in operations(spec))
