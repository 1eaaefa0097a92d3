"""A parsed configuration file that still knows where each of its keys stands."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import TypeAlias

from ..errors import ConfigError
from ..visible import visible

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where something stands in a document: keys of mappings and positions in lists, from the top."""

MAX_FILE_BYTES = 1024 * 1024
"""A file that describes agents is a few KiB; a larger one is a mistake or an attack."""


MAX_MESSAGE = 1000
"""Characters of a message about a file."""

_readings: ContextVar[list[Path] | None] = ContextVar("readings", default=None)


class Notice(str):
    """A warning about one place of a file, as a text that says all: ``team.yaml:12: agents.root.model: ...``.

    The parts of it are ``line`` (0 if there is none), ``where`` and ``problem``; ``unset`` names environment variables
    that would mend it.
    """

    line: int
    where: str
    problem: str
    unset: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file, and the line (from 1) of each key. A format without lines leaves ``lines`` empty."""

    path: Path
    data: Any
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)

    def at(self, where: KeyPath) -> str:
        """The place as text for a message, such as ``team.yaml:12: agents.root.model``."""
        line = self._line(where)
        place = f"{self.path}:{line}" if line else str(self.path)
        return f"{place}: {dotted(where)}" if where else place

    def notice(self, where: KeyPath, problem: str, unset: tuple[str, ...] = ()) -> Notice:
        """A warning about one place of the file."""
        problem = _readable(problem)
        notice = Notice(f"{self.at(where)}: {problem}")
        notice.line, notice.where, notice.problem, notice.unset = self._line(where), dotted(where), problem, unset
        return notice

    def _line(self, where: KeyPath) -> int:
        """The line of the place, or of what is around it; 0 if that is not known."""
        return next((self.lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in self.lines), 0)

    def error(self, where: KeyPath, problem: str) -> ConfigError:
        """An error about one place of the file, ready to be raised."""
        return ConfigError(f"{self.at(where)}: {_readable(problem)}")


def dotted(where: KeyPath) -> str:
    """``agents.root.toolsets[2].type``"""
    return _readable("".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in where).removeprefix("."))


def _readable(text: str) -> str:
    """The text on one line; of one that quotes a whole page of the file, both ends."""
    text = text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE // 2]} ... {text[-MAX_MESSAGE // 2 :]}"
    return visible(text)


def read_text(path: Path) -> str:
    """The text of a small UTF-8 file.

    Raises :class:`ConfigError` if it cannot be read, is larger than :data:`MAX_FILE_BYTES` or is not UTF-8.
    """
    if (readings := _readings.get()) is not None:
        readings.append(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror or type(exc).__name__}") from exc
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(
            f"{path}: larger than {MAX_FILE_BYTES // 1024} KiB, the limit for a file that describes agents"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from exc


@contextmanager
def readings() -> Iterator[list[Path]]:
    """Lists the files that :func:`read_text` is asked for in the block, whether they can be read or not."""
    files: list[Path] = []
    token = _readings.set(files)
    try:
        yield files
    finally:
        _readings.reset(token)
